"""The rollups, refreshed by what changed: cost grows with new work, not with history.

Purchases and refunds carry the id of the transaction that wrote them.  A refresh takes everything committed since the
last one by these ids, finds the members' days it touches, and computes these days anew from the purchases themselves:
late sales, refunds, claims and backfills are one and the same case, and doing it twice changes nothing.

Ledger entries are append-only and numbered without gaps in each account, so they are added up, each exactly once: the
mark of how far an account was taken in moves in the same transaction.

Each function here is one piece of work for one transaction; the caller holds the merchant's lock (analytics/runs).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.backends.utils import CursorWrapper

from analytics import member_figures
from analytics.models import GUESTS
from merchants import periods
from merchants.models.merchants import Merchant

#: Raised when there is a further rollup to be filled, or one is filled otherwise: the next run fills all of them anew.
LAYOUT: Final = 2
#: Changed purchases, or changed accounts, taken in by one transaction.
CHUNK: Final = 20_000


@dataclass(frozen=True, slots=True)
class Horizon:
    """What is there to see: all transactions below `settled` have ended; none at `open` or later had begun."""

    settled: int
    open: int
    cluster: str


@dataclass(frozen=True, slots=True)
class RollupStep:
    """What one piece of work took in, and where the next begins; None when there is nothing left."""

    next: int | None
    rows: int
    first_day: date | None


#: The cluster, and the database in it: transaction ids mean something there only.
CLUSTER_SQL: Final = (
    "(SELECT system_identifier::text FROM pg_control_system()) || '/' || "
    "(SELECT oid::text FROM pg_database WHERE datname = current_database())"
)


def horizon() -> Horizon:
    """State how far the database can be seen at this moment.

    Transaction ids count in one cluster only, and a restored dump brings the old one's with it: so the cluster is named
    too, and the database in it, for a dump may come back to where it was made.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint, "
            f"{CLUSTER_SQL} FROM pg_current_snapshot() AS s"
        )
        settled, end, cluster = cursor.fetchone()
    return Horizon(settled, end, cluster)


# The next piece ends at the transaction after some 20,000 changed rows; one big transaction is taken whole.
_NEXT_END: Final = """
    SELECT least(
        (SELECT p.xid FROM reading_purchases p WHERE p.merchant_id = %(merchant)s
            AND p.xid >= %(start)s::text::xid8 AND p.xid < %(end)s::text::xid8 ORDER BY p.xid OFFSET %(chunk)s LIMIT 1),
        (SELECT r.xid FROM reading_refunds r WHERE r.merchant_id = %(merchant)s
            AND r.xid >= %(start)s::text::xid8 AND r.xid < %(end)s::text::xid8 ORDER BY r.xid OFFSET %(chunk)s LIMIT 1)
    )::text::bigint
"""

_CHANGED: Final = """
    SELECT member_id, local_day FROM reading_purchases
    WHERE merchant_id = %(merchant)s AND xid >= %(start)s::text::xid8 AND xid < %(end)s::text::xid8
    UNION
    SELECT member_id, local_day FROM reading_purchases WHERE merchant_id = %(merchant)s AND id = ANY(%(refunded)s)
    UNION
    SELECT u.member_id, p.local_day FROM reading_unclaims u
    JOIN reading_purchases p ON p.merchant_id = %(merchant)s AND p.id = u.purchase_id
    WHERE u.merchant_id = %(merchant)s AND u.xid >= %(start)s::text::xid8 AND u.xid < %(end)s::text::xid8
    UNION
    -- A purchase that a merge carried to somebody else says so by its own id; whom it left, it does not say.
    SELECT member_id, local_day FROM analytics_memberday WHERE merchant_id = %(merchant)s AND member_id IN (
        SELECT unnest(ARRAY[source_id, target_id]) FROM reading_merges
        WHERE merchant_id = %(merchant)s AND xid >= %(start)s::text::xid8 AND xid < %(end)s::text::xid8)
"""

_OF_MEMBERS: Final = "p.member_id = ANY(%(distinct)s) AND p.local_day BETWEEN %(first)s AND %(last)s"
_OF_GUESTS: Final = "p.member_id IS NULL AND p.local_day = ANY(%(days)s)"

