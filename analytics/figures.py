"""The charts' tables, computed from the rollups in a few set-based statements: sums by day and month, cohorts, liability.

Purchases are summed again from the earliest day that changed; enrolments and points are small and are always summed.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from django.db import connection
from django.db.backends.utils import CursorWrapper

from analytics import rollups
from merchants import periods
from merchants.models.merchants import Merchant

#: Before all days: everything is computed anew.
THE_BEGINNING: Final = date(1900, 1, 1)

_GRAINS: Final = {"day": "{}", "month": "date_trunc('month', {})::date"}

# Rows from `since` on whose days lost their last purchase are set to zero by the same statement.
_TRADE: Final = """
    WITH traded AS (
        SELECT {bucket} AS starts_on, sum(d.purchases) AS purchases,
            coalesce(sum(d.purchases) FILTER (WHERE d.member_id = 0), 0) AS guest_purchases,
            sum(d.revenue_minor) AS revenue_minor,
            coalesce(sum(d.revenue_minor) FILTER (WHERE d.member_id = 0), 0) AS guest_revenue_minor,
            count(DISTINCT coalesce(gone.merged_into_id, d.member_id)) FILTER (WHERE d.member_id > 0) AS active_members
        FROM analytics_memberday d
        LEFT JOIN members_member gone ON gone.merchant_id = %(merchant)s AND gone.id = d.member_id
            AND gone.merged_into_id IS NOT NULL
        WHERE d.merchant_id = %(merchant)s AND d.local_day >= %(since)s GROUP BY 1
    ), silent AS (
        UPDATE analytics_figures f SET purchases = 0, guest_purchases = 0, revenue_minor = 0, guest_revenue_minor = 0,
            active_members = 0
        WHERE f.merchant_id = %(merchant)s AND f.grain = %(grain)s AND f.starts_on >= %(since)s
            AND NOT EXISTS (SELECT FROM traded t WHERE t.starts_on = f.starts_on)
    )
    INSERT INTO analytics_figures (merchant_id, grain, starts_on, purchases, guest_purchases, revenue_minor,
        guest_revenue_minor, active_members, enrolments, points_issued, points_redeemed, points_expired)
    SELECT %(merchant)s, %(grain)s, t.starts_on, t.purchases, t.guest_purchases, t.revenue_minor,
        t.guest_revenue_minor, t.active_members, 0, 0, 0, 0 FROM traded t
    ON CONFLICT (merchant_id, grain, starts_on) DO UPDATE SET purchases = excluded.purchases,
        guest_purchases = excluded.guest_purchases, revenue_minor = excluded.revenue_minor,
        guest_revenue_minor = excluded.guest_revenue_minor, active_members = excluded.active_members
"""

# Redeemed: at once or by capture, less what came back.  Expired is shown as a positive number too.
_POINTS: Final = """
    WITH moved AS (
        SELECT {bucket} AS starts_on,
            coalesce(sum(d.points) FILTER (WHERE d.kind = 'accrue'), 0) AS issued,
            -coalesce(sum(d.points) FILTER (WHERE d.kind IN ('redeem', 'capture', 'reverse')), 0) AS redeemed,
            -coalesce(sum(d.points) FILTER (WHERE d.kind = 'expire'), 0) AS expired
        FROM analytics_pointsday d WHERE d.merchant_id = %(merchant)s GROUP BY 1
    )
    INSERT INTO analytics_figures AS f (merchant_id, grain, starts_on, purchases, guest_purchases, revenue_minor,
        guest_revenue_minor, active_members, enrolments, points_issued, points_redeemed, points_expired)
    SELECT %(merchant)s, %(grain)s, m.starts_on, 0, 0, 0, 0, 0, 0, m.issued, m.redeemed, m.expired FROM moved m
    ON CONFLICT (merchant_id, grain, starts_on) DO UPDATE SET points_issued = excluded.points_issued,
        points_redeemed = excluded.points_redeemed, points_expired = excluded.points_expired
    WHERE (f.points_issued, f.points_redeemed, f.points_expired)
        IS DISTINCT FROM (excluded.points_issued, excluded.points_redeemed, excluded.points_expired)
