"""What points may pay for."""

from collections.abc import Iterable

from rewards.earning.basket import Line
from rewards.earning.chosen import Chosen
from rewards.terms import Terms


def not_by_points(terms: Terms, lines: Iterable[Line]) -> tuple[str, ...]:
    """Name the lines that points may not pay for, by the terms' own choice of goods."""
    pay = terms.pay_with_points
    if pay is None or not (pay.excluding.skus or pay.excluding.categories or pay.excluding.labels):
        return ()
    chosen = Chosen(None, pay.excluding)
    return tuple(line.id for line in lines if not chosen.holds(line))
