"""Which goods a programme names: a shop without a POS says of a sale how much of it was which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rewards.terms.document import Terms
from rewards.terms.goods import Goods
from rewards.terms.parts import parts_within


@dataclass(frozen=True, slots=True)
class NamedGoods:
    """Goods by one name, as lines carry it."""

    field: Literal["category", "sku", "label"]
    name: str


def named_goods(terms: Terms) -> tuple[NamedGoods, ...]:
    """List every category, SKU and label that any part of the terms names, each once, in the document's order."""
    found: dict[NamedGoods, None] = {}
    for _pointer, goods in parts_within(terms):
        if isinstance(goods, Goods):
            found |= {NamedGoods("category", name): None for name in goods.categories}
            found |= {NamedGoods("sku", name): None for name in goods.skus}
            found |= {NamedGoods("label", name): None for name in goods.labels}
    return tuple(found)


def counts_pieces(terms: Terms) -> bool:
    """State whether any rule or stamp card asks how many there are."""
    return any(
        rule.compile().by_quantity or rule.when.minimum_quantity_milli is not None for rule in terms.earning.rules
    ) or any(card.gives.compile().by_quantity for card in terms.stamps)
