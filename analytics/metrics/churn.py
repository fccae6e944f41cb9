"""Churn rate: of the members who bought in the window before, the share that did not buy in this one.

Whether that is much depends on the trade: who buys books once a quarter is not lost after a month.  So the warning
begins where the members' own pauses end: at the share of them that were longer than the period.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.metrics import intervals, movement
from analytics.metrics.definition import HISTORY, Alert, Count, Group, Metric, Tally
from analytics.metrics.people import PERSON_DAYS_SQL
from analytics.windows import WINDOWS_SQL, YEAR_DAYS
from merchants.models.merchants import Merchant

#: The field's rule of thumb: 5 to 7 percent are nothing to worry about.
LEAST: Final = Decimal(7)
#: Fewer pauses than this say little about a trade.
PAUSES_MIN: Final = 50

# A pause is the time between two days on which a member bought; it counts for the year in which it ended.
_PAUSES: Final = f"""
    WITH {WINDOWS_SQL}, {PERSON_DAYS_SQL}, pause AS (
        SELECT local_day, local_day - lag(local_day) OVER (PARTITION BY person ORDER BY local_day) AS days
        FROM (SELECT DISTINCT person, local_day FROM person_day WHERE purchases > 0) AS shopped
    ), counted AS MATERIALIZED (
        SELECT local_day, days, count(*) AS pauses FROM pause WHERE days IS NOT NULL GROUP BY 1, 2
    )
    SELECT w.n, coalesce(sum(c.pauses), 0) AS pauses,
        coalesce(sum(c.pauses) FILTER (WHERE c.days > w.days), 0) AS longer
    FROM win w JOIN counted c ON c.local_day >= w.end_day - {YEAR_DAYS} AND c.local_day < w.end_day GROUP BY w.n
"""


def count(tally: Tally) -> list[Count]:
    return [
        Count(
            numerator=Decimal(m.lost),
            denominator=Decimal(m.start),
            n=m.start,
            parts={"start": m.start, "lost": m.lost, "retained": m.retained, **pauses},
        )
        for m, pauses in zip(movement.movements(tally), tally.ask(_PAUSES), strict=True)
    ]


def alert(merchant: Merchant, parts: Mapping[str, int]) -> Alert:
    """State above which percentage of churn the merchant is warned, and why there."""
    if merchant.churn_alert_percent:
        above = Decimal(merchant.churn_alert_percent)
        return Alert(above, gettext("You are warned above %(limit)s %%, as your settings say.") % {"limit": above})
    pauses, longer = parts.get("pauses", 0), parts.get("longer", 0)
    if pauses < PAUSES_MIN:
        reason = gettext(
            "You are warned above %(limit)s %%, a rule of thumb; from %(needed)d pauses between purchases on, your "
            "members' own say where."
        )
        return Alert(LEAST, reason % {"limit": LEAST, "needed": PAUSES_MIN})
    share = (Decimal(longer) * 100 / pauses).quantize(Decimal("0.1"), ROUND_CEILING)
    above = max(LEAST, share)
    reason = gettext(
        "You are warned above %(limit)s %%. Within 365 days, %(longer)d of %(pauses)d pauses between your members' "
        "purchases were longer than this period: that many stay away and come back all the same. Below 7 %% nobody is "
        "warned."
    )
    return Alert(above, reason % {"limit": above, "longer": longer, "pauses": pauses})


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
                  "fall, it is compared with as many days of the period before, and nobody is warned."),
    remark=HISTORY,
    source="https://en.wikipedia.org/wiki/Churn_rate",
    good="down",
    count=count,
    interval=lambda c: intervals.wilson(c.numerator, c.denominator),
    alert=alert,
    looks_back_to=lambda window: window.before,
    groups=(Group("lost", _("Did not buy again"), movement.listing("was AND NOT came"), "lost"),),
    tile=2,
)  # fmt: skip
