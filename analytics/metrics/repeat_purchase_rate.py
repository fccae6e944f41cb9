"""Repeat purchase rate: of the members who bought within a year, the share that bought twice or more."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from analytics.metrics import frequency, intervals
from analytics.metrics.definition import Count, Group, Metric, Tally


def count(tally: Tally) -> list[Count]:
    return [
        Count(Decimal(f.repeat), Decimal(f.buyers), f.buyers, {"repeat": f.repeat, "buyers": f.buyers})
        for f in frequency.frequencies(tally)
    ]


METRIC = Metric(
    key="repeat_purchase_rate",
    version=1,
    title=_("Repeat purchase rate"),
    unit="share",
    window=_("365 days up to the end of the period"),
    formula=_("Members with 2 or more purchases in 365 days ÷ members with at least 1."),
    explanation=_("Of the members who bought in the year up to the end of the period, the share that bought more than "
                  "once. A purchase that was wholly refunded does not count."),
    source="https://en.wikipedia.org/wiki/Repeat_customer",
    good="up",
    count=count,
    interval=lambda c: intervals.wilson(c.numerator, c.denominator),
    groups=(
        Group("repeat", _("Bought twice or more"), frequency.listing(f"purchases >= {frequency.REPEAT_MIN}"), "repeat"),
        Group("buyers", _("Bought at least once"), frequency.listing("true"), "buyers"),
    ),
    tile=3,
)  # fmt: skip
