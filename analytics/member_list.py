"""The list of members: narrowed to a segment, in an order, page by page; and what each of a page bought.

Orders by what somebody bought or has rest on the figures of the last run (`order_as_of`); what `bought` tells is so now.
Every read is a bounded piece of an index, however many members there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, get_args

from django.db import connection

from analytics.models import NEVER, MetricRun
from merchants import periods
from merchants.models.merchants import Merchant

Order = Literal["joined", "name", "visit", "spend", "points"]
Segment = Literal["everyone", "active", "new", "slipping", "birthday", "unhappy", "expiring"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
SEGMENTS: Final[tuple[Segment, ...]] = get_args(Segment)
#: A segment is counted so far; beyond, there are "more than" so many.
COUNTED_MAX: Final = 10_000
ACTIVE_DAYS: Final = 90
BIRTHDAY_DAYS: Final = 14
#: Bars of a member's row: this month and those before it.
MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: behind this sort key (as text) and member, of whom `seen` stood on the pages before."""

    key: str
    member_id: int
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Bought:
    """What a member bought up to now, net of refunds; `months` are purchases of the last twelve, the oldest first."""

    purchases: int = 0
    revenue_minor: int = 0
    last_at: datetime | None = None
    months: tuple[int, ...] = field(default=(0,) * MONTHS)
    #: What they answered last, 0 to 10.
    score: int | None = None


@dataclass(frozen=True, slots=True)
class _Column:
    """What an order goes by; the way it goes when nobody says otherwise."""

    key: str
    member: str
    cast: str
    is_rising: bool = False

    @property
    def needs_figures(self) -> bool:
        return self.member == "f.member_id"


_COLUMNS: Final[Mapping[Order, _Column]] = {
    "joined": _Column("m.joined_at", "m.id", "timestamptz"),
    "name": _Column("m.name", "m.id", "text", is_rising=True),
    "visit": _Column("f.last_day", "f.member_id", "date"),
    "spend": _Column("f.revenue_minor", "f.member_id", "bigint"),
    "points": _Column("f.points", "f.member_id", "bigint"),
}

_HERE: Final = "m.merchant_id = %(merchant)s AND m.state IN ('active', 'blocked')"
_INSIGHTS: Final[Mapping[Segment, str]] = {
    "slipping": "regulars_slipping", "unhappy": "detractors_waiting", "expiring": "points_expiring",
}  # fmt: skip
_OF_INSIGHT: Final = """
    EXISTS (SELECT 1 FROM analytics_insightmember i
        WHERE i.merchant_id = %(merchant)s AND i.kind = '{kind}' AND i.member_id = m.id {fence})
"""
_BOUGHT_LATELY: Final = """
    EXISTS (SELECT 1 FROM analytics_memberfigure b
        WHERE b.merchant_id = %(merchant)s AND b.member_id = m.id AND b.last_day > %(active_after)s {fence})
"""
_THIS_MONTH: Final = "m.birth_month = %(birth_month)s AND m.birth_day BETWEEN %(birth_from)s AND %(birth_to)s"
_NEXT_MONTH: Final = "m.birth_month = %(next_month)s AND m.birth_day <= %(next_to)s"


def _conditions(fence: str) -> Mapping[Segment, str]:
    return {
        "everyone": "true",
        "active": _BOUGHT_LATELY.format(fence=fence),
        "new": "m.joined_at >= %(month_start)s",
        "birthday": f"({_THIS_MONTH} OR {_NEXT_MONTH})",
        **{segment: _OF_INSIGHT.format(kind=kind, fence=fence) for segment, kind in _INSIGHTS.items()},
    }


#: A small segment is read whole and put in order; of a large one the order's index is walked and each asked whether they
#: are of it: what keeps PostgreSQL from guessing which it is, is the OFFSET.
_CONDITIONS: Final = _conditions("")
_CONDITIONS_OF_LARGE: Final = _conditions("OFFSET 0")

# Each reads a piece of one index, in its order: without the order all of the merchant's rows would be gathered first. What
# a run has kept is counted as the run left it.
_NEWEST: Final = "SELECT 1 FROM member_of_today m WHERE {where} ORDER BY m.joined_at DESC, m.id DESC LIMIT %(counted)s"
_BORN: Final = "(SELECT 1 FROM member_of_today m WHERE {where} LIMIT %(counted)s)"
_COUNTS: Final[Mapping[Segment, str]] = {
    "everyone": _NEWEST.format(where=_HERE),
    "active": """SELECT 1 FROM analytics_memberfigure b WHERE b.merchant_id = %(merchant)s
        AND b.last_day > %(active_after)s ORDER BY b.last_day DESC, b.member_id DESC LIMIT %(counted)s""",
    "new": _NEWEST.format(where=f"{_HERE} AND m.joined_at >= %(month_start)s"),
    "birthday": " UNION ALL ".join(_BORN.format(where=f"{_HERE} AND {days}") for days in (_THIS_MONTH, _NEXT_MONTH)),
    **{
        segment: f"""SELECT 1 FROM analytics_insightmember i WHERE i.merchant_id = %(merchant)s
            AND i.kind = '{kind}' ORDER BY i.member_id LIMIT %(counted)s"""
        for segment, kind in _INSIGHTS.items()
    },
}


def is_rising(order: Order) -> bool:
    """State whether an order goes from A to Z, or from little to much, when nobody says otherwise."""
    return _COLUMNS[order].is_rising


