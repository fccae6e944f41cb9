"""Part of the terms: when points become spendable, and when they end.

Days are the merchant's local days. A lot earned on 15 January that lives "6 months" has 15 July as its last day; rounded
to the end of the month, 31 July. Instants are exclusive ends: the first instant of the day after the last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from msgspec import Meta, structs

from merchants import periods
from rewards.terms.editing import expiry as editing
from rewards.terms.fields import CalendarUnit, Days, in_year, yearly
from rewards.terms.parts import Part, Remark, Whole, nothing
from rewards.terms.wording import Description, Phrasing

Rounding = Literal["month", "quarter", "half", "year"]
Count = Annotated[int, Meta(ge=1, le=3660)]
#: Some day points are earned on, where only the length of their life is asked.
_SOME_DAY = date(2026, 1, 1)


class Pending(Part, frozen=True, kw_only=True):
    """Points earned stay pending until a number of days has passed (the first instant of that day), or until a date."""

    edits = editing.PENDING
    editor = editing.PENDING_EDITOR
    days: Annotated[Days | None, Meta(description="0 is at once; 14 on 1 March becomes spendable on 15 March.")] = None
    until: Annotated[date | None, Meta(description="Spendable from this day; at once when it has passed.")] = None

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find neither or both of the two ways to say it."""
        if (self.days is None) == (self.until is None):
            yield Remark("", "one_of", _("Either a number of days or a day, not both."))

    def describe(self, say: Phrasing) -> Description:
        """Say from when points can be spent, as a sentence; empty for at once."""
        if self.days:
            words = ngettext(
                "Points can be spent after %(count)d day.", "Points can be spent after %(count)d days.", self.days
            )
            return Description(says=words % {"count": self.days})
        if self.until is not None:
            return Description(says=_("Points can be spent from %(day)s.") % {"day": say.day(self.until, "long")})
        return Description()


class Latest(Part, frozen=True, kw_only=True):
    """A last day that no activity moves, counted from the day the points were earned."""

    edits = editing.LATEST
    editor = editing.LATEST_EDITOR
    count: Count
    unit: CalendarUnit
    round_to: Annotated[Rounding | None, Meta(description="Live on to the end of this calendar period.")] = None


class Ending(Part, frozen=True, kw_only=True, tag_field="kind"):
    """What all ways to end have. A kind owns `check`, `gone_on`, `advise` and `describe`."""

    kind: ClassVar[str] = ""
    never_ends: ClassVar[bool] = False

    @property
    def adds_months(self) -> bool:
        """Return whether active months lengthen what points have left."""
        return False

    def gone_on(self, day: date) -> date | None:
        """Find the first local day on which points earned on a day are gone, or None for never."""
        raise NotImplementedError

    def life_days(self) -> int | None:
        """State how many days points live before activity moves anything; None where that depends on the day."""
        return None

    def slides(self) -> Sliding | None:
        """Return the rule by which later activity moves the end of points under this one; None when none does."""
        return None

    def end_while_held(
        self, current: datetime, *, earned_at: datetime, last_activity_at: datetime, zone: ZoneInfo
    ) -> datetime | None:
        """Find the new end of a lot (now `current`) held on a tier for all of whose points this holds."""
        return later(current, expires_at(self, earned_at, zone))


class Never(Ending, frozen=True, kw_only=True, tag="never"):
    """Points never end."""

    kind: ClassVar[str] = "never"
    never_ends: ClassVar[bool] = True
    check = nothing
    advise = nothing

    def gone_on(self, day: date) -> date | None:
        """Find no such day."""
        return None

    def describe(self, say: Phrasing) -> Description:
        """Say so."""
        return Description(says=_("points never end"))


