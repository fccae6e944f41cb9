"""The terms document as a whole: what one published version of a programme says."""

from typing import Annotated, Literal

from msgspec import Meta

from rewards.terms.examples import Example
from rewards.terms.expiry import Expiry, Never, Pending
from rewards.terms.fields import MinorAmount, Part, PointsAmount, Text
from rewards.terms.rewards import AnyReward, PayWithPoints
from rewards.terms.rules import Earning
from rewards.terms.tiers import Tiers

Mode = Literal["floor", "half_up", "half_even", "ceil"]


class Rounding(Part, frozen=True, kw_only=True):
    """How points are rounded, once, at the end."""

    mode: Mode = "floor"
    scope: Annotated[
        Literal["order", "line"], Meta(description="The whole order at once, or each line's points and then the sum.")
    ] = "order"


class Points(Part, frozen=True, kw_only=True):
    """The points themselves."""

    singular: Text = "point"
    plural: Text = "points"
    decimals: Annotated[int, Meta(ge=0, le=2, description="With 2, the smallest unit is 0.01 point.")] = 0
    rounding: Rounding = Rounding()
    minimum_points: Annotated[PointsAmount | None, Meta(description="An order that would earn less earns nothing.")] = (
        None
    )


class Welcome(Part, frozen=True, kw_only=True):
    """Points for joining."""

    points: PointsAmount
    pending: Pending | None = None
    expiry: Expiry | None = None
    qualifying: bool = False


class Referral(Part, frozen=True, kw_only=True):
    """Points for bringing somebody, when that person first buys."""

    referrer_points: PointsAmount | None = None
    referee_points: PointsAmount | None = None
    minimum_amount_minor: Annotated[
        MinorAmount | None, Meta(description="The first purchase must come to this, net.")
    ] = None
    max_referrals: Annotated[
        Annotated[int, Meta(ge=1, le=10**6)] | None, Meta(description="Paid per referrer, ever.")
    ] = None
    within_days: Annotated[
        Annotated[int, Meta(ge=1, le=3660)] | None,
        Meta(description="The first purchase must come so soon after joining."),
    ] = None
    pending: Annotated[Pending | None, Meta(description="For example until returns are over.")] = None
    expiry: Expiry | None = None
    qualifying: bool = False


class Transfers(Part, frozen=True, kw_only=True):
    """Members may give points to each other; the points keep their expiry. Left out, they may not."""

    minimum_points: Annotated[PointsAmount, Meta(description="In one transfer.")] = 1
    maximum_points: Annotated[PointsAmount | None, Meta(description="In one transfer.")] = None
    given_per_month: Annotated[
        PointsAmount | None, Meta(description="The most one member may give in a calendar month.")
    ] = None
    received_per_month: Annotated[
        PointsAmount | None, Meta(description="The most one member may be given in a calendar month.")
    ] = None


class Notice(Part, frozen=True, kw_only=True):
    """Words for members, shown with the terms."""

    title: Text
    body: Text


class Terms(Part, frozen=True, kw_only=True, dict=True):
    """A loyalty programme: what a purchase is worth, what tiers there are, what points buy, when they end."""

    # dict=True: rewards.earning keeps the compiled rules on the document they belong to; they are no field of it.
    format: Literal[1] = 1
    name: Annotated[Text, Meta(description="The programme's name.", examples=["Star Rewards"])]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", description="ISO code; all money below.", examples=["KRW"])]
    points: Points = Points()
    earning: Earning = Earning()
    expiry: Annotated[Expiry, Meta(description="When points end, unless a rule or tier says otherwise.")] = Never()
    tiers: Tiers | None = None
    rewards: Annotated[tuple[AnyReward, ...], Meta(max_length=500)] = ()
    pay_with_points: PayWithPoints | None = None
    welcome: Welcome | None = None
    referral: Referral | None = None
    transfers: Transfers | None = None
    notices: Annotated[tuple[Notice, ...], Meta(max_length=50)] = ()
    examples: Annotated[tuple[Example, ...], Meta(max_length=100)] = ()
