"""Merges as they stand: which are in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from merchants.models.merchants import Merchant
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


def into(*, merchant: Merchant, member_id: int, limit: int = 20) -> Sequence[MergeView]:
    """List the merges into a member that are in force, newest first."""
    rows = Merge.objects.filter(merchant=merchant, target_id=member_id, unmerged_at__isnull=True)
    return [
        MergeView(row.public_id, row.source.public_id, row.source.name, row.merged_at, row.points, row.debt)
        for row in rows.select_related("source").order_by("-id")[:limit]
    ]