# Sets are compared, never looked up one by one: right after a big import the planner knows nothing of this merchant's
# rows yet, and a lookup by the wrong index, a hundred thousand times, takes the night.
_FRESH: Final = """
    WITH touched AS MATERIALIZED (
        SELECT * FROM unnest(%(members)s::bigint[], %(days)s::date[]) AS t(member_id, local_day)
    ), bought AS (
        SELECT {owner} AS member_id, p.local_day, count(*) FILTER (WHERE p.is_kept) AS purchases,
            count(*) FILTER (WHERE p.is_kept AND p.is_free) AS free_purchases, sum(p.net_minor) AS revenue_minor,
            sum(p.points_paid_left_minor) AS points_paid_minor, {points} AS points_earned
        FROM reading_purchases p WHERE p.merchant_id = %(merchant)s AND {those} GROUP BY 1, 2
    ), fresh AS MATERIALIZED (
        SELECT t.member_id, t.local_day, coalesce(b.purchases, 0) AS purchases, b.free_purchases,
            coalesce(b.revenue_minor, 0) AS revenue_minor, b.points_paid_minor, b.points_earned
        FROM touched t LEFT JOIN bought b ON b.member_id = t.member_id AND b.local_day = t.local_day
    ), kept AS (
        INSERT INTO analytics_memberday (merchant_id, member_id, local_day, purchases, free_purchases, revenue_minor,
            points_paid_minor, points_earned)
        SELECT %(merchant)s, member_id, local_day, purchases, free_purchases, revenue_minor, points_paid_minor,
            points_earned
        FROM fresh WHERE purchases > 0 OR revenue_minor <> 0
        ON CONFLICT (merchant_id, member_id, local_day) DO UPDATE SET purchases = excluded.purchases,
            free_purchases = excluded.free_purchases, revenue_minor = excluded.revenue_minor,
            points_paid_minor = excluded.points_paid_minor, points_earned = excluded.points_earned
    )
    SELECT member_id, local_day FROM fresh WHERE purchases = 0 AND revenue_minor = 0
"""
_FRESH_MEMBERS: Final = _FRESH.format(
    owner="p.member_id",
    points="sum(p.points_kept)",
    those=_OF_MEMBERS,
)
_FRESH_GUESTS: Final = _FRESH.format(owner=str(GUESTS), points="0", those=_OF_GUESTS)


# The same days by where the sales were.  A member's day is written anew as a whole.
_AT_LOCATIONS: Final = """
    WITH touched AS MATERIALIZED (
        SELECT * FROM unnest(%(members)s::bigint[], %(days)s::date[]) AS t(member_id, local_day)
    )
    INSERT INTO analytics_memberdayatlocation (merchant_id, member_id, local_day, location_id, purchases, revenue_minor)
    SELECT %(merchant)s, t.member_id, t.local_day, coalesce(p.location_id, 0), count(*) FILTER (WHERE p.is_kept),
        sum(p.net_minor)
    FROM reading_purchases p JOIN touched t ON t.member_id = coalesce(p.member_id, 0) AND t.local_day = p.local_day
    WHERE p.merchant_id = %(merchant)s AND {those} GROUP BY 2, 3, 4
    HAVING count(*) FILTER (WHERE p.is_kept) > 0 OR sum(p.net_minor) <> 0
"""
_OFF_LOCATIONS: Final = """
    DELETE FROM analytics_memberdayatlocation d
    USING unnest(%(members)s::bigint[], %(days)s::date[]) AS t(member_id, local_day)
    WHERE d.merchant_id = %(merchant)s AND d.member_id = t.member_id AND d.local_day = t.local_day
        AND d.member_id = ANY(%(distinct)s) AND d.local_day BETWEEN %(first)s AND %(last)s
"""


def refresh_purchases(*, merchant: Merchant, start: int, end: int, chunk: int = CHUNK) -> RollupStep:
    """Bring the members' days touched by transactions [start, end) up to date, or the first part; rewards' days with them.

    Idempotent.  `Step.next` is where to go on; None when `end` was reached.
    """
    asked: dict[str, Any] = {"merchant": merchant.pk, "start": start, "end": end, "chunk": chunk}
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_END, asked)
        boundary = cursor.fetchone()[0]
        # More than a piece within one transaction: that transaction as a whole.
        asked["end"] = min(end, max(boundary, start + 1)) if boundary is not None else end
        cursor.execute(
            "SELECT array_agg(DISTINCT purchase_id) FROM reading_refunds WHERE merchant_id = %(merchant)s "
            "AND xid >= %(start)s::text::xid8 AND xid < %(end)s::text::xid8",
            asked,
        )
        cursor.execute(_CHANGED, asked | {"refunded": cursor.fetchone()[0] or []})
        changed = cursor.fetchall()
        touched = sorted((member, day) for member, day in changed if member is not None)
        guest_days = _touched_guest_days(cursor, merchant, changed)
        cursor.execute("SET LOCAL enable_nestloop = off")
        for place in range(0, len(touched), CHUNK):
            _recompute(cursor, merchant, touched[place : place + CHUNK])
        if guest_days:
            _recompute(cursor, merchant, [(GUESTS, day) for day in sorted(guest_days)])
        _refresh_rewards(cursor, merchant, asked)
        cursor.execute("SET LOCAL enable_nestloop = on")
    days = guest_days.union(day for _member, day in touched)
    return RollupStep(
        asked["end"] if asked["end"] < end else None, len(touched) + len(guest_days), min(days, default=None)
    )


