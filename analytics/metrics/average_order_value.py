"""Average order value: net revenue over purchases that were not wholly refunded, of members and guests."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.utils.translation import gettext_lazy as _

from analytics.metrics.definition import Count, Group, Metric, Tally
from analytics.metrics.people import PERSON_DAYS_SQL
from analytics.windows import WINDOWS_SQL

_COUNT: Final = f"""
    WITH {WINDOWS_SQL}
    SELECT w.n, sum(d.revenue_minor) AS revenue_minor, sum(d.purchases) AS purchases,
        coalesce(sum(d.revenue_minor) FILTER (WHERE d.member_id = 0), 0) AS guest_revenue_minor,
        coalesce(sum(d.purchases) FILTER (WHERE d.member_id = 0), 0) AS guest_purchases
    FROM win w JOIN analytics_memberday d ON d.merchant_id = %(merchant)s
        AND d.local_day >= w.first_day AND d.local_day < w.end_day
    GROUP BY w.n
"""

_MEMBERS: Final = f"""
    WITH {WINDOWS_SQL}, {PERSON_DAYS_SQL}
    SELECT p.person, sum(p.purchases) AS purchases, sum(p.revenue_minor) AS revenue_minor, max(p.local_day) AS last_day
    FROM win w JOIN person_day p ON p.local_day >= w.first_day AND p.local_day < w.end_day GROUP BY p.person
"""


def count(tally: Tally) -> list[Count]:
    rows = tally.ask(_COUNT)
    return [Count(Decimal(r["revenue_minor"]), Decimal(r["purchases"]), r["purchases"], r) for r in rows]


METRIC = Metric(
    key="average_order_value",
    version=1,
    title=_("Average order value"),
    unit="money",
    window=_("The period"),
    formula=_("Net revenue ÷ purchases. Net of refunds; purchases that were wholly refunded do not count; guests do."),
    explanation=_("What an order brings on average, members and guests together, after refunds."),
    source="https://en.wikipedia.org/wiki/Average_order_value",
    good="up",
    count=count,
    interval=lambda c: None,
    groups=(Group("buyers", _("Bought in the period"), _MEMBERS, ""),),
    tile=5,
)
