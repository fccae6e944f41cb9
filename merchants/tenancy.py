"""The only way into a merchant's data: one outermost transaction with the merchant's id set in it.

Row-level security in the database does the separating; this room sets the one variable it reads.
Outside of `tenant()` every touch of a tenant table is an error that says so, never an empty answer.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import DatabaseError, InternalError, connection, transaction

from merchants import statements
from merchants.models.merchants import Merchant

T = TypeVar("T")

#: Deadlock, serialisation failure, lock timeout: the whole verb may be run again.
RETRYABLE = frozenset({"40P01", "40001", "55P03"})
ATTEMPTS_MAX = 5


class Again(Exception):
    """Raised by a verb that found its footing changed while it took its locks: run it again from the start."""


class OwnerMigrates:
    """Database router: only the `owner` connection changes the schema; everything else uses the default."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"


@contextmanager
def tenant(merchant: Merchant | int) -> Iterator[None]:
    """Open the merchant's data for the length of one transaction, which commits when the block ends.

    The block must be the outermost transaction: a tenant inside another tenant raises `RuntimeError`.
    """
    merchant_id = merchant if isinstance(merchant, int) else merchant.pk
    nested = connection.in_atomic_block
    with transaction.atomic(durable=True):
        if nested:
            # Only under Django's TestCase. Without putting the old value back, the setting would
            # outlive this savepoint and hide every forgotten tenant from the test.
            before = _inside()
            _step_into(str(merchant_id))
        else:
            # It travels with the block's first statement, and so does BEGIN (merchants/connections).
            with connection.wrap_database_errors:
                connection.connection.open_with(statements.opening(f"SET LOCAL app.merchant_id = '{merchant_id:d}'"))
        yield
        if nested:
            _step_into(before)


def _inside() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.merchant_id', true)")
        before: str | None = cursor.fetchone()[0]
    return before or ""


def _step_into(merchant_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.merchant_id', %s, true)", [merchant_id])


def attempt(merchant: Merchant | int, work: Callable[[], T]) -> T:
    """Run `work` inside `tenant(merchant)`, the whole of it again when the database asks for that.

    `work` must do nothing that leaves the machine. At most five attempts; then the last error is raised.
    """
    for remaining in reversed(range(ATTEMPTS_MAX)):
        try:
            with tenant(merchant):
                return work()
        except Again:
            if not remaining:
                raise
        except DatabaseError as error:
            if sqlstate(error) not in RETRYABLE or not remaining or connection.in_atomic_block:
                raise
        time.sleep(random.uniform(0.001, 0.01) * (ATTEMPTS_MAX - remaining))  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")


def sqlstate(error: BaseException) -> str | None:
    """Return the five-letter SQLSTATE behind Django's wrapper, or None when the server never answered."""
    return getattr(error.__cause__ or error, "pgcode", None)


def constraint_of(error: BaseException) -> str | None:
    """Return the name of the constraint an error fired on, or None."""
    diagnostics = getattr(error.__cause__ or error, "diag", None)
    return getattr(diagnostics, "constraint_name", None)


def is_connection_lost(error: BaseException) -> bool:
    """Return whether the database went away, so the caller may retry with the same id.

    A server that dies in mid-statement surfaces as a plain `DatabaseError` without SQLSTATE; an `InternalError` without
    one is our own driver's, of a transaction that had failed (merchants/connections).
    """
    if isinstance(error, InternalError) or (
        not isinstance(error, DatabaseError) and error.__class__.__name__ != "InterfaceError"
    ):
        return False
    code = sqlstate(error)
    return code is None or code[:2] in {"08", "53", "57"}
