"""Rewards at the counter: one chosen there, or one the member holds and shows the code of; undone for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages as notes
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.counter import shift
from loyalty.console.counter.member_search import buyer_or_404, member_or_404, person, reward_name
from loyalty.console.counter.training import nothing_in_training
from loyalty.console.member_cards import ICONS, own_rewards_of
from loyalty.console.programme.fields import MoneyField
from loyalty.tenant import merchant_of
from members.directory import Member
from merchants import ids
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import balances, earning, redemptions
from rewards.redemptions import View


@require_http_methods(["GET", "POST"])
@seat_required(Permission.USE_COUNTER)
@nothing_in_training
def rewards(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """List what the member can have now; a POST spends the points on one of them."""
    found = member_or_404(request, member_id)
    if request.method == "POST":
        done = _redeem(request, found)
        if done is not None:
            shift.note(request, done)
            return screens.to(request, "counter_reward", redemption_id=done)
        return screens.to(request, "counter_rewards", member_id=found.public_id)
    shown = person(request, found)
    balance, promised = shown["balance"], shown["terms"]
    catalogue = redemptions.catalogue(
        merchant=merchant_of(request), member_id=found.pk, spendable=balance.spendable if balance else 0,
        tier=balance.tier if balance else "", now=now_of(request), language=get_language() or "en",
    )  # fmt: skip
    by_code = {reward.code: reward for reward in promised.rewards} if promised else {}
    page = {
        **shown,
        "is_code_missing": shift.is_code_missing(request, found),
        "own": own_rewards_of(request, found),
        "offers": [
            {"offer": offer, "icon": ICONS.get(offer.kind, "gift"), "dialog": f"take-{offer.code}",
             "minted": ids.mint("rdm"), "needs_total": bool((reward := by_code.get(offer.code)) and reward.depends_on_order),
             "least": reward.least_total_minor if reward else None,
             "waits_until": _enough_from(balance, offer.missing_points),
             "missing": earning.points_in_words(offer.missing_points, promised, get_language() or "en")}
            for offer in catalogue.offers
        ],
    }  # fmt: skip
    return shift.show(request, "console/counter/rewards.html", page)


@require_http_methods(["GET", "POST"])
@seat_required(Permission.USE_COUNTER)
@nothing_in_training
def reward(request: HttpRequest, merchant_slug: str, redemption_id: str) -> HttpResponse:
    """Show a redemption: to hand over while it is held (POST captures it), what became of it afterwards."""
    view = _redemption(request, redemption_id)
    if request.method == "POST":
        minted = request.POST.get("external_id", "")
        if view.is_open and ids.is_id(minted, "cap"):
            _capture(request, view, minted)
        return screens.to(request, "counter_reward", redemption_id=view.public_id)
    at = view.ended_at or view.occurred_at
    page = {
        **person(request, buyer_or_404(request, view.member_id)),
        "view": view,
        "name": reward_name(request, view.reward),
        "at": at,
        "minted": {"capture": ids.mint("cap"), "reverse": ids.mint("rev")},
        "may_undo": view.state == "captured" and shift.may_undo(request, view.public_id, at),
    }
    return shift.show(request, "console/counter/reward.html", page)


@require_POST
@seat_required(Permission.USE_COUNTER)
@nothing_in_training
def give_back(request: HttpRequest, merchant_slug: str, redemption_id: str) -> HttpResponse:
    """Undo a redemption of this shift: the points come back with their old end."""
    view, minted = _redemption(request, redemption_id), request.POST.get("external_id", "")
    if view.state == "captured" and ids.is_id(minted, "rev"):
        if not shift.may_undo(request, view.public_id, view.ended_at or view.occurred_at):
            notes.error(request, _("It is too late to undo this here. A manager does it on the member's page."))
            return screens.to(request, "counter_reward", redemption_id=view.public_id)
        asked = redemptions.ReversalInput(external_id=f"counter:{minted}", reason=shift.undone(request))
        try:
            with transaction.atomic():
                redemptions.reverse(redemption=view.public_id, asked=asked, **_call(request))
        except LoyaltyError as refusal:
            notes.error(request, refusal.detail)
    return screens.to(request, "counter_reward", redemption_id=view.public_id)


def _redeem(request: HttpRequest, found: Member) -> str | None:
    """Spend the points, or take a reward of the member's own, and return the redemption's id.

    None when it was refused, and why is said.
    """
    minted, code = request.POST.get("external_id", ""), request.POST.get("reward", "")[:60]
    own = request.POST.get("own_reward", "")[:60] or None
    if not ids.is_id(minted, "rdm") or not (code or own):
        notes.error(request, _("Choose a reward. Nothing was taken."))
        return None
    place = shift.place_of(request)
    try:
        total = MoneyField(merchant_of(request).currency, required=False).clean(request.POST.get("total", ""))
    except ValidationError as fault:
        notes.error(request, _("%(why)s Nothing was taken.") % {"why": fault.messages[0]})
        return None
    asked = redemptions.RedemptionRequest(
        external_id=f"counter:{minted}", member=shift.reference(request, found), reward=code or None,
        own_reward=own, order_total_minor=total, location=place.code if place else None,
    )  # fmt: skip
    try:
        with transaction.atomic():
            outcome = redemptions.redeem(asked=asked, **_call(request))
        outcome.unless_refused()
    except redemptions.OrderTotalRequired:
        notes.error(request, _("This reward depends on the order: type its total. Nothing was taken."))
        return None
    except LoyaltyError as refusal:
        notes.error(request, _("%(why)s Nothing was taken.") % {"why": refusal.detail})
        return None
    return outcome.public_id


def _enough_from(balance: balances.Balance | None, missing: int) -> datetime | None:
    """Say when points that are on the way make up for what is missing; None when they never do."""
    for coming in balance.activating if balance and missing else ():
        missing -= coming.points
        if missing <= 0:
            return coming.at
    return None


def _capture(request: HttpRequest, view: View, minted: str) -> None:
    try:
        with transaction.atomic():
            outcome = redemptions.capture(
                redemption=view.public_id,
                asked=redemptions.CaptureInput(external_id=f"counter:{minted}"),
                **_call(request),
            )
        outcome.unless_refused()
    except LoyaltyError as refusal:
        notes.error(request, _("%(why)s Do not hand it over.") % {"why": refusal.detail})
    else:
        shift.note(request, view.public_id)


def _call(request: HttpRequest) -> dict[str, Any]:
    return {"merchant": merchant_of(request), "now": now_of(request), "actor": actor_of(request)}


def _redemption(request: HttpRequest, redemption_id: str) -> View:
    found = None
    if ids.is_id(redemption_id, "rdm"):
        found = redemptions.find(merchant=merchant_of(request), name=redemption_id, now=now_of(request))
    if found is None or found.state == "refused":
        raise Http404
    return found
