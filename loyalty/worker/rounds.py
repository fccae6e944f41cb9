"""Going round the merchants: one tenant at a time, one chunk a transaction, one merchant's trouble its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import structlog
from celery import Task

from merchants import directory, tenancy, ticks
from merchants.directory import Merchant

_log = structlog.stdlib.get_logger(__name__)

#: A round ends in time for its tick to come again; what is left is found then.
SECONDS_MAX: Final = 45.0


def clock() -> datetime:
    return datetime.now(UTC)


class Tick(Task):  # type: ignore[misc]
    """A task of the schedule: runs alone in the installation, and its last run is written down.

    The body takes `now` and returns how many pieces of work it found.
    """

    # Beat sends ticks without arguments; the body's `now` is the clock of the moment it runs, and given here.
    typing = False

    def __call__(self, *_args: Any, **_kwargs: Any) -> int | None:
        return ticks.run(self.name, partial(self.run, now=clock()), clock=clock)


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
