"""Going round the merchants: one tenant at a time, one chunk a transaction, one merchant's trouble its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog
from celery import Task

from merchants import directory, due, tenancy, ticks
from merchants.database import clocks, sql_errors
from merchants.directory import Merchant
from merchants.due import DueWork

_log = structlog.stdlib.get_logger(__name__)

#: Of the merchant's own clock.
NIGHT_HOURS: Final = range(2, 6)
DONE_TONIGHT: Final = timedelta(hours=12)
MISSED: Final = timedelta(hours=30)


def clock() -> datetime:
    return datetime.now(UTC)


class ScheduledTask(Task):
    """A task of the schedule: runs alone in the installation, or in so many `places`; its last run is written down.

    The body takes `now` and returns how many pieces of work it found.
    """

    # Beat sends ticks without arguments; the body's `now` is the clock of the moment it runs, and given here.
    typing = False
    places = 1

    def __call__(self, *_args: Any, **_kwargs: Any) -> int | None:
        try:
            clocks.check(due.CONNECTION)
        except clocks.ClockDiffers as differs:
            # Another worker's clock may be right; by ours, points would end too early.
            ticks.fail(self.name, differs)
            raise
        return ticks.run(self.name, partial(self.run, now=clock()), clock=clock, places=self.places)


def due_tonight(job: str, *, now: datetime) -> list[int]:
    """Return the merchants in whose night a job is yet to be done, and those who missed theirs.

    Done is what `once_a_night` has written down; a job that was lost or killed is therefore found again.
    """
    done = {each.name: each.finished_at for each in ticks.report()}
    found = []
    for merchant in map(directory.get, due.all_merchants()):
        last = done.get(_nightly(job, merchant.pk))
        is_night = now.astimezone(merchant.tzinfo).hour in NIGHT_HOURS
        if last is None or now - last > MISSED or (is_night and now - last > DONE_TONIGHT):
            found.append(merchant.pk)
    return found


def once_a_night(job: str, merchant_id: int, work: Callable[[Merchant], int]) -> int | None:
    """Do a nightly job for one merchant, alone in the installation, and write down that it is done."""
    return ticks.run(_nightly(job, merchant_id), lambda: work(directory.get(merchant_id)), clock=clock)


def _nightly(job: str, merchant_id: int) -> str:
    return f"{job}:{merchant_id}"


class RunFailed(Exception):
    """At some merchants the work failed; at all others it was done."""


def do(work: DueWork, *, now: datetime) -> int:
    """Look at whom some work is due now, and have it done there; each turn asks the clock anew.

    :raises RunFailed: as `each` does.
    """
    run = each_outside if work.opens_tenants else each
    return run(
        work.merchants(now), lambda merchant: work.turn(merchant=merchant, now=clock()), seconds_max=work.seconds_max
    )


def each(merchant_ids: Iterable[int], work: Callable[[Merchant], int], *, seconds_max: float = due.SECONDS_MAX) -> int:
    """Do the work at each merchant, again and again until it returns 0 there, and sum it up.

    Each turn is a transaction of its own, inside the merchant's tenant, and is repeated when the database asks for it.

    :raises RunFailed: naming the kinds of error, after everybody has had their turn.
    """
    return _go_round(merchant_ids, seconds_max, lambda merchant: tenancy.attempt(merchant, partial(work, merchant)))


def each_outside(
    merchant_ids: Iterable[int], work: Callable[[Merchant], int], *, seconds_max: float = due.SECONDS_MAX
) -> int:
    """Do the same with work that opens its own tenants: it sends, or it is long."""
    return _go_round(merchant_ids, seconds_max, work)


def _go_round(merchant_ids: Iterable[int], seconds_max: float, turn: Callable[[Merchant], int]) -> int:
    end = time.monotonic() + seconds_max
    done, troubles = 0, set()
    for merchant_id in merchant_ids:
        try:
            merchant = directory.get(merchant_id)
            while time.monotonic() < end and (count := turn(merchant)):
                done += count
        except Exception as error:
            if sql_errors.is_connection_lost(error):
                raise
            troubles.add(type(error).__name__)
            _log.exception("work_failed_at_a_merchant", merchant=merchant_id)
    if troubles:
        raise RunFailed(", ".join(sorted(troubles)))
    return done
