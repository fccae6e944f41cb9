"""What a till sends: one purchase, as frozen structs that refuse what they do not know."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from rewards.parties import ExternalId, Input, MemberRef
from rewards.redemptions.inputs import RedemptionInput

#: Minor units: a thousand million of the largest denomination's hundredths is more than any till sells at once.
MONEY_MAX = 10**13
LINES_MAX = 500

Money = Annotated[int, Meta(ge=0, le=MONEY_MAX)]
Short = Annotated[str, Meta(max_length=60)]
Name = Annotated[str, Meta(max_length=100)]
Instant = Annotated[datetime, Meta(tz=True, description="With its offset, such as 2026-11-21T18:04:00+09:00.")]
#: Whole numbers come as they are: a JSON text is no quantity (merchants/shapes reads decimals as they are, too).
Quantity = Annotated[int | Decimal, Meta(description="More than 0, up to three decimals.", examples=[1, 0.375])]


class LineInput(Input, frozen=True, kw_only=True):
    """One line. `amount_minor` is what is paid for it: after discounts, tax included."""

    amount_minor: Money
    id: Annotated[str, Meta(min_length=1, max_length=60)] | None = None
    sku: Name = ""
    category: Name = ""
    quantity: Quantity = Decimal(1)
    discount_minor: Money = 0
    tax_minor: Money = 0
    cost_minor: Money | None = None


class Tender(Input, frozen=True, kw_only=True):
    """How part of it was paid."""

    kind: Short
    amount_minor: Money


class PurchaseInput(Input, frozen=True, kw_only=True):
    """A sale. Without a member it is recorded and earns nothing until it is claimed."""

    external_id: ExternalId
    occurred_at: Instant
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", examples=["KRW"])]
    total_minor: Money
    member: MemberRef | None = None
    location: Annotated[str, Meta(max_length=60, description="Code or id; the key's own when left out.")] | None = None
    terminal: Short | None = None
    channel: Annotated[str, Meta(max_length=30)] | None = None
    tax_minor: Money = 0
    lines: Annotated[tuple[LineInput, ...], Meta(max_length=LINES_MAX)] = ()
    tenders: Annotated[tuple[Tender, ...], Meta(max_length=20)] = ()
    redemptions: Annotated[tuple[RedemptionInput, ...], Meta(max_length=10)] = ()
    quote: Annotated[str, Meta(max_length=4000, description="Token of a quote that must still hold.")] | None = None


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
    """Takes back a purchase: named lines, an amount, or (with neither) all that is left of it."""

    external_id: ExternalId
    occurred_at: Instant
    purchase: PurchaseRef
    amount_minor: Annotated[int, Meta(ge=1, le=MONEY_MAX)] | None = None
    lines: Annotated[tuple[RefundLine, ...], Meta(max_length=LINES_MAX)] = ()
    reason: Annotated[str, Meta(max_length=200)] = ""


class ClaimInput(Input, frozen=True, kw_only=True):
    """A purchase that was recorded without a member becomes this member's."""

    external_id: ExternalId
    purchase: PurchaseRef
    member: MemberRef


def milli(quantity: int | Decimal) -> int | None:
    """Return the quantity in thousandths, or None when it is not a positive number of at most three decimals."""
    quantity = Decimal(quantity)
    if not quantity.is_finite() or not 0 < quantity <= 10**9:
        return None
    thousandths = quantity * 1000
    return int(thousandths) if thousandths == thousandths.to_integral_value() else None
