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
            sum(d.points_paid_minor) AS points_paid_minor, sum(d.free_purchases) AS free_purchases,
            count(DISTINCT coalesce(gone.merged_into_id, d.member_id)) FILTER (WHERE d.member_id > 0 AND d.purchases > 0)
                AS active_members
        FROM analytics_memberday d
        LEFT JOIN member_of_today gone ON gone.merchant_id = %(merchant)s AND gone.id = d.member_id
            AND gone.merged_into_id IS NOT NULL
        WHERE d.merchant_id = %(merchant)s AND d.local_day >= %(since)s GROUP BY 1
    ), silent AS (
        UPDATE analytics_figures f SET purchases = 0, guest_purchases = 0, revenue_minor = 0, guest_revenue_minor = 0,
            points_paid_minor = 0, free_purchases = 0, active_members = 0
        WHERE f.merchant_id = %(merchant)s AND f.grain = %(grain)s AND f.starts_on >= %(since)s
            AND NOT EXISTS (SELECT FROM traded t WHERE t.starts_on = f.starts_on)
    )
    INSERT INTO analytics_figures (merchant_id, grain, starts_on, purchases, guest_purchases, revenue_minor,
        guest_revenue_minor, points_paid_minor, free_purchases, active_members, enrolments, points_issued,
        points_redeemed, points_expired)
    SELECT %(merchant)s, %(grain)s, t.starts_on, t.purchases, t.guest_purchases, t.revenue_minor,
        t.guest_revenue_minor, t.points_paid_minor, t.free_purchases, t.active_members, 0, 0, 0, 0 FROM traded t
    ON CONFLICT (merchant_id, grain, starts_on) DO UPDATE SET purchases = excluded.purchases,
        guest_purchases = excluded.guest_purchases, revenue_minor = excluded.revenue_minor,
        guest_revenue_minor = excluded.guest_revenue_minor, points_paid_minor = excluded.points_paid_minor,
        free_purchases = excluded.free_purchases, active_members = excluded.active_members
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
        guest_revenue_minor, points_paid_minor, free_purchases, active_members, enrolments, points_issued,
        points_redeemed, points_expired)
    SELECT %(merchant)s, %(grain)s, m.starts_on, 0, 0, 0, 0, 0, 0, 0, 0, m.issued, m.redeemed, m.expired FROM moved m
    ON CONFLICT (merchant_id, grain, starts_on) DO UPDATE SET points_issued = excluded.points_issued,
        points_redeemed = excluded.points_redeemed, points_expired = excluded.points_expired
    WHERE (f.points_issued, f.points_redeemed, f.points_expired)
        IS DISTINCT FROM (excluded.points_issued, excluded.points_redeemed, excluded.points_expired)
"""

_JOINED_DAY: Final = "%(first_day)s::date + width_bucket(m.joined_at, %(starts)s::timestamptz[]) - 1"

_ENROLMENTS: Final = """
    WITH joined AS (
        SELECT {bucket} AS starts_on, count(*) AS enrolments FROM member_of_today m
        WHERE m.merchant_id = %(merchant)s AND m.merged_into_id IS NULL GROUP BY 1
    ), fewer AS (
        UPDATE analytics_figures f SET enrolments = 0
        WHERE f.merchant_id = %(merchant)s AND f.grain = %(grain)s AND f.enrolments > 0
            AND NOT EXISTS (SELECT FROM joined j WHERE j.starts_on = f.starts_on)
    )
    INSERT INTO analytics_figures AS f (merchant_id, grain, starts_on, purchases, guest_purchases, revenue_minor,
        guest_revenue_minor, points_paid_minor, free_purchases, active_members, enrolments, points_issued,
        points_redeemed, points_expired)
    SELECT %(merchant)s, %(grain)s, j.starts_on, 0, 0, 0, 0, 0, 0, 0, j.enrolments, 0, 0, 0 FROM joined j
    ON CONFLICT (merchant_id, grain, starts_on) DO UPDATE SET enrolments = excluded.enrolments
    WHERE f.enrolments IS DISTINCT FROM excluded.enrolments
