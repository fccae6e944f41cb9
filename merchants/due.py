"""Which merchants have something to do now: asked across all of them, answered with their ids and nothing else.

The one room that uses the `system` connection, whose role may only read the few tables with `has_due_work`.
The work itself is done in `tenancy.tenant(...)`, as the web role, one merchant at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction

from merchants.models.merchants import Merchant, TenantModel

CONNECTION = "system"
_LOCKS = 0x6C6F79  # our own corner of the database's advisory locks


def merchants_with(table: type[TenantModel], **conditions: Any) -> list[int]:
    """This function will return the ids of merchants with a row like that, in order."""
    rows = table._base_manager.using(CONNECTION).filter(**conditions)
    return sorted(rows.order_by().values_list("merchant_id", flat=True).distinct())


def ask(query: str, parameters: Mapping[str, Any]) -> list[int]:
    """This function will return the ids of merchants, the first column of a query over rows with due work.

    For rooms whose question is not a plain filter; the role can read nothing else.
    """
    with connections[CONNECTION].cursor() as cursor:
        cursor.execute(query, parameters)
        return [row[0] for row in cursor.fetchall()]


def open_merchants() -> list[int]:
    """This function will return the ids of all merchants that have not closed, in order."""
    return list(Merchant.objects.filter(closed_at__isnull=True).order_by("pk").values_list("pk", flat=True))


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Yield whether nobody else in the installation is inside a block of this name; holds the place until it ends.

    The lock belongs to a transaction of the `system` connection, so a killed process gives it up at once, and a
    pooler between us and the database does no harm.
    """
    with transaction.atomic(using=CONNECTION):
        with connections[CONNECTION].cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [_LOCKS, name])
            mine: bool = cursor.fetchone()[0]
        yield mine
