"""What counts towards tiers, by member and day: of purchases, and of what came by no purchase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.db import connection
from msgspec import json

from merchants.database.statements import Writing
from merchants.models.merchants import Merchant
from rewards.models.accounts import QualifyingGrant
from rewards.points import AccountState
from rewards.sales.figures import NOTHING, QualifyingSums

Daily = Mapping[date, QualifyingSums]


class Reread:
    """Reads an account's daily sums from the purchases themselves, and adds what this batch has not written yet."""

    def __init__(self, merchant_id: int, unwritten: Mapping[int, Daily] | None = None) -> None:
        self.merchant_id = merchant_id
        self.unwritten = {} if unwritten is None else unwritten

    def __call__(self, account: AccountState, since: date) -> dict[date, QualifyingSums]:
        daily = read_daily(self.merchant_id, [account.member_id], since).get(account.member_id, {})
        for day, sums in self.unwritten.get(account.id, {}).items():
            if day < since:
                continue
            daily[day] = daily.get(day, NOTHING).plus(sums)
        return daily


# What came by no purchase counts on a day of its own row; whoever reads adds the rows of a day up.
DAILY_SQL = """
    SELECT p.member_id, p.local_day AS day, sum(p.qualifying_points)::bigint AS points,
        sum(p.qualifying_minor)::bigint AS spend,
        count(*) FILTER (WHERE p.refunded_minor < p.total_minor
            OR ((p.total_minor, p.refunded_minor) = (0, 0) AND NOT p.came_back_whole)) AS purchases
    FROM rewards_purchase p
    WHERE p.merchant_id = %(merchant)s AND p.member_id = ANY(%(tiers_members)s) AND p.local_day >= %(tiers_since)s
    GROUP BY p.member_id, p.local_day
    UNION ALL
    SELECT g.member_id, g.local_day, g.points, 0, 0 FROM rewards_qualifyinggrant g
    WHERE g.merchant_id = %(merchant)s AND g.member_id = ANY(%(tiers_members)s) AND g.local_day >= %(tiers_since)s
"""


def read_daily(merchant_id: int, member_ids: Sequence[int], since: date) -> dict[int, dict[date, QualifyingSums]]:
    """Return what counts per member and day from a day on, net of refunds, straight from the purchases."""
    found: dict[int, dict[date, QualifyingSums]] = {}
    with connection.cursor() as cursor:
        cursor.execute(DAILY_SQL, {"merchant": merchant_id, "tiers_members": list(member_ids), "tiers_since": since})
        for member_id, day, points, spend, purchases in cursor.fetchall():
            days = found.setdefault(member_id, {})
            days[day] = days.get(day, NOTHING).plus(QualifyingSums(points, spend, purchases))
    return found


@dataclass(frozen=True, slots=True)
class Extra:
    """Points that count towards a member's tier on a day, by a document that is no purchase."""

    member_id: int
    day: date
    points: int
    document_kind: str
    document_id: int


def add_extras_to(writing: Writing, extras: Sequence[Extra]) -> None:
    """Let what counts besides the purchases go out with everything else."""
    if extras:
        rows = json.encode([asdict(extra) for extra in extras]).decode()
        writing.add("tiers_extras", _INSERT_EXTRAS, is_rare=True, tiers_extras=("jsonb", rows))


def counted_by(merchant_id: int, document: tuple[str, int]) -> list[Extra]:
    """Return what a document lets count."""
    rows = QualifyingGrant.objects.filter(
        merchant_id=merchant_id, document_kind=document[0], document_id=document[1]
    ).order_by("id")
    return [Extra(row.member_id, row.local_day, row.points, row.document_kind, row.document_id) for row in rows]


def move_extras(merchant_id: int, *, source: int, target: int, only: Sequence[int] | None = None) -> list[int]:
    """Let what counts for one member besides purchases (all of it, or only these rows) count for another; return which."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_qualifyinggrant SET member_id = %(to)s WHERE merchant_id = %(m)s AND member_id = %(from)s "
            "AND (%(only)s::bigint[] IS NULL OR id = ANY(%(only)s)) RETURNING id",
            {"m": merchant_id, "from": source, "to": target, "only": None if only is None else list(only)},
        )
        return [identity for (identity,) in cursor.fetchall()]


def add_dropped_to(writing: Writing, documents: Sequence[tuple[str, int]]) -> None:
    """Forget what documents let count, because they were undone."""
    if documents:
        rows = json.encode([{"k": kind, "i": identity} for kind, identity in documents]).decode()
        writing.add("tiers_dropped", _DELETE_EXTRAS, is_rare=True, tiers_dropped=("jsonb", rows))


_INSERT_EXTRAS = """
    INSERT INTO rewards_qualifyinggrant (merchant_id, member_id, local_day, points, document_kind, document_id)
    SELECT %(merchant)s, r.member_id, r.day, r.points, r.document_kind, r.document_id
    FROM jsonb_to_recordset(%(tiers_extras)s::jsonb)
        AS r(member_id bigint, day date, points bigint, document_kind text, document_id bigint)
"""
_DELETE_EXTRAS = """
    DELETE FROM rewards_qualifyinggrant g USING jsonb_to_recordset(%(tiers_dropped)s::jsonb) AS r(k text, i bigint)
    WHERE g.merchant_id = %(merchant)s AND g.document_kind = r.k AND g.document_id = r.i
"""


def personal_data(merchant: Merchant, member_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Collect what counted towards these memberships' tiers and came by no purchase, newest first."""
    rows = QualifyingGrant.objects.filter(merchant=merchant, member_id__in=member_ids).order_by("-pk")
    return [{"day": row.local_day, "points": row.points, "for": row.document_kind} for row in rows]
