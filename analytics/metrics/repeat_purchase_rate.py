"""Repeat purchase rate: of the members who bought within 365 days, the share that bought twice or more; and by days."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.utils.translation import gettext_lazy as _

from analytics.metrics import frequency, intervals
from analytics.metrics.definition import HISTORY, Count, Group, Metric, Tally


def count(tally: Tally) -> list[Count]:
    return [
        Count(Decimal(f.repeat), Decimal(f.buyers), f.buyers, {"repeat": f.repeat, "buyers": f.buyers})
        for f in frequency.frequencies(tally)
    ]


def count_by_days(tally: Tally) -> list[Count]:
    return [
        Count(Decimal(f.repeat_by_days), Decimal(f.buyers), f.buyers, {"repeat": f.repeat_by_days, "buyers": f.buyers})
        for f in frequency.frequencies(tally)
    ]


METRIC: Final = Metric(
    key="repeat_purchase_rate",
    version=1,
    title=_("Repeat purchase rate"),
    unit="share",
    window=_("365 days up to the end of the period; of a running period, up to yesterday"),
    formula=_("Members with 2 or more purchases in 365 days ÷ members with at least 1."),
    explanation=_("Of the members who bought in the 365 days up to the end of the period, the share that bought more "
                  "than once. Every receipt counts, two of one evening as well; “by days” counts the days on which they "
                  "bought. A purchase that was wholly refunded does not count."),
    remark=HISTORY,
    source="https://en.wikipedia.org/wiki/Repeat_customer",
    good="up",
    count=count,
    interval=lambda c: intervals.wilson(c.numerator, c.denominator),
    looks_back_to=frequency.looks_back_to,
    groups=(
        Group("repeat", _("Bought twice or more"), frequency.listing(f"purchases >= {frequency.REPEAT_MIN}"), "repeat"),
        Group("buyers", _("Bought at least once"), frequency.listing("true"), "buyers"),
    ),
    tile=3,
)  # fmt: skip

BY_DAYS: Final = Metric(
    key="repeat_purchase_rate_by_days",
    version=1,
    title=_("Repeat purchase rate, by days"),
    unit="share",
    window=_("365 days up to the end of the period; of a running period, up to yesterday"),
    formula=_("Members who bought on 2 or more days of 365 ÷ members who bought on at least 1."),
    explanation=_("Of the members who bought in the 365 days up to the end of the period, the share that came back on "
                  "another day. Several receipts of one day are one visit."),
    remark=HISTORY,
    source="https://en.wikipedia.org/wiki/Repeat_customer",
    good="up",
    count=count_by_days,
    interval=lambda c: intervals.wilson(c.numerator, c.denominator),
    looks_back_to=frequency.looks_back_to,
    beside=METRIC.key,
    groups=(Group("repeat", _("Bought on two days or more"), frequency.listing(f"days >= {frequency.REPEAT_MIN}"), "repeat"),),
)  # fmt: skip
