"""The dashboard's drawings: a series of the period, and who of each month's joiners came back."""

from __future__ import annotations

from typing import Any, Final, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics import dashboard
from analytics.answers import Dashboard, SeriesPoint
from loyalty.console.dashboard import addresses
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants import money
from merchants.directory import Merchant

COHORT_MONTHS: Final = 12
SHOWN_FROM: Final = 5
#: The series one can look at: a name, and the figures it draws.
CHARTS: Final[dict[str, tuple[Any, tuple[tuple[str, Any], ...]]]] = {
    "points": (
        gettext_lazy("Points"),
        (("points_issued", gettext_lazy("Earned")), ("points_redeemed", gettext_lazy("Redeemed")),
         ("points_expired", gettext_lazy("Expired"))),
    ),
    "sales": (
        gettext_lazy("Sales"),
        (("purchases", gettext_lazy("Purchases")), ("free_purchases", gettext_lazy("With a total of 0")),
         ("guest_purchases", gettext_lazy("Without a member"))),
    ),
    "revenue": (
        gettext_lazy("Revenue"),
        (("revenue_minor", gettext_lazy("Revenue")), ("points_paid_minor", gettext_lazy("Of which points paid")),
         ("guest_revenue_minor", gettext_lazy("Without a member"))),
    ),
    "members": (
        gettext_lazy("Members"),
        (("active_members", gettext_lazy("Members who bought")), ("enrolments", gettext_lazy("Joined"))),
    ),
}  # fmt: skip


def items(request: HttpRequest, chart: str) -> list[dict[str, Any]]:
    return [
        {"label": title, "href": "?" + addresses.kept(request, chart=key) + "#series", "is_current": key == chart}
        for key, (title, _lines) in CHARTS.items()
    ]


def chart(merchant: Merchant, found: Dashboard, key: str, *, decimals: int) -> dict[str, Any]:
    """Return a chart's lines, and beside each its sum in the period and how that compares with the period before."""
    title, lines = CHARTS[key]
    points = found.series.points
    places = {"revenue": money.exponent(merchant.currency), "points": decimals}.get(key, 0)
    labelled = formats.month if found.series.grain == "month" else formats.day_and_month
    earlier = dashboard.totals(merchant=merchant, first=found.previous.starts_on, end=found.previous.ends_on)
    return {
        "title": title,
        "labels": [labelled(point.starts_on) for point in points],
        "series": [
            {"label": label, "values": [_figure(point, name, places) for point in points]} for name, label in lines
        ],
        "grain": found.series.grain,
        "sums": [
            {
                "label": label,
                **_sum(merchant, key, getattr(found.series.totals, name), getattr(earlier, name), decimals),
            }
            for name, label in lines
            if name not in _NO_SUM
        ],
    }


#: Who bought in two days is one member, not two.
_NO_SUM: Final = ("active_members",)


def _figure(point: SeriesPoint, name: str, places: int) -> int | float:
    value: int = getattr(point, name)
    return value if places == 0 else value / 10**places


def _sum(merchant: Merchant, key: str, total: int, earlier: int, decimals: int) -> dict[str, Any]:
    if key == "revenue":
        written = formats.money(total, merchant.currency, merchant.display_digits)
    else:
        written = formats.points(total, decimals if key == "points" else 0)
    change = (total - earlier) / earlier if earlier else None
    # What reads as 0.0 % is no change.
    is_flat = change is None or round(abs(change), 3) == 0
    return {
        "total": written,
        "change": None if change is None else formats.percent(abs(change)),
        "trend": "flat" if is_flat else "up" if total > earlier else "down",
    }


def cohorts(request: HttpRequest) -> dict[str, Any]:
    """Return who came back, by month of joining or of the first purchase."""
    merchant = merchant_of(request)
    basis: Literal["joined", "first_purchase"] = "joined"
    if request.GET.get("by") == "first_purchase":
        basis = "first_purchase"
    rows = dashboard.cohorts(merchant=merchant, months=COHORT_MONTHS, basis=basis)
    width = max((len(row.shares) - 1 for row in rows), default=0)
    width = min(width, COHORT_MONTHS)
    return {
        "columns": [_("M%(number)d") % {"number": number} for number in range(1, width + 1)],
        "rows": [
            {
                "label": _("%(month)s *") % {"month": formats.month(row.joined_month)}
                if row.is_small
                else formats.month(row.joined_month),
                "size": row.members,
                "shares": [
                    float(row.shares[after]) / 100 if after < len(row.shares) else None for after in range(1, width + 1)
                ],
            }
            for row in rows
        ],
        "bases": [
            {"label": label, "href": "?" + addresses.kept(request, by=key) + "#cohorts", "is_current": key == basis}
            for key, label in (("joined", _("By month of joining")), ("first_purchase", _("By first purchase")))
        ],
        "is_by_joining": basis == "joined",
        # Of a handful nothing can be said; of a few, with care.
        "smallest": SHOWN_FROM,
        "has_small": any(row.is_small for row in rows),
        "judged_from": dashboard.COHORT_MIN,
    }
