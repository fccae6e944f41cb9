"""A member's own corner: how we reach them, what they agreed to, and where they are signed in."""

from __future__ import annotations

from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from loyalty.portal import session
from loyalty.portal.session import actor_of, member_of, member_required, now_of
from loyalty.tenant import merchant_of
from members import claims, consent
from merchants.errors import LoyaltyError


@require_GET
@member_required
def me(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show contacts, consents with date and wording, and the ways out."""
    merchant = merchant_of(request)
    standing = consent.standing(merchant=merchant, member=member_of(request))
    consents = [(wording, standing.get((wording.purpose, ""))) for wording in consent.wordings(merchant)]
    return render(request, "portal/me.html", {"member": member_of(request), "consents": consents})


@require_POST
@member_required
def decide(request: HttpRequest, merchant_slug: str, purpose: str) -> HttpResponse:
    """Grant or withdraw one consent; the terms are ended by leaving, not here."""
    wish = request.POST.get("wish", "")
    wording = next((known for known in consent.wordings(merchant_of(request)) if known.purpose == purpose), None)
    if wording is None or wording.is_required or wish not in {"grant", "withdraw"}:
        notes.error(request, _("There is no such choice."))
        return redirect("portal:me", merchant_slug=merchant_slug)
    try:
        with transaction.atomic():
            consent.decide(
                merchant=merchant_of(request),
                member=member_of(request),
                purpose=purpose,
                is_granted=wish == "grant",
                source="portal",
                now=now_of(request),
                actor=actor_of(request),
            )
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
    else:
        notes.success(request, _("Noted. It counts from now on."))
    return redirect("portal:me", merchant_slug=merchant_slug)


@require_POST
@member_required
def sign_out_everywhere(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """End this membership's sessions on every device, this one too."""
    claims.end_sessions(merchant=merchant_of(request), member=member_of(request), now=now_of(request))
    session.end(request)
    notes.success(request, _("You are signed out on every device."))
    return redirect("portal:sign_in", merchant_slug=merchant_slug)
