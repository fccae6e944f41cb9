"""The members behind a number, or behind what needs attention."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.utils.translation import gettext as _

from analytics import alerts, metrics, windows
from analytics.answers import MemberBehind, MembersPage
from analytics.models import Insight
from analytics.period_choices import parse_period
from merchants import contacts
from merchants.errors import NotFound
from merchants.models.merchants import Merchant

PAGE_MAX: Final = 200

# Behind what needs attention, whom most is lost with comes first; behind a number, in the order of joining.
_PAGE: Final = """
    WITH listed AS MATERIALIZED ({listing}), placed AS (
        SELECT l.*, m.id, m.public_id, m.name, m.email, m.phone, {stake} AS stake
        FROM listed l JOIN member_of_today m ON m.merchant_id = %(merchant)s AND m.id = l.person
    )
    SELECT p.public_id, p.name, p.purchases, p.revenue_minor, p.last_day, p.stake, p.email, p.phone,
        (SELECT count(*) FROM listed)
    FROM placed p
    WHERE %(after)s::text IS NULL OR (-p.stake, p.id) > (
        SELECT -coalesce((SELECT a.stake FROM placed a WHERE a.public_id = %(after)s), 0), m.id FROM member_of_today m
        WHERE m.merchant_id = %(merchant)s AND m.public_id = %(after)s)
    ORDER BY -p.stake, p.id LIMIT %(rows)s
"""


def members_behind(
    *,
    merchant: Merchant,
    metric: str,
    period: str,
    which: str,
    now: datetime,
    after: str | None = None,
    limit: int = 50,
) -> MembersPage:
    """List the members behind a number (or, with `insight`, behind what needs attention).

    What needs attention is ordered by what is at stake, the most first; a number's members by joining.  At most 200 a
    page; `after` is the id of the last member seen.  Contacts are masked.

    :raises NotFound: no such metric or group.  :raises NoSuchPeriod: the key names no period.
    """
    listing, parameters, title = _listing(merchant, metric, period, which, now)
    limit = max(1, min(limit, PAGE_MAX))
    stake = "coalesce(l.at_stake, 0)::numeric" if metric == "insight" else "0::numeric"
    with connection.cursor() as cursor:
        cursor.execute(_PAGE.format(listing=listing, stake=stake), {**parameters, "after": after, "rows": limit + 1})
        rows = cursor.fetchall()
    found = tuple(_member(row, has_stake=metric == "insight") for row in rows[:limit])
    return MembersPage(title, found, rows[0][8] if rows else 0, found[-1].id if len(rows) > limit else None)


def _member(row: tuple[Any, ...], *, has_stake: bool) -> MemberBehind:
    public_id, name, purchases, revenue, last_day, stake, email, phone, _total = row
    contact = email or phone or ""
    day: date | None = last_day
    return MemberBehind(
        public_id, name, _whole(purchases), _whole(revenue), day, _whole(stake) if has_stake else None,
        contacts.stored(contact).masked if contact else "",
    )  # fmt: skip


def _whole(figure: Decimal | int | None) -> int | None:
    return None if figure is None else int(figure)


def _listing(
    merchant: Merchant, metric: str, period: str, which: str, now: datetime
) -> tuple[str, dict[str, Any], str]:
    if metric == "insight":
        alert = alerts.BY_KIND.get(which)
        if alert is None:
            raise NotFound(_("There is no such list."))
        row = Insight.objects.filter(merchant=merchant, kind=which).first()
        return alert.listing, alerts.asked(merchant, now), alert.title(row.members) if row else ""
    declared = metrics.BY_KEY.get(metric)
    group = next((g for g in declared.groups if g.key == which), None) if declared else None
    if group is None:
        raise NotFound(_("There is no such list."))
    window = parse_period(period, merchant=merchant, now=now)
    return group.sql, {"merchant": merchant.pk, **windows.arrays([window])}, str(group.title)
