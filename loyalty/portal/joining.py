"""Joining and signing in: one field, one code, done.

Asking for a code is the same for everybody, member or not, in words, in status and in work.  Only who has proved a
contact learns whether a membership belongs to it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from msgspec import structs

from loyalty.accounts.addresses import client_ip
from loyalty.portal import screens, session
from loyalty.portal.forms import CodeForm, ConsentForm, ContactForm
from loyalty.portal.speaking import Speaker
from loyalty.tenant import merchant_of
from loyalty.ui import offline
from members import claims, codes, consent
from members.codes import Proof, Purpose
from members.inputs import NewMember
from merchants.actors import Actor
from merchants.contacts import Contact
from merchants.errors import LoyaltyError
from rewards import enrolment

#: Where a member arrives.
AFTER_SIGN_IN = "portal:home"


@never_cache
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Take a contact and the boxes, and send a code; with a contact proved before, take the boxes and be done."""
    merchant = merchant_of(request)
    now = session.now_of(request)
    if session.present_member(request) is not None:
        return redirect(AFTER_SIGN_IN, merchant_slug=merchant_slug)
    proved = session.proved(request, now)
    posted = request.POST if request.method == "POST" else None
    boxes = ConsentForm(consent.wordings(merchant), posted)
    form = None if proved else ContactForm(merchant.country, posted)
    referrer = (request.POST.get("referrer") or request.GET.get("ref") or "")[:20]
    # Both are asked, so that every fault is shown at once.
    status = 200 if posted is None else 422
    is_valid = posted is not None and all([boxes.is_valid(), form is None or form.is_valid()])
    if is_valid and proved:
        proof, referrer = proved
        return _enrol(request, proof, boxes.granted, referrer)
    if is_valid and form is not None:
        answer = _send(request, form.cleaned_data["contact"], "join", boxes.granted, referrer)
        if isinstance(answer, HttpResponse):
            return answer
        form.add_error(None, answer.detail)
        status = answer.http
    page = {
        "form": form,
        "boxes": boxes,
        "contact": proved[0].contact if proved else None,
        "referrer": referrer,
        "next": session.safe_next(request),
        "welcome": _welcome(request),
    }
    return _draw(request, "portal/join.html", page, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Take a contact and send a code, whoever it belongs to."""
    merchant = merchant_of(request)
    if session.present_member(request) is not None:
        return redirect(session.safe_next(request) or _home(request))
    form = ContactForm(merchant.country, request.POST if request.method == "POST" else None)
    status = 422 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        answer = _send(request, form.cleaned_data["contact"], "sign_in", (), "")
        if isinstance(answer, HttpResponse):
            return answer
        form.add_error(None, answer.detail)
        status = answer.http
    page = {"form": form, "next": session.safe_next(request)}
    return _draw(request, "portal/sign_in.html", page, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Take the code; sign the member in, or lead a newcomer to the boxes."""
    merchant = merchant_of(request)
    now = session.now_of(request)
    asked = session.asked(request)
    if asked is None:
        return redirect("portal:sign_in", merchant_slug=merchant_slug)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        outcome = codes.check(
            merchant=merchant,
            contact=asked.contact,
            purpose=asked.purpose,
            session=asked.session,
            code=form.cleaned_data["code"],
            now=now,
        )
        if outcome.proof is not None:
            return _arrive(request, outcome.proof, asked)
        if outcome.tries_left:
            form.add_error("code", _("This is not the code. Look for the newest message from us."))
        else:
            form.add_error("code", _("This code is used up or too old. Ask for a new one."))
    page = {"form": form, "asked": asked, "next": session.safe_next(request)}
    return _draw(request, "portal/confirm.html", page, status=422 if form.errors else 200)


@never_cache
@require_POST
def resend(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Send another code to the same contact."""
    asked = session.asked(request)
    if asked is None:
        return redirect("portal:sign_in", merchant_slug=merchant_slug)
    answer = _send(request, asked.contact, asked.purpose, asked.granted, asked.referrer)
    if isinstance(answer, HttpResponse):
        if session.asked(request) != asked:
            notes.success(request, _("A new code is on its way. Only the newest one counts."))
        return answer
    notes.error(request, answer.detail)
    page = {"form": CodeForm(), "asked": asked, "next": session.safe_next(request)}
    return _draw(request, "portal/confirm.html", page, status=answer.http)


@never_cache
@require_POST
def sign_out(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    session.end(request)
    return redirect("portal:sign_in", merchant_slug=merchant_slug)


def _welcome(request: HttpRequest) -> str:
    """What joining gives by the terms in force, in words; empty when it gives nothing."""
    promised = screens.terms_of(request)
    if promised is None or promised.welcome is None:
        return ""
    return Speaker(promised, screens.language()).points(promised.welcome.points)


def _draw(
    request: HttpRequest, template: str, page: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Draw a page for somebody who is not signed in; the phone throws away the card of whoever was."""
    response = render(request, template, page, status=status)
    offline.forget_cards(response)
    return response


def _send(
    request: HttpRequest, contact: Contact, purpose: Purpose, granted: tuple[str, ...], referrer: str
) -> HttpResponse | LoyaltyError:
    """Send a code and lead to the page that takes it, or return why not."""
    merchant = merchant_of(request)
    now = session.now_of(request)
    secret = codes.new_session()
    try:
        with transaction.atomic():
            codes.send(
                merchant=merchant, contact=contact, purpose=purpose, session=secret, ip=client_ip(request), now=now
            )
    except codes.JustSent as refusal:
        waiting = session.asked(request)
        if waiting is None or (waiting.contact, waiting.purpose) != (contact, purpose):
            return refusal
        # Back and pressed again: to the page that takes the code, with the boxes as they are ticked now.
        session.remember_asked(request, replace(waiting, granted=granted, referrer=referrer))
        notes.info(request, refusal.detail)
        return _to_code(request)
    except LoyaltyError as refusal:
        return refusal
    session.remember_asked(request, session.Asked(contact, purpose, secret, granted, referrer, now))
    return _to_code(request)


def _to_code(request: HttpRequest) -> HttpResponse:
    response = redirect("portal:confirm", merchant_slug=merchant_of(request).slug)
    wanted = session.safe_next(request)
    if wanted:
        response["Location"] += f"?next={wanted}"
    return response


def _arrive(request: HttpRequest, proof: Proof, asked: session.Asked) -> HttpResponse:
    """Go on with a proved contact: in, to the boxes, or to the sentence that the membership is blocked."""
    merchant = merchant_of(request)
    member = claims.find(merchant=merchant, proof=proof)
    if member is None and asked.purpose == "join":
        return _enrol(request, proof, asked.granted, asked.referrer)
    if member is None:
        session.remember_proved(request, proof, asked.referrer)
        notes.info(request, _("This contact is not a member here yet. One more step and it is."))
        return redirect("portal:join", merchant_slug=merchant.slug)
    return _let_in(request, member, proof, asked.granted)


def _enrol(request: HttpRequest, proof: Proof, granted: tuple[str, ...], referrer: str) -> HttpResponse:
    merchant = merchant_of(request)
    member = claims.find(merchant=merchant, proof=proof)
    if member is None:
        details = NewMember(
            email=proof.contact.value if proof.contact.kind == "email" else None,
            phone=proof.contact.value if proof.contact.kind == "phone" else None,
            language=request.LANGUAGE_CODE,
            referred_by=referrer or None,
        )
        try:
            member = _enrolled(request, details)
        except enrolment.UnknownReferrer:
            # A friend's link may be old or misread; that is no reason to turn somebody away.
            member = _enrolled(request, structs.replace(details, referred_by=None))
        except LoyaltyError as refusal:
            notes.error(request, refusal.detail)
            return redirect("portal:join", merchant_slug=merchant.slug)
    return _let_in(request, member, proof, granted)


def _enrolled(request: HttpRequest, details: NewMember) -> claims.Member:
    with transaction.atomic():
        return enrolment.enrol(
            merchant=merchant_of(request),
            details=details,
            source="portal",
            actor=Actor("member", "joining"),
            now=session.now_of(request),
        ).member


def _let_in(request: HttpRequest, member: claims.Member, proof: Proof, granted: tuple[str, ...]) -> HttpResponse:
    merchant = merchant_of(request)
    now = session.now_of(request)
    try:
        member = claims.claim(merchant=merchant, member=member, proof=proof, now=now)
    except claims.NotYourContact as refusal:
        # Found by this contact, which became another one before the member's row was ours.
        notes.error(request, refusal.detail)
        return redirect("portal:sign_in", merchant_slug=merchant.slug)
    if not claims.may_enter(member):
        return _draw(request, "portal/blocked.html", status=403)
    consent.record_answers(
        merchant=merchant,
        member=member,
        granted=granted,
        source="portal",
        now=now,
        actor=Actor("member", member.public_id),
    )
    session.begin(request, member, now)
    return redirect(session.safe_next(request) or _home(request))


def _home(request: HttpRequest) -> str:
    return redirect(AFTER_SIGN_IN, merchant_slug=merchant_of(request).slug)["Location"]
