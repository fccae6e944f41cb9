"""Which period and which shop an address of the dashboard means, and the choices to offer beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _

from analytics.answers import Board, PeriodChoice
from loyalty.console.dashboard import addresses
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants import locations
from merchants.locations import Location

#: The periods one press away.
ROLLING: Final = ("last_30", "last_90", "last_365")


@dataclass(frozen=True, slots=True)
class Asked:
    """A period's key, the shop the numbers are narrowed to (None: all), by what cohorts begin, and all of the shops."""

    period: str
    location: Location | None
    basis: Literal["joined", "first_purchase"]
    locations: Sequence[Location]

    @property
    def location_id(self) -> int | None:
        return self.location.pk if self.location else None


def read(request: HttpRequest) -> Asked:
    """Read what an address means; days of one's own choice (`from`, `to`) win over a period, and no such shop is all."""
    period = request.GET.get("period", addresses.DEFAULT_PERIOD)
    if request.GET.get("from") and request.GET.get("to"):
        period = f"{request.GET['from']}..{request.GET['to']}"
    places = locations.of(merchant_of(request))
    wanted = request.GET.get("shop", "")
    chosen = next((place for place in places if place.public_id == wanted), None)
    basis: Literal["joined", "first_purchase"] = "joined"
    if request.GET.get("by") == "first_purchase":
        basis = "first_purchase"
    return Asked(period, chosen, basis, places)


def rolling(request: HttpRequest, current: str) -> list[dict[str, Any]]:
    """Return the periods one press away; 30 and 90 days and 12 months."""
    names = {"last_30": _("30 days"), "last_90": _("90 days"), "last_365": _("12 months")}
    return [
        {"label": names[key], "href": "?" + addresses.kept(request, period=key), "is_current": key == current}
        for key in ROLLING
    ]


def calendar(choices: Sequence[PeriodChoice], current: str) -> list[dict[str, Any]]:
    """Return months, quarters and years, in groups, for the select."""
    kinds: dict[str, list[dict[str, Any]]] = {_("Month"): [], _("Quarter"): [], _("Year"): []}
    names = list(kinds)
    for choice in choices:
        if choice.key.startswith("last_"):
            continue
        kind = names[2] if len(choice.key) == 4 else names[1] if "Q" in choice.key else names[0]
        label = formats.month(choice.starts_on) if kind == names[0] else choice.label
        if choice.is_running:
            label = _("%(period)s (so far)") % {"period": label}
        kinds[kind].append({"key": choice.key, "label": label, "is_current": choice.key == current})
    return [{"name": name, "items": items} for name, items in kinds.items() if items]


def own_days(board: Board) -> tuple[date, date]:
    """Return the first and the last day shown, for the fields of a period of one's own choice."""
    return board.period.starts_on, board.period.ends_on - timedelta(days=1)


def shops(asked: Asked) -> list[dict[str, Any]]:
    """Return the shops to choose from; none where there is only one."""
    if len(asked.locations) < 2:
        return []
    current = asked.location.public_id if asked.location else ""
    items = [{"key": "", "label": _("All shops"), "is_current": not current}]
    return items + [
        {"key": place.public_id, "label": place.name, "is_current": place.public_id == current}
        for place in asked.locations
    ]
