"""The repeat purchase rate with the other denominator in use: all members, also those who did not buy."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.utils.translation import gettext_lazy as _

from analytics.metrics import frequency, intervals
from analytics.metrics.definition import HISTORY, Count, Metric, Tally
from analytics.metrics.people import PERSON_DAYS_SQL
from analytics.windows import WINDOWS_SQL, YEAR_DAYS

# A claimed or imported purchase may be older than the membership: its buyer belongs to the members too, or the share
# could pass 100 %.  The zone turns an instant of joining into the merchant's day.
_MEMBERS: Final = f"""
    WITH {WINDOWS_SQL}, {PERSON_DAYS_SQL}, person AS MATERIALIZED (
        SELECT m.id, (m.joined_at AT TIME ZONE %(zone)s)::date AS joined_on FROM member_of_today m
        WHERE m.merchant_id = %(merchant)s AND m.merged_into_id IS NULL
    ), before_joining AS MATERIALIZED (
        SELECT p.id, p.joined_on, d.local_day FROM person p JOIN person_day d ON d.person = p.id
        WHERE d.local_day < p.joined_on AND d.purchases > 0
    ), joined AS (
        SELECT w.n, count(*) AS members FROM win w JOIN person p ON p.joined_on < w.end_day GROUP BY 1
    ), early AS (
        SELECT w.n, count(DISTINCT b.id) AS members FROM win w JOIN before_joining b
            ON b.joined_on >= w.end_day AND b.local_day >= w.end_day - {YEAR_DAYS} AND b.local_day < w.end_day
        GROUP BY 1
    )
    SELECT w.n, coalesce(j.members, 0) + coalesce(e.members, 0) AS members
    FROM win w LEFT JOIN joined j ON j.n = w.n LEFT JOIN early e ON e.n = w.n
"""


def count(tally: Tally) -> list[Count]:
    found = tally.ask(_MEMBERS, zone=tally.merchant.zone)
    return [
        Count(Decimal(f.repeat), Decimal(m["members"]), m["members"], {"repeat": f.repeat, "members": m["members"]})
        for f, m in zip(frequency.frequencies(tally), found, strict=True)
    ]


METRIC = Metric(
    key="repeat_share_of_all",
    version=1,
    title=_("Repeat buyers among all members"),
    unit="share",
    window=_("365 days up to the end of the period; of a running period, up to yesterday"),
    formula=_("Members with 2 or more purchases in 365 days ÷ all who had joined by the end of the period."),
    explanation=_("The repeat purchase rate over all members, also those who never bought. It falls when many join "
                  "and do not buy."),
    remark=HISTORY,
    source="https://en.wikipedia.org/wiki/Repeat_customer",
    good="up",
    count=count,
    interval=lambda c: intervals.wilson(c.numerator, c.denominator),
    looks_back_to=frequency.looks_back_to,
)  # fmt: skip
