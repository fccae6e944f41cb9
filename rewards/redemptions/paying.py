"""Redemptions inside a purchase: a reward, points as money, or a hold captured, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from merchants import ids
from merchants.errors import LoyaltyError
from rewards import terms
from rewards.models.redemptions import Redemption
from rewards.points import AccountState, Book
from rewards.redemptions import answers, offers
from rewards.redemptions.folding import Spendings
from rewards.redemptions.inputs import Ask
from rewards.redemptions.occasions import Occasion, Parent
from rewards.redemptions.offers import PointsAboveShare
from rewards.terms import AnyReward


@dataclass(frozen=True, slots=True)
class Taken:
    """One redemption that took place: what was spent and what it is worth."""

    public_id: str
    reward: str
    points: int
    amount_minor: int | None
    #: Paid money's worth with points, as against a discount or goods.
    is_payment: bool

    def summary(self) -> dict[str, Any]:
        return {
            "id": self.public_id,
            "reward": self.reward or None,
            "points": self.points,
            "amount_minor": self.amount_minor,
        }


def take(
    spendings: Spendings,
    book: Book,
    account: AccountState,
    *,
    asks: Sequence[Ask],
    purchase: tuple[int, str],
    total_minor: int,
    payable_minor: int,
    location_id: int | None,
    occurred_at: datetime,
    member_public_id: str,
    is_at_tills_word: bool = False,
) -> list[Taken]:
    """Take all the asks of one purchase (its id and public id), in order; the account's lots are all read.

    :raises LoyaltyError: any of them is refused; then none of them happened.
    """
    mark = spendings.mark(account)
    found: list[Taken] = []
    try:
        for position, ask in enumerate(asks):
            paid = sum(one.amount_minor or 0 for one in found if one.is_payment)
            parent = Parent(*purchase, position)
            occasion = Occasion(
                account, member_public_id, occurred_at, total_minor, location_id,
                is_at_tills_word=is_at_tills_word, parent=parent, payable_minor=payable_minor,
            )  # fmt: skip
            found.append(_take_one(spendings, book, occasion, ask, parent, paid_minor=paid))
    except LoyaltyError as error:
        spendings.go_back(account, mark)
        if error.pointer is None or not error.pointer.startswith("/redemptions"):
            error.pointer = f"/redemptions/{len(found)}"
        raise
    return found


def _take_one(
    spendings: Spendings, book: Book, occasion: Occasion, ask: Ask, parent: Parent, *, paid_minor: int
) -> Taken:
    answers.check_shape(ask)
    if ask.id is None and ask.code is None:
        row = spendings.spend(book, occasion, ask, paid_minor=paid_minor)
        is_payment = not row.reward
        return Taken(row.public_id, row.reward, row.points_captured, row.amount_minor, is_payment)
    row = _named(spendings, ask, occasion.account)
    points = spendings.check_capture(book, row, ask.points)
    amount = _worth_of(spendings, row, points, occasion, paid_minor)
    row.purchase_id = parent.id
    row.amount_minor = amount
    spendings.capture(
        book, occasion.account, row, points=points, parent=parent, occurred_at=occasion.occurred_at,
        member_public_id=occasion.member_public_id,
    )  # fmt: skip
    return Taken(row.public_id, row.reward, points, amount, not row.reward)


def _named(spendings: Spendings, ask: Ask, account: AccountState) -> Redemption:
    code = ids.normalise(ask.code) if ask.code is not None else None
    for row in spendings.rows.values():
        is_meant = row.public_id == ask.id if ask.id is not None else row.code == code
        if is_meant and row.member_id == account.member_id:
            return row
    raise answers.RedemptionNotFound(_("The member has no such redemption."))


def _worth_of(spendings: Spendings, row: Redemption, points: int, occasion: Occasion, paid_minor: int) -> int | None:
    """What a hold is worth on the order that captures it: judged by the terms it was held under."""
    if row.terms_version is None:
        return row.amount_minor
    promised, total_minor = spendings.timeline.numbered(row.terms_version).terms, occasion.order_total_minor
    if row.reward:
        reward = offers.reward_of(promised, row.reward)
        return row.amount_minor if reward is None else _reward_worth(reward, row, total_minor)
    pay = promised.pay_with_points
    if pay is None:
        return row.amount_minor
    worth = terms.worth_minor(pay, points)
    if total_minor is not None and (paid_minor + worth) * 100 > total_minor * pay.max_share_percent:
        raise PointsAboveShare(
            _("Points may pay at most %(percent)d %% of the order.") % {"percent": pay.max_share_percent},
            max_share_percent=pay.max_share_percent,
        )
    offers.check_payable(paid_minor + worth, payable_minor=occasion.payable_minor)
    return worth


def _reward_worth(reward: AnyReward, row: Redemption, total_minor: int | None) -> int | None:
    least = reward.least_total_minor
    if least is not None and total_minor is not None and total_minor < least:
        raise offers.OrderTotalTooSmall(_("The order is smaller than this reward asks for."), minimum_total_minor=least)
    if total_minor is None:
        return row.amount_minor
    return offers.price_of(reward, order_total_minor=total_minor).amount_minor
