"""Whether this machine's clock agrees with the database's: points begin, end and are dated by it."""

from __future__ import annotations

import time
from typing import Final

from django.db import connections

#: A sale may be five minutes ahead, a webhook's signature five minutes old: well within both.
OFFSET_SECONDS_MAX: Final = 60.0


class ClockDiffers(Exception):
    """This machine's clock is not to be trusted: nothing is done by it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"This machine's clock is {seconds:+.0f} s off the database's: synchronise it (NTP).")
        self.seconds = seconds


def offset_seconds(alias: str = "default") -> float:
    """Return how far our clock is ahead of the database's, as seen over one of the connections."""
    asked = time.time()
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        theirs = float(cursor.fetchone()[0])
    return (asked + time.time()) / 2 - theirs


def check(alias: str = "default") -> None:
    """Raise ClockDiffers when our clock is a minute or more off."""
    seconds = offset_seconds(alias)
    if abs(seconds) > OFFSET_SECONDS_MAX:
        raise ClockDiffers(seconds)