def page(
    *, merchant: Merchant, segment: Segment, order: Order, rising: bool, now: datetime, limit: int,
    after: Place | None = None, counted: int = 0,
) -> tuple[list[int], Place | None]:  # fmt: skip
    """Return the internal ids of the next members of a segment, and where the page after this one begins, if one does.

    One statement. `counted` is how many `counts` found in the segment, and decides how it is read. Members who left are left out; who joined since the last run comes into an order by figures with the
    next.
    """
    column = _COLUMNS[order]
    way, before = ("ASC", ">") if rising else ("DESC", "<")
    figures = (
        "JOIN analytics_memberfigure f ON f.merchant_id = %(merchant)s AND f.member_id = m.id"
        if column.needs_figures
        else ""
    )
    behind = f"AND ({column.key}, {column.member}) {before} (%(key)s::{column.cast}, %(member)s)" if after else ""
    asked = {**_asked(merchant, now), "limit": limit + 1}
    conditions = _CONDITIONS_OF_LARGE if counted > COUNTED_MAX else _CONDITIONS
    if after is not None:
        asked |= {"key": after.key, "member": after.member_id}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT m.id, {column.key} FROM member_of_today m {figures} "
            f"WHERE {_HERE} AND {conditions[segment]} {behind} "
            f"ORDER BY {column.key} {way}, {column.member} {way} LIMIT %(limit)s",
            asked,
        )
        rows = cursor.fetchall()
    shown = rows[:limit]
    if len(rows) <= limit:
        return [row[0] for row in shown], None
    member_id, key = shown[-1]
    seen = (after.seen if after else 0) + len(shown)
    return [row[0] for row in shown], Place(
        key.isoformat() if isinstance(key, date) else str(key), member_id, seen
    )  # fmt: skip


def counts(*, merchant: Merchant, now: datetime) -> dict[Segment, int]:
    """Count each segment, up to one more than `COUNTED_MAX`; one statement."""
    each = ", ".join(f"(SELECT count(*) FROM ({_COUNTS[segment]}) AS c)" for segment in SEGMENTS)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {each}", {**_asked(merchant, now), "counted": COUNTED_MAX + 1})
        found = cursor.fetchone()
    return {segment: min(count, COUNTED_MAX + 1) for segment, count in zip(SEGMENTS, found, strict=True)}


def order_as_of(*, merchant: Merchant, order: Order) -> datetime | None:
    """Return when the figures were taken that an order rests on; None for an order that is so now."""
    if not _COLUMNS[order].needs_figures:
        return None
    runs = MetricRun.objects.filter(merchant=merchant, finished_at__isnull=False)
    return runs.order_by("-id").values_list("started_at", flat=True).first()


_BOUGHT: Final = """
    SELECT p.member_id, date_trunc('month', p.local_day)::date, count(*) FILTER (WHERE p.is_kept),
        coalesce(sum(p.net_minor), 0)::bigint, max(p.occurred_at) FILTER (WHERE p.is_kept)
    FROM reading_purchases p WHERE p.merchant_id = %(merchant)s AND p.member_id = ANY(%(members)s) GROUP BY 1, 2
"""
_SCORES: Final = """
    SELECT DISTINCT ON (r.member_id) r.member_id, r.score FROM survey_answers r
    WHERE r.merchant_id = %(merchant)s AND r.member_id = ANY(%(members)s)
    ORDER BY r.member_id, r.answered_at DESC, r.id DESC
"""


def bought(*, merchant: Merchant, member_ids: Sequence[int], now: datetime) -> dict[int, Bought]:
    """Sum up what these members bought up to now, and what they answered last; two statements for all of them."""
    if not member_ids:
        return {}
    asked: dict[str, Any] = {"merchant": merchant.pk, "members": list(member_ids)}
    with connection.cursor() as cursor:
        cursor.execute(_BOUGHT, asked)
        rows = cursor.fetchall()
        cursor.execute(_SCORES, asked)
        scores = dict(cursor.fetchall())
    today = periods.local_day(now, merchant.tzinfo)
    this_month = 12 * today.year + today.month
    months: dict[int, list[int]] = {member_id: [0] * MONTHS for member_id in member_ids}
    sums: dict[int, list[int]] = {member_id: [0, 0] for member_id in member_ids}
    last: dict[int, datetime] = {}
    for member_id, month, purchases, revenue_minor, last_at in rows:
        sums[member_id][0] += purchases
        sums[member_id][1] += revenue_minor
        back = this_month - 12 * month.year - month.month
        if 0 <= back < MONTHS:
            months[member_id][MONTHS - 1 - back] += purchases
        if last_at is not None:
            last[member_id] = max(last_at, last.get(member_id, last_at))
    return {
        member_id: Bought(
            sums[member_id][0], sums[member_id][1], last.get(member_id), tuple(months[member_id]), scores.get(member_id)
        )
        for member_id in member_ids
    }


def _asked(merchant: Merchant, now: datetime) -> dict[str, Any]:
    """The days that segments are about, in the merchant's zone."""
    today = periods.local_day(now, merchant.tzinfo)
    until = today + timedelta(days=BIRTHDAY_DAYS)
    is_one_month = until.month == today.month
    return {
        "merchant": merchant.pk,
        "active_after": max(today - timedelta(days=ACTIVE_DAYS), NEVER),
        "month_start": periods.start_of_day(today.replace(day=1), merchant.tzinfo),
        "birth_month": today.month, "birth_from": today.day, "birth_to": until.day if is_one_month else 31,
        "next_month": until.month, "next_to": 0 if is_one_month else until.day,
    }  # fmt: skip
