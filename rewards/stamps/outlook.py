"""Where a member's stamp cards stand now, for whoever shows them: read, nothing is locked or ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q

from merchants import periods
from merchants.models.merchants import Merchant
from rewards import versions
from rewards.earning import stamps as earning
from rewards.models.own_rewards import OwnReward
from rewards.models.stamps import StampBook
from rewards.terms import AnyReward, StampCard


@dataclass(frozen=True, slots=True)
class CardOutlook:
    """One card: what is on it (below zero: owed), what fills it, and its last day without a new stamp."""

    card: StampCard
    stamps: int
    size: int
    filled: int
    last_day: date | None


@dataclass(frozen=True, slots=True)
class OwnRewardOutlook:
    """A reward that a member owns and can take, until its last day."""

    public_id: str
    card: str
    reward: AnyReward
    last_day: date | None


def cards_of(*, merchant: Merchant, member_id: int, now: datetime) -> list[CardOutlook]:
    """List the cards of the terms in force, each as it stands for the member, also one without a stamp yet."""
    version = versions.timeline(merchant.pk).at(now)
    if version is None or not version.terms.stamps:
        return []
    books = {book.card: book for book in StampBook.objects.filter(merchant=merchant, member_id=member_id)}
    found = []
    for card in version.terms.stamps:
        book = books.get(card.code) or StampBook()
        is_over = book.ends_at is not None and book.ends_at <= now
        ends_at = None if is_over else book.ends_at
        found.append(
            CardOutlook(
                card, 0 if is_over else book.stamps, earning.size_of(card, book.filled), book.filled,
                _last_day(merchant, ends_at),
            )
        )  # fmt: skip
    return found


def own_rewards_of(*, merchant: Merchant, member_id: int, now: datetime) -> list[OwnRewardOutlook]:
    """List the rewards that a member owns and can take, the oldest first."""
    timeline = versions.timeline(merchant.pk)
    lasting = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
    rows = OwnReward.objects.filter(lasting, merchant=merchant, member_id=member_id, state=OwnReward.State.OPEN)
    found = []
    for row in rows.order_by("id"):
        promised = timeline.numbered(row.terms_version).terms
        reward = next((each for each in promised.rewards if each.code == row.reward), None)
        if reward is not None:
            found.append(OwnRewardOutlook(row.public_id, row.card, reward, _last_day(merchant, row.ends_at)))
    return found


def _last_day(merchant: Merchant, ends_at: datetime | None) -> date | None:
    return None if ends_at is None else periods.local_day(ends_at - timedelta(microseconds=1), merchant.tzinfo)