class Rolling(Ending, frozen=True, kw_only=True, tag="rolling"):
    """Points end a while after they were earned, if wanted rounded to a calendar period's end (or its start)."""

    kind: ClassVar[str] = "rolling"
    edits = editing.ROLLING
    editor = editing.LIFE_EDITOR
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
    at_latest: Annotated[
        Latest | None, Meta(description="With `activity_adds_months`: gone after this, however active the member is.")
    ] = None

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find a last day where nothing moves the end."""
        if self.at_latest is not None and not self.activity_adds_months:
            detail = _("Only an end that activity moves has a last day besides.")
            yield Remark("/at_latest", "nothing_moves_it", detail)

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find a last day that comes before the end itself."""
        yield from _advise_at_latest(self)

    def gone_on(self, day: date) -> date | None:
        """Count from the day of earning."""
        return _gone_on(self, day)

    def life_days(self) -> int | None:
        """State how long points live."""
        return (_gone_on(self, _SOME_DAY) - _SOME_DAY).days

    @property
    def adds_months(self) -> bool:
        """Return whether active months lengthen what points have left."""
        return self.activity_adds_months > 0

    def slides(self) -> Sliding | None:
        """Return this rule where active months lengthen it."""
        return self if self.adds_months else None

    def moved(self, current: datetime, *, at: datetime, last_activity_at: datetime, zone: ZoneInfo) -> datetime:
        """Add the months of activity at an instant, once in a calendar month; the end of a month stays one."""
        today = periods.local_day(at, zone)
        if periods.first_day_of("month", today) <= periods.local_day(last_activity_at, zone):
            return current
        last_day = periods.local_day(current, zone) - timedelta(days=1)
        moved = periods.add_months(last_day, self.activity_adds_months)
        if last_day + timedelta(days=1) == periods.end_day_of("month", last_day):
            return periods.start_of_day(periods.end_day_of("month", moved), zone)
        return periods.start_of_day(moved + timedelta(days=1), zone)

    def describe(self, say: Phrasing) -> Description:
        """Say when points end, as a phrase of its own."""
        words = {
            "month": _("points end %(time)s after they were earned, at the end of that month"),
            "quarter": _("points end %(time)s after they were earned, at the end of that quarter"),
            "half": _("points end %(time)s after they were earned, at the end of that half-year"),
            "year": _("points end %(time)s after they were earned, at the end of that year"),
        }
        usual = _("points end %(time)s after they were earned")
        said = _say_end(self, words, usual, say)
        if self.activity_adds_months:
            longer = {"points_end": said, "months": say.time(self.activity_adds_months, "months")}
            said = _("%(points_end)s; each month with a purchase adds %(months)s") % longer
        return Description(says=_say_latest(said, self.at_latest, say))


class Fixed(Ending, frozen=True, kw_only=True, tag="fixed"):
    """Points end at the close of fixed days: of every year (`12-31`) or of one year (`2027-03-31`)."""

    kind: ClassVar[str] = "fixed"
    edits = editing.FIXED
    editor = editing.FIXED_EDITOR
    last_days: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^([0-9]{4}-)?[0-9]{2}-[0-9]{2}\Z")], ...],
        Meta(min_length=1, max_length=20, examples=[["06-30", "12-31"]]),
    ]
    at_least_days: Annotated[Days, Meta(description="A day nearer than this is passed over.")] = 0

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find days that no calendar has."""
        for place, written in enumerate(self.last_days):
            try:
                is_real = yearly(written) is not None if len(written) == 5 else bool(date.fromisoformat(written))
            except ValueError:
                is_real = False
            if not is_real:
                detail = _("There is no day %(day)s.") % {"day": written}
                yield Remark(f"/last_days/{place}", "no_such_day", detail)

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find days of single years alone, after which nothing ends."""
        if all(len(day) == 10 for day in self.last_days):
            yield Remark("/last_days", "expiry_runs_out", _("After the last of these days points never end."))

    def gone_on(self, day: date) -> date | None:
        """Find the day after the next of the fixed days that is not too near."""
        earliest = day + timedelta(days=self.at_least_days)
        ends = [last for last in self._days_from(earliest) if last >= earliest]
        return min(ends) + timedelta(days=1) if ends else None

    def _days_from(self, earliest: date) -> list[date]:
        every_year = [text for text in self.last_days if len(text) == 5]
        return [date.fromisoformat(text) for text in self.last_days if len(text) == 10] + [
            in_year(text, year) for text in every_year for year in (earliest.year, earliest.year + 1)
        ]

    def describe(self, say: Phrasing) -> Description:
        """Say on which days points end, as a phrase of its own."""
        days = say.listed([say.day_of_year(written) for written in self.last_days])
        words = {"days": days, "time": say.time(self.at_least_days, "day")}
        if self.at_least_days:
            said = _("points end at the close of %(days)s, at the earliest %(time)s after they were earned")
        else:
            said = _("points end at the close of %(days)s")
        return Description(says=said % words)


