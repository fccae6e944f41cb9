"""The dashboard's drawings: sales by week, and who of each month's joiners came back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics import dashboard
from analytics.answers import Board, SalesBar
from loyalty.console.dashboard import addresses, numbers
from loyalty.console.dashboard.asked import Asked
from loyalty.tenant import merchant_of
from loyalty.ui import charts, formats
from merchants import periods
from merchants.directory import Merchant

SHOWN_FROM: Final = 5
_TITLES: Final = {
    "week": gettext_lazy("Sales by week"), "month": gettext_lazy("Sales by month"),
    "quarter": gettext_lazy("Sales by quarter"), "year": gettext_lazy("Sales by year"),
}  # fmt: skip


def sales(request: HttpRequest, board: Board) -> dict[str, Any] | None:
    """Return the bars of the period, one of them chosen and read out; None where there is no day yet."""
    if not board.bars:
        return None
    merchant = merchant_of(request)
    chosen = _chosen(request, board)
    bar = board.bars[chosen]
    earlier = numbers.before(board.previous)
    drawn = charts.stacks(
        [
            {
                "label": _days(each),
                "axis": _axis(board, place),
                "parts": [each.members_minor, each.guests_minor],
                "mark": each.members_before_minor,
                "href": f"?{addresses.kept(request, bar=str(place))}#sales",
                "is_current": place == chosen,
            }
            for place, each in enumerate(board.bars)
        ],
        lambda minor: formats.money_short(round(minor), merchant.currency, merchant.display_digits),
    )
    names = [_("Members"), _("Others"), _("Members, %(period)s") % {"period": earlier}]
    amounts = (bar.members_minor, bar.guests_minor, bar.members_before_minor)
    return {
        **drawn,
        "title": str(_TITLES[board.grain]),
        "when": _days(bar),
        "legend": [
            {"label": name, "text": _money(merchant, minor)} for name, minor in zip(names, amounts, strict=True)
        ],
        "part_names": names,
        "change": numbers.relative(bar.members_minor, bar.members_before_minor),
    }


def _chosen(request: HttpRequest, board: Board) -> int:
    """The bar one asked for, or the newest whole one."""
    asked = request.GET.get("bar", "")
    if asked.isdecimal() and len(asked) < 4 and int(asked) < len(board.bars):
        return int(asked)
    last = len(board.bars) - 1
    first, end = board.bars[last].starts_on, board.bars[last].ends_on
    whole = first + timedelta(days=7) if board.grain == "week" else periods.end_day_of(board.grain, first)
    return last - 1 if end < whole and last else last


def _days(bar: SalesBar) -> str:
    last = bar.ends_on - timedelta(days=1)
    if last == bar.starts_on:
        return formats.day_and_month(last)
    return _("%(first)s – %(last)s") % {
        "first": formats.day_and_month(bar.starts_on),
        "last": formats.day_and_month(last),
    }


def _axis(board: Board, place: int) -> str:
    """Name a bar below the axis: a day, the month only where it changes; a month, the year with the first and January."""
    bar, first = board.bars[place], board.bars[place].starts_on
    if board.grain == "week":
        is_new = place == 0 or board.bars[place - 1].starts_on.month != first.month
        return formats.day_and_month(first) if is_new else str(first.day)
    if board.grain == "month":
        return formats.short_month(first)
    return str(bar.starts_on.year)


def _money(merchant: Merchant, minor: int) -> str:
    return formats.money(minor, merchant.currency, merchant.display_digits)


def cohorts(request: HttpRequest, board: Board, asked: Asked) -> dict[str, Any]:
    """Return who came back, by month of joining or of the first purchase."""
    rows = board.cohorts
    width = max((len(row.shares) - 1 for row in rows), default=0)
    return {
        "columns": [_("M%(number)d") % {"number": number} for number in range(1, width + 1)],
        "rows": [
            {
                "label": formats.short_month_and_year(row.joined_month),
                "size": row.members,
                "shares": [
                    float(row.shares[after]) / 100 if after < len(row.shares) else None for after in range(1, width + 1)
                ],
            }
            for row in rows
        ],
        "bases": [
            {
                "label": label,
                "href": "?" + addresses.kept(request, by=key) + "#cohorts",
                "is_current": key == asked.basis,
            }
            for key, label in (("joined", _("By month of joining")), ("first_purchase", _("By first purchase")))
        ],
        "is_by_joining": asked.basis == "joined",
        # Of a handful nothing can be said; of a few, with care.
        "smallest": SHOWN_FROM,
        "has_small": any(SHOWN_FROM <= row.members < dashboard.COHORT_MIN for row in rows),
        "judged_from": dashboard.COHORT_MIN,
    }
