"""Part of the terms: what points buy. Rewards at a price in points, and paying any amount with points."""

from datetime import date
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from rewards.terms.fields import Code, CodeList, MinorAmount, Part, PointsAmount, Text
from rewards.terms.rules import Goods


class MemberLimit(Part, frozen=True, kw_only=True):
    """How often one member may take a reward in a calendar period of the merchant's zone."""

    count: Annotated[int, Meta(ge=1, le=10**6)]
    per: Literal["day", "week", "month", "quarter", "year", "ever"] = "ever"


class Reward(Part, frozen=True, kw_only=True, tag_field="kind"):
    """What all rewards have."""

    kind: ClassVar[str] = ""
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
    tiers: Annotated[CodeList, Meta(description="Only for members on these tiers; empty is all.")] = ()
    hold_minutes: Annotated[
        int, Meta(ge=1, le=43200, description="A hold that is not captured is released after this.")
    ] = 15


class Product(Reward, frozen=True, kw_only=True, tag="product"):
    """Goods for nothing, up to a price."""

    kind: ClassVar[str] = "product"
    goods: Annotated[Goods | None, Meta(description="Which goods; null leaves it to the cashier.")] = None
    max_minor: Annotated[MinorAmount | None, Meta(description="The member pays what the goods cost above this.")] = None


class Discount(Reward, frozen=True, kw_only=True, tag="discount"):
    """Money off."""

    kind: ClassVar[str] = "discount"
    amount_minor: MinorAmount
    minimum_total_minor: MinorAmount | None = None


class Percentage(Reward, frozen=True, kw_only=True, tag="percentage"):
    """A percentage off, if wanted up to an amount."""

    kind: ClassVar[str] = "percentage"
    percent: Annotated[int, Meta(ge=1, le=100)]
    max_minor: MinorAmount | None = None
    minimum_total_minor: MinorAmount | None = None


class Experience(Reward, frozen=True, kw_only=True, tag="text"):
    """Anything words can promise."""

    kind: ClassVar[str] = "text"


AnyReward = Product | Discount | Percentage | Experience


class PayWithPoints(Part, frozen=True, kw_only=True):
    """Any amount can be paid with points: `points` are worth `amount_minor`."""

    points: PointsAmount
    amount_minor: MinorAmount
    minimum_points: PointsAmount = 1
    maximum_points: PointsAmount | None = None
    step_points: PointsAmount = 1
    max_share_percent: Annotated[int, Meta(ge=1, le=100, description="Of the order's total.")] = 100


def worth_minor(pay: PayWithPoints, points: int) -> int:
    """This function will say what points are worth in minor units, rounded down."""
    return points * pay.amount_minor // pay.points


def most_points(pay: PayWithPoints, *, spendable: int, total_minor: int) -> int:
    """This function will find the most points that can pay on an order; 0 when not even the least can.

    A step is never taken that pays more than the allowed share of the order, and no points are spent on nothing.
    """
    most_minor = total_minor * pay.max_share_percent // 100
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
    """This function will say why so many points cannot pay on an order (a code), or None when they can."""
    if points < pay.minimum_points:
        return "below_minimum_points"
    if pay.maximum_points is not None and points > pay.maximum_points:
        return "above_maximum_points"
    if points % pay.step_points:
        return "not_a_step"
    if worth_minor(pay, points) == 0:
        return "worth_nothing"
    return "above_share" if worth_minor(pay, points) * 100 > total_minor * pay.max_share_percent else None
