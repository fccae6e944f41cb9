"""Browsers in which staff are signed in: noted as they come, listed for whose they are, ended one by one or all others.

To end a browser is to remove its session: it is signed out everywhere on this installation with its next click.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from merchants import audit, ids, users
from merchants.actors import Actor
from merchants.errors import NotFound
from merchants.models.browsers import SignedInBrowser
from merchants.models.merchants import Merchant
from merchants.models.people import Seat, User

#: As long as a session lasts (SESSION_COOKIE_AGE); who was not seen for longer is not signed in any more.
DAYS_KEPT: Final = 30
#: Whoever says more than one of these is the first: Edge says it is Chrome, and Chrome says it is Safari.
_BROWSERS: Final = (
    ("Edge", r"Edg(?:e|A|iOS)?/"), ("Opera", r"OPR/|Opera"), ("Samsung Internet", r"SamsungBrowser/"),
    ("Whale", r"Whale/"), ("Firefox", r"Firefox/|FxiOS/"), ("Chrome", r"Chrome/|CriOS/|Chromium/"), ("Safari", r"Safari/"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("ChromeOS", "CrOS"),
    ("Mac", "Macintosh|Mac OS X"), ("Linux", "Linux"),
)  # fmt: skip


class BrowserNotFound(NotFound):
    code = "browser_not_found"


@dataclass(frozen=True, slots=True)
class BrowserView:
    """A browser as people see it; `browser` and `system` are empty when it did not say."""

    public_id: str
    browser: str
    system: str
    address: str
    signed_in_at: datetime
    last_seen_at: datetime
    is_this: bool


def seen(
    *, seat: Seat, browser_id: str, session_key: str, agent: str, address: str | None, now: datetime
) -> str | None:
    """Note that a browser is in use at a seat, and return its public id; None when it has been ended.

    `browser_id` is what an earlier call returned, kept in the session: the session's own key changes with each sign-in.
    """
    words = {
        "browser": _first(_BROWSERS, agent), "system": _first(_SYSTEMS, agent), "address": masked(address),
        "last_seen_at": now,
    }  # fmt: skip
    row = SignedInBrowser.objects.filter(seat=seat, public_id=browser_id).first() if browser_id else None
    if row is None:
        row, _is_new = SignedInBrowser.objects.get_or_create(
            seat=seat, session_key=session_key,
            defaults={"public_id": ids.mint("brw"), "signed_in_at": now, **words},
        )  # fmt: skip
    if row.ended_at is not None:
        return None
    SignedInBrowser.objects.filter(pk=row.pk).update(session_key=session_key, **words)
    return row.public_id


def masked(address: str | None) -> str:
    """Return the first half of an address: enough to know one's own, too little to find anybody."""
    try:
        read = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    if isinstance(read, ipaddress.IPv4Address):
        return ".".join(str(read).split(".")[:2]) + ".…"
    return ":".join(read.exploded.split(":")[:2]) + ":…"


def of_person(*, user: User, session_key: str | None, now: datetime) -> list[BrowserView]:
    """List the browsers a person is signed in with, this one first, then the one seen last; a browser stands once."""
    return _listed(SignedInBrowser.objects.filter(seat__user=user), session_key, now)


def of_seat(*, seat: Seat, session_key: str | None, now: datetime) -> list[BrowserView]:
    """List the browsers in which somebody works at this seat, the one seen last first."""
    return _listed(SignedInBrowser.objects.filter(seat=seat), session_key, now)


def _listed(rows: QuerySet[SignedInBrowser], session_key: str | None, now: datetime) -> list[BrowserView]:
    since = now - timedelta(days=DAYS_KEPT)
    alive = Session.objects.filter(expire_date__gt=now).values("session_key")
    rows = rows.filter(ended_at__isnull=True, last_seen_at__gt=since, session_key__in=alive)
    found = {row.session_key: row for row in rows.order_by("last_seen_at")[:200]}
    views = [
        BrowserView(
            row.public_id, row.browser, row.system, row.address, row.signed_in_at, row.last_seen_at,
            row.session_key == session_key,
        )
        for row in found.values()
    ]  # fmt: skip
    return sorted(views, key=lambda view: (not view.is_this, -view.last_seen_at.timestamp()))