"""

_JOINED_DAY: Final = "%(first_day)s::date + width_bucket(m.joined_at, %(starts)s::timestamptz[]) - 1"

_ENROLMENTS: Final = """
    WITH joined AS (
        SELECT {bucket} AS starts_on, count(*) AS enrolments FROM members_member m
        WHERE m.merchant_id = %(merchant)s AND m.merged_into_id IS NULL GROUP BY 1
    ), fewer AS (
        UPDATE analytics_figures f SET enrolments = 0
        WHERE f.merchant_id = %(merchant)s AND f.grain = %(grain)s AND f.enrolments > 0
            AND NOT EXISTS (SELECT FROM joined j WHERE j.starts_on = f.starts_on)
    )
    INSERT INTO analytics_figures AS f (merchant_id, grain, starts_on, purchases, guest_purchases, revenue_minor,
        guest_revenue_minor, active_members, enrolments, points_issued, points_redeemed, points_expired)
    SELECT %(merchant)s, %(grain)s, j.starts_on, 0, 0, 0, 0, 0, j.enrolments, 0, 0, 0 FROM joined j
    ON CONFLICT (merchant_id, grain, starts_on) DO UPDATE SET enrolments = excluded.enrolments
    WHERE f.enrolments IS DISTINCT FROM excluded.enrolments
"""

_COHORTS: Final = """
    WITH person AS (
        SELECT m.id, date_trunc('month', {joined_day})::date AS joined_month
        FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.merged_into_id IS NULL
    ), size AS (SELECT joined_month, count(*) AS members FROM person GROUP BY 1),
    month AS (
        SELECT starts_on::date FROM generate_series(%(since)s::date, %(this_month)s::date, interval '1 month') AS starts_on
    ), bought AS (
        SELECT p.joined_month, date_trunc('month', d.local_day)::date AS bought_month, p.id,
            sum(d.revenue_minor) AS revenue_minor
        FROM analytics_memberday d
        LEFT JOIN members_member gone ON gone.merchant_id = %(merchant)s AND gone.id = d.member_id
            AND gone.merged_into_id IS NOT NULL
        JOIN person p ON p.id = coalesce(gone.merged_into_id, d.member_id)
        WHERE d.merchant_id = %(merchant)s AND d.member_id > 0 AND d.local_day >= %(since)s GROUP BY 1, 2, 3
    ), active AS (
        SELECT joined_month, bought_month, count(*) AS active, sum(revenue_minor) AS revenue_minor FROM bought GROUP BY 1, 2
    )
    INSERT INTO analytics_cohortmonth (merchant_id, joined_month, months_after, members, active, revenue_minor)
    SELECT %(merchant)s, s.joined_month,
        (extract(year FROM age(m.starts_on, s.joined_month)) * 12 + extract(month FROM age(m.starts_on, s.joined_month)))::int,
        s.members, coalesce(a.active, 0), coalesce(a.revenue_minor, 0)
    FROM size s JOIN month m ON m.starts_on >= s.joined_month
    LEFT JOIN active a ON a.joined_month = s.joined_month AND a.bought_month = m.starts_on
