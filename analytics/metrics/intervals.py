"""How far a number of so few members can be trusted: 95 % intervals, in exact decimals."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Final

from analytics.metrics import rounding

Interval = tuple[Decimal, Decimal]

#: The normal distribution's 97.5 % point.
Z: Final = Decimal("1.959963984540054")


def wilson(successes: Decimal | int, n: Decimal | int) -> Interval | None:
    """Give Wilson's interval of a share: right also for few members and for shares near 0 and 1."""
    if not n:
        return None
    with localcontext(prec=40):
        total = Decimal(n)
        share = Decimal(successes) / total
        middle = share + Z * Z / (2 * total)
        spread = Z * (share * (1 - share) / total + Z * Z / (4 * total * total)).sqrt()
        below = 1 + Z * Z / total
        low, high = (middle - spread) / below, (middle + spread) / below
        return rounding.to_eight_decimals(max(low, Decimal(0))), rounding.to_eight_decimals(min(high, Decimal(1)))


def nps_margin(promoters: int, detractors: int, n: int) -> Interval | None:
    """Give the NPS plus and minus 1.96 standard errors, within -100 and 100."""
    if not n:
        return None
    with localcontext(prec=40):
        total = Decimal(n)
        score = (promoters - detractors) / total
        variance = (promoters + detractors) / total - score * score
        margin = Z * (variance / total).sqrt()
        low, high = (score - margin) * 100, (score + margin) * 100
        return rounding.to_eight_decimals(max(low, Decimal(-100))), rounding.to_eight_decimals(min(high, Decimal(100)))