_NEXT_PURCHASES: Final = """
    WITH page AS MATERIALIZED (
        SELECT p.id, p.member_id, p.local_day FROM reading_purchases p
        WHERE p.merchant_id = %(merchant)s AND p.id > %(after)s ORDER BY p.id LIMIT %(chunk)s
    )
    SELECT member_id, local_day, max(id), sum(count(*)) OVER () FROM page GROUP BY 1, 2
"""


def refill_purchases(*, merchant: Merchant, after: int, chunk: int = CHUNK) -> RollupStep:
    """Bring the days of the next purchases after a key up to date, whichever transaction wrote them.

    For rollups that are empty: purchases of a restored dump carry transaction ids of the cluster it was made in, which
    may be far ahead of this one's.  What is written meanwhile is found by its transaction afterwards.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_PURCHASES, {"merchant": merchant.pk, "after": after, "chunk": chunk})
        found = cursor.fetchall()
        cursor.execute("SET LOCAL enable_nestloop = off")
        touched = sorted((member, day) for member, day, _last, _count in found if member is not None)
        for place in range(0, len(touched), CHUNK):
            _recompute(cursor, merchant, touched[place : place + CHUNK])
        guest_days = sorted(day for member, day, _last, _count in found if member is None)
        if guest_days:
            _recompute(cursor, merchant, [(GUESTS, day) for day in guest_days])
        is_full = bool(found) and found[0][3] == chunk
        if not is_full:
            _refresh_rewards(cursor, merchant, {"merchant": merchant.pk, "start": 0, "end": None})
        cursor.execute("SET LOCAL enable_nestloop = on")
    return RollupStep(
        max(row[2] for row in found) if is_full else None, len(found), min((row[1] for row in found), default=None)
    )


def _touched_guest_days(cursor: CursorWrapper, merchant: Merchant, changed: list[tuple[int | None, date]]) -> set[date]:
    """A purchase claimed by a member has left the guests: their row of its day, if there is one, is looked at again."""
    cursor.execute(
        "SELECT local_day FROM analytics_memberday WHERE merchant_id = %s AND member_id = %s AND local_day = ANY(%s)",
        [merchant.pk, GUESTS, list({day for _member, day in changed})],
    )
    return {day for member, day in changed if member is None}.union(row[0] for row in cursor.fetchall())


def _recompute(cursor: CursorWrapper, merchant: Merchant, touched: list[tuple[int, date]]) -> None:
    """Compute days anew from their purchases; a day of which nothing is left loses its row."""
    members, days = [member for member, _day in touched], [day for _member, day in touched]
    of_guests = members[0] == GUESTS
    asked: dict[str, Any] = {
        "merchant": merchant.pk,
        "members": members,
        "days": days,
        "distinct": sorted(set(members)),
        "first": min(days),
        "last": max(days),
    }
    cursor.execute(_OFF_LOCATIONS, asked)
    cursor.execute(_AT_LOCATIONS.format(those=_OF_GUESTS if of_guests else _OF_MEMBERS), asked)
    cursor.execute(_FRESH_GUESTS if of_guests else _FRESH_MEMBERS, asked)
    gone = cursor.fetchall()
    if gone:
        cursor.execute(
            "DELETE FROM analytics_memberday d USING unnest(%s::bigint[], %s::date[]) AS g(member_id, local_day) "
            "WHERE d.merchant_id = %s AND d.member_id = g.member_id AND d.local_day = g.local_day "
            "AND d.member_id = ANY(%s) AND d.local_day BETWEEN %s AND %s",
            [
                [row[0] for row in gone],
                [row[1] for row in gone],
                merchant.pk,
                sorted({row[0] for row in gone}),
                min(row[1] for row in gone),
                max(row[1] for row in gone),
            ],
        )
    if members[0] != GUESTS:
        member_figures.refresh(cursor, merchant=merchant, member_ids=sorted(set(members)))


_REWARDS_SPAN: Final = """
    SELECT min(r.occurred_at), max(r.occurred_at) FROM reading_redemptions r
    WHERE r.merchant_id = %(merchant)s AND r.xid >= %(start)s::text::xid8
        AND (%(end)s::bigint IS NULL OR r.xid < %(end)s::text::xid8)
