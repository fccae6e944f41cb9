"""Where and when points are spent, and the redemption that is written of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from merchants import ids
from rewards.models.redemptions import Redemption
from rewards.points import AccountState, Book
from rewards.redemptions.offers import Price
from rewards.versions import Version


@dataclass(frozen=True, slots=True)
class Occasion:
    """Where and when points are spent: by whom, on which order, in which document's name."""

    account: AccountState
    member_public_id: str
    occurred_at: datetime
    order_total_minor: int | None = None
    location_id: int | None = None
    #: A till names the member without a code of their phone: the day's limit holds.
    is_at_tills_word: bool = False
    #: The purchase in which it is done, and its place among that purchase's redemptions.
    parent: Parent | None = None
    #: What of the order points may pay for; None where only its total is known.
    payable_minor: int | None = None
    #: Of what is dated back: how many points of each lot may be taken, and the tier held then; None for what is of now.
    within: Mapping[int, int] | None = None
    tier_then: str | None = None

    @property
    def tier(self) -> str:
        return self.account.membership.tier if self.tier_then is None else self.tier_then


@dataclass(frozen=True, slots=True)
class Parent:
    """The purchase that makes a redemption."""

    id: int
    public_id: str
    position: int


def redemption_of(
    occasion: Occasion, price: Price, *, identity: int, book: Book, version: Version, hold_minutes: int | None,
    own_reward_id: int | None = None,
) -> Redemption:  # fmt: skip
    """Return the redemption, not written yet; with `hold_minutes` its points are set aside for so long."""
    is_hold, parent = hold_minutes is not None, occasion.parent
    return Redemption(
        id=identity,
        merchant_id=book.merchant_id,
        public_id=ids.mint("rdm"),
        actor=book.actor,
        occurred_at=occasion.occurred_at,
        recorded_at=book.now,
        state=Redemption.State.HELD if is_hold else Redemption.State.CAPTURED,
        member_id=occasion.account.member_id,
        purchase_id=parent.id if parent else None,
        purchase_position=parent.position if parent else None,
        location_id=occasion.location_id,
        reward=price.reward,
        own_reward_id=own_reward_id,
        code=ids.normalise(ids.mint_code()),
        points=price.points,
        is_at_tills_word=occasion.is_at_tills_word,
        points_captured=0 if is_hold else price.points,
        amount_minor=price.amount_minor,
        currency=version.terms.currency if price.amount_minor is not None else "",
        order_total_minor=occasion.order_total_minor,
        terms_version=version.number,
        hold_expires_at=book.now + timedelta(minutes=hold_minutes) if hold_minutes is not None else None,
        ended_at=None if is_hold else book.now,
    )
