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

from analytics.models import GUESTS
from merchants import periods
from merchants.models.merchants import Merchant

#: Changed purchases, or changed accounts, taken in by one transaction.
CHUNK: Final = 20_000


@dataclass(frozen=True, slots=True)
class Horizon:
    """What is there to see: all transactions below `settled` have ended; none at `open` or later had begun."""

    settled: int
    open: int
    cluster: str


@dataclass(frozen=True, slots=True)
class Step:
    """What one piece of work took in, and where the next begins; None when there is nothing left."""

    next: int | None
    rows: int
    first_day: date | None


def horizon() -> Horizon:
    """This function will say how far the database can be seen at this moment.

    Transaction ids count on one cluster only; a restored dump brings the old one's, so the cluster is named too.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint, "
            "(SELECT system_identifier::text FROM pg_control_system()) FROM pg_current_snapshot() AS s"
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

# A purchase that was claimed by a member left the guests' day, so that day is looked at again too where it has a row.
_REFRESH: Final = f"""
    WITH changed AS MATERIALIZED (
        SELECT p.member_id, p.local_day FROM reading_purchases p
        WHERE p.merchant_id = %(merchant)s AND p.xid >= %(start)s::text::xid8 AND p.xid < %(end)s::text::xid8
        UNION
        SELECT p.member_id, p.local_day FROM reading_refunds r
        JOIN reading_purchases p ON p.merchant_id = r.merchant_id AND p.id = r.purchase_id
        WHERE r.merchant_id = %(merchant)s AND r.xid >= %(start)s::text::xid8 AND r.xid < %(end)s::text::xid8
    ), touched AS MATERIALIZED (
        SELECT DISTINCT member_id, local_day FROM changed WHERE member_id IS NOT NULL
    ), touched_guests AS MATERIALIZED (
        SELECT local_day FROM changed WHERE member_id IS NULL
        UNION
        SELECT c.local_day FROM (SELECT DISTINCT local_day FROM changed) c
        JOIN analytics_memberday d ON d.merchant_id = %(merchant)s AND d.member_id = {GUESTS} AND d.local_day = c.local_day
    ), fresh AS MATERIALIZED (
        SELECT t.member_id, t.local_day, f.* FROM touched t CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE p.is_kept) AS purchases, coalesce(sum(p.net_minor), 0) AS revenue_minor,
                coalesce(sum(p.points_kept), 0) AS points_earned
            FROM reading_purchases p
            WHERE p.merchant_id = %(merchant)s AND p.member_id = t.member_id AND p.local_day = t.local_day
        ) f
        UNION ALL
        SELECT {GUESTS}, t.local_day, f.* FROM touched_guests t CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE p.is_kept), coalesce(sum(p.net_minor), 0), 0::numeric
            FROM reading_purchases p
            WHERE p.merchant_id = %(merchant)s AND p.member_id IS NULL AND p.local_day = t.local_day
        ) f
    ), gone AS (
        DELETE FROM analytics_memberday d USING fresh f
        WHERE f.purchases = 0 AND d.merchant_id = %(merchant)s AND d.member_id = f.member_id
            AND d.local_day = f.local_day
    ), kept AS (
        INSERT INTO analytics_memberday (merchant_id, member_id, local_day, purchases, revenue_minor, points_earned)
        SELECT %(merchant)s, member_id, local_day, purchases, revenue_minor, points_earned FROM fresh
        WHERE purchases > 0
        ON CONFLICT (merchant_id, member_id, local_day) DO UPDATE SET purchases = excluded.purchases,
            revenue_minor = excluded.revenue_minor, points_earned = excluded.points_earned
    )
    SELECT count(*), min(local_day) FROM fresh
