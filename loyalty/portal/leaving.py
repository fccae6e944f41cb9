"""Leaving the programme: what it means, a fresh code, some days to take it back."""

from __future__ import annotations

from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from loyalty.portal import screens, step_up, steps
from loyalty.portal.session import actor_of, member_of, member_required, now_of
from loyalty.tenant import merchant_of
from members import leaving
from members.codes import Proof
from merchants.errors import LoyaltyError

_STEP = "leave"


@require_http_methods(["GET", "POST"])
@member_required
def leave(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Say what leaving means; with the box ticked a code is asked for.  Who leaves already can stay after all."""
    error, member = "", member_of(request)
    if request.method == "POST" and request.POST.get("stay") == "yes":
        return _stay(request)
    if request.method == "POST" and member.leaves_at is None:
        if request.POST.get("sure") == "yes":
            steps.keep(request, _STEP, sure=True)
            return redirect("portal:leave_code", merchant_slug=merchant_slug)
        error = _("Tick the box to leave. Nothing was changed.")
    page = {
        "member": member,
        "balance": screens.balance_of(request),
        "error": error,
        "leaves_at": member.leaves_at,
        "days": leaving.DAYS,
    }
    return screens.show(request, "portal/leave.html", page, status=422 if error else 200)


@require_http_methods(["GET", "POST"])
@member_required
def code(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Take the code, and note that the member leaves in some days."""
    here = reverse("portal:leave", kwargs={"merchant_slug": merchant_slug})
    if not steps.kept(request, _STEP).get("sure") or member_of(request).leaves_at is not None:
        return redirect(here)
    page = step_up.Page(
        title=_("Is it you?"),
        why=_("Before you leave we make sure that it is you."),
        action=_("Leave"),
        here=reverse("portal:leave_code", kwargs={"merchant_slug": merchant_slug}),
        back=here,
        is_danger=True,
    )
    answer = step_up.ask(request, _STEP, "leave", page)
    if not isinstance(answer, Proof):
        return answer
    steps.drop(request, _STEP)
    try:
        with transaction.atomic():
            leaving.ask(
                merchant=merchant_of(request),
                member=member_of(request),
                proof=answer,
                now=now_of(request),
                actor=actor_of(request),
            )
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
    return redirect(here)


def _stay(request: HttpRequest) -> HttpResponse:
    try:
        with transaction.atomic():
            leaving.take_back(
                merchant=merchant_of(request), member=member_of(request), now=now_of(request), actor=actor_of(request)
            )
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
    else:
        notes.success(request, _("You stay. Nothing was lost."))
    return redirect("portal:me", merchant_slug=merchant_of(request).slug)
