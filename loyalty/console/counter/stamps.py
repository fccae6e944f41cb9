"""Stamps at the counter, without an amount: two taps, where the card gives them for a visit or for pieces."""

from __future__ import annotations

from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.counter.member_search import member_or_404
from loyalty.console.member_cards import cards_of
from loyalty.tenant import merchant_of
from merchants import ids
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import balances, stamp_adjustments
from rewards.stamp_adjustments import StampAdjustmentInput

_DIGITS = 3


@require_POST
@seat_required(Permission.USE_COUNTER)
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
    said = ngettext("%(count)d stamp on “%(card)s”.", "%(count)d stamps on “%(card)s”.", asked.stamps) % {
        "count": asked.stamps, "card": card.name,
    }  # fmt: skip
    if outcome.receipt["issued"]:
        said = _("%(stamped)s The card is full: %(reward)s is theirs.") % {"stamped": said, "reward": card.brings}
    return screens.to(request, "counter_member", said=said, member_id=found.public_id)


def _reason(request: HttpRequest) -> str:
    """Return the reason kept with it: in the shop's language, whoever stands there."""
    with translation.override(merchant_of(request).language):
        return _("Stamped at the counter")
