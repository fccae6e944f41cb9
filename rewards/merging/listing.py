"""Merges as they stand: what one would bring together, and which are in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from members.models import Member
from merchants.models.merchants import Merchant
from rewards import balances
from rewards.balances import Balance
from rewards.models.corrections import Merge


@dataclass(frozen=True, slots=True)
class MergeView:
    """One merge in force: who was merged, when, and what moved."""

    public_id: str
    source: str
    source_name: str
    merged_at: datetime
    points: int
    debt: int


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would make: both balances, and how much there would be together."""

    source: Member
    target: Member
    source_balance: Balance | None
    target_balance: Balance | None

    @property
    def spendable(self) -> int:
        return sum(each.spendable for each in (self.source_balance, self.target_balance) if each)

    @property
    def pending(self) -> int:
        return sum(each.pending for each in (self.source_balance, self.target_balance) if each)

    @property
    def debt(self) -> int:
        return sum(each.debt for each in (self.source_balance, self.target_balance) if each)

    @property
    def purchases(self) -> int:
        return sum(each.purchases_count for each in (self.source_balance, self.target_balance) if each)

    @property
    def is_held_up(self) -> bool:
        """State whether points of the source are set aside, which keeps it from being merged."""
        return self.source_balance is not None and self.source_balance.held > 0


def preview(*, merchant: Merchant, source: Member, target: Member, now: datetime) -> MergePreview:
    """Read what merging `source` into `target` would bring together; nothing is locked."""
    found = balances.now(merchant=merchant, member_ids=[source.pk, target.pk], now=now)
    return MergePreview(source, target, found.get(source.pk), found.get(target.pk))


def into(*, merchant: Merchant, member_id: int, limit: int = 20) -> Sequence[MergeView]:
    """List the merges into a member that are in force, newest first."""
    rows = Merge.objects.filter(merchant=merchant, target_id=member_id, unmerged_at__isnull=True)
    return [
        MergeView(row.public_id, row.source.public_id, row.source.name, row.merged_at, row.points, row.debt)
        for row in rows.select_related("source").order_by("-id")[:limit]
    ]