class Inactivity(Ending, frozen=True, kw_only=True, tag="inactivity"):
    """Points end when the member has done nothing for a while; every activity starts the while again."""

    kind: ClassVar[str] = "inactivity"
    edits = editing.INACTIVITY
    editor = editing.LIFE_EDITOR
    count: Count
    unit: CalendarUnit
    round_to: Rounding | None = None
    round: Literal["end", "start"] = "end"
    at_latest: Annotated[
        Latest | None, Meta(description="Gone after this, however active the member is; null is without a last day.")
    ] = None
    check = nothing

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find a last day that comes before the end itself."""
        yield from _advise_at_latest(self)

    def gone_on(self, day: date) -> date | None:
        """Count from the day of earning, which is the first activity."""
        return _gone_on(self, day)

    def life_days(self) -> int | None:
        """State how long points live without any activity."""
        return (_gone_on(self, _SOME_DAY) - _SOME_DAY).days

    def slides(self) -> Sliding | None:
        """Return this rule: every activity starts it again."""
        return self

    def moved(self, current: datetime, *, at: datetime, last_activity_at: datetime, zone: ZoneInfo) -> datetime:
        """Count again from activity at an instant."""
        return periods.start_of_day(_end_day(self, periods.local_day(at, zone), self.round), zone)

    def end_while_held(
        self, current: datetime, *, earned_at: datetime, last_activity_at: datetime, zone: ZoneInfo
    ) -> datetime | None:
        """Count from the latest activity, which is known of a tier held."""
        return max(current, _moved(self, current, earned_at, last_activity_at, last_activity_at, zone))

    def describe(self, say: Phrasing) -> Description:
        """Say when points end, as a phrase of its own."""
        words = {
            "month": _("points end after %(time)s without any activity, at the end of that month"),
            "quarter": _("points end after %(time)s without any activity, at the end of that quarter"),
            "half": _("points end after %(time)s without any activity, at the end of that half-year"),
            "year": _("points end after %(time)s without any activity, at the end of that year"),
        }
        usual = _("points end after %(time)s without any activity")
        return Description(says=_say_latest(_say_end(self, words, usual, say), self.at_latest, say))


Expiry = Never | Rolling | Fixed | Inactivity
Sliding = Rolling | Inactivity


def sliding(expiry: Expiry) -> Sliding | None:
    """Return the rule by which later activity moves the end of points under this expiry; None when none does."""
    return expiry.slides()


def _gone_on(expiry: Sliding, day: date) -> date:
    end = _end_day(expiry, day, expiry.round)
    return end if expiry.at_latest is None else min(end, _end_day(expiry.at_latest, day, "end"))


def _advise_at_latest(expiry: Sliding) -> Iterator[Remark]:
    if expiry.at_latest is None:
        return
    without = structs.replace(expiry, at_latest=None)
    if _gone_on(expiry, _SOME_DAY) < _gone_on(without, _SOME_DAY):
        yield Remark("/at_latest", "activity_moves_nothing", _("The last day comes first, so no activity helps."))


def _say_end(expiry: Sliding, moved: dict[str, str], usual: str, say: Phrasing) -> str:
    """Say the length of a life, moved to the end of a period or not; one moved to its beginning is told apart."""
    time = {"time": say.time(expiry.count, expiry.unit)}
    if expiry.round_to is None:
        return usual % time
    if expiry.round == "end":
        return moved[expiry.round_to] % time
    begins = {
        "month": _("%(points_end)s, at the beginning of that month"),
        "quarter": _("%(points_end)s, at the beginning of that quarter"),
        "half": _("%(points_end)s, at the beginning of that half-year"),
        "year": _("%(points_end)s, at the beginning of that year"),
    }
    return begins[expiry.round_to] % {"points_end": usual % time}


def _say_latest(said: str, latest: Latest | None, say: Phrasing) -> str:
    if latest is None:
        return said
    words = {"points_end": said, "time": say.time(latest.count, latest.unit)}
    if latest.round_to is None:
        return _("%(points_end)s; at the latest %(time)s after they were earned") % words
    moved = {
        "month": _("at the end of that month"),
        "quarter": _("at the end of that quarter"),
        "half": _("at the end of that half-year"),
        "year": _("at the end of that year"),
    }[latest.round_to]
    return _("%(points_end)s; at the latest %(time)s after they were earned, %(moved)s") % {**words, "moved": moved}


_encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=1024)
def sliding_to_text(rule: Sliding | None) -> str:
    """Write a sliding rule as a lot keeps it; empty for none."""
    return "" if rule is None else _encode(rule).decode()


@lru_cache(maxsize=1024)
def sliding_from_text(text: str) -> Sliding | None:
    """Read the sliding rule a lot keeps."""
    return msgspec.json.decode(text, type=Sliding) if text else None


def active_at(pending: Pending | None, at: datetime, zone: ZoneInfo) -> datetime:
    """Find the instant from which points earned at an instant can be spent."""
    if pending is None or (pending.days == 0 and pending.until is None):
        return at
    if pending.until is not None:
        return max(at, periods.start_of_day(pending.until, zone))
    return periods.start_of_day(periods.local_day(at, zone) + timedelta(days=pending.days or 0), zone)


def expires_at(expiry: Ending, at: datetime, zone: ZoneInfo) -> datetime | None:
    """Find the instant at which points earned at an instant end, or None for never."""
    return None if expiry.never_ends else _end_of_points(expiry, periods.local_day(at, zone), zone)


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the later of two ends of points; None, which is never, is the latest of all."""
    return None if one is None or other is None else max(one, other)


