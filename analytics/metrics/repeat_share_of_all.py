"""The repeat purchase rate with the other denominator in use: all members, also those who did not buy."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from analytics.metrics import frequency, intervals
from analytics.metrics.definition import Count, Metric, ask
from analytics.windows import WINDOWS_SQL, YEAR_DAYS, Window, arrays

# A claimed or imported purchase may be older than the membership: its buyer belongs to the members too, or the share
# could pass 100 %.  The zone turns an instant of joining into the merchant's day.
_MEMBERS: Final = f"""
    WITH {WINDOWS_SQL}, person AS (
        SELECT m.id, (m.joined_at AT TIME ZONE %(zone)s)::date AS joined_on FROM members_member m
        WHERE m.merchant_id = %(merchant)s AND m.merged_into_id IS NULL
    ), early AS (
        SELECT w.n, coalesce(gone.merged_into_id, d.member_id) AS id FROM win w
        JOIN analytics_memberday d ON d.merchant_id = %(merchant)s AND d.member_id > 0
            AND d.local_day >= w.end_day - {YEAR_DAYS} AND d.local_day < w.end_day
        LEFT JOIN members_member gone ON gone.merchant_id = %(merchant)s AND gone.id = d.member_id
            AND gone.merged_into_id IS NOT NULL
        JOIN person p ON p.id = coalesce(gone.merged_into_id, d.member_id) AND p.joined_on >= w.end_day
        GROUP BY 1, 2
    )
    SELECT w.n, (SELECT count(*) FROM person p WHERE p.joined_on < w.end_day)
        + (SELECT count(*) FROM early e WHERE e.n = w.n) AS members FROM win w
"""


def count(cursor: CursorWrapper, merchant_id: int, windows: Sequence[Window]) -> list[Count]:
    cursor.execute("SELECT zone FROM merchants_merchant WHERE id = %s", [merchant_id])
    zone = cursor.fetchone()[0]
    found = ask(cursor, _MEMBERS, {"merchant": merchant_id, "zone": zone, **arrays(windows)}, windows)
    often = frequency.frequencies(cursor, merchant_id, windows)
    return [
        Count(Decimal(f.repeat), Decimal(m["members"]), m["members"], {"repeat": f.repeat, "members": m["members"]})
        for f, m in zip(often, found, strict=True)
    ]


METRIC = Metric(
    key="repeat_share_of_all",
    version=1,
    title=_("Repeat buyers among all members"),
    unit="share",
    window=_("365 days up to the end of the period"),
    formula=_("Members with 2 or more purchases in 365 days ÷ all who had joined by the end of the period."),
    explanation=_("The repeat purchase rate over all members, also those who never bought. It falls when many join "
                  "and do not buy."),
    source="https://en.wikipedia.org/wiki/Repeat_customer",
    good="up",
    count=count,
    interval=lambda c: intervals.wilson(c.numerator, c.denominator),
)  # fmt: skip
