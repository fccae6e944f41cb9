"""What a till sends about purchases that were recorded: refunds, claims, and how they are named."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Protocol

from msgspec import Meta, structs

from rewards.parties import ExternalId, Input, MemberRef
from rewards.sales.inputs import LINES_MAX, MONEY_MAX, Instant, Money, PurchaseInput, Quantity, SentAt


class Timed(Protocol):
    """A document with the till's clock on it."""

    @property
    def occurred_at(self) -> datetime: ...
    @property
    def sent_at(self) -> datetime | None: ...


def without_the_clock(sold: PurchaseInput | RefundInput) -> PurchaseInput | RefundInput:
    """Return what was sent without the moment it was sent at, which is another each time."""
    return structs.replace(sold, sent_at=None) if sold.sent_at is not None else sold


class RefundLine(Input, frozen=True, kw_only=True):
    """A line that came back, by the id it was sold under; the amount follows the quantity when left out."""

    id: Annotated[str, Meta(min_length=1, max_length=60)]
    quantity: Quantity | None = None
    amount_minor: Money | None = None


class PurchaseRef(Input, frozen=True, kw_only=True):
    """The purchase it is about: its id, or the id the till gave it (also before the purchase arrived)."""

    id: Annotated[str, Meta(max_length=40)] | None = None
    external_id: ExternalId | None = None


class RefundInput(Input, frozen=True, kw_only=True):
    """Takes back a purchase: named lines, an amount of what was sold, or (with neither) all that is left of it."""

    external_id: ExternalId
    occurred_at: Instant
    purchase: PurchaseRef
    sent_at: SentAt | None = None
    amount_minor: Annotated[int, Meta(ge=1, le=MONEY_MAX)] | None = None
    lines: Annotated[tuple[RefundLine, ...], Meta(max_length=LINES_MAX)] = ()
    reason: Annotated[str, Meta(max_length=200)] = ""


class ClaimInput(Input, frozen=True, kw_only=True):
    """A purchase that was recorded without a member becomes this member's."""

    external_id: ExternalId
    purchase: PurchaseRef
    member: MemberRef
