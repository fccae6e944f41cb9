"""What each member bought and has, summed up: kept by the runs, so that a million members can be put in order by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db import connection
from django.db.backends.utils import CursorWrapper

from analytics.models import NEVER
from merchants.models.merchants import Merchant

_PERSONS: Final = """
    SELECT DISTINCT m.person_id FROM member_of_today m WHERE m.merchant_id = %(merchant)s AND m.id = ANY(%(members)s)
"""
# Who was merged into somebody counts as that one, as in every number.
_BEHIND: Final = """
    SELECT m.id, m.merged_into_id FROM member_of_today m
    WHERE m.merchant_id = %(merchant)s AND m.merged_into_id = ANY(%(persons)s)
"""
_REFRESH: Final = """
    WITH asked AS MATERIALIZED (
        SELECT m.id FROM member_of_today m
        WHERE m.merchant_id = %(merchant)s AND m.id = ANY(%(persons)s) AND m.state IN ('active', 'blocked')
    ), belongs AS MATERIALIZED (
        SELECT * FROM unnest(%(parts)s::bigint[], %(wholes)s::bigint[]) AS b(part, person)
    ), bought AS (
        SELECT b.person, sum(d.purchases) AS purchases, sum(d.revenue_minor) AS revenue_minor,
            max(d.local_day) FILTER (WHERE d.purchases > 0) AS last_day
        FROM analytics_memberday d JOIN belongs b ON b.part = d.member_id
        WHERE d.merchant_id = %(merchant)s AND d.member_id = ANY(%(parts)s) GROUP BY 1
    ), has AS (
        SELECT a.member_id, a.balance - a.held AS points, a.pending FROM reading_accounts a
        WHERE a.merchant_id = %(merchant)s AND a.member_id = ANY(%(persons)s)
    ), gone AS (
        DELETE FROM analytics_memberfigure f WHERE f.merchant_id = %(merchant)s AND f.member_id = ANY(%(parts)s)
            AND f.member_id NOT IN (SELECT id FROM asked)
    )
    INSERT INTO analytics_memberfigure AS f (merchant_id, member_id, purchases, revenue_minor, last_day, points, pending)
    SELECT %(merchant)s, q.id, coalesce(b.purchases, 0), coalesce(b.revenue_minor, 0), coalesce(b.last_day, %(never)s),
        coalesce(h.points, 0), coalesce(h.pending, 0)
    FROM asked q LEFT JOIN bought b ON b.person = q.id LEFT JOIN has h ON h.member_id = q.id
    ON CONFLICT (merchant_id, member_id) DO UPDATE SET purchases = excluded.purchases,
        revenue_minor = excluded.revenue_minor, last_day = excluded.last_day, points = excluded.points,
        pending = excluded.pending
    WHERE (f.purchases, f.revenue_minor, f.last_day, f.points, f.pending) IS DISTINCT FROM
        (excluded.purchases, excluded.revenue_minor, excluded.last_day, excluded.points, excluded.pending)
"""

_MISSING: Final = """
    SELECT m.id FROM member_of_today m
    WHERE m.merchant_id = %(merchant)s AND m.id > %(after)s AND m.state IN ('active', 'blocked')
        AND NOT EXISTS (SELECT 1 FROM analytics_memberfigure f WHERE f.merchant_id = %(merchant)s AND f.member_id = m.id)
    ORDER BY m.id LIMIT %(chunk)s
"""


def refresh(cursor: CursorWrapper, *, merchant: Merchant, member_ids: Sequence[int]) -> None:
    """Sum up these members anew, from their days and accounts as they stand; who has left loses the row."""
    if not member_ids:
        return
    cursor.execute(_PERSONS, {"merchant": merchant.pk, "members": list(member_ids)})
    persons = [row[0] for row in cursor.fetchall()]
    cursor.execute(_BEHIND, {"merchant": merchant.pk, "persons": persons})
    belongs = {**dict(cursor.fetchall()), **{person: person for person in persons}}
    asked = {"persons": persons, "parts": list(belongs), "wholes": list(belongs.values())}
    cursor.execute(_REFRESH, {"merchant": merchant.pk, "never": NEVER, **asked})


def fill(*, merchant: Merchant, after: int, chunk: int) -> int | None:
    """Sum up the next members who have no row yet, by id; return where to go on, None when there are no more."""
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, {"merchant": merchant.pk, "after": after, "chunk": chunk})
        missing = [row[0] for row in cursor.fetchall()]
        refresh(cursor, merchant=merchant, member_ids=missing)
    return missing[-1] if len(missing) == chunk else None
