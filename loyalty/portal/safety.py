"""A phone that is lost, a code that others have: a new member code, and spending stopped until the member allows it."""

from __future__ import annotations

from django.contrib import messages as notes
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from loyalty.portal import screens, steps
from loyalty.portal.forms import CodeForm
from loyalty.portal.session import actor_of, member_of, member_required, now_of
from loyalty.tenant import merchant_of
from members import contact_changes
from merchants import messages
from merchants.errors import LoyaltyError
from rewards import safeguards

_STEP = "allow_spending"


@require_POST
@member_required
def new_code(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Give the member a new code at once; the old one names nobody any more."""
    try:
        with transaction.atomic():
            safeguards.replace_code(
                merchant=merchant_of(request), member=member_of(request), now=now_of(request), actor=actor_of(request)
            )
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
    else:
        notes.success(request, _("You have a new code. The old one, and pictures of it, are worth nothing now."))
    return redirect("portal:me", merchant_slug=merchant_slug)


@require_POST
@member_required
def stop_spending(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Let nothing be spent from now on; purchases are collected as ever."""
    try:
        with transaction.atomic():
            safeguards.stop_spending(
                merchant=merchant_of(request), member=member_of(request), now=now_of(request), actor=actor_of(request)
            )
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
    else:
        notes.success(request, _("Spending is stopped. You still collect points."))
    return redirect("portal:me", merchant_slug=merchant_slug)


@require_http_methods(["GET", "POST"])
@member_required
def allow_spending(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Send a code to a contact of the member's (`to`), take it, and let points be spent again."""
    merchant, member = merchant_of(request), member_of(request)
    if member.spending_stopped_at is None:
        return redirect("portal:me", merchant_slug=merchant_slug)
    facts = steps.kept(request, _STEP)
    trusted = contact_changes.trusted(merchant=merchant, member=member, now=now_of(request))
    ways = [contact for contact in trusted if messages.can_reach(contact)]
    form, status = CodeForm(), 200
    if request.method == "POST" and (to := request.POST.get("to", "")):
        way = next((each for each in ways if each.kind == to), None)
        if way is None:
            raise Http404
        answer = steps.send(request, way, "step_up", before=facts.get("sent"))
        if not isinstance(answer, LoyaltyError):
            steps.keep(request, _STEP, sent=answer)
            return redirect("portal:allow_spending", merchant_slug=merchant_slug)
        notes.error(request, answer.detail)
        status = answer.http
    awaited = steps.sent(facts.get("sent"))
    if request.method == "POST" and "code" in request.POST and awaited is not None:
        form, status = CodeForm(request.POST), 422
        if (proof := steps.check(request, form, awaited)) is not None:
            steps.drop(request, _STEP)
            try:
                with transaction.atomic():
                    safeguards.allow_spending(
                        merchant=merchant, member=member, proof=proof, now=now_of(request), actor=actor_of(request)
                    )
            except LoyaltyError as refusal:
                notes.error(request, refusal.detail)
            else:
                notes.success(request, _("You can spend points again."))
            return redirect("portal:me", merchant_slug=merchant_slug)
    page = {
        "form": form, "ways": ways, "contact": awaited.contact if awaited else None,
        "back_url": reverse("portal:me", kwargs={"merchant_slug": merchant_slug}),
    }  # fmt: skip
    return screens.show(request, "portal/allow_spending.html", page, status=status)
