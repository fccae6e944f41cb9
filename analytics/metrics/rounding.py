"""The one rounding of every number that is kept: 8 decimals, halves away from zero, as PostgreSQL's numeric does."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal


def to_eight_decimals(number: Decimal) -> Decimal:
    return number.quantize(Decimal("0.00000001"), rounding=ROUND_HALF_UP)
