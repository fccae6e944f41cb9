"""Part of the terms: stamp cards. What gives a stamp, how many a card takes, and which reward it brings.

Stamps are counted in whole numbers.  What is short of a stamp (three pieces where four give one) may be carried over to the
next purchase; what is more than a card takes may begin the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, ClassVar, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from msgspec import Meta

from rewards.terms.audience import Audience
from rewards.terms.conditions import Weekday
from rewards.terms.editing import stamps as editing
from rewards.terms.fields import CalendarUnit, Code, Milli, MinorAmount, Text
from rewards.terms.goods import Goods, check_choice
from rewards.terms.parts import Part, Remark, Whole, check_days, nothing, unknown
from rewards.terms.rewards import Reward
from rewards.terms.rules import Earning
from rewards.terms.wording import Description, Phrasing

Stamps = Annotated[int, Meta(ge=1, le=1000)]


class StampRate(NamedTuple):
    """What gives a stamp: each `per` thousandths of pieces or minor units, or the visit itself where `per` is 0."""

    per: int = 0
    by_quantity: bool = False
    carries: bool = False


class StampSource(Part, frozen=True, kw_only=True, tag_field="kind"):
    """What all that gives a stamp has. A kind owns `check`, `compile`, `advise` and `describe`."""

    kind: ClassVar[str] = ""
    #: As many stamps a cashier may give at once without an amount; none where the amount decides.
    most_at_counter: ClassVar[int] = 0

    def compile(self) -> StampRate:
        """Return what the arithmetic needs of it."""
        raise NotImplementedError


class StampPerVisit(StampSource, frozen=True, kw_only=True, tag="per_visit"):
    """One stamp for a purchase in which qualifying goods were paid for."""

    kind: ClassVar[str] = "per_visit"
    most_at_counter: ClassVar[int] = 1
    check = nothing
    advise = nothing

    def compile(self) -> StampRate:
        """Count the visit."""
        return StampRate()

    def describe(self, say: Phrasing) -> Description:
        """Say what gives a stamp."""
        return Description(says=_("one stamp per visit"))


class StampPerPiece(StampSource, frozen=True, kw_only=True, tag="per_piece"):
    """One stamp for each piece (or so many of them) that was paid for."""

    kind: ClassVar[str] = "per_piece"
    edits = editing.PER_PIECE
    most_at_counter: ClassVar[int] = 5
    per_quantity_milli: Milli = 1000
    carries: Annotated[bool, Meta(description="What is short of a stamp counts with the next purchase.")] = False
    check = nothing
    advise = nothing

    def compile(self) -> StampRate:
        """Count thousandths of pieces."""
        return StampRate(per=self.per_quantity_milli, by_quantity=True, carries=self.carries)

    def describe(self, say: Phrasing) -> Description:
        """Say what gives a stamp."""
        if self.per_quantity_milli == 1000:
            return Description(says=_("one stamp for each piece"))
        pieces = say.thousandths(self.per_quantity_milli)
        return Description(says=_("one stamp for every %(pieces)s") % {"pieces": pieces})


class StampPerAmount(StampSource, frozen=True, kw_only=True, tag="per_amount"):
    """One stamp for each full amount spent on qualifying goods."""

    kind: ClassVar[str] = "per_amount"
    edits = editing.PER_AMOUNT
    per_amount_minor: MinorAmount
    carries: Annotated[bool, Meta(description="What is short of a stamp counts with the next purchase.")] = False
    check = nothing
    advise = nothing

    def compile(self) -> StampRate:
        """Count minor units."""
        return StampRate(per=self.per_amount_minor, carries=self.carries)

    def describe(self, say: Phrasing) -> Description:
        """Say what gives a stamp."""
        return Description(says=_("one stamp for every %(amount)s") % {"amount": say.money(self.per_amount_minor)})


AnyStampSource = StampPerVisit | StampPerPiece | StampPerAmount


class StampLife(Part, frozen=True, kw_only=True):
    """So long stamps live without a new one on the card; the last day is counted from the day of the latest stamp."""

    edits = editing.LIFE
    editor = editing.LIFE_EDITOR
    count: Annotated[int, Meta(ge=1, le=3660)]
    unit: CalendarUnit

    def describe(self, say: Phrasing) -> Description:
        """Say when stamps end, as a phrase of its own."""
        return Description(
            says=_("stamps end %(time)s after the latest one") % {"time": say.time(self.count, self.unit)}
        )


class StampBonus(Audience, frozen=True, kw_only=True):
    """Days on which each stamp counts several times, for everybody or an audience."""

    edits = editing.BONUS
    editor = editing.BONUS_EDITOR
    factor: Annotated[int, Meta(ge=2, le=10)]
    weekdays: Annotated[tuple[Weekday, ...], Meta(max_length=7, description="At the location.")] = ()
    first_day: Annotated[date | None, Meta(description="First day, in the merchant's zone.")] = None
    last_day: Annotated[date | None, Meta(description="Last day, in the merchant's zone.")] = None

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find days in the wrong order, and tiers that do not exist."""
        yield from super().check(whole)
        yield from check_days(self.first_day, self.last_day)

    def describe(self, say: Phrasing) -> Description:
        """Say how many times, when and for whom."""
        when = [*say.span(self.first_day, self.last_day)]
        if self.weekdays:
            when.append(say.weekdays(self.weekdays))
        return Description(
            says=_("stamps %(factor)s") % {"factor": say.factor(self.factor)},
            lines=(*when, *super().describe(say).lines),
        )


