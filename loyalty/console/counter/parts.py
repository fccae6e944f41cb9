"""How much of a sale was which goods: keys made of what the programme names, so that its rules and exclusions apply."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from loyalty.console.programme.fields import MoneyField
from rewards import terms
from rewards.purchases import LineInput
from rewards.terms import LINE_KINDS, Terms

KEYS_MAX = 60
PIECES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class GoodsKey:
    """One kind of goods a cashier can name: what its line says, and the words on the key."""

    id: str
    label: str
    line: dict[str, Any]


def keys_of(promised: Terms | None) -> list[GoodsKey]:
    """Return the keys of a programme: what it names, then what is no goods at all (gift cards, tips …).

    A category that is called like a kind of line is that kind as well: whoever excludes `gift_card` sells gift cards.
    """
    named = terms.named_goods(promised)[:KEYS_MAX] if promised is not None else ()
    kinds = {kind: str(words) for kind, words in LINE_KINDS.items() if kind != terms.GOODS}
    found: list[GoodsKey] = []
    for goods in named:
        line: dict[str, Any] = {goods.field: goods.name} if goods.field != "label" else {"labels": (goods.name,)}
        kind = goods.name.lower().replace(" ", "_").replace("-", "_")
        label = kinds.pop(kind, "")
        if label:
            line["kind"] = kind
        found.append(GoodsKey(_id(goods.field, goods.name), label or goods.name.replace("_", " "), line))
    return found + [GoodsKey(_id("kind", kind), words, {"kind": kind}) for kind, words in kinds.items()]


def _id(field: str, name: str) -> str:
    """A name for the form that stays the same while the programme changes around it."""
    return hashlib.sha256(f"{field} {name}".encode()).hexdigest()[:12]


class PartsMixin(forms.Form):
    """The fields of the keys, and the lines they make of the amount."""

    keys: list[GoodsKey]

    def add_parts(self, currency: str, promised: Terms | None) -> None:
        self.keys = keys_of(promised)
        self.counts = promised is not None and terms.counts_pieces(promised)
        for key in self.keys:
            self.fields[f"part-{key.id}"] = MoneyField(currency, label=key.label, required=False)
            if self.counts:
                self.fields[f"count-{key.id}"] = forms.IntegerField(
                    label=_("Pieces"), min_value=1, max_value=PIECES_MAX, required=False
                )

    def parts(self) -> Iterator[list[Any]]:
        """Yield the fields of each key, for the page."""
        for key in self.keys:
            yield [self[f"{name}-{key.id}"] for name in (("part", "count") if self.counts else ("part",))]

    @property
    def has_parts(self) -> bool:
        return any(self[f"part-{key.id}"].value() or self[f"part-{key.id}"].errors for key in self.keys)

    def check_parts(self) -> None:
        """Refuse parts that come to more than the whole."""
        amount = self.cleaned_data.get("amount")
        named = sum(self.cleaned_data.get(f"part-{key.id}") or 0 for key in self.keys)
        if amount is not None and named > amount:
            self.add_error("amount", _("What you named comes to more than the amount of the sale."))

    @property
    def lines(self) -> tuple[LineInput, ...]:
        """Return a line for each key with an amount, and one for the rest; none where nothing was named."""
        found, rest = [], int(self.cleaned_data["amount"])
        for key in self.keys:
            amount = self.cleaned_data.get(f"part-{key.id}") or 0
            if amount:
                count = self.cleaned_data.get(f"count-{key.id}") or 1
                found.append(LineInput(amount_minor=amount, quantity=count, **key.line))
                rest -= amount
        if found and rest:
            found.append(LineInput(amount_minor=rest))
        return tuple(found)
