"""Which rewards a member can have, at what price, and if not, why not.  Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar, NamedTuple

from django.utils.translation import gettext as _

from merchants.errors import Conflict, Invalid, LoyaltyError, NotFound
from rewards import terms
from rewards.authority import Allowed
from rewards.terms import AnyReward, PayWithPoints, Terms
from rewards.versions import Timeline

DEFAULT_HOLD_MINUTES = 15


class UnknownReward(NotFound):
    """The terms in force know no such reward; in a body this is content that cannot be meant, so 422."""

    code: ClassVar[str] = "unknown_reward"
    http: ClassVar[int] = 422


class OrderTotalRequired(Invalid):
    """What it is worth depends on the order, and the order's total was not sent."""

    code: ClassVar[str] = "order_total_required"


class RewardNotOnOffer(Conflict):
    """Before its first day, after its last, or without a programme in force."""

    code: ClassVar[str] = "reward_not_on_offer"


class RewardForOtherTiers(Conflict):
    code: ClassVar[str] = "reward_for_other_tiers"


class RewardSoldOut(Conflict):
    code: ClassVar[str] = "reward_sold_out"


class RewardLimitReached(Conflict):
    code: ClassVar[str] = "reward_limit_reached"


class OrderTotalTooSmall(Conflict):
    code: ClassVar[str] = "order_total_too_small"


class PointsPayNothing(Conflict):
    """The terms in force do not let points pay."""

    code: ClassVar[str] = "points_pay_nothing"


class PointsBelowMinimum(Conflict):
    code: ClassVar[str] = "points_below_minimum"


class PointsAboveMaximum(Conflict):
    code: ClassVar[str] = "points_above_maximum"


class PointsNotAStep(Conflict):
    code: ClassVar[str] = "points_not_a_step"


class PointsWorthNothing(Conflict):
    code: ClassVar[str] = "points_worth_nothing"


class PointsNotForTheseGoods(Conflict):
    """The terms keep some goods from being paid with points, and the others come to less."""

    code: ClassVar[str] = "points_not_for_these_goods"


class PointsAboveShare(Conflict):
    """More of the order would be paid with points than the terms allow."""

    code: ClassVar[str] = "points_above_share"


@dataclass(frozen=True, slots=True)
class Price:
    """What a redemption takes and is worth; `amount_minor` is None where it has no worth in money."""

    reward: str
    points: int
    amount_minor: int | None
    hold_minutes: int
    #: How many there are, when they are counted.
    stock: int | None = None
    #: Worth in money that pays (and not a discount or goods).
    is_payment: bool = False


