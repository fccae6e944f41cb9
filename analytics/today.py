"""Today's trade so far, counted from the tables when somebody asks: the numbers of the night know nothing of it yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from analytics import round_trip
from analytics.answers import TodaySoFar
from analytics.rollups import CLUSTER_SQL
from analytics.round_trip import Select
from merchants import periods
from merchants.models.merchants import Merchant

# Today's purchases were written after a run before this day had looked, and are found by that: no index by day is needed,
# and what was written since is little.  A till whose clock is ahead may have sent today's first sale yesterday.
_TODAY: Final = f"""
    WITH mark AS (
        SELECT r.seen_through FROM analytics_metricrun r
        WHERE r.merchant_id = %(merchant)s AND r.started_at < %(yesterday)s AND NOT r.is_as_of
            AND r.seen_through IS NOT NULL AND r.refilled_through IS NULL AND r.cluster = ({CLUSTER_SQL})
        ORDER BY r.id DESC LIMIT 1
    ), sold AS MATERIALIZED (
        SELECT p.is_kept, p.net_minor, p.points_paid_left_minor,
            extract(hour FROM p.occurred_at AT TIME ZONE %(zone)s)::int AS hour
        FROM reading_purchases p
        WHERE p.merchant_id = %(merchant)s AND p.xid >= coalesce((SELECT seen_through FROM mark), 0)::text::xid8
            AND p.local_day = %(today)s AND (%(location)s::bigint IS NULL OR p.location_id = %(location)s)
    )
    SELECT (SELECT count(*) FILTER (WHERE is_kept) FROM sold) AS purchases,
        (SELECT coalesce(sum(net_minor), 0) FROM sold) AS revenue_minor,
        (SELECT coalesce(sum(points_paid_left_minor), 0) FROM sold) AS points_paid_minor,
        (SELECT json_agg(coalesce(h.minor, 0) ORDER BY hours.hour) FROM generate_series(0, 23) AS hours(hour)
            LEFT JOIN (SELECT hour, sum(net_minor) AS minor FROM sold GROUP BY 1) AS h USING (hour)) AS by_hour,
        (SELECT count(*) FROM member_of_today m
            WHERE m.merchant_id = %(merchant)s AND m.joined_at >= %(start)s AND m.merged_into_id IS NULL) AS new_members,
        (SELECT count(*) FROM reading_redemptions r
            WHERE r.merchant_id = %(merchant)s AND r.reward <> '' AND r.state IN ('held', 'captured')
                AND r.recorded_at >= %(start)s AND r.occurred_at >= %(start)s
                AND (%(location)s::bigint IS NULL OR r.location_id = %(location)s)) AS rewards
"""


def select(*, merchant: Merchant, now: datetime, location: int | None = None) -> Select:
    """Make the statement that asks for today's trade, of all locations or of one."""
    today = periods.local_day(now, merchant.tzinfo)
    start = periods.start_of_day(today, merchant.tzinfo)
    return Select(
        _TODAY,
        {"merchant": merchant.pk, "today": today, "start": start, "yesterday": start - timedelta(days=1),
         "zone": merchant.zone, "location": location},
    )  # fmt: skip


def answer(row: Mapping[str, Any], *, merchant: Merchant, now: datetime) -> TodaySoFar:
    """Shape what it answered."""
    return TodaySoFar(
        day=periods.local_day(now, merchant.tzinfo),
        purchases=int(row["purchases"]),
        revenue_minor=int(row["revenue_minor"]),
        points_paid_minor=int(row["points_paid_minor"]),
        new_members=int(row["new_members"]),
        rewards=int(row["rewards"]),
        counted_at=now,
        revenue_by_hour=tuple(int(minor) for minor in row["by_hour"]),
    )


def so_far(*, merchant: Merchant, now: datetime, location: int | None = None) -> TodaySoFar:
    """Count today's purchases, revenue, new members and rewards of the open tenant, up to this moment."""
    asked = select(merchant=merchant, now=now, location=location)
    [row] = round_trip.ask({"today": asked})["today"]
    return answer(row, merchant=merchant, now=now)
