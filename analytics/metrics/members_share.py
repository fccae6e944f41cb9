"""The members' share of sales: what members bought, of what everybody bought."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.utils.translation import gettext_lazy as _

from analytics.metrics import average_order_value
from analytics.metrics.definition import HISTORY, Count, Metric, Tally


def count(tally: Tally) -> list[Count]:
    return [
        Count(Decimal(r["revenue_minor"] - r["guest_revenue_minor"]), Decimal(r["revenue_minor"]), r["purchases"], r)
        for r in average_order_value.orders(tally)
    ]


METRIC: Final = Metric(
    key="members_share_of_sales",
    version=1,
    title=_("Members' share of sales"),
    unit="share",
    window=_("The period"),
    formula=_("Net revenue of sales to members ÷ net revenue of all sales. Both net of refunds."),
    explanation=_("How much of what the shop sells goes to members. A sale that a member claims afterwards counts as theirs."),
    remark=HISTORY,
    source="https://en.wikipedia.org/wiki/Loyalty_program",
    good="up",
    count=count,
    interval=lambda c: None,
)  # fmt: skip
