"""What the clock did last, and how long ago: for the health page, the console and the operator's metrics."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.db import Error as DatabaseTrouble
from django.db.models.functions import Now

from merchants import due
from merchants.models.ticks import Tick


@dataclass(frozen=True, slots=True)
class TickReport:
    """One tick as it stands: `finished_at` is the end of the last run that went well, None if there was none."""

    name: str
    started_at: datetime
    finished_at: datetime | None
    duration_ms: int | None
    done: int
    failed_at: datetime | None
    failure: str

    @property
    def is_failing(self) -> bool:
        return self.failed_at is not None and (self.finished_at is None or self.failed_at > self.finished_at)

    def age_seconds(self, now: datetime) -> float | None:
        return None if self.finished_at is None else max(0.0, (now - self.finished_at).total_seconds())


def run(name: str, work: Callable[[], int], *, clock: Callable[[], datetime], places: int = 1) -> int | None:
    """Do a tick's work unless `places` of the same tick are still being done elsewhere, and write down how it went.

    Returns how many pieces of work there were, or None when somebody else was at it.  Opens no tenant: `work` does.
    Whatever `work` raises is raised again after it has been noted.
    """
    with due.alone(f"tick:{name}", places=places) as mine:
        if not mine:
            return None
        started = clock()
        Tick.objects.update_or_create(name=name, defaults={"started_at": started})
        try:
            done = work()
        except Exception as error:
            with suppress(DatabaseTrouble):  # the trouble itself matters more than the note about it
                Tick.objects.filter(name=name).update(failed_at=clock(), failure=type(error).__name__[:200])
            raise
        finished = clock()
        Tick.objects.filter(name=name).update(
            finished_at=finished, duration_ms=max(0, round((finished - started).total_seconds() * 1000)), done=done
        )
        return done


def fail(name: str, error: Exception) -> None:
    """Write down that a tick could not even begin, by the database's clock: ours may be what is wrong."""
    Tick.objects.update_or_create(
        name=name,
        defaults={"failed_at": Now(), "failure": type(error).__name__[:200]},
        create_defaults={"started_at": Now(), "failed_at": Now(), "failure": type(error).__name__[:200]},
    )


def report() -> list[TickReport]:
    """Return what every tick that ever ran did last, by name."""
    return [
        TickReport(t.name, t.started_at, t.finished_at, t.duration_ms, t.done, t.failed_at, t.failure)
        for t in Tick.objects.order_by("name")
    ]