"""

# Who belongs to which cohort: by the month of joining, or of the first purchase that stands.
_COHORT_OF: Final = {
    "joined": """
        SELECT m.id, date_trunc('month', {joined_day})::date AS joined_month
        FROM member_of_today m WHERE m.merchant_id = %(merchant)s AND m.merged_into_id IS NULL
    """,
    "first_purchase": """
        SELECT coalesce(gone.merged_into_id, d.member_id) AS id, date_trunc('month', min(d.local_day))::date AS joined_month
        FROM analytics_memberday d
        LEFT JOIN member_of_today gone ON gone.merchant_id = %(merchant)s AND gone.id = d.member_id
            AND gone.merged_into_id IS NOT NULL
        WHERE d.merchant_id = %(merchant)s AND d.member_id > 0 AND d.purchases > 0 GROUP BY 1
    """,
}

_COHORTS: Final = """
    WITH person AS ({cohort_of}), size AS (SELECT joined_month, count(*) AS members FROM person GROUP BY 1),
    month AS (
        SELECT starts_on::date FROM generate_series(%(since)s::date, %(this_month)s::date, interval '1 month') AS starts_on
    ), bought AS (
        SELECT p.joined_month, date_trunc('month', d.local_day)::date AS bought_month, p.id,
            sum(d.purchases) AS purchases, sum(d.revenue_minor) AS revenue_minor
        FROM analytics_memberday d
        LEFT JOIN member_of_today gone ON gone.merchant_id = %(merchant)s AND gone.id = d.member_id
            AND gone.merged_into_id IS NOT NULL
        JOIN person p ON p.id = coalesce(gone.merged_into_id, d.member_id)
        WHERE d.merchant_id = %(merchant)s AND d.member_id > 0 AND d.local_day >= %(since)s GROUP BY 1, 2, 3
    ), active AS (
        SELECT joined_month, bought_month, count(*) FILTER (WHERE purchases > 0) AS active,
            sum(revenue_minor) AS revenue_minor
        FROM bought GROUP BY 1, 2
    )
    INSERT INTO analytics_cohortmonth (merchant_id, basis, joined_month, months_after, members, active, revenue_minor)
    SELECT %(merchant)s, %(basis)s, s.joined_month,
        (extract(year FROM age(m.starts_on, s.joined_month)) * 12 + extract(month FROM age(m.starts_on, s.joined_month)))::int,
        s.members, coalesce(a.active, 0), coalesce(a.revenue_minor, 0)
    FROM size s JOIN month m ON m.starts_on >= s.joined_month
    LEFT JOIN active a ON a.joined_month = s.joined_month AND a.bought_month = m.starts_on
"""


def refresh(*, merchant: Merchant, now: datetime, changed_from: date) -> date:
    """Compute the sums, cohorts and liability of the open tenant, purchases from a day on.

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
        "SELECT min(joined_at), max(joined_at) FROM member_of_today WHERE merchant_id = %(merchant)s", parameters
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
        SELECT date_trunc('month', {joined_day})::date AS joined_month, count(*) AS members FROM member_of_today m
        WHERE m.merchant_id = %(merchant)s AND m.merged_into_id IS NULL GROUP BY 1
    ), held AS (
        SELECT joined_month, min(members) AS members FROM analytics_cohortmonth
        WHERE merchant_id = %(merchant)s AND basis = 'joined' GROUP BY 1
    )
    SELECT min(joined_month) FROM size s FULL JOIN held h USING (joined_month) WHERE s.members IS DISTINCT FROM h.members
"""


def _refresh_cohorts(cursor: CursorWrapper, parameters: dict[str, Any], changed_from: date, today: date) -> date | None:
    """Months before the earliest change keep their sums; returns the first month whose number of members changed."""
    cursor.execute(_FIRST_CHANGED_COHORT.format(joined_day=_JOINED_DAY), parameters)
    resized: date | None = cursor.fetchone()[0]
    cursor.execute("SELECT min(local_day) FROM analytics_memberday WHERE merchant_id = %(merchant)s", parameters)
    earliest = min(parameters["first_day"], cursor.fetchone()[0] or today)
    since = periods.first_day_of("month", max(changed_from, earliest))
    # A run as of an earlier day leaves the months that are known since; one after a long pause fills those between.
    cursor.execute(
        "SELECT max(joined_month + make_interval(months => months_after))::date FROM analytics_cohortmonth "
        "WHERE merchant_id = %(merchant)s",
        parameters,
    )
    known: date | None = cursor.fetchone()[0]
    this_month = max(periods.first_day_of("month", today), known or date.min)
    asked = parameters | {"since": min(since, resized or since, known or since, this_month), "this_month": this_month}
    cursor.execute(
        "DELETE FROM analytics_cohortmonth WHERE merchant_id = %(merchant)s "
        "AND joined_month + make_interval(months => months_after) >= %(since)s",
        asked,
    )
    # A late or refunded first purchase moves a member between cohorts of its own month and later: all computed here.
    for basis, cohort_of in _COHORT_OF.items():
        sql = _COHORTS.format(cohort_of=cohort_of.format(joined_day=_JOINED_DAY))
        cursor.execute(sql, asked | {"basis": basis})
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
        -- Accounts say what is owed now: a run as of an earlier day knows nothing of its points.
        WHERE NOT EXISTS (
            SELECT FROM analytics_liability later
            WHERE later.merchant_id = %(merchant)s AND later.computed_at > %(now)s
        )
        ON CONFLICT (merchant_id, local_day) DO UPDATE SET outstanding = excluded.outstanding,
            pending = excluded.pending, held = excluded.held, debt = excluded.debt, rate_points = excluded.rate_points,
            rate_minor = excluded.rate_minor, cost_minor = excluded.cost_minor, computed_at = excluded.computed_at
        """,
        {"merchant": merchant.pk, "now": now, "today": today},
    )


def first_trading_day(merchant: Merchant) -> date | None:
    """Find the day of the first purchase in the rollup, or None before there is one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(local_day) FROM analytics_memberday WHERE merchant_id = %s", [merchant.pk])
        found: date | None = cursor.fetchone()[0]
    return found


def first_day_of_anything(merchant: Merchant) -> date | None:
    """Find the earliest day that any number is made of: of a purchase or of an answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(local_day) FROM survey_answers WHERE merchant_id = %s", [merchant.pk])
        answered: date | None = cursor.fetchone()[0]
    return min((day for day in (first_trading_day(merchant), answered) if day is not None), default=None)
