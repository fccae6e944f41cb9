"""Beat and worker, seen from outside: once a minute the one asks and the other writes the time down."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from celery.signals import task_revoked, worker_ready
from django.core.cache import caches
from django.db import DatabaseError, InterfaceError

from loyalty.celery import app
from merchants import due
from merchants.database import clocks

_log = structlog.stdlib.get_logger(__name__)
_KEY: Final = "heartbeat"
_DROPPED_PAUSE_SECONDS: Final = 60.0
_dropped_at = -_DROPPED_PAUSE_SECONDS

app.conf.beat_schedule["heartbeat"] = {"task": "loyalty.heartbeat", "schedule": 60.0, "options": {"expires": 55}}


@app.task(name="loyalty.heartbeat")  # type: ignore[untyped-decorator]
def beat() -> None:
    """Write down that the queue is served now."""
    caches["redis"].set(_KEY, datetime.now(UTC).timestamp(), None)


@worker_ready.connect  # type: ignore[untyped-decorator]
def _ready(**_: Any) -> None:
    """A worker that has just come is seen at once, not after the first minute."""
    with contextlib.suppress(Exception):
        beat()


@task_revoked.connect  # type: ignore[untyped-decorator]
def _dropped(request: Any = None, expired: bool = False, **_: Any) -> None:
    """Say why a tick that came too late was dropped: a worker whose clock is ahead drops every one of them."""
    global _dropped_at
    if not expired or time.monotonic() - _dropped_at < _DROPPED_PAUSE_SECONDS:
        return
    _dropped_at = time.monotonic()
    seconds = None
    with contextlib.suppress(DatabaseError, InterfaceError):
        seconds = round(clocks.offset_seconds(due.CONNECTION), 1)
    is_off = seconds is not None and abs(seconds) > clocks.OFFSET_SECONDS_MAX
    _log.error(
        "a tick came too late and was dropped: "
        + ("this machine's clock differs from the database's" if is_off else "no worker was free in time"),
        clock_offset_seconds=seconds,
    )


def age_seconds(now: datetime) -> float | None:
    """Return how long ago the queue was last served; None when it is not known, for instance without Valkey."""
    seen = None
    with contextlib.suppress(Exception):  # redis-py, sockets, time-outs: none of them may matter here
        seen = caches["redis"].get(_KEY)
    return None if seen is None else max(0.0, now.timestamp() - float(seen))
