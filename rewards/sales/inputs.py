"""A sale as a till sends it: frozen structs that refuse what they do not know, with all that mechanics take first."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from rewards.parties import ExternalId, Input, MemberRef
from rewards.terms import GOODS, LineKind

#: Minor units: a thousand million of the largest denomination's hundredths is more than any till sells at once.
MONEY_MAX = 10**13
LINES_MAX = 500

Money = Annotated[int, Meta(ge=0, le=MONEY_MAX)]
#: Below zero where something came back: a returned article, a bottle's deposit, a coupon.
SignedMoney = Annotated[int, Meta(ge=-MONEY_MAX, le=MONEY_MAX)]
Short = Annotated[str, Meta(max_length=60)]
Name = Annotated[str, Meta(max_length=100)]
Instant = Annotated[datetime, Meta(tz=True, description="With its offset, such as 2026-11-21T18:04:00+09:00.")]
#: Whole numbers come as they are: a JSON text is no quantity (merchants/shapes reads decimals as they are, too).
Quantity = Annotated[int | Decimal, Meta(description="More than 0, up to three decimals.", examples=[1, 0.375])]
SoldQuantity = Annotated[
    int | Decimal,
    Meta(
        description="More than 0, up to three decimals; of a line below zero, -1 is read as 1 that came back.",
        examples=[1, 0.375],
    ),
]
SentAt = Annotated[
    datetime,
    Meta(
        tz=True,
        description="The till's clock as it sends this. What it is off by ours is taken off occurred_at; it is no part of "
        "the content, so that the same sale may be sent again later.",
    ),
]


Rounding = Annotated[
    int,
    Meta(
        ge=-MONEY_MAX,
        le=MONEY_MAX,
        description="What cash rounding put on or took off, at most one unit of cash. It belongs to no goods and never earns.",
    ),
]


POINTS_MAX = 2**53 - 1
PointsAsked = Annotated[int, Meta(ge=1, le=POINTS_MAX, description="In the programme's smallest unit.")]
OwnRewardId = Annotated[
    str, Meta(max_length=40, description="Id of a reward that is the member's own: it costs no points.")
]
RewardCode = Annotated[str, Meta(min_length=1, max_length=60, description="Code of a reward of the terms in force.")]


class LineInput(Input, frozen=True, kw_only=True):
    """One line. `amount_minor` is what is paid for it: after discounts, tax included.

    What comes back (a returned article of an exchange, a bottle's deposit) or off (a coupon) is a line below zero, its
    discount, tax and cost below zero with it: it takes back what as much above zero would give.
    """

    amount_minor: SignedMoney
    id: Annotated[str, Meta(min_length=1, max_length=60)] | None = None
    sku: Name = ""
    category: Name = ""
    labels: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...],
        Meta(max_length=20, description="What rules may choose goods by, besides SKU and category."),
    ] = ()
    quantity: SoldQuantity = Decimal(1)
    discount_minor: SignedMoney = 0
    tax_minor: SignedMoney = 0
    cost_minor: SignedMoney | None = None
    kind: Annotated[
        LineKind,
        Meta(
            description="Only goods earn, count for minimums and are paid with points, unless the terms say otherwise."
        ),
    ] = GOODS


class Tender(Input, frozen=True, kw_only=True):
    """How part of it was paid; below zero where money was paid out.

    What points paid is the kind `points`: a refund hands it back as points, not as money.
    """

    kind: Short
    amount_minor: SignedMoney


class RedemptionInput(Input, frozen=True, kw_only=True):
    """What is redeemed on a purchase: a hold to capture (by id or code, with `points` in part), a reward for points, one of
    the member's own, or points as money."""

    id: Annotated[str, Meta(max_length=40)] | None = None
    code: Annotated[str, Meta(max_length=30)] | None = None
    reward: RewardCode | None = None
    own_reward: OwnRewardId | None = None
    points: PointsAsked | None = None


class PurchaseInput(Input, frozen=True, kw_only=True):
    """A sale as the till prints it. Without a member it is recorded and earns nothing until it is claimed.

    The lines and `rounding_minor` come to `total_minor`, which is below zero where more came back than was bought: so
    many points are then taken back as with a refund.
    """

    external_id: ExternalId
    occurred_at: Instant
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", examples=["KRW"])]
    total_minor: SignedMoney
    sent_at: SentAt | None = None
    member: MemberRef | None = None
    location: Annotated[str, Meta(max_length=60, description="Code or id; the key's own when left out.")] | None = None
    terminal: Short | None = None
    channel: Annotated[str, Meta(max_length=30)] | None = None
    tax_minor: SignedMoney = 0
    rounding_minor: Rounding = 0
    lines: Annotated[tuple[LineInput, ...], Meta(max_length=LINES_MAX)] = ()
    tenders: Annotated[tuple[Tender, ...], Meta(max_length=20)] = ()
    redemptions: Annotated[tuple[RedemptionInput, ...], Meta(max_length=10)] = ()
    quote: Annotated[str, Meta(max_length=4000, description="Token of a quote that must still hold.")] | None = None


def milli(quantity: int | Decimal) -> int | None:
    """Return the quantity in thousandths, or None when it is not a positive number of at most three decimals."""
    quantity = Decimal(quantity)
    if not quantity.is_finite() or not 0 < quantity <= 10**9:
        return None
    thousandths = quantity * 1000
    return int(thousandths) if thousandths == thousandths.to_integral_value() else None
