"""What a cashier did lately in this browser: kept in the session, so that only they see it, and only they undo it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _

from loyalty import permissions_policy
from loyalty.console import screens
from loyalty.console.access import actor_of, device_of, now_of, seat_of
from loyalty.console.counter import training
from loyalty.tenant import merchant_of
from loyalty.ui import offline
from members import live_codes
from members.directory import Member
from merchants import locations
from merchants.locations import Location
from rewards.parties import MemberRef

#: So long a sale or a reward can be undone here; later a manager does it on the member's page.
UNDO_WITHIN = timedelta(minutes=30)
_RECENT, _PLACE, _SHOWN = "counter_recent", "counter_place", "counter_live_code"
_KEPT = 12


#: What the device may show again without a connection: the first page, members it opened, and the form for guests.
_KEPT_PAGES = {"console/counter/desk.html", "console/counter/member.html", "console/counter/guest.html"}
OK = 200


def note(request: HttpRequest, public_id: str) -> None:
    """Remember a purchase or redemption as done by this person here; once, however often the form came."""
    recent = [public_id, *(each for each in recent_ids(request) if each != public_id)][:_KEPT]
    request.session[_RECENT] = {"who": _who(request), "done": recent}


def recent_ids(request: HttpRequest) -> Sequence[str]:
    """Return the public ids of what this person did here, newest first."""
    kept: dict[str, Any] = request.session.get(_RECENT) or {}
    return kept["done"] if kept.get("who") == _who(request) else []


def note_shown(request: HttpRequest, member_id: str, code: str) -> None:
    """Remember the moving code that a member has just held before the scanner: points are spent with it."""
    request.session[_SHOWN] = {"who": _who(request), "member": member_id, "code": code}


def reference(request: HttpRequest, member: Member) -> MemberRef:
    """Name a member whose points are to be spent: by the moving code shown lately, where the merchant asks for one."""
    shown = shown_by(request, member)
    return MemberRef(code=shown) if shown else MemberRef(id=member.public_id)


def is_code_missing(request: HttpRequest, member: Member) -> bool:
    """Say whether the member's moving code has to be scanned before points are spent."""
    return merchant_of(request).is_live_code_needed and not shown_by(request, member)


def shown_by(request: HttpRequest, member: Member) -> str:
    """Return the moving code that this member showed and that points can be spent with still; empty without one."""
    merchant, kept = merchant_of(request), request.session.get(_SHOWN) or {}
    if not merchant.is_live_code_needed or (kept.get("who"), kept.get("member")) != (_who(request), member.public_id):
        return ""
    shown = live_codes.read(merchant=merchant, text=kept["code"])
    if shown is None:
        return ""
    try:
        live_codes.check(shown, within=live_codes.SPEND_WITHIN, now=now_of(request))
    except live_codes.LiveCodeExpired:
        return ""
    return str(kept["code"])


def may_undo(request: HttpRequest, public_id: str, at: datetime) -> bool:
    return public_id in recent_ids(request) and now_of(request) - at < UNDO_WITHIN


def minutes_left(request: HttpRequest, at: datetime) -> int:
    """Return the whole minutes in which something of this moment can still be undone, the last one counted as one."""
    return max(0, -((now_of(request) - at - UNDO_WITHIN) // timedelta(minutes=1)))


def show(request: HttpRequest, template: str, page: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """Draw a page of the counter, which says on what device it is."""
    frame = {"device": device_of(request), "is_training": training.is_on(request)}
    response = screens.show(request, template, {**frame, **page}, status=status)
    response["Permissions-Policy"] = permissions_policy.WITH_CAMERA
    if request.method == "GET" and status == OK and template in _KEPT_PAGES and not training.is_on(request):
        offline.keep_counter_page(response, seat_id=seat_of(request).public_id)
    return response


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
    """Return the merchant's open places, looked up once a request."""
    if not hasattr(request, "open_places"):
        found = [each for each in locations.of(merchant_of(request)) if each.closed_at is None]
        request.open_places = found  # type: ignore[attr-defined]
    return request.open_places  # type: ignore[attr-defined, no-any-return]


def choose(request: HttpRequest, location_id: str) -> None:
    """Remember the place for the next sales, if it is an open one of this merchant."""
    if any(each.public_id == location_id for each in choices(request)):
        request.session[_PLACE] = location_id


def _who(request: HttpRequest) -> str:
    return f"{merchant_of(request).public_id} {actor_of(request)}"


def undone(request: HttpRequest) -> str:
    """Return the reason kept with what is undone here: in the shop's language, whoever undoes it."""
    with translation.override(merchant_of(request).language):
        return _("Undone at the counter")