"""


def refresh(*, merchant: Merchant, now: datetime, changed_from: date) -> date:
    """This function will compute the sums, cohorts and liability of the open tenant, purchases from a day on.

    Returns the earliest day that changed, enrolments included.
    """
    today = periods.local_day(now, merchant.tzinfo)
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {"merchant": merchant.pk}
        joined = _joining_days(cursor, merchant, parameters)
        for grain, bucket in _GRAINS.items():
            since = periods.first_day_of("month", changed_from) if grain == "month" else changed_from
            asked = parameters | {"grain": grain, "since": since}
            cursor.execute(_TRADE.format(bucket=bucket.format("d.local_day")), asked)
            cursor.execute(_POINTS.format(bucket=bucket.format("d.local_day")), asked)
            if joined:
                day = f"({_JOINED_DAY})"
                cursor.execute(_ENROLMENTS.format(bucket=bucket.format(day)), asked | joined)
        resized = _refresh_cohorts(cursor, parameters | joined, changed_from, today) if joined else None
        _refresh_liability(cursor, merchant, now, today)
    return min(changed_from, resized or changed_from)


def _joining_days(cursor: CursorWrapper, merchant: Merchant, parameters: dict[str, Any]) -> dict[str, Any]:
    cursor.execute(
        "SELECT min(joined_at), max(joined_at) FROM members_member WHERE merchant_id = %(merchant)s", parameters
    )
    earliest, latest = cursor.fetchone()
    if earliest is None:
        return {}
    zone = merchant.tzinfo
    first, starts = rollups.day_starts(periods.local_day(earliest, zone), periods.local_day(latest, zone), zone)
    return {"first_day": first, "starts": starts}


# A cohort whose size changed (an import, a merge) is computed anew from its own first month.
_FIRST_CHANGED_COHORT: Final = """
    WITH size AS (
        SELECT date_trunc('month', {joined_day})::date AS joined_month, count(*) AS members FROM members_member m
        WHERE m.merchant_id = %(merchant)s AND m.merged_into_id IS NULL GROUP BY 1
    ), held AS (
        SELECT joined_month, min(members) AS members FROM analytics_cohortmonth
        WHERE merchant_id = %(merchant)s GROUP BY 1
    )
    SELECT min(joined_month) FROM size s FULL JOIN held h USING (joined_month) WHERE s.members IS DISTINCT FROM h.members
"""


def _refresh_cohorts(cursor: CursorWrapper, parameters: dict[str, Any], changed_from: date, today: date) -> date | None:
    """Months before the earliest change keep their sums; returns the first month whose number of members changed."""
    cursor.execute(_FIRST_CHANGED_COHORT.format(joined_day=_JOINED_DAY), parameters)
    resized: date | None = cursor.fetchone()[0]
    since = max(periods.first_day_of("month", changed_from), periods.first_day_of("month", parameters["first_day"]))
    this_month = periods.first_day_of("month", today)
    asked = parameters | {"since": min(since, resized or since, this_month), "this_month": this_month}
    cursor.execute(
        "DELETE FROM analytics_cohortmonth WHERE merchant_id = %(merchant)s "
        "AND joined_month + make_interval(months => months_after) >= %(since)s",
        asked,
    )
    cursor.execute(_COHORTS.format(joined_day=_JOINED_DAY), asked)
    return resized


def _refresh_liability(cursor: CursorWrapper, merchant: Merchant, now: datetime, today: date) -> None:
    cursor.execute(
        """
        WITH owed AS (
            SELECT coalesce(sum(balance + pending), 0) AS outstanding, coalesce(sum(pending), 0) AS pending,
                coalesce(sum(held), 0) AS held, coalesce(sum(debt), 0) AS debt
            FROM reading_accounts WHERE merchant_id = %(merchant)s
        ), rate AS (
            SELECT (document #>> '{pay_with_points,points}')::bigint AS points,
                (document #>> '{pay_with_points,amount_minor}')::bigint AS minor
            FROM reading_terms WHERE merchant_id = %(merchant)s AND effective_from <= %(now)s
            ORDER BY effective_from DESC, number DESC LIMIT 1
        )
        INSERT INTO analytics_liability (merchant_id, local_day, outstanding, pending, held, debt, rate_points,
            rate_minor, cost_minor, computed_at)
        SELECT %(merchant)s, %(today)s, o.outstanding, o.pending, o.held, o.debt, r.points, r.minor,
            ceil(o.outstanding * r.minor / nullif(r.points, 0)::numeric), %(now)s
        FROM owed o LEFT JOIN rate r ON true
        ON CONFLICT (merchant_id, local_day) DO UPDATE SET outstanding = excluded.outstanding,
            pending = excluded.pending, held = excluded.held, debt = excluded.debt, rate_points = excluded.rate_points,
            rate_minor = excluded.rate_minor, cost_minor = excluded.cost_minor, computed_at = excluded.computed_at
        """,
        {"merchant": merchant.pk, "now": now, "today": today},
    )


def first_trading_day(merchant: Merchant) -> date | None:
    """This function will find the earliest day in the rollup, or None before the first purchase."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(local_day) FROM analytics_memberday WHERE merchant_id = %s", [merchant.pk])
        found: date | None = cursor.fetchone()[0]
    return found
