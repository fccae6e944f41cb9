"""What happened on a member's stamp cards, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from merchants.models.merchants import Merchant
from rewards import versions
from rewards.models.own_rewards import OwnReward
from rewards.models.stamps import StampEntry
from rewards.terms import AnyReward


@dataclass(frozen=True, slots=True)
class StampEntryView:
    """One change of a card: how many stamps, how many there were afterwards, why, and by whose hand."""

    id: int
    card: str
    kind: str
    stamps: int
    stamps_after: int
    reason: str
    actor: str
    occurred_at: datetime


def entries_of(*, merchant: Merchant, member_id: int, limit: int, before_id: int | None = None) -> list[StampEntryView]:
    """List the changes of a member's cards, newest first; those that only carried something over are left out."""
    rows = StampEntry.objects.filter(merchant=merchant, member_id=member_id).exclude(stamps=0)
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    return [
        StampEntryView(row.pk, row.card, row.kind, row.stamps, row.stamps_after, row.reason, row.actor, row.occurred_at)
        for row in rows.order_by("-pk")[:limit]
    ]


def owned_reward(*, merchant: Merchant, member_id: int, public_id: str) -> AnyReward | None:
    """Return what a reward of the member's own is, by the terms it was brought under, taken or not; None when not theirs."""
    row = OwnReward.objects.filter(merchant=merchant, member_id=member_id, public_id=public_id).first()
    if row is None:
        return None
    promised = versions.timeline(merchant.pk).numbered(row.terms_version).terms
    return next((each for each in promised.rewards if each.code == row.reward), None)
