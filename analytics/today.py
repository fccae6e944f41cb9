"""Today's trade so far, counted from the tables when somebody asks: the numbers of the night know nothing of it yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from analytics import rollups
from analytics.answers import TodaySoFar
from analytics.models import MetricRun
from merchants import periods
from merchants.models.merchants import Merchant

# Today's purchases were written after a run before this day had looked, and are found by that: no index by day is needed,
# and what was written since is little.
_PURCHASES: Final = """
    SELECT count(*) FILTER (WHERE p.is_kept), coalesce(sum(p.net_minor), 0), coalesce(sum(p.points_paid_left_minor), 0)
    FROM reading_purchases p
    WHERE p.merchant_id = %(merchant)s AND p.xid >= %(seen)s::text::xid8 AND p.local_day = %(today)s
"""
_JOINED: Final = """
    SELECT count(*) FROM member_of_today m
    WHERE m.merchant_id = %(merchant)s AND m.joined_at >= %(start)s AND m.merged_into_id IS NULL
"""
_REWARDS: Final = """
    SELECT count(*) FROM reading_redemptions r
    WHERE r.merchant_id = %(merchant)s AND r.reward <> '' AND r.state IN ('held', 'captured') AND r.recorded_at >= %(start)s
        AND r.occurred_at >= %(start)s
"""


def so_far(*, merchant: Merchant, now: datetime) -> TodaySoFar:
    """Count today's purchases, revenue, new members and rewards of the open tenant, up to this moment."""
    today = periods.local_day(now, merchant.tzinfo)
    start = periods.start_of_day(today, merchant.tzinfo)
    # A till whose clock is ahead may have sent today's first sale yesterday.
    before = MetricRun.objects.filter(
        merchant=merchant, started_at__lt=start - timedelta(days=1), is_as_of=False, seen_through__isnull=False,
        refilled_through__isnull=True, cluster=rollups.horizon().cluster,
    )  # fmt: skip
    seen = before.order_by("-id").values_list("seen_through", flat=True).first()
    asked: dict[str, Any] = {"merchant": merchant.pk, "today": today, "start": start, "seen": seen or 0}
    with connection.cursor() as cursor:
        cursor.execute(_PURCHASES, asked)
        purchases, revenue, paid = cursor.fetchone()
        cursor.execute(_JOINED, asked)
        joined = cursor.fetchone()[0]
        cursor.execute(_REWARDS, asked)
        rewards = cursor.fetchone()[0]
    return TodaySoFar(today, int(purchases), int(revenue), int(paid), int(joined), int(rewards), now)
