"""What a metric is: a declared thing with a name, a formula in words, its source, and SQL that counts it.

The text properties are lazy translations: they are read in the language of whoever looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, TypeVar

from django.db.backends.utils import CursorWrapper
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analytics.metrics import rounding
from analytics.metrics.intervals import Interval
from analytics.windows import Window, arrays
from merchants.models.merchants import Merchant

T = TypeVar("T")

#: Said in every definition that is made of purchases.
HISTORY: Final = _(
    "A refund lowers the period of its purchase, so a past number can change; so do sales that arrive late. A receipt whose "
    "total is below zero is a return: it lowers revenue and is no purchase. Members who were merged count as the one they "
    "are today, in the past as well."
)

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
    #: Statements that were asked before, together with others: what they answered for each of the windows.
    answered: dict[str, list[dict[str, int]]] = field(default_factory=dict)

    def once(self, name: str, count: Callable[[], T]) -> T:
        """Count at the first call, and remember."""
        if name not in self.kept:
            self.kept[name] = count()
        found: T = self.kept[name]
        return found

    def ask(self, sql: str, windows: Sequence[Window] | None = None, **parameters: Any) -> list[dict[str, int]]:
        """Run a counting query whose first column is the window's number, and fill gaps with 0."""
        asked = self.windows if windows is None else windows
        if sql in self.answered:
            return self.answered[sql]
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
    #: What every reader of it should know beyond the explanation.
    remark: str | Promise | None = None
    #: Its facts are no purchases and may be dated back unseen: computed for every period by every run.
    is_always_computed: bool = False
    #: The first day a window's number looks at, where that lies before the window: a shorter history is said.
    looks_back_to: Callable[[Window], date] | None = None
    #: What to say instead of a number resting on fewer than the merchant's `answers_min`.  None: it is always shown.
    too_few: str | Promise | None = None
    #: The key of the number that this is another definition of; the two stand side by side.
    beside: str | None = None
    #: The tiles of the dashboard, in order; None stands beneath them.
    tile: int | None = None

    def value(self, count: Count) -> Decimal | None:
        """Divide, to 8 decimals, halves away from zero; None when there is nothing to divide by."""
        return quotient(count, 100 if self.unit == "score" else 1)


def quotient(count: Count, factor: int = 1) -> Decimal | None:
    if not count.denominator:
        return None
    return rounding.to_eight_decimals(count.numerator * factor / count.denominator)
