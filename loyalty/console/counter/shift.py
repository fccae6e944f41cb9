"""What a cashier did lately in this browser: kept in the session, so that only they see it, and only they undo it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse

from loyalty.console import screens
from loyalty.console.access import actor_of, device_of, now_of
from loyalty.tenant import merchant_of
from merchants import places
from merchants.models.merchants import Location

#: So long a sale or a reward can be undone here; later a manager does it on the member's page.
UNDO_WITHIN = timedelta(minutes=30)
_DEEDS, _PLACE = "counter_deeds", "counter_place"
_KEPT = 12


def note(request: HttpRequest, public_id: str) -> None:
    """Remember a purchase or redemption as done by this person here; once, however often the form came."""
    deeds = [public_id, *(each for each in lately(request) if each != public_id)][:_KEPT]
    request.session[_DEEDS] = {"who": _who(request), "done": deeds}


def lately(request: HttpRequest) -> Sequence[str]:
    """Return the public ids of what this person did here, newest first."""
    kept: dict[str, Any] = request.session.get(_DEEDS) or {}
    return kept["done"] if kept.get("who") == _who(request) else []


def may_undo(request: HttpRequest, public_id: str, at: datetime) -> bool:
    return public_id in lately(request) and now_of(request) - at < UNDO_WITHIN


def show(request: HttpRequest, template: str, page: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """Draw a page of the counter, which says on what device it is."""
    return screens.show(request, template, {"device": device_of(request), **page}, status=status)


def place_of(request: HttpRequest) -> Location | None:
    """Return where sales happen: the device's location, the only one there is, or the one chosen last."""
    device = device_of(request)
    if device is not None and device.location is not None:
        return device.location
    choice = choices(request)
    if len(choice) == 1:
        return choice[0]
    chosen = request.session.get(_PLACE)
    return next((each for each in choice if each.public_id == chosen), None)


def choices(request: HttpRequest) -> list[Location]:
    return [each for each in places.of(merchant_of(request)) if each.closed_at is None]


def choose(request: HttpRequest, location_id: str) -> None:
    """Remember the place for the next sales, if it is an open one of this merchant."""
    if any(each.public_id == location_id for each in choices(request)):
        request.session[_PLACE] = location_id


def _who(request: HttpRequest) -> str:
    return f"{merchant_of(request).public_id} {actor_of(request)}"
