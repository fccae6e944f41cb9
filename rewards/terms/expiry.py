"""Part of the terms: when points become spendable, and when they end.

Days are the merchant's local days. A lot earned on 15 January that lives "6 months" has 15 July as its last day; rounded
to the end of the month, 31 July. Instants are exclusive ends: the first instant of the day after the last one.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta

from merchants import periods
from rewards.terms.fields import CalendarUnit, Days, Part, in_year

Rounding = Literal["month", "quarter", "half", "year"]
Count = Annotated[int, Meta(ge=1, le=3660)]


class Pending(Part, frozen=True, kw_only=True):
    """Points earned stay pending until a number of days has passed (the first instant of that day), or until a date."""

    days: Annotated[Days | None, Meta(description="0 is at once; 14 on 1 March becomes spendable on 15 March.")] = None
    until: Annotated[date | None, Meta(description="Spendable from this day; at once when it has passed.")] = None


class Never(Part, frozen=True, kw_only=True, tag_field="kind", tag="never"):
    """Points never end."""

    kind: ClassVar[str] = "never"


class Rolling(Part, frozen=True, kw_only=True, tag_field="kind", tag="rolling"):
    """Points end a while after they were earned, if wanted rounded to a calendar period's end (or its start)."""

    kind: ClassVar[str] = "rolling"
    count: Count
    unit: CalendarUnit
    round_to: Annotated[Rounding | None, Meta(description="Live on to the end of this calendar period.")] = None
    round: Annotated[
        Literal["end", "start"],
        Meta(description="`end`: the period's last day is the last; `start`: they end as it begins."),
    ] = "end"
    activity_adds_months: Annotated[
        int,
        Meta(ge=0, le=120, description="Each calendar month with activity after earning adds so many months."),
    ] = 0


class Fixed(Part, frozen=True, kw_only=True, tag_field="kind", tag="fixed"):
    """Points end at the close of fixed days: of every year (`12-31`) or of one year (`2027-03-31`)."""

    kind: ClassVar[str] = "fixed"
    last_days: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^([0-9]{4}-)?[0-9]{2}-[0-9]{2}\Z")], ...],
        Meta(min_length=1, max_length=20, examples=[["06-30", "12-31"]]),
    ]
    at_least_days: Annotated[Days, Meta(description="A day nearer than this is passed over.")] = 0


class Inactivity(Part, frozen=True, kw_only=True, tag_field="kind", tag="inactivity"):
    """Points end when the member has done nothing for a while; every activity starts the while again."""

    kind: ClassVar[str] = "inactivity"
    count: Count
    unit: CalendarUnit
    round_to: Rounding | None = None
    round: Literal["end", "start"] = "end"


Expiry = Never | Rolling | Fixed | Inactivity


def is_sliding(expiry: Expiry) -> bool:
    """This function will say whether later activity moves the end of points under this expiry."""
    return isinstance(expiry, Inactivity) or (isinstance(expiry, Rolling) and expiry.activity_adds_months > 0)


def active_at(pending: Pending | None, at: datetime, zone: ZoneInfo) -> datetime:
    """This function will find the instant from which points earned at an instant can be spent."""
    if pending is None or (pending.days == 0 and pending.until is None):
        return at
    if pending.until is not None:
        return max(at, periods.start_of_day(pending.until, zone))
    return periods.start_of_day(periods.local_day(at, zone) + timedelta(days=pending.days or 0), zone)


def expires_at(expiry: Expiry, at: datetime, zone: ZoneInfo) -> datetime | None:
    """This function will find the instant at which points earned at an instant end, or None for never."""
    return None if isinstance(expiry, Never) else _end_of_points(expiry, periods.local_day(at, zone), zone)


@lru_cache(maxsize=4096)
def _end_of_points(expiry: Expiry, day: date, zone: ZoneInfo) -> datetime | None:
    end_day = last_end_day(expiry, day)
    return None if end_day is None else periods.start_of_day(end_day, zone)


def last_end_day(expiry: Expiry, day: date) -> date | None:
    """This function will find the first local day on which points earned on a day are gone, or None for never."""
    if isinstance(expiry, Never):
        return None
    if isinstance(expiry, Fixed):
        earliest = day + timedelta(days=expiry.at_least_days)
        ends = [last for last in _last_days(expiry, earliest) if last >= earliest]
        return min(ends) + timedelta(days=1) if ends else None
    moved = periods.shift(day, expiry.count, expiry.unit)
    if expiry.round_to is None:
        return moved + timedelta(days=1)
    if expiry.round == "end":
        return periods.end_day_of(expiry.round_to, moved)
    # Points may not be gone on the day they are earned, however the rounding falls.
    return max(periods.first_day_of(expiry.round_to, moved), day + timedelta(days=1))


def _last_days(expiry: Fixed, earliest: date) -> list[date]:
    yearly = [text for text in expiry.last_days if len(text) == 5]
    return [date.fromisoformat(text) for text in expiry.last_days if len(text) == 10] + [
        in_year(text, year) for text in yearly for year in (earliest.year, earliest.year + 1)
    ]


def extended(
    expiry: Expiry, *, current: datetime | None, at: datetime, last_activity_at: datetime, zone: ZoneInfo
) -> datetime | None:
    """This function will find the new end of a lot (now `current`, under `expiry`) after activity at an instant.

    Activity never shortens a lot and does not wake one that has ended; `last_activity_at` is the earning of the lot or
    the latest activity already counted, so a second activity in one calendar month adds nothing.
    """
    if current is None or at >= current:
        return current
    if isinstance(expiry, Inactivity):
        renewed = expires_at(expiry, at, zone)
        return current if renewed is None else max(current, renewed)
    if isinstance(expiry, Rolling) and expiry.activity_adds_months:
        today, before = periods.local_day(at, zone), periods.local_day(last_activity_at, zone)
        if periods.first_day_of("month", today) <= before:
            return current
        last_day = periods.local_day(current, zone) - timedelta(days=1)
        moved = periods.add_months(last_day, expiry.activity_adds_months)
        if last_day + timedelta(days=1) == periods.end_day_of("month", last_day):
            return periods.start_of_day(periods.end_day_of("month", moved), zone)
        return periods.start_of_day(moved + timedelta(days=1), zone)
    return current
