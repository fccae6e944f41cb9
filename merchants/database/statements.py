"""SQL statements that a journey puts together from parts, and that PostgreSQL plans once a connection.

Measured: planning was half of what the database spent on a plain purchase, and every statement more is a round trip
and a process switch.  The texts are few (a journey's parts in the combinations that occur), so what a connection
remembers stays small.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import connection

#: How long a plan is good. One made while a table was nearly empty may read it whole, or by the wrong index: ruinous
#: when a first import has filled it. Foreign keys remember plans too, so this matters to whoever writes.
_PLANS_LAST_SECONDS = 5.0
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")
#: By connection to the server: the name each text has there.  A connection that is replaced starts anew.
_names: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()
_numbers = itertools.count()


class Writing:
    """Rows for several tables on their way out in one statement, whose parts run together or not at all.

    A part may use what another returns, by its name; the foreign keys between them are checked when all is written. The
    parts see the tables as they were, run in no order, and no two of them may touch one row. What is seldom written goes
    out in a second statement, which the connection need not remember, so that the texts of the first stay few.
    """

    def __init__(self, *, merchant_id: int, actor: str, now: datetime) -> None:
        self._parts: dict[str, str] = {}
        self._rare: dict[str, str] = {}
        self._expected: dict[str, int] = {}
        self._values: dict[str, Any] = {"merchant": merchant_id, "actor": actor, "now": now}
        self._types = {"merchant": "bigint", "actor": "text", "now": "timestamptz"}

    def add(
        self, name: str, sql: str, *, rows: int | None = None, is_rare: bool = False, **values: tuple[str, Any]
    ) -> None:
        """Add one data-changing part, such as an INSERT, with its values: name=(type, value).

        With `rows` the part must have a RETURNING clause, and must touch exactly so many.

        :raises AssertionError: a part or a value is called as another one is: one of them would be lost.
        """
        if name in self._parts or name in self._rare:
            raise AssertionError(f"two parts are called {name}")
        (self._rare if is_rare else self._parts)[name] = sql
        for placeholder, (kind, value) in values.items():
            if placeholder in self._types:
                raise AssertionError(f"two values are called {placeholder}")
            self._types[placeholder], self._values[placeholder] = kind, value
        if rows is not None:
            self._expected[name] = rows

    def run(self) -> None:
        """Send all parts; without parts, nothing.

        :raises AssertionError: a part touched fewer rows than it was given: nothing of this may stand.
        """
        with connection.cursor() as cursor:
            if self._parts:
                execute(cursor, self._statement(self._parts), self._values, self._types)
                self._check(self._parts, cursor.fetchone())
            if self._rare:
                cursor.execute(self._statement(self._rare), self._values)
                self._check(self._rare, cursor.fetchone())

    def _statement(self, parts: Mapping[str, str]) -> str:
        texts = ", ".join(f"{name} AS ({sql})" for name, sql in parts.items())
        counts = ", ".join(f"(SELECT count(*) FROM {name})" for name in parts if name in self._expected)
        return f"WITH {texts} SELECT {counts or 1}"

    def _check(self, parts: Mapping[str, str], counts: Sequence[int]) -> None:
        expected = [name for name in parts if name in self._expected]
        for name, count in zip(expected, counts, strict=False):
            if count != self._expected[name]:
                raise AssertionError(f"{count} of {self._expected[name]} rows of {name} were written")


@contextmanager
def in_index_order() -> Iterator[None]:
    """Have the query inside follow an index in the order it asks for, in an open transaction.

    For a page of a whole table: of a merchant it knows nothing of, PostgreSQL expects a handful of rows, and may fetch
    all there are and sort them.  Not for what other conditions narrow down.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off")
    yield
    # Where the query failed, the transaction's end resets it.
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = on")


def opening(sql: str) -> str:
    """Put before a transaction's first statement what makes the connection forget old plans."""
    now = time.monotonic()
    if now - getattr(connection, "planned_at", 0.0) < _PLANS_LAST_SECONDS:
        return sql
    connection.planned_at = now  # type: ignore[attr-defined]
    return f"DISCARD PLANS; {sql}"


def execute(cursor: Any, sql: str, values: Mapping[str, Any], types: Mapping[str, str]) -> None:
    """Run `sql` (named placeholders) with a plan the connection remembers.

    `types` names the PostgreSQL type of every placeholder that may occur. `sql` must be made of constants alone: each
    new text stays in the server's memory until the connection ends. Behind a pooler (DATABASE_POOLED=1) it is planned
    each time: there every transaction may get another connection.
    """
    cursor.execute(_named(cursor, sql, types), values)


def written(sql: str, values: Mapping[str, Any], types: Mapping[str, str]) -> str:
    """Write `sql` with its values and a plan the connection remembers, as text that can travel with another statement.

    Outside of a transaction: the first time on a connection it is prepared there, which is a round trip.
    """
    with connection.cursor() as cursor:
        text: bytes = cursor.cursor.mogrify(_named(cursor, sql, types), values)
    return text.decode()


def _named(cursor: Any, sql: str, types: Mapping[str, str]) -> str:
    """Return what runs `sql` by its name on this connection, preparing it first if need be; `sql` where nothing is."""
    if not settings.PREPARED_STATEMENTS:
        return sql
    placeholders, text = _numbered(sql)
    server = cursor.db.connection
    known = _names.get(server)
    if known is None:
        known = _names[server] = {}
    name = known.get(sql)
    if name is None:
        # Never the same twice: one that was cut off in the middle may be there all the same.
        name = f"loyalty_{next(_numbers)}"
        cursor.execute(f"PREPARE {name} ({', '.join(types[each] for each in placeholders)}) AS {text}")
        known[sql] = name
    return f"EXECUTE {name} ({', '.join(f'%({each})s' for each in placeholders)})"


@lru_cache(maxsize=512)
def _numbered(sql: str) -> tuple[tuple[str, ...], str]:
    """Return the placeholders in the order of their numbers, and the text with $1, $2, …"""
    placeholders: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        return f"${placeholders.setdefault(found[1], len(placeholders) + 1)}"

    text = _PLACEHOLDER.sub(number, sql)
    return tuple(placeholders), text
