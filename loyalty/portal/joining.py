"""Joining and signing in: one field, one code, done.

Asking for a code is the same for everybody, member or not, in words, in status and in work.  Only who has proved a
contact learns whether a membership belongs to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from msgspec import structs

from loyalty.portal import screens, session
from loyalty.portal.forms import CodeForm, ContactForm, FriendForm
from loyalty.tenant import merchant_of
from loyalty.ui import offline
from loyalty.ui.consent_form import consent_form
from members import claims, codes, consent
from members.codes import Proof, Purpose
from members.inputs import NewMember
from merchants.actors import Actor
from merchants.code_requests import JustSent
from merchants.contacts import Contact
from merchants.errors import LoyaltyError
from rewards import agreements, enrolment
from rewards.terms import TermsWording

#: Where a member arrives.
AFTER_SIGN_IN = "portal:home"


@dataclass(frozen=True, slots=True)
class _Agreed:
    """Which boxes were ticked, and which versions of the documents stood beside them."""

    granted: tuple[str, ...] = ()
    documents: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, asked: session.CodeOnItsWay) -> _Agreed:
        return cls(asked.granted, asked.documents)


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
    documents = agreements.in_force(merchant=merchant, now=now)
    boxes = consent_form(merchant, consent.wordings(merchant), posted, documents)
    form = None if proved else ContactForm(merchant.country, posted)
    link = {"referrer": (request.GET.get("ref") or (proved.referrer if proved else ""))[:20]}
    # A link with a wrong code says so at once, and not after somebody has joined without it.
    friend = FriendForm(
        partial(_is_inviting, request), posted if posted is not None else link if link["referrer"] else None
    )
    # All are asked, so that every fault is shown at once.
    status = 200 if posted is None else 422
    is_valid = posted is not None and all([boxes.is_valid(), friend.is_valid(), form is None or form.is_valid()])
    if is_valid and proved:
        return enrol(
            request,
            replace(proved, granted=boxes.granted, documents=documents, referrer=friend.cleaned_data["referrer"]),
        )
    if is_valid and form is not None:
        agreed = _Agreed(boxes.granted, documents)
        answer = _send(request, form.cleaned_data["contact"], "join", agreed, friend.cleaned_data["referrer"])
        if isinstance(answer, HttpResponse):
            return answer
        form.add_error(None, answer.detail)
        status = answer.http
    if status != 200:
        boxes.show_anew()
    page = {
        "form": form,
        "boxes": boxes,
        "contact": proved.proof.contact if proved else None,
        "friend": friend,
        "invitation": _invitation(request)
        if friend.is_bound and friend["referrer"].value() and friend.is_valid()
        else None,
        "next": session.safe_next(request),
        "welcome": _welcome(request),
    }
    return draw(request, "portal/join.html", page, status=status)


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
        answer = _send(request, form.cleaned_data["contact"], "sign_in", _Agreed(), "")
        if isinstance(answer, HttpResponse):
            return answer
        form.add_error(None, answer.detail)
        status = answer.http
    page = {"form": form, "next": session.safe_next(request)}
    return draw(request, "portal/sign_in.html", page, status=status)


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
        form.add_error("code", codes.wrong(outcome.tries_left))
    page = {"form": form, "asked": asked, "next": session.safe_next(request)}
    return draw(request, "portal/confirm.html", page, status=422 if form.errors else 200)


@never_cache
@require_POST
def resend(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Send another code to the same contact."""
    asked = session.asked(request)
    if asked is None:
        return redirect("portal:sign_in", merchant_slug=merchant_slug)
    answer = _send(request, asked.contact, asked.purpose, _Agreed.of(asked), asked.referrer)
    if isinstance(answer, HttpResponse):
        if session.asked(request) != asked:
            notes.success(request, _("A new code is on its way. Only the newest one counts."))
        return answer
    notes.error(request, answer.detail)
    page = {"form": CodeForm(), "asked": asked, "next": session.safe_next(request)}
    return draw(request, "portal/confirm.html", page, status=answer.http)


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
    return promised.welcome.describe(TermsWording(promised, screens.language())).says


