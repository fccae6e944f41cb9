"""Churn rate: of the members who bought in the window before, the share that did not buy in this one."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from analytics.metrics import intervals, movement
from analytics.metrics.definition import Count, Group, Metric, Tally


def count(tally: Tally) -> list[Count]:
    return [
        Count(
            numerator=Decimal(m.lost),
            denominator=Decimal(m.start),
            n=m.start,
            parts={"start": m.start, "lost": m.lost, "retained": m.retained},
        )
        for m in movement.movements(tally)
    ]


METRIC = Metric(
    key="churn",
    version=1,
    title=_("Churn rate"),
    unit="share",
    window=_("The period, compared with the period of equal kind before it"),
    formula=_("Lost ÷ S, which is 1 − retention. S: members who bought in the period before. Lost: those of S without "
              "any purchase in this period."),
    explanation=_("“Lost” means only: no purchase in this period. A member of a shop signs no contract and may come "
                  "back; choose a period that is long for your trade. While a period is running, the figure can still "
                  "fall."),
    source="https://en.wikipedia.org/wiki/Churn_rate",
    good="down",
    count=count,
    interval=lambda c: intervals.wilson(c.numerator, c.denominator),
    alert_above=Decimal(7),
    groups=(Group("lost", _("Did not buy again"), movement.listing("was AND NOT came"), "lost"),),
    tile=2,
)  # fmt: skip
