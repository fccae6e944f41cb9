"""Works that begin at one instant, each in a thread with a connection of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import OperationalError, connection, connections

from merchants.database.sql_errors import LOCK_NOT_AVAILABLE, sqlstate

_SECONDS_MAX = 60


def outcomes(*works: Callable[[], Any]) -> list[Any]:
    """Run the works at once; return what each returned, or the exception that ended it.

    What waited for a lock in vain is done again, as a till sends again what was answered 503: on a busy machine twenty of
    them queue for longer than anybody waits.
    """
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            # Connect before the start, so that the start is one.
            connection.ensure_connection()
            barrier.wait(timeout=_SECONDS_MAX)
            return _until_its_turn(work)
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def returned(*works: Callable[[], Any]) -> list[Any]:
    """Run the works at once; return what each returned.

    :raises Exception: the first that ended one of them.
    """
    found = outcomes(*works)
    for each in found:
        if isinstance(each, Exception):
            raise each
    return found


def _until_its_turn(work: Callable[[], Any]) -> Any:
    begun = time.monotonic()
    while True:
        try:
            return work()
        except OperationalError as error:
            if sqlstate(error) != LOCK_NOT_AVAILABLE or time.monotonic() - begun > _SECONDS_MAX:
                raise