class _Member(NamedTuple):
    """What an audience asks of a member."""

    tier: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One reward as a member sees it: what it takes, whether it can be had now, and if not, why."""

    code: str
    kind: str
    name: str
    description: str
    price_points: int
    missing_points: int
    stock_left: int | None
    refusal: str | None
    refusal_detail: str
    last_day: date | None

    @property
    def is_affordable(self) -> bool:
        return self.missing_points == 0

    @property
    def can_be_redeemed(self) -> bool:
        return self.is_affordable and self.refusal is None


@dataclass(frozen=True, slots=True)
class PayOffer:
    """Paying with points: the rate, and the most that can pay now (on an order, when its total is known)."""

    points: int
    amount_minor: int
    minimum_points: int
    step_points: int
    most_points: int | None
    most_minor: int | None


def reward_of(promised: Terms, code: str) -> AnyReward | None:
    return next((reward for reward in promised.rewards if reward.code == code), None)


def check(
    reward: AnyReward,
    *,
    day: date,
    tier: str,
    claimed: int,
    taken_in_period: int,
    order_total_minor: int | None,
    needs_total: bool = True,
) -> None:
    """Refuse what the reward's conditions do not allow; the points are another matter.

    `claimed` and `taken_in_period` were read under the locks that guard them.

    :raises RewardNotOnOffer, RewardForOtherTiers, RewardSoldOut, RewardLimitReached, OrderTotalTooSmall:
    :raises OrderTotalRequired: it needs an order of some size, and none was named.
    """
    if (reward.first_day and day < reward.first_day) or (reward.last_day and day > reward.last_day):
        raise RewardNotOnOffer(_("This reward is not on offer today."))
    if reward.refusal(_Member(tier)) is not None:
        raise RewardForOtherTiers(_("This reward is for members on other tiers."), tiers=list(reward.tiers))
    _check_stock(reward, claimed)
    if reward.per_member is not None and taken_in_period >= reward.per_member.count:
        raise RewardLimitReached(
            _("The member has had this reward as often as it may be taken (%(count)d).")
            % {"count": reward.per_member.count},
            per=reward.per_member.per,
        )
    _check_total(reward, order_total_minor, needs_total=needs_total)


def check_own(reward: AnyReward, *, claimed: int, order_total_minor: int | None) -> None:
    """Refuse what cannot be handed out of a reward that is the member's own.

    Its days, tiers and limits are no matter: it was promised when it was issued.

    :raises RewardSoldOut, OrderTotalTooSmall, OrderTotalRequired:
    """
    _check_stock(reward, claimed)
    _check_total(reward, order_total_minor, needs_total=True)


def _check_stock(reward: AnyReward, claimed: int) -> None:
    if reward.stock is not None and claimed >= reward.stock:
        raise RewardSoldOut(_("There are none of this reward left."))


def _check_total(reward: AnyReward, order_total_minor: int | None, *, needs_total: bool) -> None:
    least = reward.least_total_minor
    if least is not None:
        if order_total_minor is None:
            if needs_total:
                raise OrderTotalRequired(
                    _("This reward depends on the order: send order_total_minor."), pointer="/order_total_minor"
                )
        elif order_total_minor < least:
            raise OrderTotalTooSmall(_("The order is smaller than this reward asks for."), minimum_total_minor=least)


def price_of(reward: AnyReward, *, order_total_minor: int | None) -> Price:
    """State what a reward takes and what it is worth on an order."""
    amount = reward.worth_on(order_total_minor)
    return Price(reward.code, reward.price_points, amount, reward.hold_minutes, reward.stock)


def price_of_points(
    pay: PayWithPoints | None,
    points: int,
    *,
    order_total_minor: int | None,
    paid_before_minor: int = 0,
    payable_minor: int | None = None,
) -> Price:
    """State what points pay; what points already paid on the order counts towards the share.

    :raises PointsPayNothing, PointsBelowMinimum, PointsAboveMaximum, PointsNotAStep, PointsWorthNothing:
    :raises PointsNotForTheseGoods: more than the goods come to that points may pay for.
    :raises PointsAboveShare: more of the order would be paid with points than the terms allow.
    :raises OrderTotalRequired: there is such a share, and the order's total was not sent.
    """
    if pay is None:
        raise PointsPayNothing(_("Points cannot pay here. They can be spent on rewards."))
    if order_total_minor is None and pay.max_share_percent < 100:
        raise OrderTotalRequired(
            _("Points may pay a part of the order: send order_total_minor."), pointer="/order_total_minor"
        )
    # Without a total the share cannot bind: as large an order as any.
    total = 10**15 if order_total_minor is None else order_total_minor
    refused = terms.refusal(pay, points, total_minor=total)
    worth = terms.worth_minor(pay, points)
    if refused is None and (paid_before_minor + worth) * 100 > total * pay.max_share_percent:
        refused = "above_share"
    if refused is not None:
        raise _refusal_of_points(pay, refused)
    check_payable(paid_before_minor + worth, payable_minor=payable_minor)
    return Price("", points, worth, DEFAULT_HOLD_MINUTES, is_payment=True)


def check_payable(paid_minor: int, *, payable_minor: int | None) -> None:
    """:raises PointsNotForTheseGoods: points would pay more than the goods come to that they may pay for."""
    if payable_minor is not None and paid_minor > max(0, payable_minor):
        raise PointsNotForTheseGoods(
            _("Points cannot pay for some of these goods."), payable_minor=max(0, payable_minor)
        )


def _refusal_of_points(pay: PayWithPoints, code: str) -> LoyaltyError:
    if code == "below_minimum_points":
        return PointsBelowMinimum(
            _("At least %(points)d points can pay.") % {"points": pay.minimum_points}, minimum_points=pay.minimum_points
        )
    if code == "above_maximum_points":
        return PointsAboveMaximum(
            _("At most %(points)d points can pay.") % {"points": pay.maximum_points}, maximum_points=pay.maximum_points
        )
    if code == "not_a_step":
        return PointsNotAStep(
            _("Points pay in steps of %(points)d.") % {"points": pay.step_points}, step_points=pay.step_points
        )
    if code == "worth_nothing":
        return PointsWorthNothing(_("So few points are worth nothing in money."))
    return PointsAboveShare(
        _("Points may pay at most %(percent)d %% of the order.") % {"percent": pay.max_share_percent},
        max_share_percent=pay.max_share_percent,
    )


def offers(
    promised: Terms,
    *,
    spendable: int,
    tier: str,
    day: date,
    language: str,
    claimed: Mapping[str, int],
    taken: Mapping[str, int],
    order_total_minor: int | None = None,
) -> list[Offer]:
    """List the rewards, those that can be had first, with what is missing for the others.

    `claimed` is the count by reward, `taken` how often the member took each in its current period.
    """
    found = []
    for reward in promised.rewards:
        refusal, detail = None, ""
        try:
            check(
                reward, day=day, tier=tier, claimed=claimed.get(reward.code, 0),
                taken_in_period=taken.get(reward.code, 0), order_total_minor=order_total_minor, needs_total=False,
            )  # fmt: skip
        except LoyaltyError as error:
            refusal, detail = error.code, error.detail
        found.append(
            Offer(
                code=reward.code,
                kind=type(reward).kind,
                name=terms.text(reward.name, language),
                description=terms.text(reward.description, language) if reward.description else "",
                price_points=reward.price_points,
                missing_points=max(0, reward.price_points - spendable),
                stock_left=None if reward.stock is None else max(0, reward.stock - claimed.get(reward.code, 0)),
                refusal=refusal,
                refusal_detail=detail,
                last_day=reward.last_day,
            )
        )
    return sorted(found, key=lambda offer: (not offer.can_be_redeemed, offer.refusal is not None, offer.price_points))


def not_allowed(found: Sequence[Offer], allowed: Allowed) -> Sequence[Offer]:
    """Say of what could be had but for how the member was named, or for spending being stopped, that it cannot."""
    refused, most = allowed.refusal, allowed.points_max
    if refused is None or most is None:
        return found
    return [
        replace(offer, refusal=refused.code, refusal_detail=refused.detail)
        if offer.refusal is None and offer.price_points > most
        else offer
        for offer in found
    ]


def pay_offer(promised: Terms, *, spendable: int, order_total_minor: int | None = None) -> PayOffer | None:
    """State what points pay here, and the most that can pay now; None where they do not."""
    pay = promised.pay_with_points
    if pay is None:
        return None
    most = most_minor = None
    if order_total_minor is not None:
        most = terms.most_points(pay, spendable=spendable, total_minor=order_total_minor)
        most_minor = terms.worth_minor(pay, most)
    return PayOffer(pay.points, pay.amount_minor, pay.minimum_points, pay.step_points, most, most_minor)


def was_counted(timeline: Timeline, code: str, version: int | None) -> bool:
    """State whether a redemption was taken from a counted stock, by the terms it was made under."""
    if not code or version is None:
        return False
    reward = reward_of(timeline.numbered(version).terms, code)
    return reward is not None and reward.stock is not None


def counted(promised: Sequence[Terms], code: str) -> bool:
    """State whether some version counts how many of a reward there are."""
    return any((reward := reward_of(each, code)) is not None and reward.stock is not None for each in promised)
