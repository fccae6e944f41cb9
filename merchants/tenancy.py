"""The only way into a merchant's data: one outermost transaction with the merchant's id set in it.

Row-level security in the database does the separating; this module sets the one variable it reads.
Outside of `tenant()` every touch of a tenant table is an error that says so, never an empty answer.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import DatabaseError, connection, transaction

from merchants.database import sql_errors, statements
from merchants.models.merchants import Merchant

T = TypeVar("T")

ATTEMPTS_MAX = 5
#: No new attempt begins later than this: whoever waits at a till has given up.
SECONDS_MAX = 4.0
#: app_web's lock_timeout (merchants/database/roles.py).
LOCK_SECONDS = 1.0
#: A lock that was waited for in vain this often is not waited for again.
LOCK_WAITS_MAX = 2
#: How long a batch waits for the turn of another of the same merchant.
BATCH_TURN_SECONDS = 30.0


class RetryTransaction(Exception):
    """Raised by a verb that found its footing changed while it took its locks: run it again from the start."""


@contextmanager
def tenant(merchant: Merchant | int, *, opened_by: Callable[[], str] | None = None) -> Iterator[None]:
    """Open the merchant's data for the length of one transaction, which commits when the block ends.

    The block must be the outermost transaction: a tenant inside another tenant raises `RuntimeError`. `opened_by` writes
    a statement that says itself whose data it is, or fails and leaves all of it closed (merchants/remembered_keys).
    """
    merchant_id = merchant if isinstance(merchant, int) else merchant.pk
    nested = connection.in_atomic_block
    sql = opened_by() if opened_by is not None else f"SET LOCAL app.merchant_id = '{merchant_id:d}'"
    with transaction.atomic(durable=True):
        if nested:
            # Only under Django's TestCase. Without putting the old value back, the setting would
            # outlive this savepoint and hide every forgotten tenant from the test.
            before = _inside()
            _send(sql)
        else:
            # It travels with the block's first statement, and so does BEGIN (merchants/database/connections).
            with connection.wrap_database_errors:
                connection.connection.open_with(statements.opening(sql))
        yield
        if opened_by is not None and connection.connection.opening():
            _send("SELECT")  # the block asked nothing, and whether it may be open is still to be asked
        if nested:
            _step_into(before)


def wait_for_turn(name: str, *, seconds: float) -> None:
    """Wait inside a transaction until nobody else holds the turn of this name; it ends with the transaction.

    :raises DatabaseError: 55P03, it did not come within `seconds`.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{seconds:g}s"])
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 21))", [name])
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_SECONDS:g}s"])


def wait_for_batches(merchant: Merchant) -> None:
    """Wait for the turn of a merchant's batches: of all it sends only one works at a time, or tills would wait for them.

    :raises DatabaseError: 55P03, it did not come in BATCH_TURN_SECONDS.
    """
    wait_for_turn(f"batch {merchant.pk}", seconds=BATCH_TURN_SECONDS)


def _inside() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.merchant_id', true)")
        before: str | None = cursor.fetchone()[0]
    return before or ""


def _send(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _step_into(merchant_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.merchant_id', %s, true)", [merchant_id])


def attempt(merchant: Merchant | int, work: Callable[[], T], *, opened_by: Callable[[], str] | None = None) -> T:
    """Run `work` inside `tenant(merchant)`, the whole of it again when the database asks for that.

    `work` must do nothing that leaves the machine. At most five attempts, two of which may wait for a lock in vain, and
    none begins after four seconds; then the last error is raised. A connection that died while idle is replaced.
    """
    begun = time.monotonic()
    waits = 0
    for remaining in reversed(range(ATTEMPTS_MAX)):
        started = time.monotonic()
        try:
            with tenant(merchant, opened_by=opened_by):
                return work()
        except RetryTransaction:
            if not remaining:
                raise
        except DatabaseError as error:
            may_pass = sql_errors.sqlstate(error) in sql_errors.RETRYABLE or sql_errors.is_lost_before_begun(error)
            if not may_pass or not remaining or connection.in_atomic_block:
                raise
            # NOWAIT answers the same code at once; that one may soon be free.
            waits += (
                sql_errors.sqlstate(error) == sql_errors.LOCK_NOT_AVAILABLE
                and time.monotonic() - started > LOCK_SECONDS * 0.9
            )
            if waits >= LOCK_WAITS_MAX or time.monotonic() - begun > SECONDS_MAX:
                raise
        time.sleep(random.uniform(0.001, 0.01) * (ATTEMPTS_MAX - remaining))  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")
