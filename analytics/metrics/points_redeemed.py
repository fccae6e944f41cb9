"""The redemption rate: points redeemed, of points earned."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.utils.translation import gettext_lazy as _

from analytics.metrics.definition import Count, Metric, Tally
from analytics.windows import WINDOWS_SQL

COUNT: Final = f"""
    WITH {WINDOWS_SQL}
    SELECT w.n, sum(f.points_issued) AS issued, sum(f.points_redeemed) AS redeemed, sum(f.points_expired) AS expired
    FROM win w JOIN analytics_figures f ON f.merchant_id = %(merchant)s AND f.grain = 'day'
        AND f.starts_on >= w.first_day AND f.starts_on < w.end_day
    GROUP BY w.n
"""


def count(tally: Tally) -> list[Count]:
    return [
        Count(Decimal(r["redeemed"]), Decimal(max(0, r["issued"])), max(0, r["issued"]), r) for r in tally.ask(COUNT)
    ]


METRIC: Final = Metric(
    key="points_redeemed_rate",
    version=1,
    title=_("Points redeemed"),
    unit="share",
    window=_("The period"),
    formula=_("Points redeemed ÷ points earned. Redeemed: spent at once or captured, less what came back."),
    explanation=_("How much of what members earn they also use. Points redeemed in the period may have been earned before "
                  "it, so the rate can pass 100 %. Points that expired are not redeemed."),
    source="https://en.wikipedia.org/wiki/Loyalty_program",
    good="up",
    count=count,
    interval=lambda c: None,
    is_always_computed=True,
)  # fmt: skip
