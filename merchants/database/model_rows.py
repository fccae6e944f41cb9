"""Parts of a `Writing` made from models: rows of a table that go in, or change, all at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
from django.db import connection
from django.db.models import BinaryField, Field, JSONField, Model

from merchants.database.statements import Writing

_encode = msgspec.json.Encoder().encode


def add_new(writing: Writing, name: str, rows: Sequence[Model], *, is_rare: bool = True) -> None:
    """Let new rows of one model go in; ids that are not set come from the sequence, other defaults from the models.

    `name` is the part's and its value's. The rows in memory do not learn the ids that the sequence gave.
    """
    if not rows:
        return
    is_numbered = rows[0].pk is not None
    if any((row.pk is not None) != is_numbered for row in rows):
        raise AssertionError("of rows that go in together all have an id, or none: entries name documents by it")
    fields = [field for field in _fields(type(rows[0])) if is_numbered or not field.primary_key]
    sql = _insertion(type(rows[0]), tuple(field.name for field in fields), name)
    values: dict[str, Any] = {name: ("jsonb", _json(rows, fields))}
    writing.add(name, sql, is_rare=is_rare, **values)


def add_changed(
    writing: Writing, name: str, rows: Sequence[Model], *, names: Sequence[str], also: str = "", is_rare: bool = True
) -> None:
    """Let the named fields of rows that are there change; `also` is a constant assignment (a writer's mark) beside them."""
    if not rows:
        return
    model = type(rows[0])
    fields = [model._meta.get_field(each) for each in ("id", *names)]
    sql = _change(model, tuple(names), name, also)
    ids = ("bigint[]", [row.pk for row in rows])
    values: dict[str, Any] = {name: ("jsonb", _json(rows, fields)), f"{name}_ids": ids}
    writing.add(name, sql, rows=len(rows), is_rare=is_rare, **values)


def _fields(model: type[Model]) -> list[Field[Any, Any]]:
    """The fields that a row says, but for the merchant and what the database fills in."""
    return [
        field for field in model._meta.concrete_fields if field.name != "merchant" and not field.has_db_default()
    ]  # fmt: skip


def _json(rows: Iterable[Model], fields: Iterable[Any]) -> str:
    listed = [(field, field.attname, f"c{place}") for place, field in enumerate(fields)]
    return _encode([{key: _value(field, getattr(row, name)) for field, name, key in listed} for row in rows]).decode()


def _value(field: Any, value: Any) -> Any:
    return bytes(value).hex() if isinstance(field, BinaryField) and value is not None else value


def _source(fields: Sequence[Any], name: str) -> tuple[list[str], str]:
    """What is selected, and from what, for the fields in their order."""
    taken, declared = [], []
    for place, field in enumerate(fields):
        # Of a key that counts itself up, the type of what refers to it: a whole number.
        column, kind = f"r.c{place}", field.rel_db_type(connection) if field.primary_key else field.db_type(connection)
        if isinstance(field, BinaryField):
            column, kind = f"decode({column}, 'hex')", "text"
        elif isinstance(field, JSONField) and field.null:
            column = f"nullif({column}, 'null'::jsonb)"
        taken.append(column)
        declared.append(f"c{place} {kind}")
    return taken, f"jsonb_to_recordset(%({name})s::jsonb) AS r({', '.join(declared)})"


@cache
def _insertion(model: type[Model], names: tuple[str, ...], name: str) -> str:
    fields = [model._meta.get_field(each) for each in names]
    taken, source = _source(fields, name)
    columns = ", ".join(str(field.column) for field in fields)  # type: ignore[union-attr]
    return f"INSERT INTO {model._meta.db_table} (merchant_id, {columns}) SELECT %(merchant)s, {', '.join(taken)} FROM {source}"


@cache
def _change(model: type[Model], names: tuple[str, ...], name: str, also: str) -> str:
    fields = [model._meta.get_field(each) for each in ("id", *names)]
    taken, source = _source(fields, name)
    values = zip(fields[1:], taken[1:], strict=True)
    assigned = ", ".join(f"{field.column} = {value}" for field, value in values)  # type: ignore[union-attr]
    table = model._meta.db_table
    # The planner takes a recordset for 100 rows: without the ids beside it, it reads every row of the merchant.
    return (
        f"UPDATE {table} SET {assigned}{f', {also}' if also else ''} FROM {source} WHERE {table}.merchant_id = "
        f"%(merchant)s AND {table}.id = r.c0 AND {table}.id = ANY(%({name}_ids)s) RETURNING 1"
    )