def _is_inviting(request: HttpRequest, code: str) -> bool:
    return enrolment.is_inviting(merchant=merchant_of(request), code=code)


def _invitation(request: HttpRequest) -> tuple[str, ...]:
    """What joining by a friend's code gives by the terms in force, in words."""
    promised = screens.terms_of(request)
    if promised is None or promised.referral is None:
        return ()
    return promised.referral.invite(TermsWording(promised, screens.language()))


def draw(request: HttpRequest, template: str, page: dict[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
    """Draw a page for somebody who is not signed in; the phone throws away the card of whoever was."""
    response = render(request, template, page, status=status)
    offline.forget_cards(response)
    return response


def _send(
    request: HttpRequest, contact: Contact, purpose: Purpose, agreed: _Agreed, referrer: str
) -> HttpResponse | LoyaltyError:
    """Send a code and lead to the page that takes it, or return why not."""
    merchant = merchant_of(request)
    now = session.now_of(request)
    secret = codes.new_session()
    try:
        with transaction.atomic():
            codes.send(
                merchant=merchant, contact=contact, purpose=purpose, session=secret,
                asker=session.asker(request, contact), now=now,
            )  # fmt: skip
    except JustSent as refusal:
        waiting = session.asked(request)
        if waiting is None or (waiting.contact, waiting.purpose) != (contact, purpose):
            return refusal
        if now >= waiting.resend_at:
            # Somebody else asked, behind the same address: the code of theirs works in their browser only.
            return refusal
        # Back and pressed again: to the page that takes the code, with the boxes as they are ticked now.
        session.remember_asked(
            request, replace(waiting, granted=agreed.granted, documents=agreed.documents, referrer=referrer)
        )
        notes.info(request, codes.wait_for_it(refusal))
        return _to_code(request)
    except LoyaltyError as refusal:
        return refusal
    session.remember_asked(
        request, session.CodeOnItsWay(contact, purpose, secret, agreed.granted, referrer, now, agreed.documents)
    )
    return _to_code(request)


def _to_code(request: HttpRequest) -> HttpResponse:
    return to(request, "portal:confirm")


def to(request: HttpRequest, name: str) -> HttpResponse:
    """Lead to another page on the way in, with the page to go on to afterwards."""
    response = redirect(name, merchant_slug=merchant_of(request).slug)
    wanted = session.safe_next(request)
    if wanted:
        response["Location"] += f"?{urlencode({'next': wanted})}"
    return response


def _arrive(request: HttpRequest, proof: Proof, asked: session.CodeOnItsWay) -> HttpResponse:
    """Go on with a proved contact: in, to the question whose it is, to the boxes, or to the word that it is blocked."""
    merchant = merchant_of(request)
    proved = session.Proved(proof, asked.referrer, asked.granted, asked.documents)
    member = claims.find(merchant=merchant, proof=proof)
    if member is None and asked.purpose == "join":
        return enrol(request, proved)
    if member is None:
        session.remember_proved(request, proved)
        notes.info(request, _("This contact is not a member here yet. One more step and it is."))
        return redirect("portal:join", merchant_slug=merchant.slug)
    return _sign_in_or_ask(request, member, proved)


def enrol(request: HttpRequest, proved: session.Proved) -> HttpResponse:
    """Make a member of whoever proved a contact; who is one already is led in, or asked whether it is them."""
    merchant = merchant_of(request)
    proof = proved.proof
    member = claims.find(merchant=merchant, proof=proof)
    if member is not None and not proved.is_anew:
        return _sign_in_or_ask(request, member, proved)
    details = NewMember(
        email=proof.contact.value if proof.contact.kind == "email" else None,
        phone=proof.contact.value if proof.contact.kind == "phone" else None,
        language=request.LANGUAGE_CODE,
        referred_by=proved.referrer or None,
    )
    try:
        try:
            enrolled = _enrolled(request, details, proved)
        except enrolment.UnknownReferrer:
            # It was somebody's when it was typed: that is no reason to turn the newcomer away, and none to say nothing.
            notes.warning(request, _("The friend's code is not valid any more. You have joined without it."))
            enrolled = _enrolled(request, structs.replace(details, referred_by=None), proved)
    except (claims.AlreadyClaimed, claims.NotYourContact) as refusal:
        # Another browser was quicker: whoever is a member with this contact now is asked for anew.
        notes.error(request, refusal.detail)
        return redirect("portal:sign_in", merchant_slug=merchant.slug)
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return redirect("portal:join", merchant_slug=merchant.slug)
    if enrolled.referral == "refused":
        notes.info(request, _("You have another membership with this mailbox, so the invitation gives no points."))
    return enter(request, enrolled.member, proved)


def _enrolled(request: HttpRequest, details: NewMember, proved: session.Proved) -> enrolment.Enrolled:
    with transaction.atomic():
        return enrolment.join(
            merchant=merchant_of(request),
            details=details,
            proof=proved.proof,
            is_anew=proved.is_anew and claims.find(merchant=merchant_of(request), proof=proved.proof) is not None,
            actor=Actor("member", "joining"),
            now=session.now_of(request),
            known_here=session.known_here(request),
        )


def _name_referrer(request: HttpRequest, member: claims.Member, referrer: str) -> None:
    """Somebody who is a member already came by a friend's code: it counts before the first purchase, else that is said."""
    try:
        with transaction.atomic():
            state = enrolment.name_referrer(
                merchant=merchant_of(request), member=member, code=referrer, now=session.now_of(request),
                actor=Actor("member", member.public_id),
            )  # fmt: skip
    except enrolment.UnknownReferrer:
        notes.info(request, _("You are a member already, and the friend's code is your own or not valid any more."))
    except LoyaltyError:
        notes.info(request, _("You are a member already. An invitation counts only before the first purchase."))
    else:
        if state == "open":
            notes.success(request, _("Noted: a friend invited you."))


def _sign_in_or_ask(request: HttpRequest, member: claims.Member, proved: session.Proved) -> HttpResponse:
    """Sign the member in, unless the contact may be somebody else's by now: then ask, and show nothing before."""
    merchant, proof = merchant_of(request), proved.proof
    try:
        member = claims.claim(
            merchant=merchant, member=member, proof=proof, now=session.now_of(request),
            is_known_browser=session.is_known_browser(request, proof.contact),
        )  # fmt: skip
    except claims.PerhapsSomebodyElse:
        session.remember_proved(request, proved)
        return to(request, "portal:is_it_you")
    except claims.NotYourContact as refusal:
        # Found by this contact, which became another one before the member's row was ours.
        notes.error(request, refusal.detail)
        return redirect("portal:sign_in", merchant_slug=merchant.slug)
    return enter(request, member, proved, came_by=proved.referrer)


def enter(request: HttpRequest, member: claims.Member, proved: session.Proved, *, came_by: str = "") -> HttpResponse:
    """Sign in a member who has shown that it is them, and keep that the contact signed in in this browser.

    `came_by` is the friend's code with which somebody came who is a member already.
    """
    merchant = merchant_of(request)
    now = session.now_of(request)
    if not claims.may_enter(member):
        return draw(request, "portal/blocked.html", status=403)
    consent.record_answers(
        merchant=merchant,
        member=member,
        granted=proved.granted,
        documents=proved.documents,
        source="portal",
        now=now,
        actor=Actor("member", member.public_id),
    )
    if came_by:
        _name_referrer(request, member, came_by)
    session.begin(request, member, now)
    response = redirect(session.safe_next(request) or _home(request))
    session.remember_browser(request, response, proved.proof.contact)
    return response


def _home(request: HttpRequest) -> str:
    return redirect(AFTER_SIGN_IN, merchant_slug=merchant_of(request).slug)["Location"]
