"""Several questions to the database in one statement: a page of many numbers waits for the network once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from django.db import connection

_PARAMETER: Final = re.compile(r"%\((\w+)\)s")


class Select(NamedTuple):
    """A SELECT with named parameters; its columns are whole numbers, words, days (as ISO) or JSON."""

    sql: str
    values: Mapping[str, Any]


def ask(selects: Mapping[str, Select]) -> dict[str, list[dict[str, Any]]]:
    """Answer all of them from one snapshot, each with its rows by column.  The tenant is open."""
    parts: list[str] = []
    values: dict[str, Any] = {}
    for place, (sql, own) in enumerate(selects.values()):
        renamed = _PARAMETER.sub(rf"%(q{place}_\1)s", sql)
        parts.append(f"(SELECT json_agg(row_to_json(found)) FROM ({renamed}) AS found)::text")
        values |= {f"q{place}_{name}": value for name, value in own.items()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(parts), values)
        row = cursor.fetchone()
    return {name: json.loads(text) if text else [] for name, text in zip(selects, row, strict=True)}
