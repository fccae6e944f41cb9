"""The number beside the bell: counted at most once a minute for each person, and forgotten without harm."""

from __future__ import annotations

import contextlib
from typing import Final

from django.core.cache import caches

from merchants import sending_health
from merchants.seats import Seat

_SECONDS: Final = 60
_FAILING: Final = "bell:failing"


def known(seat: Seat) -> int | None:
    """Return the number counted within the last minute; None when there is none, or nobody can say."""
    found = None
    with contextlib.suppress(Exception):  # redis-py, sockets, time-outs: a page is drawn without the number
        found = caches["redis"].get(_key(seat))
    return found if isinstance(found, int) else None


def keep(seat: Seat, count: int) -> None:
    """Keep the number for a minute."""
    with contextlib.suppress(Exception):
        caches["redis"].set(_key(seat), count, _SECONDS)


def forget(seat: Seat) -> None:
    """Let the next page count anew: this person has just dealt with something."""
    with contextlib.suppress(Exception):
        caches["redis"].delete(_key(seat))


def failing_channels() -> list[str]:
    """Return the ways by which no message leaves the installation now, asked at most once a minute for everybody."""
    found = None
    with contextlib.suppress(Exception):
        found = caches["redis"].get(_FAILING)
    if found is None:
        found = ",".join(sending_health.failing())
        with contextlib.suppress(Exception):
            caches["redis"].set(_FAILING, found, _SECONDS)
    return [channel for channel in found.split(",") if channel]


def _key(seat: Seat) -> str:
    return f"bell:{seat.public_id}"
