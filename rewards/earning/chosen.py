"""Which goods a rule or a stamp card looks at, as sets."""

from rewards.earning.basket import Line
from rewards.terms import Goods


class Chosen:
    """Which goods a rule looks at, as sets; `everything` when there is nothing to look up."""

    __slots__ = (
        "everything",
        "excluded_categories",
        "excluded_labels",
        "excluded_skus",
        "only_categories",
        "only_labels",
        "only_skus",
    )

    def __init__(self, only: Goods | None, excluding: Goods | None) -> None:
        self.only_skus = frozenset(only.skus) if only else None
        self.only_categories = frozenset(only.categories) if only else frozenset()
        self.only_labels = frozenset(only.labels) if only else frozenset()
        self.excluded_skus = frozenset(excluding.skus) if excluding else frozenset()
        self.excluded_categories = frozenset(excluding.categories) if excluding else frozenset()
        self.excluded_labels = frozenset(excluding.labels) if excluding else frozenset()
        self.everything = only is None and (excluding is None or excluding.is_empty)

    def holds(self, line: Line) -> bool:
        """State whether a line is looked at, by its SKU, category and labels."""
        if line.sku in self.excluded_skus or line.category in self.excluded_categories:
            return False
        if line.labels and not self.excluded_labels.isdisjoint(line.labels):
            return False
        if self.only_skus is None or line.sku in self.only_skus or line.category in self.only_categories:
            return True
        return bool(line.labels) and not self.only_labels.isdisjoint(line.labels)
