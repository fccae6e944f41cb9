"""What needs attention, one declaration each: regulars who stay away, points about to end, unhappy members, busy cards.

A new one is declared here, with its words; how it looks and where it leads is the console's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from analytics.metrics.people import PERSON_DAYS_SQL
from analytics.windows import YEAR_DAYS
from engagement.survey_answers import NEWS_DAYS
from engagement.surveys import DETRACTOR_MAX
from merchants import periods
from merchants.models.merchants import Merchant

#: Nobody is missed sooner than after so many days, however often they came.
PATIENCE_DAYS: Final = 14
REGULAR_DAYS_MIN: Final = 4
#: A day on which a card was used too often is looked into for so long.
BUSY_DAYS: Final = 14


@dataclass(frozen=True, slots=True)
class AlertKind:
    """Something that needs attention: who is concerned, what is at stake, and how it is said.

    `listing` gives (person, purchases, revenue_minor, last_day, at_stake) with the parameters of `asked`; `days` are the
    days [first, end) it looks at, given today.
    """

    kind: str
    listing: str
    days: Callable[[date], tuple[date, date]]
    unit: Literal["money", "points", "answers", "purchases"]
    title: Callable[[int], str]
    detail: str | Promise


def _last(days: int) -> Callable[[date], tuple[date, date]]:
    """Make the last so many days, today included."""
    return lambda today: (today - timedelta(days=days - 1), today + timedelta(days=1))


# A regular came on 4 days or more within 365.  Slipping: away for more than twice their own mean gap.
_SLIPPING: Final = AlertKind(
    kind="regulars_slipping",
    listing=f"""
    WITH {PERSON_DAYS_SQL}, regular AS (
        SELECT p.person, sum(p.purchases) AS purchases, sum(p.revenue_minor) AS revenue_minor,
            max(p.local_day) FILTER (WHERE p.purchases > 0) AS last_day,
            count(DISTINCT p.local_day) FILTER (WHERE p.purchases > 0) AS days,
            min(p.local_day) FILTER (WHERE p.purchases > 0) AS first_day
        FROM person_day p WHERE p.local_day >= %(today)s::date - {YEAR_DAYS} AND p.local_day < %(today)s GROUP BY 1
    )
    SELECT r.person, r.purchases, r.revenue_minor, r.last_day, r.revenue_minor AS at_stake FROM regular r
    JOIN member_of_today m ON m.merchant_id = %(merchant)s AND m.id = r.person AND m.state = 'active'
    WHERE r.days >= {REGULAR_DAYS_MIN}
        AND (%(today)s::date - r.last_day) > greatest({PATIENCE_DAYS}, 2.0 * (r.last_day - r.first_day) / (r.days - 1))
    """,
    days=_last(YEAR_DAYS + 1),
    unit="money",
    title=lambda count: ngettext(
        "%(count)d regular is slipping away", "%(count)d regulars are slipping away", count
    ) % {"count": count},
    detail=_("They bought on four different days or more within 365 days, and have been away for twice as long as usual."),
)  # fmt: skip

# What ends with the month ends at the first instant of the next.
_EXPIRING: Final = AlertKind(
    kind="points_expiring",
    listing="""
    SELECT a.member_id AS person, NULL::bigint AS purchases, NULL::bigint AS revenue_minor, NULL::date AS last_day,
        sum(l.free) AS at_stake
    FROM reading_lots l JOIN reading_accounts a ON a.merchant_id = %(merchant)s AND a.id = l.account_id
    WHERE l.merchant_id = %(merchant)s AND l.free > 0 AND l.expires_at > %(now)s AND l.expires_at <= %(month_end)s
    GROUP BY 1
    """,
    days=lambda today: (today, periods.end_day_of("month", today)),
    unit="points",
    title=lambda count: ngettext(
        "Points of %(count)d member expire this month", "Points of %(count)d members expire this month", count
    ) % {"count": count},
    detail=_("A reminder brings them back while the points are still good."),
)  # fmt: skip

_WAITING: Final = AlertKind(
    kind="detractors_waiting",
    listing=f"""
    SELECT r.member_id AS person, NULL::bigint AS purchases, NULL::bigint AS revenue_minor,
        max(r.local_day) AS last_day, count(*) AS at_stake
    FROM survey_answers r
    WHERE r.merchant_id = %(merchant)s AND r.score <= {DETRACTOR_MAX} AND r.followed_up_at IS NULL
        AND r.local_day > %(today)s::date - {NEWS_DAYS} AND r.member_id IS NOT NULL
    GROUP BY 1
    """,
    days=_last(NEWS_DAYS),
    unit="answers",
    title=lambda count: ngettext(
        "%(count)d unhappy member has had no answer", "%(count)d unhappy members have had no answer", count
    ) % {"count": count},
    detail=_("They scored 0 to 6 within 30 days, and nobody has noted a follow-up."),
)  # fmt: skip

# More purchases in a day than the merchant finds likely: a family's card, or a cashier's own on customers' sales.
_BUSY: Final = AlertKind(
    kind="unusually_busy",
    listing=f"""
    WITH {PERSON_DAYS_SQL}, days AS (
        SELECT p.person, p.local_day, sum(p.purchases) AS purchases, sum(p.revenue_minor) AS revenue_minor
        FROM person_day p WHERE p.local_day > %(today)s::date - {BUSY_DAYS} AND p.local_day <= %(today)s GROUP BY 1, 2
    )
    SELECT d.person, sum(d.purchases) AS purchases, sum(d.revenue_minor) AS revenue_minor, max(d.local_day) AS last_day,
        sum(d.purchases) AS at_stake
    FROM days d WHERE d.purchases > %(usual_most)s GROUP BY 1
    """,
    days=_last(BUSY_DAYS),
    unit="purchases",
    title=lambda count: ngettext(
        "%(count)d member bought unusually often", "%(count)d members bought unusually often", count
    ) % {"count": count},
    detail=_("More purchases in a day than your settings expect: a family's card, or one a cashier uses for others."),
)  # fmt: skip

ALERTS: Final = (_SLIPPING, _EXPIRING, _WAITING, _BUSY)
BY_KIND: Final = {alert.kind: alert for alert in ALERTS}


def asked(merchant: Merchant, now: datetime) -> dict[str, Any]:
    """Make the parameters of the listings for one moment."""
    today = periods.local_day(now, merchant.tzinfo)
    month_end = periods.start_of_day(periods.end_day_of("month", today), merchant.tzinfo)
    return {
        "merchant": merchant.pk, "today": today, "now": now, "month_end": month_end,
        "usual_most": merchant.daily_accruals_alert,
    }  # fmt: skip


_KEEP: Final = """
    WITH listed AS MATERIALIZED (
        SELECT l.person, coalesce(l.at_stake, 0)::bigint AS at_stake FROM ({listing}) AS l
    ), gone AS (
        DELETE FROM analytics_insightmember i WHERE i.merchant_id = %(merchant)s AND i.kind = %(kind)s
            AND NOT EXISTS (SELECT 1 FROM listed l WHERE l.person = i.member_id)
    ), kept AS (
        INSERT INTO analytics_insightmember AS i (merchant_id, kind, member_id, at_stake)
        SELECT %(merchant)s, %(kind)s, person, at_stake FROM listed
        ON CONFLICT (merchant_id, kind, member_id) DO UPDATE SET at_stake = excluded.at_stake
            WHERE i.at_stake <> excluded.at_stake
    )
    INSERT INTO analytics_insight (merchant_id, kind, members, amount, first_day, end_day, computed_at)
    SELECT %(merchant)s, %(kind)s, count(*), coalesce(sum(at_stake), 0), %(first)s, %(end)s, %(now)s FROM listed
    ON CONFLICT (merchant_id, kind) DO UPDATE SET members = excluded.members, amount = excluded.amount,
        first_day = excluded.first_day, end_day = excluded.end_day, computed_at = excluded.computed_at
"""


def refresh(*, merchant: Merchant, now: datetime) -> None:
    """Count every kind anew, and keep whom it counted: the list of members is narrowed to them."""
    parameters = asked(merchant, now)
    with connection.cursor() as cursor:
        for alert in ALERTS:
            first, end = alert.days(parameters["today"])
            cursor.execute(
                _KEEP.format(listing=alert.listing), {**parameters, "kind": alert.kind, "first": first, "end": end}
            )
