"""Beat and worker, seen from outside: once a minute the one asks and the other writes the time down."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any, Final

from celery.signals import worker_ready
from django.core.cache import caches

from loyalty.celery import app

_KEY: Final = "heartbeat"

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


def age_seconds(now: datetime) -> float | None:
    """Return how long ago the queue was last served; None when it is not known, for instance without Valkey."""
    seen = None
    with contextlib.suppress(Exception):  # redis-py, sockets, time-outs: none of them may matter here
        seen = caches["redis"].get(_KEY)
    return None if seen is None else max(0.0, now.timestamp() - float(seen))