@lru_cache(maxsize=4096)
def _end_of_points(expiry: Ending, day: date, zone: ZoneInfo) -> datetime | None:
    end_day = expiry.gone_on(day)
    return None if end_day is None else periods.start_of_day(end_day, zone)


@lru_cache(maxsize=4096)
def _latest_end(rule: Sliding, day: date, zone: ZoneInfo) -> datetime | None:
    """The first instant after the last day that activity may reach, of points earned on a day."""
    if rule.at_latest is None:
        return None
    return periods.start_of_day(_end_day(rule.at_latest, day, "end"), zone)


def _end_day(after: Rolling | Inactivity | Latest, day: date, side: str) -> date:
    moved = periods.shift(day, after.count, after.unit)
    if after.round_to is None:
        return moved + timedelta(days=1)
    if side == "end":
        return periods.end_day_of(after.round_to, moved)
    # Points may not be gone on the day they are earned, however the rounding falls.
    return max(periods.first_day_of(after.round_to, moved), day + timedelta(days=1))


def extended(
    rule: Sliding,
    *,
    current: datetime | None,
    earned_at: datetime,
    at: datetime,
    last_activity_at: datetime,
    zone: ZoneInfo,
) -> datetime | None:
    """Find the new end of a lot (now `current`, earned at an instant under its own `rule`) after activity at an instant.

    Activity never shortens a lot and does not wake one that has ended; `last_activity_at` is the earning of the lot or
    the latest activity already counted, so a second activity in one calendar month adds nothing. Past the rule's last
    day (`at_latest`) no activity reaches.
    """
    if current is None or at >= current:
        return current
    return max(current, _moved(rule, current, earned_at, at, last_activity_at, zone))


def _moved(
    rule: Sliding, current: datetime, earned_at: datetime, at: datetime, last_activity_at: datetime, zone: ZoneInfo
) -> datetime:
    """Where activity moves an end, no further than the rule's last day."""
    moved = rule.moved(current, at=at, last_activity_at=last_activity_at, zone=zone)
    latest = _latest_end(rule, periods.local_day(earned_at, zone), zone)
    return moved if latest is None else min(moved, latest)


def held_until(
    expiry: Expiry, *, current: datetime | None, earned_at: datetime, last_activity_at: datetime, zone: ZoneInfo
) -> datetime | None:
    """Find the new end of a lot (now `current`) held on a tier whose expiry holds for all points; never an earlier one."""
    if current is None:
        return None
    return expiry.end_while_held(current, earned_at=earned_at, last_activity_at=last_activity_at, zone=zone)
