"""What needs attention: regulars who stay away, points about to end, unhappy members nobody answered, busy cards."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection

from analytics.metrics.people import PERSON_DAYS_SQL
from analytics.windows import YEAR_DAYS
from engagement.surveys import DETRACTOR_MAX
from engagement.voices import NEWS_DAYS
from merchants import periods
from merchants.models.merchants import Merchant

KINDS: Final = ("regulars_slipping", "points_expiring", "detractors_waiting", "unusually_busy")

#: Nobody is missed sooner than after so many days, however often they came.
PATIENCE_DAYS: Final = 14
REGULAR_DAYS_MIN: Final = 4
#: A day on which a card was used too often is looked into for so long.
BUSY_DAYS: Final = 14

# A regular came on 4 days or more within a year.  Slipping: away for more than twice their own mean gap.
_SLIPPING: Final = f"""
    WITH {PERSON_DAYS_SQL}, regular AS (
        SELECT p.person, sum(p.purchases) AS purchases, sum(p.revenue_minor) AS revenue_minor,
            max(p.local_day) AS last_day, count(DISTINCT p.local_day) AS days, min(p.local_day) AS first_day
        FROM person_day p WHERE p.local_day >= %(today)s::date - {YEAR_DAYS} AND p.local_day < %(today)s GROUP BY 1
    )
    SELECT r.person, r.purchases, r.revenue_minor, r.last_day, r.revenue_minor AS at_stake FROM regular r
    JOIN members_member m ON m.merchant_id = %(merchant)s AND m.id = r.person AND m.state = 'active'
    WHERE r.days >= {REGULAR_DAYS_MIN}
        AND (%(today)s::date - r.last_day) > greatest({PATIENCE_DAYS}, 2.0 * (r.last_day - r.first_day) / (r.days - 1))
"""

# What ends with the month ends at the first instant of the next.
_EXPIRING: Final = """
    SELECT a.member_id AS person, NULL::bigint AS purchases, NULL::bigint AS revenue_minor, NULL::date AS last_day,
        sum(l.free) AS at_stake
    FROM reading_lots l JOIN reading_accounts a ON a.merchant_id = %(merchant)s AND a.id = l.account_id
    WHERE l.merchant_id = %(merchant)s AND l.free > 0 AND l.expires_at > %(now)s AND l.expires_at <= %(month_end)s
    GROUP BY 1
"""

_WAITING: Final = f"""
    SELECT r.member_id AS person, NULL::bigint AS purchases, NULL::bigint AS revenue_minor,
        max(r.local_day) AS last_day, count(*) AS at_stake
    FROM engagement_surveyresponse r
    WHERE r.merchant_id = %(merchant)s AND r.score <= {DETRACTOR_MAX} AND r.followed_up_at IS NULL
        AND r.local_day > %(today)s::date - {NEWS_DAYS} AND r.member_id IS NOT NULL
    GROUP BY 1
"""

# More purchases in a day than the merchant finds likely: a family's card, or a cashier's own on customers' sales.
_BUSY: Final = f"""
    WITH {PERSON_DAYS_SQL}, days AS (
        SELECT p.person, p.local_day, sum(p.purchases) AS purchases, sum(p.revenue_minor) AS revenue_minor
        FROM person_day p WHERE p.local_day > %(today)s::date - {BUSY_DAYS} AND p.local_day <= %(today)s GROUP BY 1, 2
    )
    SELECT d.person, sum(d.purchases) AS purchases, sum(d.revenue_minor) AS revenue_minor, max(d.local_day) AS last_day,
        sum(d.purchases) AS at_stake
    FROM days d WHERE d.purchases > %(usual_most)s GROUP BY 1
"""

LISTINGS: Final = {
    "regulars_slipping": _SLIPPING,
    "points_expiring": _EXPIRING,
    "detractors_waiting": _WAITING,
    "unusually_busy": _BUSY,
}
_DAYS_BACK: Final = {
    "regulars_slipping": YEAR_DAYS,
    "detractors_waiting": NEWS_DAYS - 1,
    "unusually_busy": BUSY_DAYS - 1,
}


def asked(merchant: Merchant, now: datetime) -> dict[str, Any]:
    """This function will make the parameters of the listings for one moment."""
    today = periods.local_day(now, merchant.tzinfo)
    month_end = periods.start_of_day(periods.end_day_of("month", today), merchant.tzinfo)
    return {
        "merchant": merchant.pk, "today": today, "now": now, "month_end": month_end,
        "usual_most": merchant.daily_accruals_alert,
    }  # fmt: skip


def days_of(kind: str, today: date) -> tuple[date, date]:
    """This function will say which days [first, end) an insight looks at."""
    if kind == "points_expiring":
        return today, periods.end_day_of("month", today)
    return today - timedelta(days=_DAYS_BACK[kind]), today + timedelta(days=1)


def refresh(*, merchant: Merchant, now: datetime) -> None:
    """This function will count every kind of insight anew."""
    parameters = asked(merchant, now)
    with connection.cursor() as cursor:
        for kind, listing in LISTINGS.items():
            first, end = days_of(kind, parameters["today"])
            cursor.execute(
                "INSERT INTO analytics_insight (merchant_id, kind, members, amount, first_day, end_day, computed_at) "
                "SELECT %(merchant)s, %(kind)s, count(*), coalesce(sum(at_stake), 0), %(first)s, %(end)s, %(now)s "
                f"FROM ({listing}) AS listed "
                "ON CONFLICT (merchant_id, kind) DO UPDATE SET members = excluded.members, amount = excluded.amount, "
                "first_day = excluded.first_day, end_day = excluded.end_day, computed_at = excluded.computed_at",
                {**parameters, "kind": kind, "first": first, "end": end},
            )