"""


def refresh_purchases(*, merchant: Merchant, start: int, end: int, chunk: int = CHUNK) -> Step:
    """This function will bring the members' days touched by transactions [start, end) up to date, or the first part.

    Idempotent.  `Step.next` is where to go on; None when `end` was reached.
    """
    parameters: dict[str, Any] = {"merchant": merchant.pk, "start": start, "end": end, "chunk": chunk}
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_END, parameters)
        boundary = cursor.fetchone()[0]
        # More than a piece within one transaction: that transaction as a whole.
        stop = min(end, max(boundary, start + 1)) if boundary is not None else end
        cursor.execute(_REFRESH, parameters | {"end": stop})
        rows, first_day = cursor.fetchone()
    return Step(stop if stop < end else None, rows, first_day)


_CHANGED_ACCOUNTS: Final = """
    SELECT a.id, a.seq, coalesce(m.seq, 0) FROM reading_accounts a
    LEFT JOIN analytics_ledgermark m ON m.merchant_id = %(merchant)s AND m.account_id = a.id
    WHERE a.merchant_id = %(merchant)s AND a.id > %(after)s AND a.seq > coalesce(m.seq, 0)
    ORDER BY a.id LIMIT %(chunk)s
"""

_TAKE_IN: Final = """
    WITH account AS (
        SELECT * FROM unnest(%(accounts)s::bigint[], %(marks)s::bigint[], %(seqs)s::bigint[]) AS a(id, mark, seq)
    ), entry AS MATERIALIZED (
        SELECT e.kind, e.balance_change + e.pending_change AS points, e.occurred_at
        FROM account a JOIN reading_ledger e ON e.merchant_id = %(merchant)s AND e.account_id = a.id
            AND e.seq > a.mark AND e.seq <= a.seq
    ), marked AS (
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

_SPAN: Final = """
    SELECT min(e.occurred_at), max(e.occurred_at)
    FROM unnest(%(accounts)s::bigint[], %(marks)s::bigint[], %(seqs)s::bigint[]) AS a(id, mark, seq)
    JOIN reading_ledger e ON e.merchant_id = %(merchant)s AND e.account_id = a.id AND e.seq > a.mark AND e.seq <= a.seq
"""


def take_in_ledger(*, merchant: Merchant, after: int = 0, chunk: int = CHUNK) -> Step:
    """This function will add the entries written since the last time, of the next accounts after an id, to their days.

    Each entry is added once: the accounts' marks move in the same transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED_ACCOUNTS, {"merchant": merchant.pk, "after": after, "chunk": chunk})
        changed = cursor.fetchall()
        if not changed:
            return Step(None, 0, None)
        accounts, seqs, marks = ([row[place] for row in changed] for place in range(3))
        parameters: dict[str, Any] = {"merchant": merchant.pk, "accounts": accounts, "marks": marks, "seqs": seqs}
        cursor.execute(_SPAN, parameters)
        earliest, latest = cursor.fetchone()
        first_day, starts = day_starts(
            periods.local_day(earliest, merchant.tzinfo), periods.local_day(latest, merchant.tzinfo), merchant.tzinfo
        )
        cursor.execute(_TAKE_IN, parameters | {"first_day": first_day, "starts": starts})
        rows = cursor.fetchone()[0]
    return Step(accounts[-1] if len(changed) == chunk else None, rows, first_day)


def day_starts(first: date, last: date, zone: ZoneInfo) -> tuple[date, list[Any]]:
    """This function will list the first instants of the local days from `first` to `last`, for `width_bucket`.

    An instant's day is `first + width_bucket(instant, starts) - 1`; cheaper than a time zone's rules for each row.
    """
    return first, [periods.start_of_day(first + timedelta(days=n), zone) for n in range((last - first).days + 1)]


def forget(*, merchant: Merchant) -> None:
    """This function will empty the rollups, so that the next refresh fills them from the first purchase on."""
    with connection.cursor() as cursor:
        for table in ("memberday", "pointsday", "ledgermark"):
            cursor.execute(f"DELETE FROM analytics_{table} WHERE merchant_id = %s", [merchant.pk])
