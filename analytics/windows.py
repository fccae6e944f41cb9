"""The periods a merchant's numbers are kept for: running and past months, quarters and years, and the last n days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, Literal, cast

from merchants import periods

CalendarKind = Literal["month", "quarter", "year"]
RollingKind = Literal["days_30", "days_90", "days_365"]
PartKind = Literal["month_part", "quarter_part", "year_part"]
Kind = CalendarKind | RollingKind | PartKind | Literal["custom"]

CALENDAR_KINDS: Final[tuple[CalendarKind, ...]] = ("month", "quarter", "year")
#: A history longer than this is a mistyped day; its periods can be computed by `metrics run --at`.
YEARS_MAX: Final = 50
_ROLLING: Final[tuple[tuple[RollingKind, int], ...]] = (("days_30", 30), ("days_90", 90), ("days_365", 365))
#: The first days of the period before, as many as have passed of the running one.
_PART_OF: Final[dict[str, PartKind]] = {"month": "month_part", "quarter": "quarter_part", "year": "year_part"}
#: Rates "within 365 days" always look this far back, leap year or not.
YEAR_DAYS: Final = 365


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Local days [first, end); `before` is the first day of the window of equal kind that precedes it.

    What is counted ends at `until`: of a running period only the whole days that have passed.
    """

    kind: Kind
    first: date
    end: date
    before: date
    until: date

    @property
    def label(self) -> str:
        """Name it for machines: 2026-10, 2026-Q3, 2026, last_30, 2026-10-05..2026-11-01."""
        if self.kind == "custom":
            return f"{self.first}..{self.end - timedelta(days=1)}"
        if self.kind.startswith("days_"):
            return f"last_{self.kind.removeprefix('days_')}"
        return periods.label_of(cast(periods.Kind, self.kind.removesuffix("_part")), self.first)

    def is_running(self, today: date) -> bool:
        """State whether the window goes on: its figures are 'so far'."""
        return self.end > today

    @property
    def has_whole_days(self) -> bool:
        """State whether there is a day to be counted."""
        return self.until > self.first


def calendar_window(kind: CalendarKind, day: date, *, today: date | None = None) -> Window:
    """Make the calendar window of this kind that holds a day; with `today`, counted up to yesterday at most."""
    first, end = periods.first_day_of(kind, day), periods.end_day_of(kind, day)
    before = periods.first_day_of(kind, first - timedelta(days=1))
    return Window(kind, first, end, before, end if today is None else max(first, min(end, today)))


def rolling_window(kind: RollingKind, today: date) -> Window:
    """Make the window of the last n whole days, ending yesterday."""
    length = timedelta(days=dict(_ROLLING)[kind])
    return Window(kind, today - length, today, today - length * 2, today)


def custom_window(first: date, last: date, *, today: date) -> Window:
    """Make a window of any days, both included; it ends yesterday at the latest, and may then hold no day."""
    end = max(first, min(last + timedelta(days=1), today))
    return Window("custom", first, end, first - (end - first), end)


def previous(window: Window) -> Window:
    """Make the window that one is compared with: the one before it, of a running one only as many of its first days."""
    if window.kind not in _PART_OF:
        length = window.end - window.first
        return Window(window.kind, window.before, window.first, window.before - length, window.first)
    whole = calendar_window(cast(CalendarKind, window.kind), window.before)
    if window.until == window.end or not window.has_whole_days:
        return whole
    until = min(whole.end, whole.first + (window.until - window.first))
    return replace(whole, kind=_PART_OF[window.kind], end=until, until=until)


def all_windows(*, first_day: date, today: date, held: Iterable[Window] = ()) -> list[Window]:
    """List every window kept on a day, for a merchant whose history began on `first_day`: all calendar periods since then.

    `held` are calendar windows that have been computed before: they stay.
    """
    since = max(first_day, today - timedelta(days=YEARS_MAX * 366))
    found: dict[tuple[Kind, date], Window] = {}
    for kind in CALENDAR_KINDS:
        window = calendar_window(kind, today, today=today)
        while window.end > since:
            if window.has_whole_days:
                found[window.kind, window.first] = window
                if window.until < window.end:
                    part = previous(window)
                    found[part.kind, part.first] = part
            window = calendar_window(kind, window.before)
    for rolling, _length in _ROLLING:
        window = rolling_window(rolling, today)
        for each in (window, previous(window)):
            found[each.kind, each.first] = each
    for window in held:
        # A run as of an earlier day finds periods that had not begun then.
        until = min(window.end, max(window.until, today))
        found.setdefault((window.kind, window.first), replace(window, until=until))
    return list(found.values())


def arrays(windows: Iterable[Window]) -> dict[str, list[Any]]:
    """Lay windows out as the arrays that `WINDOWS_SQL` unnests, numbered by position."""
    listed = list(windows)
    return {
        "w_n": list(range(len(listed))),
        "w_before": [w.before for w in listed],
        "w_first": [w.first for w in listed],
        "w_end": [w.until for w in listed],
        "w_days": [(w.end - w.first).days for w in listed],
    }


#: `end_day` is where counting ends; `days` is how long the whole period is.
WINDOWS_SQL: Final = (
    "win AS (SELECT * FROM unnest(%(w_n)s::int[], %(w_before)s::date[], %(w_first)s::date[], %(w_end)s::date[], "
    "%(w_days)s::int[]) AS w(n, before, first_day, end_day, days))"
)
