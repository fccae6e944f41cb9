"""What a member is, beside the points of their account: how many purchases stand, the tier, the latest activity.

A membership is read and locked with the member's points account, changed in memory by the mechanics, and written by
`add_to` alone.  No part of a journey writes its row by another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Self

import msgspec

from merchants.database.statements import Writing

#: Of `rewards_membership s`, in the order of the fields of `MembershipState`.
MEMBERSHIP_COLUMNS: Final = (
    "s.purchases_count, s.free_ordinals, s.tier, s.tier_since, s.standing, s.rated_version, s.requalifies_at, "
    "s.last_activity_at"
)


@dataclass(slots=True, eq=False)
class MembershipState:
    """One membership in memory, under the lock of the member's account."""

    purchases_count: int = 0
    #: Numbers of purchases wholly refunded since, ascending, all below the highest that stands.
    free_ordinals: tuple[int, ...] = ()
    tier: str = ""
    tier_since: datetime | None = None
    #: What the tier rests on (JSON of rewards.tiers.rating.Held), and the number of the terms it was last rated by.
    standing: str | None = None
    rated_version: int = 0
    requalifies_at: datetime | None = None
    last_activity_at: datetime | None = None
    is_changed: bool = False

    @classmethod
    def of_row(cls, values: Sequence[Any]) -> Self:
        """Return the membership of a row; its columns are those of `MEMBERSHIP_COLUMNS`."""
        count, free, *others = values
        return cls(count, tuple(free), *others)

    @property
    def next_ordinal(self) -> int:
        """Return the number the next purchase gets: one that was given back, else one more than stand."""
        return self.free_ordinals[0] if self.free_ordinals else self.purchases_count + 1

    def count_purchase(self) -> int:
        """Count one purchase more and return its number."""
        ordinal, self.free_ordinals = self.next_ordinal, self.free_ordinals[1:]
        self.purchases_count += 1
        self.is_changed = True
        return ordinal

    def uncount_purchase(self, ordinal: int) -> None:
        """Count one purchase less, wholly refunded or taken off the member: the next one gets its number."""
        free = sorted({*self.free_ordinals, ordinal})
        self.purchases_count -= 1
        while free and free[-1] == self.purchases_count + len(free):
            free.pop()
        self.free_ordinals = tuple(free)
        self.is_changed = True

    def note_activity(self, at: datetime) -> None:
        """Remember the latest purchase or redemption, by business time."""
        if self.last_activity_at is None or at > self.last_activity_at:
            self.last_activity_at = at
            self.is_changed = True

    def go_back(self, mark: Self) -> None:
        """Become again what a copy has kept."""
        for each in fields(self):
            setattr(self, each.name, getattr(mark, each.name))


def add_to(writing: Writing, changed: Sequence[tuple[int, MembershipState]]) -> None:
    """Let the memberships that changed, by member, go out with everything else."""
    if not changed:
        return
    rows = [
        {
            "m": member_id, "n": each.purchases_count, "fo": each.free_ordinals, "t": each.tier, "ts": each.tier_since,
            "st": each.standing, "rv": each.rated_version, "rq": each.requalifies_at, "la": each.last_activity_at,
        }
        for member_id, each in changed
    ]  # fmt: skip
    writing.add(
        "s", _UPDATE, rows=len(rows), memberships=("jsonb", msgspec.json.encode(rows).decode()),
        membership_ids=("bigint[]", [member_id for member_id, _each in changed]),
    )  # fmt: skip


# The planner takes a recordset for 100 rows: without the ids beside it, it reads every row of the merchant.
_UPDATE = """
    UPDATE rewards_membership SET purchases_count = r.n, free_ordinals = r.fo, tier = r.t, tier_since = r.ts,
        standing = r.st::jsonb, rated_version = r.rv, requalifies_at = r.rq, last_activity_at = r.la
    FROM jsonb_to_recordset(%(memberships)s::jsonb) AS r(m bigint, n bigint, fo bigint[], t text, ts timestamptz, st text,
        rv int, rq timestamptz, la timestamptz)
    WHERE rewards_membership.merchant_id = %(merchant)s AND rewards_membership.member_id = r.m
        AND rewards_membership.member_id = ANY(%(membership_ids)s)
    RETURNING 1
"""