class StampCard(Audience, frozen=True, kw_only=True):
    """A stamp card. Its audience may collect on it; its `sizes` are those of the first card, the second and so on."""

    names: ClassVar[str] = "card"
    listed_as: ClassVar[Any] = gettext_lazy("Stamp cards")
    edits = editing.CARD
    not_edited = editing.CARD_NOT_EDITED
    editor = editing.CARD_EDITOR
    code: Code
    name: Text
    sizes: Annotated[
        tuple[Stamps, ...],
        Meta(
            min_length=1,
            max_length=20,
            description="Stamps that fill the card; with several, the next cards take so many: 6, 5, then always 4.",
            examples=[[10], [6, 5, 4]],
        ),
    ]
    gives: Annotated[AnyStampSource, Meta(description="What gives a stamp.")] = StampPerVisit()
    only: Annotated[Goods | None, Meta(description="Only lines of these goods.")] = None
    excluding: Annotated[Goods | None, Meta(description="No lines of these goods.")] = None
    minimum_amount_minor: Annotated[
        MinorAmount | None, Meta(description="Paid for qualifying goods in one order, else it gives no stamp.")
    ] = None
    most_per_order: Stamps | None = None
    most_per_day: Annotated[Stamps | None, Meta(description="For each member, in the merchant's zone.")] = None
    bonuses: Annotated[tuple[StampBonus, ...], Meta(max_length=10, description="The highest that applies counts.")] = ()
    life: Annotated[StampLife | None, Meta(description="Without it stamps do not end.")] = None
    reward: Annotated[Code, Meta(description="Of the catalogue: what a full card brings.")]
    reward_days: Annotated[
        Annotated[int, Meta(ge=1, le=3660)] | None, Meta(description="The reward can be taken so long.")
    ] = None
    starts_next: Annotated[
        bool, Meta(description="Stamps beyond a full card begin the next one; else they are lost.")
    ] = True

    @property
    def most_at_counter(self) -> int:
        """State how many stamps a cashier may give at once without an amount.

        None where the amount decides: what gives a stamp, the smallest order, or the limit of a day, which only sales use up.
        """
        if self.minimum_amount_minor is not None or self.most_per_day is not None:
            return 0
        return min(self.gives.most_at_counter, self.most_per_order or self.gives.most_at_counter)

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find a card nobody can fill, and a reward that is not in the catalogue."""
        yield from super().check(whole)
        yield from check_choice(self.only, self.excluding)
        if self.reward not in whole.codes("reward"):
            yield Remark("/reward", "unknown_reward", unknown("reward", self.reward))
        earning = whole.part(Earning) or Earning()
        if self.only is not None and not self.only.is_empty and self.only.is_within(earning.excluding):
            detail = _(
                "Nobody can fill this card: the programme excludes all its goods. Name others, or exclude fewer."
            )
            yield Remark("/only", "never_filled", detail)

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find a reward that is over, or for others than those who collect, and limits that never cut."""
        reward = next((each for each in whole.every(Reward) if each.code == self.reward), None)
        last_day = reward.last_day if reward is not None else None
        if whole.today is not None and last_day is not None and last_day < whole.today:
            yield Remark("/reward", "reward_over", _("The reward's last day is past."))
        if reward is not None and reward.tiers and not set(self.tiers or whole.codes("tier")) <= set(reward.tiers):
            detail = _("Not everybody who fills this card may take the reward: it is for other tiers.")
            yield Remark("/reward", "reward_for_other_tiers", detail)
        if (
            self.most_per_order is not None
            and self.most_per_day is not None
            and self.most_per_order > self.most_per_day
        ):
            yield Remark(
                "/most_per_order", "limit_never_cuts", _("The limit per day is lower, so this one never cuts.")
            )

    def describe(self, say: Phrasing) -> Description:
        """Say what fills the card, what it brings, and the limits."""
        words = ngettext("%(count)d stamp: %(reward)s", "%(count)d stamps: %(reward)s", self.sizes[0])
        return Description(
            key=f"card {self.code}",
            title=say.text(self.name),
            says=words % {"count": self.sizes[0], "reward": say.names("reward", (self.reward,))},
            lines=tuple(phrase for _field, phrase in self.clauses(say)),
        )

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield what gives a stamp, of what and for whom, and the limits: the name of each field that is set, and its phrase."""
        yield "gives", self.gives.describe(say).says
        if self.only is not None:
            yield "only", _("only for %(goods)s") % {"goods": self.only.describe(say).says}
        if self.excluding is not None and (goods := self.excluding.describe(say).says):
            yield "excluding", _("not for %(goods)s") % {"goods": goods}
        yield from super().clauses(say)
        if self.minimum_amount_minor is not None:
            yield (
                "minimum_amount_minor",
                _("for orders from %(amount)s") % {"amount": say.money(self.minimum_amount_minor)},
            )
        for field, words in (
            ("most_per_order", _("at most %(count)d an order")),
            ("most_per_day", _("at most %(count)d a day")),
        ):
            if (most := getattr(self, field)) is not None:
                yield field, words % {"count": most}
        for bonus in self.bonuses:
            said = bonus.describe(say)
            yield "bonuses", " ".join((said.says, *said.lines))
        if len(self.sizes) > 1:
            sizes = {"sizes": ", ".join(say.number(size) for size in self.sizes[1:])}
            yield "sizes", _("the next cards: %(sizes)s stamps") % sizes
        if self.life is not None:
            yield "life", self.life.describe(say).says
        if self.reward_days is not None:
            yield "reward_days", _("take the reward within %(time)s") % {"time": say.time(self.reward_days, "days")}
