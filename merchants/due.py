"""Which merchants have something to do now: asked across all of them, answered with their ids and nothing else.

The one module that uses the `system` connection, whose role may only read the few tables with `has_due_work`.
The work itself is done in `tenancy.tenant(...)`, as the web role, one merchant at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from django.db import connections, transaction

from merchants.database.tenant_model import TenantModel
from merchants.models.merchants import Merchant

CONNECTION = "system"
#: A look ends in time for its tick to come again; what is left is found then.
SECONDS_MAX: Final = 45.0
_LOCKS = 0x6C6F79  # our own corner of the database's advisory locks


class Turn(Protocol):
    """One bounded piece of work at one merchant; returns how much there was, 0 when nothing was left."""

    def __call__(self, *, merchant: Merchant, now: datetime) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWork:
    """Work that falls due by the clock: every so many `seconds` the worker looks at whom, and takes turns there.

    Each turn is a transaction inside the merchant's tenant, unless it `opens_tenants` itself; turns are taken until one
    returns 0 or `seconds_max` are over.  The tick is `tick.<name>`; so many `places` may be at it at once.
    """

    name: str
    seconds: int
    merchants: Callable[[datetime], Sequence[int]]
    turn: Turn
    opens_tenants: bool = False
    seconds_max: float = SECONDS_MAX
    places: int = 1


@dataclass(frozen=True, slots=True)
class WaitingRows:
    """Rows that wait to be worked on, for the operator: a query of how many there are and since when the oldest waits.

    It is asked as the system role, which reads tables with `has_due_work` only.
    """

    name: str
    query: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong and stays so until somebody looks, for the operator: a query of one number, asked as `WaitingRows` is."""

    name: str
    query: str


def merchants_with(table: type[TenantModel], **conditions: Any) -> list[int]:
    """Return the ids of merchants with a row like that, in order."""
    rows = table._base_manager.using(CONNECTION).filter(**conditions)
    return sorted(rows.order_by().values_list("merchant_id", flat=True).distinct())


def ask(query: str, parameters: Mapping[str, Any]) -> list[int]:
    """Return the ids of merchants, the first column of a query over rows with due work.

    For modules whose question is not a plain filter; the role can read nothing else.
    """
    with connections[CONNECTION].cursor() as cursor:
        cursor.execute(query, parameters)
        return [row[0] for row in cursor.fetchall()]


def open_merchants() -> list[int]:
    """Return the ids of all merchants that have not closed, in order."""
    return list(Merchant.objects.filter(closed_at__isnull=True).order_by("pk").values_list("pk", flat=True))


def all_merchants() -> list[int]:
    """Return the ids of all merchants, closed ones too, in order: their data is pruned and verified all the same."""
    return list(Merchant.objects.order_by("pk").values_list("pk", flat=True))


@contextmanager
def alone(name: str, *, places: int = 1) -> Iterator[bool]:
    """Yield whether fewer than `places` others in the installation are inside a block of this name; holds one till it ends.

    The lock belongs to a transaction of the `system` connection, so a killed process gives it up at once, and a
    pooler between us and the database does no harm.
    """
    with transaction.atomic(using=CONNECTION):
        with connections[CONNECTION].cursor() as cursor:
            mine = False
            for place in range(places):
                cursor.execute(
                    "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [_LOCKS, f"{name}#{place}" if place else name]
                )
                mine = cursor.fetchone()[0]
                if mine:
                    break
        yield mine