"""
_REWARD_DAYS: Final = """
    SELECT DISTINCT %(first_day)s::date + width_bucket(r.occurred_at, %(starts)s::timestamptz[]) - 1
    FROM reading_redemptions r
    WHERE r.merchant_id = %(merchant)s AND r.xid >= %(start)s::text::xid8
        AND (%(end)s::bigint IS NULL OR r.xid < %(end)s::text::xid8)
"""
_OFF_REWARDS: Final = "DELETE FROM analytics_rewardday WHERE merchant_id = %(merchant)s AND local_day = ANY(%(days)s)"

# Money off costs what was taken off.  Anything else costs its points, at the rate at which the terms of its day let points
# pay; what a full stamp card brought costs as many points as the terms ask of others for it.  Terms without a rate say no
# price.  Of what came back in part, its share is left.
_REWARDS: Final = """
    WITH rate AS MATERIALIZED (
        SELECT t.number, (t.document #>> '{pay_with_points,points}')::bigint AS points,
            (t.document #>> '{pay_with_points,amount_minor}')::bigint AS minor
        FROM reading_terms t WHERE t.merchant_id = %(merchant)s
    ), price AS MATERIALIZED (
        SELECT t.number, e ->> 'code' AS reward, min((e ->> 'price_points')::bigint) AS points
        FROM reading_terms t CROSS JOIN jsonb_array_elements(coalesce(t.document -> 'rewards', '[]'::jsonb)) AS e
        WHERE t.merchant_id = %(merchant)s GROUP BY 1, 2
    ), redeemed AS (
        SELECT %(first_day)s::date + width_bucket(r.occurred_at, %(starts)s::timestamptz[]) - 1 AS local_day,
            coalesce(r.location_id, 0) AS location_id, r.reward, r.points_captured - r.points_returned AS points,
            round(CASE
                WHEN r.amount_minor IS NOT NULL AND r.is_own THEN r.amount_minor
                WHEN r.amount_minor IS NOT NULL
                    THEN r.amount_minor::numeric * (r.points_captured - r.points_returned) / r.points_captured
                WHEN r.is_own THEN price.points::numeric * rate.minor / nullif(rate.points, 0)
                ELSE (r.points_captured - r.points_returned)::numeric * rate.minor / nullif(rate.points, 0)
            END) AS cost_minor
        FROM reading_redemptions r
        LEFT JOIN rate ON rate.number = r.terms_version
        LEFT JOIN price ON price.number = r.terms_version AND price.reward = r.reward
        WHERE r.merchant_id = %(merchant)s AND r.state = 'captured' AND r.occurred_at >= %(start_at)s
            AND r.occurred_at < %(end_at)s AND (r.is_own OR r.points_captured > r.points_returned)
    )
    INSERT INTO analytics_rewardday (merchant_id, local_day, location_id, reward, redemptions, points, cost_minor, unpriced)
    SELECT %(merchant)s, local_day, location_id, reward, count(*), sum(points), coalesce(sum(cost_minor), 0),
        count(*) FILTER (WHERE cost_minor IS NULL)
    FROM redeemed WHERE local_day = ANY(%(days)s) GROUP BY 2, 3, 4
"""


def _refresh_rewards(cursor: CursorWrapper, merchant: Merchant, asked: dict[str, Any]) -> None:
    """Compute the days anew on which rewards were redeemed that transactions [start, end) changed; `end` None: all."""
    zone = merchant.tzinfo
    cursor.execute(_REWARDS_SPAN, asked)
    earliest, latest = cursor.fetchone()
    if earliest is None:
        return
    first, last = periods.local_day(earliest, zone), periods.local_day(latest, zone)
    first_day, starts = day_starts(first, last, zone)
    placed = asked | {
        "first_day": first_day, "starts": starts, "start_at": starts[0],
        "end_at": periods.start_of_day(last + timedelta(days=1), zone),
    }  # fmt: skip
    cursor.execute(_REWARD_DAYS, placed)
    placed["days"] = sorted(row[0] for row in cursor.fetchall())
    cursor.execute(_OFF_REWARDS, placed)
    cursor.execute(_REWARDS, placed)


_CHANGED_ACCOUNTS: Final = """
    SELECT a.id, a.seq, coalesce(m.seq, 0) FROM reading_accounts a
    LEFT JOIN analytics_ledgermark m ON m.merchant_id = %(merchant)s AND m.account_id = a.id
    WHERE a.merchant_id = %(merchant)s AND a.id > %(after)s AND a.seq > coalesce(m.seq, 0)
    ORDER BY a.id LIMIT %(chunk)s
"""

_NEW_ENTRIES: Final = """
    account AS MATERIALIZED (
        SELECT * FROM unnest(%(accounts)s::bigint[], %(marks)s::bigint[], %(seqs)s::bigint[]) AS a(id, mark, seq)
    ), entry AS MATERIALIZED (
        SELECT e.kind, e.balance_change + e.pending_change AS points, e.occurred_at
        FROM account a JOIN reading_ledger e ON e.merchant_id = %(merchant)s AND e.account_id = a.id
            AND e.account_id = ANY(%(accounts)s) AND e.seq > a.mark AND e.seq <= a.seq
    )
"""

_TAKE_IN: Final = f"""
    WITH {_NEW_ENTRIES}, marked AS (
        INSERT INTO analytics_ledgermark (merchant_id, account_id, seq) SELECT %(merchant)s, id, seq FROM account
        ON CONFLICT (merchant_id, account_id) DO UPDATE SET seq = excluded.seq
    ), added AS (
        INSERT INTO analytics_pointsday AS d (merchant_id, local_day, kind, points, entries)
        SELECT %(merchant)s, %(first_day)s::date + width_bucket(e.occurred_at, %(starts)s::timestamptz[]) - 1, e.kind,
            sum(e.points), count(*)
        FROM entry e GROUP BY 2, 3
        ON CONFLICT (merchant_id, local_day, kind) DO UPDATE SET points = d.points + excluded.points,
            entries = d.entries + excluded.entries
    )
    SELECT count(*) FROM entry
"""

_SPAN: Final = f"WITH {_NEW_ENTRIES} SELECT min(occurred_at), max(occurred_at) FROM entry"


def take_in_ledger(*, merchant: Merchant, after: int = 0, chunk: int = CHUNK) -> RollupStep:
    """Add the entries written since the last time, of the next accounts after an id, to their days.

    Each entry is added once: the accounts' marks move in the same transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(_CHANGED_ACCOUNTS, {"merchant": merchant.pk, "after": after, "chunk": chunk})
        changed = cursor.fetchall()
        if not changed:
            return RollupStep(None, 0, None)
        accounts, seqs, marks = ([row[place] for row in changed] for place in range(3))
        # Mostly new entries: all of these accounts are read at once.  A few among many: each is looked up.
        if sum(seqs) > 5 * (sum(seqs) - sum(marks)):
            cursor.execute("SET LOCAL enable_nestloop = on")
        asked: dict[str, Any] = {"merchant": merchant.pk, "accounts": accounts, "marks": marks, "seqs": seqs}
        cursor.execute(_SPAN, asked)
        earliest, latest = cursor.fetchone()
        first_day, starts = day_starts(
            periods.local_day(earliest, merchant.tzinfo), periods.local_day(latest, merchant.tzinfo), merchant.tzinfo
        )
        cursor.execute(_TAKE_IN, asked | {"first_day": first_day, "starts": starts})
        rows = cursor.fetchone()[0]
        cursor.execute(
            "SELECT member_id FROM reading_accounts WHERE merchant_id = %s AND id = ANY(%s) ORDER BY 1",
            [merchant.pk, accounts],
        )
        member_figures.refresh(cursor, merchant=merchant, member_ids=[row[0] for row in cursor.fetchall()])
    return RollupStep(accounts[-1] if len(changed) == chunk else None, rows, first_day)


def day_starts(first: date, last: date, zone: ZoneInfo) -> tuple[date, list[Any]]:
    """List the first instants of the local days from `first` to `last`, for `width_bucket`.

    An instant's day is `first + width_bucket(instant, starts) - 1`; cheaper than a time zone's rules for each row.
    """
    return first, [periods.start_of_day(first + timedelta(days=n), zone) for n in range((last - first).days + 1)]


def forget(*, merchant: Merchant) -> None:
    """Empty the rollups, so that the next refresh fills them from the first purchase on."""
    with connection.cursor() as cursor:
        for table in ("memberday", "memberdayatlocation", "memberfigure", "rewardday", "pointsday", "ledgermark"):
            cursor.execute(f"DELETE FROM analytics_{table} WHERE merchant_id = %s", [merchant.pk])
