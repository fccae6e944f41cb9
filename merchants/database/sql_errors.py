"""What PostgreSQL says of an error, behind Django's wrapper."""

from __future__ import annotations

from typing import Final

from django.db import DatabaseError, InternalError

from merchants.database.connections import LostBeforeBegun

LOCK_NOT_AVAILABLE: Final = "55P03"
#: Deadlock, serialisation failure, lock timeout: the whole verb may be run again.
RETRYABLE: Final = frozenset({"40P01", "40001", LOCK_NOT_AVAILABLE})


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
    one is our own driver's, of a transaction that had failed (merchants/database/connections).
    """
    if isinstance(error, InternalError) or (
        not isinstance(error, DatabaseError) and error.__class__.__name__ != "InterfaceError"
    ):
        return False
    code = sqlstate(error)
    return code is None or code[:2] in {"08", "53", "57"}


def is_lost_before_begun(error: BaseException) -> bool:
    """Return whether the database was gone when the transaction began, so that nothing of it can stand."""
    return isinstance(error.__cause__ or error, LostBeforeBegun)
