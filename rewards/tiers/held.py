"""Tiers as they are held: dated periods, so that a late purchase finds the tier held then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import json

from merchants.database.statements import Writing
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards.membership import MembershipState
from rewards.models.accounts import TierPeriod
from rewards.points import AccountState


@dataclass(frozen=True, slots=True)
class TierSpan:
    """A tier held from one instant to another; None is until further notice."""

    tier: str
    held_from: datetime
    held_to: datetime | None


@dataclass(frozen=True, slots=True)
class TierChange:
    """A move from one tier to another, to be written by `write`."""

    member_id: int
    before: str
    tier: str
    at: datetime
    reason: str
    value: int | None
    requalifies_at: datetime | None
    terms_version: int

    def event(self, member_public_id: str) -> Event:
        payload = {
            "member": member_public_id,
            "tier_before": self.before or None,
            "tier_after": self.tier,
            "reason": self.reason,
            "held_from": self.at,
            "requalifies_at": self.requalifies_at,
            "value": self.value,
        }
        return Event("tier.changed", payload, self.at)


def held_at(periods_held: Iterable[TierSpan], membership: MembershipState, instant: datetime) -> str:
    """Return the tier held at an instant; the membership's own when it has been held since before then.

    `periods_held` are those read for the member, oldest first; before the first of them the tier is none.
    """
    if membership.tier_since is None or instant >= membership.tier_since:
        return membership.tier
    found = ""
    for period in periods_held:
        if period.held_from <= instant and (period.held_to is None or instant < period.held_to):
            found = period.tier
    return found


def held_then(account: AccountState, instant: datetime, *, merchant_id: int) -> str:
    """Return the tier held at an instant, reading the member's periods where the tier of now is younger."""
    spans: list[TierSpan] = []
    membership = account.membership
    if membership.tier_since is not None and instant < membership.tier_since:
        rows = TierPeriod.objects.filter(merchant_id=merchant_id, member_id=account.member_id, held_from__lte=instant)
        spans = [TierSpan(*row) for row in rows.order_by("held_from", "id").values_list("tier", "held_from", "held_to")]
    return held_at(spans, membership, instant)


def add_to(writing: Writing, changes: Sequence[TierChange]) -> None:
    """Let the periods that ended be closed, and the new ones opened, with everything else that goes out."""
    if not changes:
        return
    ends: dict[int, datetime] = {}
    rows = []
    for change in reversed(changes):
        rows.append(
            {
                "m": change.member_id, "t": change.tier, "f": change.at, "r": change.reason, "v": change.value,
                "e": ends.get(change.member_id), "n": change.terms_version,
            }
        )  # fmt: skip
        ends[change.member_id] = change.at
    rows.reverse()
    writing.add("tiers_closed", _CLOSE, is_rare=True, tiers_members_changed=("bigint[]", list(ends)))
    writing.add("tiers_opened", _OPEN, is_rare=True, tiers_opened=("jsonb", json.encode(rows).decode()))


# Whoever waited for the account may have looked at the clock before the change that came first.
_CLOSE = """
    UPDATE rewards_tierperiod SET held_to = greatest(held_from, %(now)s)
    WHERE merchant_id = %(merchant)s AND member_id = ANY(%(tiers_members_changed)s) AND held_to IS NULL RETURNING 1
"""
# Only one period of a member may be open: asking how many were closed has them closed first.
_OPEN = """
    INSERT INTO rewards_tierperiod (merchant_id, member_id, tier, held_from, held_to, reason, value,
        terms_version, recorded_at)
    SELECT %(merchant)s, r.m, r.t, r.f, r.e, r.r, r.v, r.n, %(now)s
    FROM jsonb_to_recordset(%(tiers_opened)s::jsonb)
        AS r(m bigint, t text, f timestamptz, e timestamptz, r text, v bigint, n int)
    WHERE (SELECT count(*) FROM tiers_closed) >= 0
"""


def write(merchant_id: int, changes: Sequence[TierChange], *, now: datetime) -> None:
    """Write changes of tiers by themselves."""
    writing = Writing(merchant_id=merchant_id, actor="", now=now)
    add_to(writing, changes)
    writing.run()


def personal_data(merchant: Merchant, member_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Collect the tiers these memberships have held, newest first."""
    rows = TierPeriod.objects.filter(merchant=merchant, member_id__in=member_ids).order_by("-held_from", "-pk")
    return [
        {"tier": row.tier, "from": row.held_from, "to": row.held_to, "reason": row.reason, "value": row.value}
        for row in rows
    ]
