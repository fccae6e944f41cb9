"""What rewards cost, of what was sold: the price of the programme, beside what it brings."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.utils.translation import gettext_lazy as _

from analytics.metrics.definition import HISTORY, Count, Metric, Tally
from analytics.windows import WINDOWS_SQL

# Sums by day: a few hundred rows a year, whatever is sold.
COUNT: Final = f"""
    WITH {WINDOWS_SQL}, cost AS (
        SELECT w.n, sum(d.cost_minor) AS cost_minor, sum(d.redemptions) AS redemptions, sum(d.unpriced) AS unpriced
        FROM win w JOIN analytics_rewardday d ON d.merchant_id = %(merchant)s
            AND d.local_day >= w.first_day AND d.local_day < w.end_day
        GROUP BY w.n
    ), sold AS (
        SELECT w.n, sum(f.revenue_minor) AS revenue_minor
        FROM win w JOIN analytics_figures f ON f.merchant_id = %(merchant)s AND f.grain = 'day'
            AND f.starts_on >= w.first_day AND f.starts_on < w.end_day
        GROUP BY w.n
    )
    SELECT w.n, coalesce(c.cost_minor, 0) AS cost_minor, coalesce(c.redemptions, 0) AS redemptions,
        coalesce(c.unpriced, 0) AS unpriced, coalesce(s.revenue_minor, 0) AS revenue_minor
    FROM win w LEFT JOIN cost c ON c.n = w.n LEFT JOIN sold s ON s.n = w.n
"""


def count(tally: Tally) -> list[Count]:
    return [
        Count(Decimal(r["cost_minor"]), Decimal(max(0, r["revenue_minor"])), r["redemptions"], r)
        for r in tally.ask(COUNT)
    ]


METRIC: Final = Metric(
    key="reward_cost_share",
    version=1,
    title=_("Reward cost"),
    unit="share",
    window=_("Rewards redeemed in the period"),
    formula=_("Cost of the rewards redeemed ÷ net revenue. Money off costs what was taken off. Any other reward costs its "
              "points at the rate at which points pay; without such a rate it has no price and counts as 0."),
    explanation=_("What members redeemed, of what was sold. What was undone or came back with a refund does not count, a "
                  "part of it in proportion. A reward that a full stamp card brings costs as many points as others pay for it."),
    remark=HISTORY,
    source="https://en.wikipedia.org/wiki/Loyalty_program",
    good="down",
    count=count,
    interval=lambda c: None,
    is_always_computed=True,
)  # fmt: skip
