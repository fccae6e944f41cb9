"""SQL statements that a journey puts together from parts, and that PostgreSQL plans once a connection.

Measured: planning was half of what the database spent on a plain purchase, and every statement more is a round trip
and a process switch.  The texts are few (a journey's parts in the combinations that occur), so what a connection
remembers stays small.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Mapping
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

    A part may use what another returns, by its name; the foreign keys between them are checked when all is written.
    """

    def __init__(self, *, merchant_id: int, actor: str, now: datetime) -> None:
        self._parts: dict[str, str] = {}
        self._expected: dict[str, int] = {}
        self._values: dict[str, Any] = {"merchant": merchant_id, "actor": actor, "now": now}
        self._types = {"merchant": "bigint", "actor": "text", "now": "timestamptz"}

    def add(self, name: str, sql: str, *, rows: int | None = None, **values: tuple[str, Any]) -> None:
        """This method will add one data-changing part, such as an INSERT, with its values: name=(type, value).

        With `rows` the part must have a RETURNING clause, and must touch exactly so many.
        """
        self._parts[name] = sql
        for placeholder, (kind, value) in values.items():
            self._types[placeholder], self._values[placeholder] = kind, value
        if rows is not None:
            self._expected[name] = rows

    def run(self) -> None:
        """This method will send all parts; without parts, nothing.

        :raises AssertionError: a part touched fewer rows than it was given: nothing of this may stand.
        """
        if not self._parts:
            return
        parts = ", ".join(f"{name} AS ({sql})" for name, sql in self._parts.items())
        counts = ", ".join(f"(SELECT count(*) FROM {name})" for name in self._expected)
        with connection.cursor() as cursor:
            execute(cursor, f"WITH {parts} SELECT {counts or 1}", self._values, self._types)
            found = cursor.fetchone()
        for (name, expected), count in zip(self._expected.items(), found, strict=False):
            if count != expected:
                raise AssertionError(f"{count} of {expected} rows of {name} were written")


def opening(sql: str) -> str:
    """This function will put before a transaction's first statement what makes the connection forget old plans."""
    now = time.monotonic()
    if now - getattr(connection, "planned_at", 0.0) < _PLANS_LAST_SECONDS:
        return sql
    connection.planned_at = now  # type: ignore[attr-defined]
    return f"DISCARD PLANS; {sql}"


def execute(cursor: Any, sql: str, values: Mapping[str, Any], types: Mapping[str, str]) -> None:
    """This function will run `sql` (named placeholders) with a plan the connection remembers.

    `types` names the PostgreSQL type of every placeholder that may occur. `sql` must be made of constants alone: each
    new text stays in the server's memory until the connection ends. Behind a pooler (DATABASE_POOLED=1) it is planned
    each time: there every transaction may get another connection.
    """
    if not settings.PREPARED_STATEMENTS:
        cursor.execute(sql, values)
        return
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
    cursor.execute(f"EXECUTE {name} ({', '.join(f'%({each})s' for each in placeholders)})", values)


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
