"""Average order value, in three ways that stand side by side: of all purchases, of the money paid, without free ones."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.utils.translation import gettext_lazy as _

from analytics.metrics.definition import HISTORY, Count, Group, Metric, Tally
from analytics.metrics.people import PERSON_DAYS_SQL
from analytics.windows import WINDOWS_SQL

COUNT: Final = f"""
    WITH {WINDOWS_SQL}
    SELECT w.n, sum(d.revenue_minor) AS revenue_minor, sum(d.purchases) AS purchases,
        coalesce(sum(d.revenue_minor) FILTER (WHERE d.member_id = 0), 0) AS guest_revenue_minor,
        coalesce(sum(d.purchases) FILTER (WHERE d.member_id = 0), 0) AS guest_purchases,
        sum(d.points_paid_minor) AS points_paid_minor, sum(d.free_purchases) AS free_purchases
    FROM win w JOIN analytics_memberday d ON d.merchant_id = %(merchant)s
        AND d.local_day >= w.first_day AND d.local_day < w.end_day
    GROUP BY w.n
"""

_MEMBERS: Final = f"""
    WITH {WINDOWS_SQL}, {PERSON_DAYS_SQL}
    SELECT p.person, sum(p.purchases) AS purchases, sum(p.revenue_minor) AS revenue_minor,
        max(p.local_day) FILTER (WHERE p.purchases > 0) AS last_day
    FROM win w JOIN person_day p ON p.local_day >= w.first_day AND p.local_day < w.end_day GROUP BY p.person
    HAVING sum(p.purchases) > 0
"""


def orders(tally: Tally) -> list[dict[str, int]]:
    """Count every window's purchases and revenue in one statement, once for all metrics."""
    return tally.once("orders", lambda: tally.ask(COUNT))


def count(tally: Tally) -> list[Count]:
    return [Count(Decimal(r["revenue_minor"]), Decimal(r["purchases"]), r["purchases"], r) for r in orders(tally)]


def count_in_money(tally: Tally) -> list[Count]:
    return [
        Count(Decimal(r["revenue_minor"] - r["points_paid_minor"]), Decimal(r["purchases"]), r["purchases"], r)
        for r in orders(tally)
    ]


def count_above_zero(tally: Tally) -> list[Count]:
    found = []
    for sums in orders(tally):
        paid = sums["purchases"] - sums["free_purchases"]
        found.append(Count(Decimal(sums["revenue_minor"]), Decimal(paid), paid, sums))
    return found


METRIC: Final = Metric(
    key="average_order_value",
    version=1,
    title=_("Average order value"),
    unit="money",
    window=_("The period"),
    formula=_("Net revenue ÷ purchases. Net of refunds; purchases that were wholly refunded do not count; guests do."),
    explanation=_("What an order brings on average, members and guests together, after refunds. What was paid with points "
                  "is in it, and so are purchases with a total of 0: the other two figures leave these out. A receipt on "
                  "which more came back than was bought lowers the revenue and is no purchase."),
    remark=HISTORY,
    source="https://en.wikipedia.org/wiki/Average_order_value",
    good="up",
    count=count,
    interval=lambda c: None,
    groups=(Group("buyers", _("Bought in the period"), _MEMBERS, ""),),
    tile=5,
)  # fmt: skip

IN_MONEY: Final = Metric(
    key="average_order_value_in_money",
    version=1,
    title=_("Average order value, without points"),
    unit="money",
    window=_("The period"),
    formula=_("(Net revenue − what points paid) ÷ purchases. Both net of refunds."),
    explanation=_("What an order brings on average without what was paid with points. A refund gives the part paid with "
                  "points back in proportion."),
    remark=HISTORY,
    source="https://en.wikipedia.org/wiki/Average_order_value",
    good="up",
    count=count_in_money,
    interval=lambda c: None,
    beside=METRIC.key,
)  # fmt: skip

ABOVE_ZERO: Final = Metric(
    key="average_order_value_above_zero",
    version=1,
    title=_("Average order value, without free orders"),
    unit="money",
    window=_("The period"),
    formula=_("Net revenue ÷ purchases with a total above 0."),
    explanation=_("What an order brings on average when those that cost nothing, such as a free product, are left "
                  "out."),
    remark=HISTORY,
    source="https://en.wikipedia.org/wiki/Average_order_value",
    good="up",
    count=count_above_zero,
    interval=lambda c: None,
    beside=METRIC.key,
)  # fmt: skip
