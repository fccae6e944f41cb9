"""Part of the terms: tiers. What counts, over which window, and what happens when a window ends."""

import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, ClassVar, Literal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from msgspec import Meta, structs

from merchants import periods
from rewards.terms.editing import tiers as editing
from rewards.terms.expiry import Ending, Expiry
from rewards.terms.fields import Code, Days, Ratio, Text, ratio
from rewards.terms.parts import Part, Remark, Whole, nothing
from rewards.terms.rules import Earning
from rewards.terms.wording import Description, Phrasing

_DAY = timedelta(days=1)


class TierWindow(Part, frozen=True, kw_only=True, tag_field="kind"):
    """What all windows have. A kind owns `check`, `days_on`, `advise` and `describe`."""

    kind: ClassVar[str] = ""
    #: Whether it is a year that others share, and not counted from the day a tier is reached.
    is_year: ClassVar[bool] = True

    def days_on(self, day: date, *, joined_on: date) -> tuple[date, date]:
        """Find the days [first, end) that count on a day."""
        raise NotImplementedError

    def first_day_before(self, end: date, *, joined_on: date) -> date:
        """Find the first day of the window that ended before a day."""
        return self.days_on(end - _DAY, joined_on=joined_on)[0]

    def end_from(self, since: date, *, joined_on: date) -> date:
        """Find the day (exclusive) to which a tier reached on a day is held."""
        return self.days_on(since, joined_on=joined_on)[1]

    def length(self) -> tuple[int, int]:
        """State the months it has, and the days it has at least."""
        return 12, 365


class RollingWindow(TierWindow, frozen=True, kw_only=True, tag="rolling"):
    """The last n months up to now; a tier reached is held for n months."""

    kind: ClassVar[str] = "rolling"
    is_year: ClassVar[bool] = False
    edits = editing.ROLLING_WINDOW
    months: Annotated[int, Meta(ge=1, le=120)] = 12
    check = nothing
    advise = nothing

    def days_on(self, day: date, *, joined_on: date) -> tuple[date, date]:
        """Count months back from the day."""
        return periods.add_months(day + _DAY, -self.months), day + _DAY

    def first_day_before(self, end: date, *, joined_on: date) -> date:
        """Count months back from the end."""
        return periods.add_months(end, -self.months)

    def end_from(self, since: date, *, joined_on: date) -> date:
        """Count months on from the day the tier was reached."""
        return periods.add_months(since, self.months)

    def length(self) -> tuple[int, int]:
        """State its months; none has fewer than 28 days."""
        return self.months, self.months * 28

    def describe(self, say: Phrasing) -> Description:
        """Say over which time the tier counts."""
        words = ngettext(
            "What counts is the last %(count)d month.", "What counts are the last %(count)d months.", self.months
        )
        return Description(says=words % {"count": self.months})


class CalendarYear(TierWindow, frozen=True, kw_only=True, tag="calendar_year"):
    """1 January to 31 December; a tier reached is held to the end of the next year."""

    kind: ClassVar[str] = "calendar_year"
    check = nothing
    advise = nothing

    def days_on(self, day: date, *, joined_on: date) -> tuple[date, date]:
        """Take the year that holds the day."""
        return date(day.year, 1, 1), date(day.year + 1, 1, 1)

    def describe(self, say: Phrasing) -> Description:
        """Say over which time the tier counts."""
        return Description(says=_("What counts is the calendar year; a tier is kept to the end of the next one."))


class Anniversary(TierWindow, frozen=True, kw_only=True, tag="anniversary"):
    """A year from each anniversary of joining; a tier reached is held to the end of the next such year."""

    kind: ClassVar[str] = "anniversary"
    check = nothing
    advise = nothing

    def days_on(self, day: date, *, joined_on: date) -> tuple[date, date]:
        """Take the year since joining that holds the day."""
        return periods.anniversary_window(joined_on, day)

    def describe(self, say: Phrasing) -> Description:
        """Say over which time the tier counts."""
        return Description(
            says=say.to_reader(
                member=_("What counts is each year since you joined; a tier is kept to the end of the next such year."),
                staff=_(
                    "What counts is each year since the member joined; a tier is kept to the end of the next such year."
                ),
            )
        )


