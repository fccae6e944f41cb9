"""Part of the terms: how a purchase earns. Rules that give points, and multipliers of what they gave.

Every condition of a rule must hold (and); rules are alternatives or add up, as `stacking` says. They are taken by
priority (highest first), then as written; a rule that applies and says `stop` is the last one looked at.
"""

from datetime import date
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from rewards.terms.expiry import Expiry, Pending
from rewards.terms.fields import (
    MOST_MILLI,
    Code,
    CodeList,
    MinorAmount,
    NameList,
    Part,
    PointsAmount,
    Ratio,
    SkuList,
    Text,
)

Clock = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z", examples=["17:00"])]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Deduction = Literal["discounts", "tax", "points"]
Nth = Annotated[int, Meta(ge=1, le=10**6)]
Milli = Annotated[int, Meta(ge=1, le=MOST_MILLI, description="A quantity in thousandths: 1000 is one piece.")]


class Goods(Part, frozen=True, kw_only=True):
    """A choice of goods: a line belongs if its SKU or its category is named."""

    skus: SkuList = ()
    categories: NameList = ()


class Hours(Part, frozen=True, kw_only=True):
    """From a clock time (inclusive) to another (exclusive), where the shop stands; may pass midnight (22:00 to 02:00)."""

    start: Clock
    end: Clock


class Cap(Part, frozen=True, kw_only=True):
    """The most points a rule (or the programme) gives in one order or one calendar period; the rest is cut off."""

    points: PointsAmount
    per: Annotated[
        Literal["order", "day", "week", "month", "quarter", "year", "ever"],
        Meta(description="Calendar periods of the merchant's zone, ISO weeks."),
    ]
    scope: Annotated[
        Literal["member", "programme"], Meta(description="For each member, or for all members together.")
    ] = "member"


class Conditions(Part, frozen=True, kw_only=True):
    """When a rule applies. An empty list and null mean: no condition."""

    first_day: Annotated[date | None, Meta(description="First day, in the merchant's zone.")] = None
    last_day: Annotated[date | None, Meta(description="Last day, in the merchant's zone.")] = None
    weekdays: Annotated[tuple[Weekday, ...], Meta(max_length=7, description="At the location.")] = ()
    hours: Annotated[tuple[Hours, ...], Meta(max_length=10, description="At the location.")] = ()
    locations: Annotated[NameList, Meta(description="Public ids of locations.")] = ()
    channels: Annotated[NameList, Meta(description="For example `store`, `online`.")] = ()
    tiers: Annotated[CodeList, Meta(description="The member's tier when buying.")] = ()
    minimum_amount_minor: Annotated[
        MinorAmount | None, Meta(description="Of the goods the rule looks at, on the rule's own amount basis.")
    ] = None
    below_amount_minor: Annotated[MinorAmount | None, Meta(description="Less than this, not equal.")] = None
    minimum_quantity_milli: Milli | None = None
    with_goods: Annotated[Goods | None, Meta(description="The basket must hold one of these, at any price.")] = None
    nth_purchase: Annotated[Nth | None, Meta(description="Only the member's n-th purchase; 1 is the first.")] = None
    every_nth_purchase: Annotated[Nth | None, Meta(description="Every n-th purchase: 10 is the 10th, 20th …")] = None
    birthday: Annotated[
        Literal["day", "week", "month"] | None, Meta(description="The day, ISO week or month of the birthday.")
    ] = None
    without_points: Annotated[bool, Meta(description="Only if nothing was paid with points.")] = False


class Rule(Part, frozen=True, kw_only=True, tag_field="kind"):
    """What all rules have."""

    kind: ClassVar[str] = ""
    code: Code
    name: Text
    when: Conditions = Conditions()
    only: Annotated[Goods | None, Meta(description="Only lines of these goods.")] = None
    excluding: Annotated[Goods | None, Meta(description="No lines of these goods.")] = None
    net_of: Annotated[
        tuple[Deduction, ...],
        Meta(
            max_length=3,
            description="What is taken off the amount first: `discounts`, `tax`, what was paid with `points`. "
            "Empty is the gross amount, before discounts and with tax.",
        ),
    ] = ("discounts",)
    caps: Annotated[tuple[Cap, ...], Meta(max_length=10)] = ()
    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    stop: Annotated[bool, Meta(description="When this rule applies, later rules are not looked at.")] = False
    pending: Annotated[Pending | None, Meta(description="Instead of the programme's own.")] = None
    expiry: Annotated[Expiry | None, Meta(description="Instead of the tier's and the programme's own.")] = None
    qualifying: Annotated[bool, Meta(description="Counts towards the tier.")] = True


class PerMoney(Rule, frozen=True, kw_only=True, tag="per_money"):
    """Points for money spent: `points` for each `per_amount_minor`, in proportion or by full steps."""

    kind: ClassVar[str] = "per_money"
    points: Ratio
    per_amount_minor: MinorAmount
    full_steps: Annotated[bool, Meta(description="Only full steps count: 105 at 1 per full 10 gives 10.")] = False
    by_tier: Annotated[bool, Meta(description="Multiplied by the tier.")] = True


class PerOrder(Rule, frozen=True, kw_only=True, tag="per_order"):
    """Points for an order, if goods the rule looks at were paid for."""

    kind: ClassVar[str] = "per_order"
    points: Ratio
    by_tier: bool = True


class PerItem(Rule, frozen=True, kw_only=True, tag="per_item"):
    """Points for each piece (litre, kilogram) that was paid for."""

    kind: ClassVar[str] = "per_item"
    points: Ratio
    per_quantity_milli: Milli = 1000
    full_steps: bool = False
    by_tier: bool = True


class Multiplier(Rule, frozen=True, kw_only=True, tag="multiplier"):
    """Multiplies what rules gave for the lines it looks at.

    `add` adds (factor - 1) x what the rule gave before the tier: on a tier of 1.2, double is 2.2. `multiply` compounds:
    on a tier of 1.2, double is 2.4; those that compound come after those that add.
    """

    kind: ClassVar[str] = "multiplier"
    factor: Annotated[Ratio, Meta(description="More than 1: 2 doubles.")]
    mode: Literal["add", "multiply"] = "add"
    of: Annotated[CodeList, Meta(description="Codes of the rules it multiplies; empty is all.")] = ()


AnyRule = PerMoney | PerOrder | PerItem | Multiplier
BaseRule = PerMoney | PerOrder | PerItem


class Earning(Part, frozen=True, kw_only=True):
    """All the ways to earn."""

    rules: Annotated[tuple[AnyRule, ...], Meta(max_length=200)] = ()
    stacking: Annotated[
        Literal["all", "best", "first"],
        Meta(
            description="Of the rules that give points, and then of the multipliers, that apply: `all` count; only the "
            "`best` (that gives most); only the `first`."
        ),
    ] = "all"
    excluding: Annotated[Goods, Meta(description="Goods that never earn: gift cards, tobacco, delivery …")] = Goods()
    caps: Annotated[tuple[Cap, ...], Meta(max_length=10, description="Over all rules together.")] = ()
    pending: Pending | None = None
