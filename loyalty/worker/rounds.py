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
from merchants.directory import Merchant

_log = structlog.stdlib.get_logger(__name__)

#: A round ends in time for its tick to come again; what is left is found then.
SECONDS_MAX: Final = 45.0
#: Of the merchant's own clock.
NIGHT_HOURS: Final = range(2, 6)
DONE_TONIGHT: Final = timedelta(hours=12)
MISSED: Final = timedelta(hours=30)


def clock() -> datetime:
    return datetime.now(UTC)


class Tick(Task):
    """A task of the schedule: runs alone in the installation, and its last run is written down.

    The body takes `now` and returns how many pieces of work it found.
    """

    # Beat sends ticks without arguments; the body's `now` is the clock of the moment it runs, and given here.
    typing = False

    def __call__(self, *_args: Any, **_kwargs: Any) -> int | None:
        return ticks.run(self.name, partial(self.run, now=clock()), clock=clock)


def tonight(job: str, *, now: datetime) -> list[int]:
    """This function will return the merchants in whose night a job is yet to be done, and those who missed theirs.

    Done is what `once_a_night` has written down; a job that was lost or killed is therefore found again.
    """
    done = {each.name: each.finished_at for each in ticks.report()}
    found = []
    for merchant in map(directory.get, due.open_merchants()):
        last = done.get(_nightly(job, merchant.pk))
        is_night = now.astimezone(merchant.tzinfo).hour in NIGHT_HOURS
        if last is None or now - last > MISSED or (is_night and now - last > DONE_TONIGHT):
            found.append(merchant.pk)
    return found


def once_a_night(job: str, merchant_id: int, work: Callable[[Merchant], int]) -> int | None:
    """This function will do a nightly job for one merchant, alone in the installation, and write down that it is done."""
    return ticks.run(_nightly(job, merchant_id), lambda: work(directory.get(merchant_id)), clock=clock)


def _nightly(job: str, merchant_id: int) -> str:
    return f"{job}:{merchant_id}"


class TroubledRound(Exception):
    """At some merchants the work failed; at all others it was done."""


def each(merchant_ids: Iterable[int], work: Callable[[Merchant], int], *, seconds_max: float = SECONDS_MAX) -> int:
    """This function will do the work at each merchant, again and again until it returns 0 there, and sum it up.

    Each turn is a transaction of its own, inside the merchant's tenant, and is repeated when the database asks for it.

    :raises TroubledRound: naming the kinds of error, after everybody has had their turn.
    """
    return _go_round(merchant_ids, seconds_max, lambda merchant: tenancy.attempt(merchant, partial(work, merchant)))


def each_outside(
    merchant_ids: Iterable[int], work: Callable[[Merchant], int], *, seconds_max: float = SECONDS_MAX
) -> int:
    """This function will do the same with work that opens its own tenants: it sends, or it is long."""
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
            if tenancy.is_connection_lost(error):
                raise
            troubles.add(type(error).__name__)
            _log.exception("work_failed_at_a_merchant", merchant=merchant_id)
    if troubles:
        raise TroubledRound(", ".join(sorted(troubles)))
    return done
