"""Which browser a request comes from, noted every few minutes, so that a person knows where they are signed in."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.contrib.auth import logout
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from loyalty.accounts.addresses import client_ip
from merchants import browsers
from merchants.seats import Seat

_KEPT: Final = "browsers"
#: Told so exactly, and not with each click.
_SECONDS: Final = 300


def note(request: HttpRequest, seat: Seat, *, now: datetime) -> bool:
    """Note that the person at this seat uses this browser; False, and signed out, when it has been ended meanwhile."""
    session = request.session
    key = session.session_key or ""
    mark = salted_hmac("loyalty.browser", key).hexdigest()[:16]
    held = session.get(_KEPT, {}).get(seat.public_id)
    if held and held[1] == mark and 0 <= now.timestamp() - held[2] < _SECONDS:
        return True
    browser_id = browsers.seen(
        seat=seat, browser_id=held[0] if held else "", session_key=key, agent=request.META.get("HTTP_USER_AGENT", ""),
        address=client_ip(request), now=now,
    )  # fmt: skip
    if browser_id is None:
        logout(request)
        return False
    session[_KEPT] = {**session.get(_KEPT, {}), seat.public_id: [browser_id, mark, now.timestamp()]}
    return True
