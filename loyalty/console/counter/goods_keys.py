"""The keys of a sale: goods that the programme names or that were sold lately, and the lines that a tap on one makes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest

from loyalty.console.access import now_of
from loyalty.tenant import merchant_of
from rewards import terms
from rewards.purchases import LineInput, goods_seen
from rewards.purchases.finding import LineView
from rewards.sales.inputs import MONEY_MAX
from rewards.terms import LINE_KINDS, Terms

KEYS_MAX = 60
LINES_MAX = 60
PIECES_MAX = 10_000
_NAME_MAX = 100
#: So many keys stand on the page; the rest is folded.
FIRST = 7
#: The categories of so many of the newest sales have a key, the most frequent of them.
_LATELY_SALES, _LATELY_KEYS = 200, 8
_FIELDS: Final = ("category", "sku", "label", "kind")


class UnreadableLine(ValueError):
    """A line of the form that no key makes."""


@dataclass(frozen=True, slots=True)
class GoodsKey:
    """One kind of goods a cashier can name: what its line says, and the words on the key."""

    field: str
    name: str
    label: str

    @property
    def id(self) -> str:
        """Return what the form sends: it says what the goods are, so that it can be read when the programme has changed."""
        return json.dumps([self.field, self.name], ensure_ascii=False)

    @property
    def line(self) -> dict[str, Any]:
        return _line_of(self.field, self.name)


@dataclass(frozen=True, slots=True)
class TappedLine:
    """Goods that were tapped: what they cost together, in minor units, and how many pieces."""

    field: str
    name: str
    amount_minor: int
    count: int

    @property
    def value(self) -> str:
        return json.dumps([self.field, self.name, self.amount_minor, self.count], ensure_ascii=False)

    @property
    def label(self) -> str:
        return label_of(self.field, self.name)

    def read(self) -> LineInput:
        return LineInput(amount_minor=self.amount_minor, quantity=self.count, **_line_of(self.field, self.name))


def line_from(text: str) -> TappedLine:
    """Read a line as the form sends it.

    :raises UnreadableLine: it is none.
    """
    try:
        field, name, amount, count = json.loads(text)
    except (ValueError, TypeError):
        raise UnreadableLine(text) from None
    is_named = isinstance(name, str) and 0 < len(name) <= _NAME_MAX
    if field not in _FIELDS or not is_named or (field == "kind" and name not in LINE_KINDS):
        raise UnreadableLine(text)
    if type(amount) is not int or type(count) is not int:
        raise UnreadableLine(text)
    if not (0 < amount <= MONEY_MAX and 1 <= count <= PIECES_MAX):
        raise UnreadableLine(text)
    return TappedLine(field, name, amount, count)


def added(lines: Iterable[TappedLine], key: str, amount_minor: int) -> list[TappedLine]:
    """Return the lines with one piece more of what the key names; the same goods stay one line.

    :raises UnreadableLine: there is no such key.
    """
    try:
        field, name = json.loads(key)
    except (ValueError, TypeError):
        raise UnreadableLine(key) from None
    more = line_from(json.dumps([field, name, amount_minor, 1]))
    found = list(lines)
    for place, line in enumerate(found):
        if (line.field, line.name) == (more.field, more.name):
            found[place] = TappedLine(field, name, line.amount_minor + amount_minor, line.count + 1)
            return found
    return [*found, more]


def keys_of(promised: Terms | None, sold_lately: Sequence[str] = ()) -> list[GoodsKey]:
    """Return the keys of a programme: what it names, categories sold lately, then what is no goods at all (tips …).

    A category that is called like a kind of line is that kind as well: whoever excludes `gift_card` sells gift cards.
    """
    named = terms.named_goods(promised)[:KEYS_MAX] if promised is not None else ()
    pairs = dict.fromkeys([(goods.field, goods.name) for goods in named] + [("category", name) for name in sold_lately])
    found = [GoodsKey(field, name, label_of(field, name)) for field, name in pairs]
    taken = {_kind(key.name) for key in found}
    kinds = [kind for kind in LINE_KINDS if kind not in (terms.GOODS, *taken)]
    return found + [GoodsKey("kind", kind, label_of("kind", kind)) for kind in kinds]


def keys_here(request: HttpRequest, promised: Terms | None) -> list[GoodsKey]:
    """Return the keys of this shop's counter."""
    lately = goods_seen.seen(merchant_of(request), now=now_of(request), sales=_LATELY_SALES).categories[:_LATELY_KEYS]
    return keys_of(promised, [name for name, _sales in lately])


def label_of(field: str, name: str) -> str:
    """Return the words on a key: of what is no goods in the reader's language, else the till's code without its signs."""
    kind = _kind(name)
    is_kind = kind in LINE_KINDS and kind != terms.GOODS
    words = str(LINE_KINDS[kind]) if is_kind else name.replace("_", " ")
    return words if field == "sku" else words[:1].upper() + words[1:]


def said(lines: Sequence[LineView]) -> str:
    """Say what was sold in one line of text: 2 Coffee, Bakery."""
    parts = []
    for line in lines:
        field, name = next(
            ((field, value) for field, value in (("category", line.category), ("sku", line.sku)) if value), ("", "")
        )
        if not name and line.labels:
            field, name = "label", line.labels[0]
        if not name and line.kind != terms.GOODS:
            field, name = "kind", line.kind
        if name:
            parts.append((label_of(field, name), line.quantity_milli))
    return ", ".join(label if milli == 1000 else f"{milli / 1000:g} {label}" for label, milli in parts)


def _line_of(field: str, name: str) -> dict[str, Any]:
    if field == "kind":
        return {"kind": name}
    line: dict[str, Any] = {"labels": (name,)} if field == "label" else {field: name}
    kind = _kind(name)
    if kind in LINE_KINDS and kind != terms.GOODS:
        line["kind"] = kind
    return line


def _kind(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")
