"""When a rule applies: each condition is a small function that answers nothing (it holds) or the reason it does not.

Days and birthdays are the merchant's, weekdays and hours the location's (R12).
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from merchants import periods
from rewards.earning.basket import Basket, Facts
from rewards.terms import Conditions, Hours

Reason = tuple[str, dict[str, Any]]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Moment:
    """One evaluation's surroundings, looked up once: the member's tier, the merchant's day, the location's clock."""

    __slots__ = ("_local", "basket", "day", "facts", "location_zone", "tier", "zone")

    def __init__(self, basket: Basket, facts: Facts, tier: str | None, zone: ZoneInfo, location_zone: ZoneInfo) -> None:
        self.basket = basket
        self.facts = facts
        self.tier = tier
        self.zone = zone
        self.location_zone = location_zone
        self.day = periods.local_day(basket.occurred_at, zone)
        self._local: datetime | None = None

    @property
    def local(self) -> datetime:
        """Return the local time at the location."""
        if self._local is None:
            self._local = self.basket.occurred_at.astimezone(self.location_zone)
        return self._local


Check = Callable[[Moment], Reason | None]


def checks_of(when: Conditions) -> tuple[Check, ...]:
    """Make the checks of the conditions that are set; amounts and goods are looked at elsewhere."""
    found: list[Check] = []
    if when.first_day is not None or when.last_day is not None:
        found.append(_days(when.first_day, when.last_day))
    if when.weekdays:
        found.append(_weekdays(when.weekdays))
    if when.hours:
        found.append(_hours(when.hours))
    if when.locations:
        found.append(_among("other_location", when.locations, lambda moment: moment.basket.location))
    if when.channels:
        found.append(_among("other_channel", when.channels, lambda moment: moment.basket.channel))
    if not when.is_everybody:
        found.append(when.refusal)
    if when.without_points:
        found.append(_without_points)
    if when.nth_purchase is not None or when.every_nth_purchase is not None:
        found.append(_ordinal(when.nth_purchase, when.every_nth_purchase))
    if when.birthday is not None:
        found.append(_birthday(when.birthday))
    return tuple(found)


def _days(first_day: date | None, last_day: date | None) -> Check:
    def check(moment: Moment) -> Reason | None:
        if first_day is not None and moment.day < first_day:
            return "before_first_day", {"first_day": first_day.isoformat()}
        if last_day is not None and moment.day > last_day:
            return "after_last_day", {"last_day": last_day.isoformat()}
        return None

    return check


def _weekdays(weekdays: tuple[str, ...]) -> Check:
    allowed = frozenset(WEEKDAYS.index(weekday) for weekday in weekdays)

    def check(moment: Moment) -> Reason | None:
        return None if moment.local.weekday() in allowed else ("other_weekday", {"weekdays": list(weekdays)})

    return check


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _hours(hours: tuple[Hours, ...]) -> Check:
    spans = [(_minutes(span.start), _minutes(span.end)) for span in hours]

    def check(moment: Moment) -> Reason | None:
        now = moment.local.hour * 60 + moment.local.minute
        for start, end in spans:
            if start <= now < end if start < end else (now >= start or now < end):
                return None
        return "other_hours", {"hours": [f"{span.start}-{span.end}" for span in hours]}

    return check


def _among(code: str, allowed: tuple[str, ...], value: Callable[[Moment], str | None]) -> Check:
    names = frozenset(allowed)

    def check(moment: Moment) -> Reason | None:
        return None if value(moment) in names else (code, {"needed": list(allowed)})

    return check


def _without_points(moment: Moment) -> Reason | None:
    return ("paid_with_points", {}) if moment.basket.points_paid_minor > 0 else None


def _ordinal(nth: int | None, every: int | None) -> Check:
    def check(moment: Moment) -> Reason | None:
        ordinal = moment.facts.ordinal
        if moment.facts.guest:
            return "needs_member", {}
        if nth is not None and ordinal != nth:
            return "other_purchase_number", {"ordinal": ordinal, "needed": nth}
        if every is not None and (ordinal < 1 or ordinal % every):
            return "other_purchase_number", {"ordinal": ordinal, "every": every}
        return None

    return check


def _birthday(within: periods.Kind) -> Check:
    def check(moment: Moment) -> Reason | None:
        if moment.facts.guest:
            return "needs_member", {}
        if moment.facts.birthday is None:
            return "no_birthday", {}
        if periods.is_birthday(moment.facts.birthday, moment.day, within=within):
            return None
        return "not_birthday", {"within": within}

    return check
