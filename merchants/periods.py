"""The merchant's calendar: local days, weeks, months, quarters, half-years and years as half-open [start, end).

Instants are UTC; days are the merchant's own. A local day begins at its *first instant*, which is midnight in most
places and on most days, 01:00 where the clock jumps over midnight (Santiago, Beirut, Cairo), and does not exist at all
where a day was left out (Apia, 30 December 2011: an empty period). Nothing here asks the clock.
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

Kind = Literal["day", "week", "month", "quarter", "half", "year"]
Unit = Literal["days", "months", "years"]

KINDS: tuple[Kind, ...] = ("day", "week", "month", "quarter", "half", "year")
_DAY = timedelta(days=1)
_MONTHS: dict[str, int] = {"month": 1, "quarter": 3, "half": 6, "year": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """Local days [first_day, end_day) and the instants [start, end) they fill; `label` names it for ever."""

    kind: str
    label: str
    first_day: date
    end_day: date
    start: datetime
    end: datetime

    @property
    def last_day(self) -> date:
        """Return the last local day inside the period."""
        return self.end_day - _DAY

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end


@lru_cache(maxsize=8192)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Find the first instant (UTC) of a local day, also where its midnight does not exist."""
    midnight = datetime.combine(day, time.min, tzinfo=zone)
    found = midnight.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None, fold=0) == midnight.replace(tzinfo=None):
        return found
    # Midnight lies in a gap. Read with the offset after it (fold=1) it is before the jump, with the offset before it
    # (fold=0) at or after the jump; the jump itself is the first second that shows this day or a later one.
    before, after = midnight.replace(fold=1).astimezone(UTC), found
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        if middle.astimezone(zone).date() >= day:
            after = middle
        else:
            before = middle
    return before if before.astimezone(zone).date() >= day else after


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """Name the local day whose [first instant, next first instant) holds an aware instant."""
    local = at.astimezone(zone)
    day = local.date()
    # St John's turned its clock back at 00:01 until 2011: an hour of "yesterday" after today had begun is today's.
    if local.fold and local.hour >= 22 and at >= start_of_day(day + _DAY, zone):
        return day + _DAY
    return day


def add_months(day: date, months: int) -> date:
    """Move a day by whole months; the 31st becomes the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def shift(day: date, count: int, unit: Unit) -> date:
    """Move a day by a count of days, months or years (months and years clamped)."""
    if unit == "days":
        return day + timedelta(days=count)
    return add_months(day, count * 12 if unit == "years" else count)


def first_day_of(kind: Kind, day: date) -> date:
    """Find the first day of the calendar period of this kind that holds the day (ISO weeks)."""
    if kind == "day":
        return day
    if kind == "week":
        return day - timedelta(days=day.weekday())
    months = _MONTHS[kind]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def end_day_of(kind: Kind, day: date) -> date:
    """Find the first day *after* the calendar period of this kind that holds the day."""
    first = first_day_of(kind, day)
    if kind == "day":
        return first + _DAY
    if kind == "week":
        return first + timedelta(days=7)
    return add_months(first, _MONTHS[kind])


def label_of(kind: Kind, day: date) -> str:
    """Name the period: 2026-03-04, 2026-W10, 2026-03, 2026-Q1, 2026-H1, 2026."""
    if kind == "day":
        return day.isoformat()
    if kind == "week":
        year, week, _ = day.isocalendar()
        return f"{year:04d}-W{week:02d}"
    if kind == "month":
        return f"{day.year:04d}-{day.month:02d}"
    if kind == "quarter":
        return f"{day.year:04d}-Q{(day.month + 2) // 3}"
    return f"{day.year:04d}-H{1 if day.month <= 6 else 2}" if kind == "half" else f"{day.year:04d}"


def between(first_day: date, end_day: date, zone: ZoneInfo, *, kind: str = "days", label: str = "") -> Period:
    """Make the period of local days [first_day, end_day)."""
    label = label or f"{first_day.isoformat()}/{end_day.isoformat()}"
    return Period(kind, label, first_day, end_day, start_of_day(first_day, zone), start_of_day(end_day, zone))


def period(kind: Kind, day: date, zone: ZoneInfo) -> Period:
    """Make the calendar period of this kind that holds a local day."""
    return between(first_day_of(kind, day), end_day_of(kind, day), zone, kind=kind, label=label_of(kind, day))


def period_at(kind: Kind, at: datetime, zone: ZoneInfo) -> Period:
    """Make the calendar period of this kind that holds an aware instant."""
    return period(kind, local_day(at, zone), zone)


def calendar_periods(kind: Kind, first_day: date, end_day: date, zone: ZoneInfo) -> list[Period]:
    """List the calendar periods that meet the days [first_day, end_day), oldest first."""
    found: list[Period] = []
    day = first_day
    while day < end_day:
        found.append(period(kind, day, zone))
        day = found[-1].end_day
    return found


def day_in_year(year: int, month: int, day: int) -> date:
    """Place a yearly day (birthday, anniversary) in a year; 29 February becomes 28 February."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def anniversary_window(joined_on: date, day: date) -> tuple[date, date]:
    """Find the year [first_day, end_day), counted from a joining day, that holds a day.

    A day before joining belongs to the window that ends on the joining day.
    """
    first = day_in_year(day.year, joined_on.month, joined_on.day)
    if first > day:
        return day_in_year(day.year - 1, joined_on.month, joined_on.day), first
    return first, day_in_year(day.year + 1, joined_on.month, joined_on.day)


def is_birthday(birthday: tuple[int, int], day: date, *, within: Kind = "day") -> bool:
    """State whether a local day lies in the birthday's day, ISO week or month (month, day given)."""
    if within == "month":
        return day.month == birthday[0]
    first, end = first_day_of(within, day), end_day_of(within, day)
    # A week may lie in two years: the birthday of 1 January can fall in a week that begins in December.
    return any(first <= day_in_year(year, *birthday) < end for year in {first.year, (end - _DAY).year})
