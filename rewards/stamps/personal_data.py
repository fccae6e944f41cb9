"""What stamp cards keep of a person, for the person themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from merchants.models.merchants import Merchant
from rewards.models.own_rewards import OwnReward
from rewards.models.stamps import StampBook, StampEntry


def personal_data(merchant: Merchant, member_ids: Sequence[int]) -> Mapping[str, Any]:
    """Collect the cards, their entries and the own rewards of these memberships, newest first."""
    theirs: dict[str, Any] = {"merchant": merchant, "member_id__in": member_ids}
    return {
        "stamp_cards": [
            {"card": row.card, "stamps": row.stamps, "filled": row.filled, "ends_at": row.ends_at}
            for row in StampBook.objects.filter(**theirs).order_by("-pk")
        ],
        "stamps": [
            {"card": row.card, "for": row.kind, "stamps": row.stamps, "at": row.occurred_at, "reason": row.reason}
            for row in StampEntry.objects.filter(**theirs).order_by("-pk")
        ],
        "own_rewards": [
            {"reward": row.reward, "card": row.card, "state": row.state, "at": row.issued_at, "ends_at": row.ends_at,
             "ended_at": row.ended_at}
            for row in OwnReward.objects.filter(**theirs).order_by("-pk")
        ],
    }  # fmt: skip
