"""Answers and rows as plain data that says the same for every café: names instead of ids, instants in UTC, no sentences."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Set
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from django.db.models import Model

from merchants.errors import LoyaltyError

_PUBLIC_ID = re.compile(r"\b[a-z]{3,4}_[0-9a-z]{16}\b")
#: Codes of members and redemptions, with and without their dashes: drawn, and of rows that have other names too.
_CODE = re.compile(r"LIVE-[2-9A-Z-]+|[2-9A-HJKMNP-Z]{4}(-?[2-9A-HJKMNP-Z]{4}){1,2}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
#: What people read of a refusal may be said better; which refusal it is, and where, may not change.
_SENTENCES = ("detail",)


def plain(value: Any) -> Any:
    """Turn what a verb answered or a table holds into JSON's own kinds; ids are still what they were."""
    if value is msgspec.UNSET:
        return None
    if value is None or isinstance(value, bool | int | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | Fraction | float):
        return str(value)
    if isinstance(value, Model):
        return getattr(value, "public_id", type(value).__name__)
    if isinstance(value, LoyaltyError):
        return {"code": value.code, "http": value.http, "pointer": value.pointer, "context": plain(value.context)}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items() if name not in _SENTENCES}
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Set):
        return sorted(plain(each) for each in value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    raise TypeError(f"{type(value)} has no plain form")


class Naming:
    """Names for public ids: what a document or person is known by, else its place among those that are seen."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = known
        self.seen: dict[str, str] = {}

    def named(self, value: Any) -> Any:
        """Return plain data with every public id replaced by a name, and every instant told in UTC."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {self._text(name): self.named(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.named(each) for each in value]
        return value

    def _text(self, text: str) -> str:
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
        if _CODE.fullmatch(text):
            return "<code>"
        return _PUBLIC_ID.sub(self._name, text)

    def _name(self, found: re.Match[str]) -> str:
        public_id = found.group()
        kind = public_id.partition("_")[0]
        if public_id in self.known:
            return f"{kind}:{self.known[public_id]}"
        others = sum(name.startswith(f"{kind}?") for name in self.seen.values())
        return self.seen.setdefault(public_id, f"{kind}?{others + 1}")


def canonical(value: Any) -> str:
    """Write plain data as one text, names of fields in their order of the alphabet."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
