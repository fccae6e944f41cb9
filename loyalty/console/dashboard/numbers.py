"""A number as the dashboard shows it: value, range, change against the period before, and the way to who is behind it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.answers import Board, PeriodChoice, Tile
from loyalty.console import screens
from loyalty.console.dashboard import addresses
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants.directory import Merchant
from merchants.permissions import Permission

#: The numbers below the chart, in order.  Churn stands beside retention: it is the same number from the other side.
KPIS: Final = (
    "retention", "repeat_purchase_rate", "loyal_customer_rate", "average_order_value", "points_redeemed_rate", "nps",
)  # fmt: skip


def kpi(request: HttpRequest, board: Board, tile: Tile) -> dict[str, Any]:
    """Return a number as the `kpi` component wants it, in the reader's language."""
    merchant = merchant_of(request)
    written = _written(merchant, tile)
    interval = ""
    if tile.value is not None and tile.low is not None and tile.high is not None:
        interval = _("%(low)s–%(high)s") % {"low": written(tile.low), "high": written(tile.high)}
    delta = None
    if tile.delta is not None:
        size = abs(tile.delta)
        delta = _("%(size)s points") % {"size": formats.number(size, 1)} if tile.unit == "percent" else written(size)
    return {
        "metric": tile.metric,
        "label": tile.title,
        "value": "–" if tile.value is None else written(tile.value),
        "unit": "%" if tile.unit == "percent" and tile.value is not None else "",
        "interval": interval,
        "few": tile.too_few,
        "delta": delta,
        "trend": {"up": "up", "down": "down"}.get(tile.change or "", "flat"),
        "good": tile.is_good,
        "beside": _beside(board, tile),
        "definition": tile.explanation,
        "formula": tile.formula,
        "warning": tile.alert_reason,
        "window": tile.window,
        "n": counted(tile, decimals=screens.decimals_of(request)),
        "note": _("Counts from %(day)s on, the day of your first sale") % {"day": formats.day(tile.counts_since)}
        if tile.counts_since
        else "",
        "others": [_other(merchant, other) for other in board.tiles.values() if other.beside == tile.metric]
        + ([_other(merchant, board.tiles["churn"])] if tile.metric == "retention" and "churn" in board.tiles else []),
        "spark": [None if point.value is None else float(point.value) for point in tile.spark],
        "spark_label": _("The last %(count)d months") % {"count": len(tile.spark)},
        **_way(request, tile, board.period.key),
    }


def _other(merchant: Merchant, tile: Tile) -> dict[str, str]:
    return {
        "label": tile.title,
        "value": "–" if tile.value is None else _written(merchant, tile)(tile.value),
        "unit": "%" if tile.unit == "percent" and tile.value is not None else "",
        "formula": tile.formula,
    }


def _beside(board: Board, tile: Tile) -> str:
    """Say the one thing that a number is read with: the churn, or what it rests on."""
    if tile.metric == "retention" and tile.value is not None:
        churn = board.tiles.get("churn")
        lost = churn.value if churn is not None else 100 - tile.value
        return _("churn %(share)s%%") % {"share": formats.number(lost or Decimal(0), 1)}
    if tile.metric == "points_redeemed_rate":
        return _("of points earned")
    return counted(tile)


def counted(tile: Tile, *, decimals: int = 0) -> str:
    """Say what the number rests on: so many members, purchases, answers or points."""
    count = {"count": formats.number(tile.n)}
    if tile.metric == "nps":
        return ngettext("%(count)s answer", "%(count)s answers", tile.n) % count
    if tile.metric == "points_redeemed_rate":
        return _("%(points)s points earned") % {"points": formats.points(tile.n, decimals)}
    if tile.unit == "money":
        return ngettext("%(count)s purchase", "%(count)s purchases", tile.n) % count
    return ngettext("%(count)s member", "%(count)s members", tile.n) % count


def _way(request: HttpRequest, tile: Tile, period: str) -> dict[str, Any]:
    """Where a number leads: to the members behind it, or to what was said."""
    if not tile.groups or not screens.may_do(request, Permission.SEE_MEMBERS):
        return {"href": "", "href_text": ""}
    if tile.metric == "nps":
        # Of a month or a quarter gone by everything is shown: the page narrows down to days up to now only.
        days = period.removeprefix("last_") if period.startswith("last_") else ""
        href = f"{screens.url(request, 'dashboard_answers')}?{addresses.query(days=days)}"
        return {"href": href, "href_text": _("what they said")}
    return {"href": addresses.behind(request, tile.metric, tile.groups[0], period), "href_text": ""}


def before(previous: PeriodChoice) -> str:
    """Return what to call the period that this one is compared with."""
    if previous.key.startswith("last_") or ".." in previous.key:
        days = (previous.ends_on - previous.starts_on).days
        return ngettext("the %(count)d day before", "the %(count)d days before", days) % {"count": days}
    return previous.label


def relative(now: int, earlier: int, *, good: str = "up") -> dict[str, Any] | None:
    """Return how much more or less an amount is than before, as a share of that; None where there was nothing."""
    if earlier <= 0:
        return None
    share = Decimal(now - earlier) / earlier
    return _change(formats.percent(abs(share)), share, is_flat=round(abs(share), 3) == 0, good=good)


def difference(now: int, earlier: int, *, good: str = "up") -> dict[str, Any]:
    """Return how many more or fewer than before."""
    return _change(formats.number(abs(now - earlier)), now - earlier, is_flat=now == earlier, good=good)


def in_points(now: Decimal | None, earlier: Decimal | None, *, good: str = "up") -> dict[str, Any] | None:
    """Return the difference of two shares in percentage points; None where one of them is no number."""
    if now is None or earlier is None:
        return None
    points = (now - earlier) * 100
    text = _("%(size)s points") % {"size": formats.number(abs(points), 1)}
    return _change(text, points, is_flat=round(abs(points), 1) == 0, good=good)


def _change(text: str, size: Decimal | int, *, is_flat: bool, good: str) -> dict[str, Any]:
    trend = "flat" if is_flat else "up" if size > 0 else "down"
    return {"text": text, "trend": trend, "good": None if is_flat else trend == good, "word": _word(trend)}


def _word(trend: str) -> str:
    return {"up": _("more than before"), "down": _("less than before")}.get(trend, _("unchanged"))


def _written(merchant: Merchant, tile: Tile) -> Any:
    if tile.unit == "money":
        return lambda value: formats.money(round(value), merchant.currency, merchant.display_digits)
    decimals = 1 if tile.unit == "percent" else 0
    return lambda value: formats.number(value, decimals)