def end_own(*, merchant: Merchant, seat: Seat, browser_id: str, now: datetime, actor: Actor) -> None:
    """Sign one of the person's own browsers out, at whichever of their shops it works.

    :raises BrowserNotFound: it is not theirs, or signed out already.
    """
    rows = (
        SignedInBrowser.objects.filter(seat__user_id=seat.user_id) if seat.user_id else SignedInBrowser.objects.none()
    )
    _end_one(rows, merchant, seat, browser_id, now=now, actor=actor)


def end_at_seat(*, merchant: Merchant, seat: Seat, browser_id: str, now: datetime, actor: Actor) -> None:
    """Sign one browser out in which somebody works at this seat; who may is for the caller to ask.

    :raises BrowserNotFound: nobody works at this seat in it.
    """
    _end_one(SignedInBrowser.objects.filter(seat=seat), merchant, seat, browser_id, now=now, actor=actor)


def _end_one(
    rows: QuerySet[SignedInBrowser], merchant: Merchant, seat: Seat, browser_id: str, *, now: datetime, actor: Actor
) -> None:
    row = rows.filter(public_id=browser_id, ended_at__isnull=True).first()
    if row is None:
        raise BrowserNotFound(_("There is no such browser, or it is signed out already."))
    _end([row.session_key], now)
    _note(merchant, seat, 1, now, actor)


def end_all_at_seat(*, merchant: Merchant, seat: Seat, now: datetime, actor: Actor) -> int:
    """Sign out every browser in which somebody works at this seat, and return how many that were."""
    rows = SignedInBrowser.objects.filter(seat=seat, ended_at__isnull=True)
    keys = list(rows.values_list("session_key", flat=True))
    _end(keys, now)
    if keys:
        _note(merchant, seat, len(keys), now, actor)
    return len(keys)


def end_others(*, merchant: Merchant, seat: Seat, session_key: str | None, now: datetime, actor: Actor) -> None:
    """Sign the person out everywhere but in this browser, also where no row tells of it: all their sessions end.

    The caller keeps this one by a new session hash (`update_session_auth_hash`).
    """
    assert seat.user is not None
    others = SignedInBrowser.objects.filter(seat__user=seat.user, ended_at__isnull=True).exclude(
        session_key=session_key
    )
    keys = list(others.values_list("session_key", flat=True).distinct())
    _end(keys, now)
    users.end_sessions(seat.user)
    _note(merchant, seat, len(keys), now, actor)


def _end(session_keys: Sequence[str], now: datetime) -> None:
    SignedInBrowser.objects.filter(session_key__in=session_keys, ended_at__isnull=True).update(ended_at=now)
    Session.objects.filter(session_key__in=session_keys).delete()


def prune(*, merchant: Merchant, now: datetime) -> int:
    """Forget browsers of the merchant's seats that were not seen for `DAYS_KEPT` days; return how many."""
    old = SignedInBrowser.objects.filter(
        seat__in=Seat.objects.filter(merchant=merchant), last_seen_at__lte=now - timedelta(days=DAYS_KEPT)
    )
    return old.delete()[0]


def _note(merchant: Merchant, seat: Seat, count: int, now: datetime, actor: Actor) -> None:
    audit.record(
        merchant=merchant, action="seat.signed_out", actor=actor, now=now, subject=seat.public_id,
        details={"browsers": count},
    )  # fmt: skip


def _first(kinds: Sequence[tuple[str, str]], agent: str) -> str:
    return next((name for name, pattern in kinds if re.search(pattern, agent)), "")
