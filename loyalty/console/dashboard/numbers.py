"""A number as its tile shows it: value, spread, change against the period before, and the periods to choose from."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.answers import Dashboard, PeriodChoice, Tile
from loyalty.console import screens
from loyalty.console.dashboard import addresses
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants.directory import Merchant
from merchants.permissions import Permission


def stat(request: HttpRequest, found: Dashboard, tile: Tile) -> dict[str, Any]:
    """A tile as the `stat` component wants it, in the reader's language."""
    merchant = merchant_of(request)
    written = _written(merchant, tile)
    interval = None
    if tile.value is not None and tile.low is not None and tile.high is not None:
        interval = _("%(low)s to %(high)s") % {"low": written(tile.low), "high": written(tile.high)}
    delta = None
    if tile.delta is not None:
        size = abs(tile.delta)
        delta = _("%(size)s points") % {"size": formats.number(size, 1)} if tile.unit == "percent" else written(size)
    return {
        "metric": tile.metric,
        "label": tile.title,
        "value": "–" if tile.value is None else written(tile.value),
        "unit": "%" if tile.unit == "percent" and tile.value is not None else "",
        "delta": delta,
        "trend": {"up": "up", "down": "down"}.get(tile.change or "", "flat"),
        "good": tile.is_good,
        "against": _("vs %(period)s") % {"period": before(found.previous)},
        "definition": tile.explanation,
        "formula": tile.formula,
        "warning": tile.alert_reason,
        "window": tile.window,
        "n": _counted(tile),
        "interval": interval,
        "few": tile.too_few,
        "note": _("Counts from %(day)s on, the day of your first sale") % {"day": formats.day(tile.counts_since)}
        if tile.counts_since
        else "",
        "others": [
            {
                "label": other.title,
                "value": "–" if other.value is None else _written(merchant, other)(other.value),
                "unit": "%" if other.unit == "percent" and other.value is not None else "",
                "explanation": other.explanation,
                "formula": other.formula,
            }
            for other in found.beside
            if other.beside == tile.metric
        ],
        "computed_at": tile.computed_at,
        "spark": [None if point.value is None else float(point.value) for point in tile.spark],
        "spark_label": _("The last %(count)d months") % {"count": len(tile.spark)},
        **_way(request, tile, found.period.key),
    }


def _counted(tile: Tile) -> str:
    """Say what the number rests on: so many members, purchases or answers."""
    count = {"count": formats.number(tile.n)}
    if tile.metric == "nps":
        return ngettext("%(count)s answer", "%(count)s answers", tile.n) % count
    if tile.unit == "money":
        return ngettext("%(count)s purchase", "%(count)s purchases", tile.n) % count
    return ngettext("%(count)s member", "%(count)s members", tile.n) % count


def _way(request: HttpRequest, tile: Tile, period: str) -> dict[str, Any]:
    """Where a tile leads: to the members behind it, or to what was said."""
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
    if previous.key.startswith("last_"):
        days = (previous.ends_on - previous.starts_on).days
        return ngettext("the %(count)d day before", "the %(count)d days before", days) % {"count": days}
    return previous.label


def _written(merchant: Merchant, tile: Tile) -> Any:
    if tile.unit == "money":
        return lambda value: formats.money(round(value), merchant.currency, merchant.display_digits)
    decimals = 1 if tile.unit == "percent" else 0
    return lambda value: formats.number(value, decimals)


def choice_of(request: HttpRequest, choice: PeriodChoice, found: Dashboard) -> dict[str, Any]:
    return {
        "label": choice.label,
        "href": "?" + addresses.kept(request, period=choice.key),
        "is_current": choice.key == found.period.key,
    }


def calendar(found: Dashboard) -> list[dict[str, Any]]:
    """Months, quarters and years, in groups, for the select."""
    kinds: dict[str, list[dict[str, Any]]] = {_("Month"): [], _("Quarter"): [], _("Year"): []}
    names = list(kinds)
    for choice in found.choices:
        if choice.key.startswith("last_"):
            continue
        kind = names[2] if len(choice.key) == 4 else names[1] if "Q" in choice.key else names[0]
        label = formats.month(choice.starts_on) if kind == names[0] else choice.label
        if choice.is_running:
            label = _("%(period)s (so far)") % {"period": label}
        kinds[kind].append({"key": choice.key, "label": label, "is_current": choice.key == found.period.key})
    return [{"name": name, "items": items} for name, items in kinds.items() if items]
