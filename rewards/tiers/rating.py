"""Where a member stands among the tiers: pure arithmetic over dated sums, no database and no clock.

What counts (qualifying points, spend, purchases) comes as sums per local day of business time, net of refunds. A tier is
reached on the day the window's value comes to its threshold and is held to the end of a window: of n months from that
day (rolling), or of the year (calendar, anniversary). When a window ends, its value is judged: enough keeps the tier for
another, too little moves it by the terms' `downgrade`, after the days of grace, which lengthen the window.

`Held` remembers what a tier rests on, so that a refund or a late sale can be answered exactly: a tier reached on
points that were refunded falls back to what was held before, and a review is judged again on today's sums.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate

from msgspec import Struct

from rewards.terms import Level, Tiers

DailySums = Sequence[tuple[date, int]]
_DAY = timedelta(days=1)


class Held(Struct, frozen=True, kw_only=True):
    """A tier held from a day on. `until` (exclusive) is the next review; None when there is nothing to lose.

    `fallback`: what would be held, had this tier not been reached. `reviewed`: the tier before the review that gave
    this one. Neither: given at the start.
    """

    level: str
    since: date
    until: date | None = None
    fallback: "Held | None" = None
    reviewed: str | None = None


class TierOutlook(Struct, frozen=True, kw_only=True):
    """What a member is told: the tier, the way up, and what it takes to stay.

    `value` is what counts now, in the window [window_first, window_end). `missing` to `next_level`. If nothing more is
    earned the tier becomes `drops_to` on `drops_on`; `keep_missing` more before that day keeps it. `held_until`
    (exclusive) is the first day on which the tier could be lost.
    """

    level: str
    since: date
    value: int
    window_first: date
    window_end: date
    next_level: str | None
    missing: int | None
    held_until: date | None
    drops_to: str | None
    drops_on: date | None
    keep_missing: int | None


class _Sums:
    """Sums of any span of days, from sorted days and running totals."""

    __slots__ = ("days", "running")

    def __init__(self, daily: DailySums) -> None:
        ordered = sorted(daily)
        self.days = [day for day, _ in ordered]
        self.running = [0, *accumulate(amount for _, amount in ordered)]

    def between(self, first: date, end: date) -> int:
        return self.running[bisect_left(self.days, end)] - self.running[bisect_left(self.days, first)]

    def active(self, first: date, end: date) -> list[date]:
        """The days on which the value may change, the first and the last of the span among them."""
        if end <= first:
            return []
        inside = self.days[bisect_left(self.days, first) : bisect_left(self.days, end)]
        return sorted({first, *inside, end - _DAY})


def rate(tiers: Tiers, value: int) -> Level:
    """Find the highest tier whose threshold a value comes to; equality is enough."""
    return next(level for level in reversed(tiers.levels) if level.threshold <= max(value, 0))


def reached(tiers: Tiers, *, value: int, held: str) -> Level | None:
    """Find the tier that a value now reaches above the one held, or None (a purchase's fast path)."""
    level = rate(tiers, value)
    return level if _rank(tiers, level.code) > _rank(tiers, held) else None


def window_days(tiers: Tiers, day: date, *, joined_on: date) -> tuple[date, date]:
    """Find the days [first, end) that count on a day: n months up to it, or the year that holds it."""
    return tiers.window.days_on(day, joined_on=joined_on)


def start(tiers: Tiers, *, joined_on: date) -> Held:
    """Give the tier everybody starts with."""
    return Held(level=tiers.levels[0].code, since=joined_on)


def review(tiers: Tiers, daily: DailySums, *, held: Held | None, day: date, joined_on: date) -> Held:
    """State what is held on a day, given what was held and the sums as they stand now.

    `daily` must reach back one window before the earliest `since` in `held` (or to joining). It answers reached tiers,
    refunds, late sales and every window that has ended meanwhile; asked again it answers the same.
    """
    sums = _Sums(daily)
    now = _refreshed(tiers, sums, held or start(tiers, joined_on=joined_on), day, joined_on)
    while True:
        before = day + _DAY if now.until is None else min(day + _DAY, now.until)
        raised = _raised(tiers, sums, now, before, joined_on)
        if raised is not None:
            now = raised
        elif now.until is not None and day >= now.until:
            now = _judged(tiers, sums, now.level, now.until, day, joined_on)
        else:
            return now


def standing(tiers: Tiers, daily: DailySums, *, held: Held, day: date, joined_on: date) -> TierOutlook:
    """Report a member's place on a day; `held` as `review` gave it for that day."""
    sums = _Sums(daily)
    first, end = window_days(tiers, day, joined_on=joined_on)
    value = sums.between(first, min(end, day + _DAY))
    rank = _rank(tiers, held.level)
    above = tiers.levels[rank + 1] if rank + 1 < len(tiers.levels) else None
    drops_to, drops_on, keep = _fall(tiers, sums, held, day, joined_on)
    held_until = held.until if drops_on is None else drops_on
    if drops_on is None and held.until is not None and tiers.window.is_year:
        # Enough for this year already: it is next year's review that can take the tier.
        held_until = window_days(tiers, held.until, joined_on=joined_on)[1]
    return TierOutlook(
        level=held.level,
        since=held.since,
        value=value,
        window_first=first,
        window_end=end,
        next_level=above.code if above else None,
        missing=max(0, above.threshold - value) if above else None,
        held_until=held_until,
        drops_to=drops_to,
        drops_on=drops_on,
        keep_missing=keep,
    )


def _rank(tiers: Tiers, code: str) -> int:
    """A tier that the terms no longer know counts as the first; its value raises the member again at once."""
    return next((rank for rank, level in enumerate(tiers.levels) if level.code == code), 0)


def _value_on(tiers: Tiers, sums: _Sums, day: date, joined_on: date) -> int:
    return sums.between(window_days(tiers, day, joined_on=joined_on)[0], day + _DAY)


def _until(tiers: Tiers, code: str, since: date, joined_on: date) -> date | None:
    if tiers.downgrade == "none" or _rank(tiers, code) == 0:
        return None
    return tiers.window.end_from(since, joined_on=joined_on)


def _settled(tiers: Tiers, code: str, value: int) -> str:
    """The tier after a window of this value: at least kept by enough, moved as the terms say by too little."""
    held, worth = _rank(tiers, code), _rank(tiers, rate(tiers, value).code)
    if worth < held and tiers.downgrade != "by_value":
        worth = held if tiers.downgrade == "none" else max(worth, held - 1)
    return tiers.levels[worth].code


def _judged(tiers: Tiers, sums: _Sums, before: str, on: date, day: date, joined_on: date) -> Held:
    """The review of the window that ended on a day (exclusive), as it looks on a later day: grace may still run."""
    grace_end = on + timedelta(days=tiers.grace_days)
    first = tiers.window.first_day_before(on, joined_on=joined_on)
    settled = _settled(tiers, before, sums.between(first, min(grace_end, day + _DAY)))
    if day < grace_end and _rank(tiers, settled) < _rank(tiers, before):
        settled = before
    until = _until(tiers, settled, on, joined_on)
    return Held(level=settled, since=on, until=until, reviewed=before)


def _refreshed(tiers: Tiers, sums: _Sums, held: Held, day: date, joined_on: date) -> Held:
    """What is held once today's sums are believed: an unjustified tier falls back, a review is judged again."""
    if held.reviewed is not None:
        return _judged(tiers, sums, held.reviewed, held.since, day, joined_on)
    if held.fallback is None:
        return held
    threshold = tiers.levels[_rank(tiers, held.level)].threshold
    before = day + _DAY if held.until is None else min(day + _DAY, held.until)
    for each in sums.active(held.since, before):
        if _value_on(tiers, sums, each, joined_on) >= threshold:
            return held
    return _refreshed(tiers, sums, held.fallback, day, joined_on)


def _raised(tiers: Tiers, sums: _Sums, held: Held, before: date, joined_on: date) -> Held | None:
    """The first day, from the one it is held since, on which the value reaches a higher tier."""
    for day in sums.active(held.since, before):
        level = reached(tiers, value=_value_on(tiers, sums, day, joined_on), held=held.level)
        if level is not None:
            until = _until(tiers, level.code, day, joined_on)
            return Held(level=level.code, since=day, until=until, fallback=held)
    return None


def _fall(
    tiers: Tiers, sums: _Sums, held: Held, day: date, joined_on: date
) -> tuple[str | None, date | None, int | None]:
    """What the tier becomes if nothing more is earned, when, and how much more keeps it."""
    grace = timedelta(days=tiers.grace_days)
    ends = [held.until]
    if held.reviewed is not None and day < held.since + grace:
        ends.insert(0, held.since)
    for end in ends:
        if end is None:
            continue
        value = sums.between(tiers.window.first_day_before(end, joined_on=joined_on), end + grace)
        becomes = _settled(tiers, held.level, value)
        if _rank(tiers, becomes) < _rank(tiers, held.level):
            threshold = tiers.levels[_rank(tiers, held.level)].threshold
            return becomes, end + grace, threshold - value
    return None, None, None
