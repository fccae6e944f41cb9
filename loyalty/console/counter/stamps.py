"""Stamps at the counter, without an amount: two taps, where the card gives them for a visit or for pieces."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.counter import shift
from loyalty.console.counter.member_search import member_or_404
from loyalty.console.counter.training import nothing_in_training
from loyalty.console.member_cards import cards_of
from loyalty.tenant import merchant_of
from members.directory import Member
from merchants import ids
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import balances, stamp_adjustments, terms
from rewards.stamp_adjustments import StampAdjustmentInput

_DIGITS = 3


@require_POST
@seat_required(Permission.USE_COUNTER)
@nothing_in_training
def stamp(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Put `stamps` on the `card`; the same form twice is once. What it brought is said."""
    found, merchant, now = member_or_404(request, member_id), merchant_of(request), now_of(request)
    minted, count = request.POST.get("external_id", ""), request.POST.get("stamps", "")
    balance = balances.of_member(merchant=merchant, member_id=found.pk, now=now)
    card = next((each for each in cards_of(request, found, balance) if each.code == request.POST.get("card")), None)
    if (
        card is None
        or not ids.is_id(minted, "sta")
        or not (count.isascii() and count.isdecimal() and len(count) <= _DIGITS)
    ):
        notes.error(request, _("Choose a card. No stamp was given."))
        return screens.to(request, "counter_member", member_id=found.public_id)
    asked = StampAdjustmentInput(
        external_id=f"counter:{minted}", stamp_card=card.code, stamps=int(count), reason=_reason(request)
    )
    try:
        with transaction.atomic():
            outcome = stamp_adjustments.give_at_counter(
                merchant=merchant, member=found.public_id, asked=asked, now=now, actor=actor_of(request)
            )
    except LoyaltyError as refusal:
        notes.error(request, _("%(why)s No stamp was given.") % {"why": refusal.detail})
        return screens.to(request, "counter_member", member_id=found.public_id)
    shift.note(request, outcome.public_id)
    said = ngettext("%(count)d stamp on “%(card)s”.", "%(count)d stamps on “%(card)s”.", asked.stamps) % {
        "count": asked.stamps, "card": card.name,
    }  # fmt: skip
    if outcome.receipt["issued"]:
        said = _("%(stamped)s The card is full: %(reward)s is theirs.") % {"stamped": said, "reward": card.brings}
    return screens.to(request, "counter_member", said=said, member_id=found.public_id)


@require_POST
@seat_required(Permission.USE_COUNTER)
@nothing_in_training
def undo(request: HttpRequest, merchant_slug: str, member_id: str) -> HttpResponse:
    """Take back stamps of this shift (`given`, their id), once, with the reward they brought if nobody has had it."""
    given = request.POST.get("given", "")[:40]
    found = stamp_adjustments.given_at_counter(merchant=merchant_of(request), public_ids=[given]).get(given)
    if found is None or found.is_undone:
        return screens.to(request, "counter_member", member_id=member_id)
    if not shift.may_undo(request, found.public_id, found.occurred_at):
        notes.error(request, _("It is too late to undo this here. A manager does it on the member's page."))
        return screens.to(request, "counter_member", member_id=member_id)
    try:
        with transaction.atomic():
            stamp_adjustments.take_back_at_counter(
                merchant=merchant_of(request), adjustment=found.public_id, reason=shift.undone(request),
                now=now_of(request), actor=actor_of(request),
            )  # fmt: skip
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "counter_member", member_id=member_id)
    return screens.to(request, "counter_member", said=_("Undone. The stamps are off the card."), member_id=member_id)


def undoable_stamps(request: HttpRequest, member: Member) -> dict[str, Any] | None:
    """Return the stamps this cashier gave the member last, while they can be taken back."""
    recent = [each for each in shift.recent_ids(request) if ids.is_id(each, "sta")]
    given = stamp_adjustments.given_at_counter(merchant=merchant_of(request), public_ids=recent)
    for public_id in recent:
        found = given.get(public_id)
        if found is None or found.member_id != member.pk or found.is_undone:
            continue
        if shift.may_undo(request, public_id, found.occurred_at):
            minutes = shift.minutes_left(request, found.occurred_at)
            return {"given": found, "name": card_name(request, found.card), "minutes": minutes}
    return None


def card_name(request: HttpRequest, code: str) -> str:
    """Return what a stamp card is called by the terms in force, its code where they have none such."""
    version = screens.version_of(request)
    cards = version.terms.stamps if version else ()
    return next((terms.text(card.name, get_language() or "en") for card in cards if card.code == code), code)


def _reason(request: HttpRequest) -> str:
    """Return the reason kept with it: in the shop's language, whoever stands there."""
    with translation.override(merchant_of(request).language):
        return _("Stamped at the counter")
