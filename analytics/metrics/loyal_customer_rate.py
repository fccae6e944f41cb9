"""Loyal customer rate: of the members who bought within a year, the share that bought four times or more."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from analytics.metrics import frequency, intervals
from analytics.metrics.definition import Count, Group, Metric, Tally


def count(tally: Tally) -> list[Count]:
    return [
        Count(Decimal(f.loyal), Decimal(f.buyers), f.buyers, {"loyal": f.loyal, "buyers": f.buyers})
        for f in frequency.frequencies(tally)
    ]


METRIC = Metric(
    key="loyal_customer_rate",
    version=1,
    title=_("Loyal customer rate"),
    unit="share",
    window=_("365 days up to the end of the period"),
    formula=_("Members with 4 or more purchases in 365 days ÷ members with at least 1."),
    explanation=_("Of the members who bought in the year up to the end of the period, the share that bought four "
                  "times or more. How often “loyal” is differs between trades; four times a year is the usual bound."),
    source="https://en.wikipedia.org/wiki/Loyalty_business_model",
    good="up",
    count=count,
    interval=lambda c: intervals.wilson(c.numerator, c.denominator),
    groups=(
        Group("loyal", _("Bought four times or more"), frequency.listing(f"purchases >= {frequency.LOYAL_MIN}"), "loyal"),
        Group("buyers", _("Bought at least once"), frequency.listing("true"), "buyers"),
    ),
    tile=4,
)  # fmt: skip
