"""What a metric is: a declared thing with a name, a formula in words, its source, and SQL that counts it.

The text properties are lazy translations: they are read in the language of whoever looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeVar

from django.db.backends.utils import CursorWrapper
from django.utils.functional import Promise

from analytics.metrics import rounding
from analytics.metrics.intervals import Interval
from analytics.windows import Window, arrays
from merchants.models.merchants import Merchant

T = TypeVar("T")

Unit = Literal["share", "money", "score"]


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted for one window: the fraction, how many it rests on, and its parts by their names."""

    numerator: Decimal
    denominator: Decimal
    n: int
    parts: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """Windows of one merchant to be counted.  What several metrics are read from is counted once and kept here."""

    cursor: CursorWrapper
    merchant: Merchant
    windows: Sequence[Window]
    kept: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, count: Callable[[], T]) -> T:
        """This method will count at the first call, and remember."""
        if name not in self.kept:
            self.kept[name] = count()
        found: T = self.kept[name]
        return found

    def ask(self, sql: str, windows: Sequence[Window] | None = None, **parameters: Any) -> list[dict[str, int]]:
        """This method will run a counting query whose first column is the window's number, and fill gaps with 0."""
        asked = self.windows if windows is None else windows
        self.cursor.execute(sql, {"merchant": self.merchant.pk, **arrays(asked), **parameters})
        names = [column[0] for column in self.cursor.description or ()]
        found = {row[0]: dict(zip(names[1:], map(int, row[1:]), strict=True)) for row in self.cursor.fetchall()}
        nothing = dict.fromkeys(names[1:], 0)
        return [found.get(n, nothing) for n in range(len(asked))]


#: Counts every window in one statement; answers in the order of the windows.
Counter = Callable[[Tally], list[Count]]


@dataclass(frozen=True, slots=True)
class Group:
    """Members behind a number: a query giving (person, purchases, revenue_minor, last_day) for one window."""

    key: str
    title: str | Promise
    sql: str
    #: The part of the count that must equal the number of members listed.
    part: str


@dataclass(frozen=True, slots=True)
class Alert:
    """Above which value, as the merchant reads it, a number is a warning; and why there, in a sentence."""

    above: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Metric:
    key: str
    #: Raised whenever the formula changes; old values are kept apart from new ones.
    version: int
    title: str | Promise
    unit: Unit
    window: str | Promise
    formula: str | Promise
    explanation: str | Promise
    source: str
    good: Literal["up", "down"]
    count: Counter
    interval: Callable[[Count], Interval | None]
    #: Given the merchant and the parts of a value.  None: nothing to worry about by itself.
    alert: Callable[[Merchant, Mapping[str, int]], Alert] | None = None
    groups: tuple[Group, ...] = ()
    #: The tiles of the dashboard, in order; None stands beside another number.
    tile: int | None = None

    def value(self, count: Count) -> Decimal | None:
        """This method will divide, to 8 decimals, halves away from zero; None when there is nothing to divide by."""
        return quotient(count, 100 if self.unit == "score" else 1)


def quotient(count: Count, factor: int = 1) -> Decimal | None:
    if not count.denominator:
        return None
    return rounding.eight(count.numerator * factor / count.denominator)
