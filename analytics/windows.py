"""The periods a merchant's numbers are kept for: running and past months, quarters and years, and the last n days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal, cast

from merchants import periods

Kind = Literal["month", "quarter", "year", "days_30", "days_90", "days_365"]

#: How many periods before the running one are kept.  Two years and a quarter of months: the same month twice before.
_CALENDAR: Final[tuple[tuple[Literal["month", "quarter", "year"], int], ...]] = (
    ("month", 26),
    ("quarter", 9),
    ("year", 4),
)
_ROLLING: Final[tuple[tuple[Literal["days_30", "days_90", "days_365"], int], ...]] = (
    ("days_30", 30),
    ("days_90", 90),
    ("days_365", 365),
)
#: Figures "within a year" always look this far back from the period's end, leap year or not.
YEAR_DAYS: Final = 365


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Local days [first, end); `before` is the first day of the window of equal kind that precedes it."""

    kind: Kind
    first: date
    end: date
    before: date

    @property
    def label(self) -> str:
        """This property will name it for machines: 2026-10, 2026-Q3, 2026, last_30."""
        if self.kind.startswith("days_"):
            return f"last_{self.kind.removeprefix('days_')}"
        return periods.label_of(cast(periods.Kind, self.kind), self.first)

    def is_running(self, today: date) -> bool:
        """This method will say whether the window goes on: its figures are 'so far'."""
        return self.end > today


def calendar_window(kind: Literal["month", "quarter", "year"], day: date) -> Window:
    """This function will make the calendar window of this kind that holds a day."""
    first = periods.first_day_of(kind, day)
    return Window(kind, first, periods.end_day_of(kind, day), periods.first_day_of(kind, first - timedelta(days=1)))


def rolling_window(kind: Literal["days_30", "days_90", "days_365"], today: date) -> Window:
    """This function will make the window of the last n whole days, ending yesterday."""
    length = timedelta(days=dict(_ROLLING)[kind])
    return Window(kind, today - length, today, today - length * 2)


def previous(window: Window) -> Window:
    """This function will make the window of equal kind that precedes one."""
    if window.kind in ("month", "quarter", "year"):
        return calendar_window(window.kind, window.before)
    return Window(window.kind, window.before, window.first, window.before - (window.first - window.before))


def all_windows(*, first_day: date, today: date) -> list[Window]:
    """This function will list every window kept on a day, for a merchant whose trade began on `first_day`."""
    found: list[Window] = []
    for kind, count in _CALENDAR:
        window = calendar_window(kind, today)
        for _ in range(count + 1):
            if window.end <= first_day:
                break
            found.append(window)
            window = previous(window)
    for rolling, _length in _ROLLING:
        window = rolling_window(rolling, today)
        found += [window, previous(window)]
    return found


def arrays(windows: Iterable[Window]) -> dict[str, list[Any]]:
    """This function will lay windows out as the arrays that `WINDOWS_SQL` unnests, numbered by position."""
    listed = list(windows)
    return {
        "w_n": list(range(len(listed))),
        "w_before": [w.before for w in listed],
        "w_first": [w.first for w in listed],
        "w_end": [w.end for w in listed],
    }


WINDOWS_SQL: Final = (
    "win AS (SELECT * FROM unnest(%(w_n)s::int[], %(w_before)s::date[], %(w_first)s::date[], %(w_end)s::date[]) "
    "AS w(n, before, first_day, end_day))"
)
