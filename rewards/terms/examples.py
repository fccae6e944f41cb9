"""Part of the terms: worked examples, which the document carries as its own tests. They are checked before publishing."""

from typing import Annotated

from msgspec import Meta

from rewards.terms.fields import MOST_MINOR, Code, Label, Part, Text, YearlyDay

Amount = Annotated[int, Meta(ge=0, le=MOST_MINOR)]


class ExampleLine(Part, frozen=True, kw_only=True):
    """One line: `amount_minor` is after discounts, tax included."""

    amount_minor: Amount
    sku: str = ""
    category: str = ""
    quantity_milli: Annotated[int, Meta(ge=1, le=10**9)] = 1000
    discount_minor: Amount = 0
    tax_minor: Amount = 0


class Example(Part, frozen=True, kw_only=True):
    """A purchase and the points it must earn; with `refund_minor`, the points that stay after such a refund."""

    name: Text
    lines: Annotated[tuple[ExampleLine, ...], Meta(min_length=1, max_length=50)]
    points: Annotated[int, Meta(ge=0, le=10**12)]
    local_time: Annotated[
        str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]\Z", description="Where the shop stands.")
    ] = "2026-01-07T12:00"
    tier: Code | None = None
    ordinal: Annotated[int, Meta(ge=1, le=10**6, description="The member's n-th purchase.")] = 2
    birthday: YearlyDay | None = None
    location: Label | None = None
    channel: Label | None = None
    points_paid_minor: Annotated[Amount, Meta(description="Part of the total that was paid with points.")] = 0
    refund_minor: Amount = 0