Window = RollingWindow | CalendarYear | Anniversary


class Level(Part, frozen=True, kw_only=True):
    """One tier."""

    names: ClassVar[str] = "tier"
    edits = editing.LEVEL
    not_edited = editing.LEVEL_NOT_EDITED
    editor = editing.LEVEL_EDITOR
    code: Code
    name: Text
    threshold: Annotated[
        int,
        Meta(
            ge=0,
            le=10**12,
            description="Reached at this value: points in the smallest unit, minor units, or purchases.",
        ),
    ]
    multiplier: Annotated[Ratio, Meta(description="Of what rules with `by_tier` give.")] = 1
    benefits: Annotated[tuple[Text, ...], Meta(max_length=30)] = ()
    expiry: Annotated[
        Expiry | None, Meta(description="Instead of the programme's own, for the points named by `expiry_for`.")
    ] = None
    expiry_for: Annotated[
        Literal["earned", "held"],
        Meta(
            description="`earned`: for points earned on this tier. `held`: for all points held while on it, however "
            "they were earned. Either way no point ends earlier than it did before."
        ),
    ] = "earned"

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find a factor of nothing, and an end that cannot be promised for points earned before."""
        if ratio(self.multiplier) == 0:
            yield Remark("/multiplier", "zero", _("A tier cannot multiply by 0."))
        if self.expiry_for == "held" and self.expiry is not None and self.expiry.adds_months:
            detail = _(
                "Months that activity adds can be promised for points earned on a tier, not for all points held."
            )
            yield Remark("/expiry/activity_adds_months", "not_for_held_points", detail)

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find an end that older points do not get."""
        usual = whole.part(Ending)
        never_ends = self.expiry is not None and self.expiry.never_ends
        if never_ends and self.expiry_for == "earned" and usual is not None and not usual.never_ends:
            detail = _("Points a member earned before reaching “%(tier)s” still end as they would have.")
            yield Remark("/expiry_for", "older_points_end", detail % {"tier": whole.said(self.name)})

    def describe(self, say: Phrasing) -> Description:
        """Say what the tier gives; what it takes depends on what counts, which `Tiers` says."""
        lines = tuple(phrase for _field, phrase in self.clauses(say))
        return Description(key=f"tier {self.code}", title=say.text(self.name), lines=lines)

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield what the tier gives: the name of each field that is set, and its phrase."""
        if ratio(self.multiplier) != 1:
            yield "multiplier", _("points × %(factor)s") % {"factor": say.ratio(ratio(self.multiplier))}
        yield from (("benefits", say.text(each)) for each in self.benefits)
        if self.expiry is not None:
            if self.expiry_for == "held":
                which = _("%(points_end)s (all points held on this tier)")
            else:
                which = _("%(points_end)s (points earned on this tier)")
            yield "expiry", which % {"points_end": self.expiry.describe(say).says}


class Tiers(Part, frozen=True, kw_only=True):
    """The tiers. The first level has threshold 0: every member stands on it."""

    edits = editing.TIERS
    editor = editing.TIERS_EDITOR
    basis: Literal["qualifying_points", "spend", "purchases"]
    levels: Annotated[tuple[Level, ...], Meta(min_length=1, max_length=20)]
    window: Window = RollingWindow()
    downgrade: Annotated[
        Literal["none", "one_level", "by_value"],
        Meta(description="When a window ends short of the tier held: keep it, go one down, or to what the value says."),
    ] = "by_value"
    grace_days: Annotated[Days, Meta(description="Longer to qualify, after the window's end, before going down.")] = 0

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find thresholds that do not rise from nothing, and a grace as long as a window."""
        if self.levels[0].threshold != 0:
            detail = _("The first tier is everybody's: its threshold is 0.")
            yield Remark("/levels/0/threshold", "first_level_not_zero", detail)
        for place, (lower, upper) in enumerate(itertools.pairwise(self.levels), 1):
            if upper.threshold <= lower.threshold:
                detail = _("Each tier needs a higher threshold than the one before.")
                yield Remark(f"/levels/{place}/threshold", "levels_not_ascending", detail)
        if self.grace_days >= self.window.length()[1]:
            yield Remark("/grace_days", "too_long", _("The grace must end before the next window does."))

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find tiers that nobody can reach by the rules and limits there are."""
        earning = whole.part(Earning) or Earning()
        if len(self.levels) < 2 or self.basis != "qualifying_points":
            return
        if not any(rule.qualifying and rule.compile().factor is None for rule in earning.rules):
            yield Remark("", "tier_unreachable", _("No rule gives points that count towards a tier."))
            return
        most = self._most_in_a_window(earning)
        for place, level in enumerate(self.levels):
            if most is not None and level.threshold > most:
                detail = _("The programme's limits allow %(most)s points in the window; the tier needs %(needed)s.")
                figures = {"most": whole.points(most), "needed": whole.points(level.threshold)}
                yield Remark(f"/levels/{place}/threshold", "tier_unreachable", detail % figures)
        reached = {self.levels[0].code}
        for place, level in enumerate(self.levels[1:], 1):
            if any(not rule.when.tiers or reached & set(rule.when.tiers) for rule in earning.rules):
                reached.add(level.code)
            else:
                detail = _("No rule gives points to members on the tiers below.")
                yield Remark(f"/levels/{place}", "tier_unreachable", detail)

    def describe(self, say: Phrasing) -> Description:
        """Say each tier and what it takes, over which time it counts, and how it is lost."""
        return Description(
            title=_("Tiers"),
            lines=tuple(phrase for _field, phrase in self.clauses(say)),
            parts=tuple(structs.replace(each.describe(say), says=self._takes(each, say)) for each in self.levels),
        )

    def _takes(self, level: Level, say: Phrasing) -> str:
        if not level.threshold:
            return _("for everybody")
        if self.basis == "spend":
            return _("from %(amount)s spent") % {"amount": say.money(level.threshold)}
        if self.basis == "purchases":
            words = ngettext("from %(count)d purchase", "from %(count)d purchases", level.threshold)
            return words % {"count": level.threshold}
        return _("from %(points)s earned") % {"points": say.points(level.threshold)}

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield over which time a tier counts and how it is lost: the name of each field, and its sentence."""
        yield "window", self.window.describe(say).says
        kept = {
            "none": _("A tier once reached is never lost."),
            "one_level": say.to_reader(
                member=_("When you stop, you go down one tier at a time."),
                staff=_("Who does not earn it again goes down one tier at a time."),
            ),
            "by_value": say.to_reader(
                member=_("When you stop, you go to the tier that fits what you did in that time."),
                staff=_("Who does not earn it again goes to the tier that fits what they did in that time."),
            ),
        }
        yield "downgrade", kept[self.downgrade]
        if self.grace_days and self.downgrade != "none":
            days = {"count": self.grace_days}
            words = say.to_reader(
                member=ngettext(
                    "You have %(count)d more day to make up for it.",
                    "You have %(count)d more days to make up for it.",
                    self.grace_days,
                )
                % days,
                staff=ngettext(
                    "There is %(count)d more day to make up for it.",
                    "There are %(count)d more days to make up for it.",
                    self.grace_days,
                )
                % days,
            )
            yield "grace_days", words

    def _most_in_a_window(self, earning: Earning) -> int | None:
        """The most points the programme-wide caps for one member allow in twelve months (window of a year or less)."""
        times = {"day": 366, "week": 54, "month": 13, "quarter": 5, "year": 2, "ever": 1}
        if self.window.length()[0] > 12:
            times = {"ever": 1}
        caps = [cap.points * times[cap.per] for cap in earning.caps if cap.scope == "member" and cap.per in times]
        return min(caps, default=None)
