"""Retention rate: of the members who bought in the window before, the share that bought again in this one."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from analytics.metrics import intervals, movement
from analytics.metrics.definition import HISTORY, Count, Group, Metric, Tally


def count(tally: Tally) -> list[Count]:
    return [
        Count(
            numerator=Decimal(m.end - m.new),
            denominator=Decimal(m.start),
            n=m.start,
            parts={"start": m.start, "end": m.end, "new": m.new, "retained": m.retained, "lost": m.lost},
        )
        for m in movement.movements(tally)
    ]


METRIC = Metric(
    key="retention",
    version=1,
    title=_("Retention rate"),
    unit="share",
    window=_("The period, compared with the period of equal kind before it"),
    formula=_("(E − N) ÷ S. S: members who bought in the period before. E: members who bought in this period. N: those "
              "of E who did not buy in the period before (new, or back after a pause)."),
    explanation=_("Of the members who bought in the period before, the share that bought again. A purchase that was "
                  "wholly refunded does not count. While a period is running, the figure can still rise, and it is compared "
                  "with as many days of the period before."),
    remark=HISTORY,
    source="https://en.wikipedia.org/wiki/Customer_retention",
    good="up",
    count=count,
    interval=lambda c: intervals.wilson(c.numerator, c.denominator),
    looks_back_to=lambda window: window.before,
    groups=(
        Group("retained", _("Bought again"), movement.listing("was AND came"), "retained"),
        Group("lost", _("Did not buy again"), movement.listing("was AND NOT came"), "lost"),
        Group("new", _("New, or back after a pause"), movement.listing("came AND NOT was"), "new"),
    ),
    tile=1,
)  # fmt: skip
