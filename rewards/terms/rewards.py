"""Part of the terms: what points buy. Rewards at a price in points, and paying any amount with points."""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Meta

from rewards.terms.audience import Audience
from rewards.terms.editing import rewards as editing
from rewards.terms.fields import Code, MinorAmount, PointsAmount, Text
from rewards.terms.goods import Goods
from rewards.terms.parts import Part, Remark, Whole, check_days, percent
from rewards.terms.wording import Description, Phrasing

#: From this share on, what members are given back may make the goods look worth less.
DEEP = Fraction(50, 100)


class MemberLimit(Part, frozen=True, kw_only=True):
    """How often one member may take a reward in a calendar period of the merchant's zone."""

    edits = editing.LIMIT
    editor = editing.LIMIT_EDITOR
    count: Annotated[int, Meta(ge=1, le=10**6)]
    per: Literal["day", "week", "month", "quarter", "year", "ever"] = "ever"

    def describe(self, say: Phrasing) -> Description:
        """Say how often."""
        return Description(says=say.times(self.count, self.per))


class Reward(Audience, frozen=True, kw_only=True, tag_field="kind"):
    """What all rewards have: whom they are for (the audience), and the price. A kind owns `check`, `worth_on`, `advise`, `describe`."""

    kind: ClassVar[str] = ""
    names: ClassVar[str] = "reward"
    listed_as: ClassVar[Any] = gettext_lazy("Rewards")
    edits = editing.REWARD
    not_edited = editing.REWARD_NOT_EDITED
    editor = editing.REWARD_EDITOR
    code: Code
    name: Text
    price_points: PointsAmount
    description: Text | None = None
    stock: Annotated[
        Annotated[int, Meta(ge=0, le=10**9)] | None, Meta(description="How many there are; null is without limit.")
    ] = None
    first_day: date | None = None
    last_day: date | None = None
    per_member: MemberLimit | None = None
    hold_minutes: Annotated[
        int, Meta(ge=1, le=43200, description="A hold that is not captured is released after this.")
    ] = 15

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find tiers that do not exist, and days in the wrong order."""
        yield from super().check(whole)
        yield from check_days(self.first_day, self.last_day)

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find a reward that is over."""
        if whole.today is not None and self.last_day is not None and self.last_day < whole.today:
            yield Remark("/last_day", "reward_over", _("Its last day is past."))

    def describe(self, say: Phrasing) -> Description:
        """Say what it takes, what it is, for whom, how often and until when."""
        lines = [phrase for _field, phrase in self.clauses(say)]
        if self.stock is not None and not say.for_staff:
            lines.append(_("as long as there are any"))
        in_all = _("%(count)s in all") % {"count": say.number(self.stock or 0)}
        return Description(
            key=f"reward {self.code}",
            title=say.text(self.name),
            says=say.points(self.price_points),
            lines=tuple(lines),
            details=(in_all,) if self.stock is not None and say.for_staff else (),
            facts=(Description(key=f"about {self.code}", says=say.text(self.description)),) if self.description else (),
        )

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield what it is worth, for which orders, for whom, how often and when: the name of each field, and its phrase."""
        yield from self.benefit(say)
        if self.least_total_minor is not None:
            amount = {"amount": say.money(self.least_total_minor)}
            yield "minimum_total_minor", _("for orders from %(amount)s") % amount
        yield from super().clauses(say)
        if self.per_member is not None:
            yield "per_member", self.per_member.describe(say).says
        yield from (("first_day", phrase) for phrase in say.span(self.first_day, self.last_day))

    def benefit(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield what it is worth, beyond its name: the name of each field that says it, and its phrase."""
        raise NotImplementedError

    def on_ticket(self, say: Phrasing) -> str:
        """Say in one figure what it takes off; empty where it takes nothing off."""
        return ""

    @property
    def least_total_minor(self) -> int | None:
        """State how large the order must be; None when any will do."""
        return None

    @property
    def depends_on_order(self) -> bool:
        """Return whether the order decides what the reward is worth, or whether it can be had."""
        return self.least_total_minor is not None

    @property
    def can_be_held_ahead(self) -> bool:
        """Return whether a member can take it before there is an order."""
        return True

    def worth_on(self, order_total_minor: int | None) -> int | None:
        """State what the reward takes off an order (None: not known yet); None where it has no worth in money."""
        raise NotImplementedError

    def minor_per_point(self) -> Fraction | None:
        """State what money one smallest unit of points buys; None where it buys something else."""
        return None


