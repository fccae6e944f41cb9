"""Loyal customer rate: of the members who bought within 365 days, the share that bought four times or more; by days."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.utils.translation import gettext_lazy as _

from analytics.metrics import frequency, intervals
from analytics.metrics.definition import HISTORY, Count, Group, Metric, Tally


def count(tally: Tally) -> list[Count]:
    return [
        Count(Decimal(f.loyal), Decimal(f.buyers), f.buyers, {"loyal": f.loyal, "buyers": f.buyers})
        for f in frequency.frequencies(tally)
    ]


def count_by_days(tally: Tally) -> list[Count]:
    return [
        Count(Decimal(f.loyal_by_days), Decimal(f.buyers), f.buyers, {"loyal": f.loyal_by_days, "buyers": f.buyers})
        for f in frequency.frequencies(tally)
    ]


METRIC: Final = Metric(
    key="loyal_customer_rate",
    version=1,
    title=_("Loyal customer rate"),
    unit="share",
    window=_("365 days up to the end of the period; of a running period, up to yesterday"),
    formula=_("Members with 4 or more purchases in 365 days ÷ members with at least 1."),
    explanation=_("Of the members who bought in the 365 days up to the end of the period, the share that bought four "
                  "times or more. Every receipt counts; “by days” counts the days on which they bought. How often “loyal” "
                  "is differs between trades; four times is the usual bound."),
    remark=HISTORY,
    source="https://en.wikipedia.org/wiki/Loyalty_business_model",
    good="up",
    count=count,
    interval=lambda c: intervals.wilson(c.numerator, c.denominator),
    looks_back_to=frequency.looks_back_to,
    groups=(
        Group("loyal", _("Bought four times or more"), frequency.listing(f"purchases >= {frequency.LOYAL_MIN}"), "loyal"),
        Group("buyers", _("Bought at least once"), frequency.listing("true"), "buyers"),
    ),
    tile=4,
)  # fmt: skip

BY_DAYS: Final = Metric(
    key="loyal_customer_rate_by_days",
    version=1,
    title=_("Loyal customer rate, by days"),
    unit="share",
    window=_("365 days up to the end of the period; of a running period, up to yesterday"),
    formula=_("Members who bought on 4 or more days of 365 ÷ members who bought on at least 1."),
    explanation=_("Of the members who bought in the 365 days up to the end of the period, the share that came on four "
                  "different days or more. Several receipts of one day are one visit."),
    remark=HISTORY,
    source="https://en.wikipedia.org/wiki/Loyalty_business_model",
    good="up",
    count=count_by_days,
    interval=lambda c: intervals.wilson(c.numerator, c.denominator),
    looks_back_to=frequency.looks_back_to,
    beside=METRIC.key,
    groups=(Group("loyal", _("Bought on four days or more"), frequency.listing(f"days >= {frequency.LOYAL_MIN}"), "loyal"),),
)  # fmt: skip