class Product(Reward, frozen=True, kw_only=True, tag="product"):
    """Goods for nothing, up to a price."""

    kind: ClassVar[str] = "product"
    edits = editing.PRODUCT
    editor = editing.PRODUCT_EDITOR
    goods: Annotated[Goods | None, Meta(description="Which goods; null leaves it to the cashier.")] = None
    max_minor: Annotated[MinorAmount | None, Meta(description="The member pays what the goods cost above this.")] = None
    check = Reward.check
    advise = Reward.advise

    def worth_on(self, order_total_minor: int | None) -> int | None:
        """Answer none: it is goods."""
        return None

    def benefit(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Say up to which price, and which goods."""
        if self.max_minor is not None:
            yield "max_minor", _("up to a price of %(amount)s") % {"amount": say.money(self.max_minor)}
        # To members the reward's own name says which goods, where the goods have none.
        if self.goods is not None and (say.for_staff or self.goods.name is not None):
            yield "goods", _("only for %(goods)s") % {"goods": self.goods.describe(say).says}


class Discount(Reward, frozen=True, kw_only=True, tag="discount"):
    """Money off."""

    kind: ClassVar[str] = "discount"
    edits = editing.DISCOUNT
    editor = editing.DISCOUNT_EDITOR
    amount_minor: MinorAmount
    minimum_total_minor: MinorAmount | None = None
    check = Reward.check
    advise = Reward.advise

    @property
    def least_total_minor(self) -> int | None:
        """State how large the order must be; None when any will do."""
        return self.minimum_total_minor

    def worth_on(self, order_total_minor: int | None) -> int | None:
        """Answer the amount, and no more than the order comes to."""
        return self.amount_minor if order_total_minor is None else min(self.amount_minor, order_total_minor)

    def minor_per_point(self) -> Fraction | None:
        """Divide the amount by the price."""
        return Fraction(self.amount_minor, self.price_points)

    def on_ticket(self, say: Phrasing) -> str:
        """Say the amount."""
        return say.money(self.amount_minor)

    def benefit(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Say how much off."""
        yield "amount_minor", _("%(amount)s off") % {"amount": say.money(self.amount_minor)}


class Percentage(Reward, frozen=True, kw_only=True, tag="percentage"):
    """A percentage off, if wanted up to an amount."""

    kind: ClassVar[str] = "percentage"
    edits = editing.PERCENTAGE
    editor = editing.PERCENTAGE_EDITOR
    percent: Annotated[int, Meta(ge=1, le=100)]
    max_minor: MinorAmount | None = None
    minimum_total_minor: MinorAmount | None = None
    check = Reward.check

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find a deep discount."""
        yield from super().advise(whole)
        if (share := Fraction(self.percent, 100)) >= DEEP:
            detail = _("%(percent)s off can make the goods look worth less; it is a deep discount.")
            yield Remark("/percent", "deep_discount", detail % {"percent": percent(share)})

    @property
    def least_total_minor(self) -> int | None:
        """State how large the order must be; None when any will do."""
        return self.minimum_total_minor

    @property
    def depends_on_order(self) -> bool:
        """Return that it does: it is a share of it."""
        return True

    @property
    def can_be_held_ahead(self) -> bool:
        """Return whether any order will do: of an order too small nothing could be said ahead."""
        return self.minimum_total_minor is None

    def worth_on(self, order_total_minor: int | None) -> int | None:
        """Answer the share of the order, rounded down, up to the most."""
        if order_total_minor is None:
            return None
        share = order_total_minor * self.percent // 100
        return share if self.max_minor is None else min(share, self.max_minor)

    def on_ticket(self, say: Phrasing) -> str:
        """Say the percentage, as the language says it."""
        return say.discount(self.percent)

    def benefit(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Say how much off, and the most."""
        off = say.discount(self.percent)
        if self.max_minor is None:
            yield "percent", _("%(discount)s off") % {"discount": off}
        else:
            figures = {"discount": off, "amount": say.money(self.max_minor)}
            yield "max_minor", _("%(discount)s off, at most %(amount)s") % figures


class Experience(Reward, frozen=True, kw_only=True, tag="text"):
    """Anything words can promise."""

    kind: ClassVar[str] = "text"
    editor = editing.EXPERIENCE_EDITOR
    check = Reward.check
    advise = Reward.advise

    def worth_on(self, order_total_minor: int | None) -> int | None:
        """Answer none: it is a promise in words."""
        return None

    def benefit(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Leave it to its name and description."""
        return iter(())


AnyReward = Product | Discount | Percentage | Experience


class PayWithPoints(Part, frozen=True, kw_only=True):
    """Any amount can be paid with points: `points` are worth `amount_minor`."""

    edits = editing.PAYING
    editor = editing.PAYING_EDITOR
    points: PointsAmount
    amount_minor: MinorAmount
    minimum_points: PointsAmount = 1
    maximum_points: PointsAmount | None = None
    step_points: PointsAmount = 1
    max_share_percent: Annotated[int, Meta(ge=1, le=100, description="Of the order's total.")] = 100
    excluding: Annotated[Goods, Meta(description="Goods that points may not pay for; they earn as they would.")] = (
        Goods()
    )

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find limits of which no number of points is left."""
        most = self.maximum_points
        if most is not None and most < self.minimum_points:
            yield Remark("/maximum_points", "reversed", _("The most is less than the least."))
        if self.minimum_points % self.step_points and self.minimum_points != 1:
            yield Remark("/minimum_points", "not_a_step", _("The least is not a multiple of the step."))
        if most is not None and most < self.step_points:
            yield Remark("/maximum_points", "not_a_step", _("The most is less than one step."))

    def example(self, decimals: int) -> tuple[int, int]:
        """Return a round number of points and what it pays: the rate in figures people meet at the till."""
        units = max(self.minimum_points, self.points, 100 * 10**decimals)
        return units, worth_minor(self, units)

    def describe(self, say: Phrasing) -> Description:
        """Say what points pay, and the limits, a sentence each."""
        units, minor = self.example(say.decimals)
        return Description(
            title=_("Paying with points"),
            says=_("%(points)s pay %(amount)s.") % {"points": say.points(units), "amount": say.money(minor)},
            lines=tuple(phrase for _field, phrase in self.clauses(say)),
        )

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield the name of each limit that is set, and its sentence."""
        if self.minimum_points > 1:
            yield "minimum_points", _("At least %(points)s at a time.") % {"points": say.points(self.minimum_points)}
        if self.maximum_points is not None:
            yield "maximum_points", _("At most %(points)s at a time.") % {"points": say.points(self.maximum_points)}
        if self.step_points > 1:
            yield "step_points", _("In steps of %(points)s.") % {"points": say.points(self.step_points)}
        if self.max_share_percent < 100:
            yield "max_share_percent", _("Up to %(percent)d %% of an order.") % {"percent": self.max_share_percent}
        if goods := self.excluding.describe(say).says:
            yield "excluding", _("Not for: %(goods)s.") % {"goods": goods}

    def minor_per_point(self) -> Fraction | None:
        """Divide the amount by the points."""
        return Fraction(self.amount_minor, self.points)


def worth_minor(pay: PayWithPoints, points: int) -> int:
    """State what points are worth in minor units, rounded down."""
    return points * pay.amount_minor // pay.points


def most_points(pay: PayWithPoints, *, spendable: int, total_minor: int, payable_minor: int | None = None) -> int:
    """Find the most points that can pay on an order; 0 when not even the least can.

    A step is never taken that pays more than the allowed share of the order, or more than the goods come to that points
    may pay for, and no points are spent on nothing.
    """
    most_minor = total_minor * pay.max_share_percent // 100
    if payable_minor is not None:
        most_minor = min(most_minor, payable_minor)
    # The last number of points that is still worth no more than most_minor.
    by_share = ((most_minor + 1) * pay.points - 1) // pay.amount_minor
    points = min(spendable, by_share, pay.maximum_points or by_share)
    points -= points % pay.step_points
    # Of all the steps with that worth, the cheapest for the member.
    worth = worth_minor(pay, points)
    cheapest = -(-worth * pay.points // pay.amount_minor)
    points = -(-max(cheapest, pay.minimum_points) // pay.step_points) * pay.step_points if worth else 0
    return points if 0 < points <= min(spendable, by_share, pay.maximum_points or by_share) else 0


def refusal(pay: PayWithPoints, points: int, *, total_minor: int) -> str | None:
    """State why so many points cannot pay on an order (a code), or None when they can."""
    if points < pay.minimum_points:
        return "below_minimum_points"
    if pay.maximum_points is not None and points > pay.maximum_points:
        return "above_maximum_points"
    if points % pay.step_points:
        return "not_a_step"
    if worth_minor(pay, points) == 0:
        return "worth_nothing"
    return "above_share" if worth_minor(pay, points) * 100 > total_minor * pay.max_share_percent else None
