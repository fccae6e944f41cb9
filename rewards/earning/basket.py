"""What goes into an evaluation and what comes out: frozen structs that are stored as JSON with the purchase."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct, structs

from merchants import money
from rewards.terms import GOODS, Sliding


class Line(Struct, frozen=True, kw_only=True):
    """One line: `amount_minor` after discounts, tax included; `quantity_milli` in thousandths, always more than 0.

    What came back over the counter has an amount below zero, and its discount and tax are below zero with it.
    `points_minor` is what of it was paid with points; where no line says, the basket's is shared out pro rata.
    """

    id: str
    amount_minor: int
    sku: str = ""
    category: str = ""
    labels: tuple[str, ...] = ()
    kind: str = GOODS
    quantity_milli: int = 1000
    discount_minor: int = 0
    tax_minor: int = 0
    points_minor: int = 0

    @property
    def is_return(self) -> bool:
        """Return whether it takes back what others give: an article that came back, a coupon, a deposit."""
        return self.amount_minor < 0 or self.discount_minor < 0


class Basket(Struct, frozen=True, kw_only=True):
    """A purchase as the rules see it. Without lines the total is one line.

    `rounding_minor` is what cash rounding put on the total; it belongs to no line. `payable_kinds` are the kinds of lines
    that points paid for.
    """

    occurred_at: datetime
    currency: str
    total_minor: int
    lines: tuple[Line, ...] = ()
    points_paid_minor: int = 0
    location: str | None = None
    channel: str | None = None
    rounding_minor: int = 0
    payable_kinds: tuple[str, ...] = (GOODS,)


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the member when a purchase is evaluated; kept with it, so that a refund can ask again.

    `ordinal`: this purchase is the member's n-th (1 is the first). `caps`: points already used, by cap key. `more`: what
    was known for each further outcome, by its key, as sums by name; absent is not zero: the purchase was recorded before
    there was such a thing, and can earn nothing of it later.
    """

    tier: str | None = None
    ordinal: int = 1
    birthday: tuple[int, int] | None = None
    joined_on: date | None = None
    caps: Mapping[str, int] = {}
    guest: bool = False
    more: Mapping[str, Mapping[str, int]] = {}


class Grant(Struct, frozen=True, kw_only=True):
    """Points that become one lot. `sliding`: the rule by which later activity moves their end; None when none does."""

    points: int
    active_at: datetime
    expires_at: datetime | None
    sliding: Sliding | None
    rules: tuple[str, ...]


class TraceLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the trace: what happened (`code`, see words.CODES), by which rule, how many points, and the figures."""

    code: str
    rule: str = ""
    points: int = 0
    data: Mapping[str, Any] = {}


class Evaluation(Struct, frozen=True, kw_only=True):
    """What a purchase is worth. `cap_uses` are to be added to the cap counters; `eligible_minor` earned or could.

    Of a receipt on which more came back than was bought, `points`, `qualifying_points` and `eligible_minor` may be below
    zero: so many are taken back, nothing is granted, and no cap is used. `outcomes` is what is earned beside points, by name
    (see `outcomes.OUTCOMES`); orders that earn no points may earn it too.
    """

    points: int
    qualifying_points: int
    eligible_minor: int
    grants: tuple[Grant, ...]
    cap_uses: tuple[tuple[str, int], ...]
    trace: tuple[TraceLine, ...]
    outcomes: Mapping[str, int] = {}


class Returned(Struct, frozen=True, kw_only=True):
    """Goods that came back, added up over all refunds so far: a quantity of a line, an amount of it, or both."""

    line: str
    quantity_milli: int | None = None
    amount_minor: int | None = None


class MoreThanBought(ValueError):
    """More came back than was bought; `pointer` names the line, or is empty for the total."""

    def __init__(self, line: str = "") -> None:
        super().__init__(f"more was refunded than bought: {line or 'total'}")
        self.line = line


def lines_of(basket: Basket) -> tuple[Line, ...]:
    """List a basket's lines; a basket without lines is one line over the total."""
    return basket.lines or (Line(id="1", amount_minor=basket.total_minor - basket.rounding_minor),)


def points_shares(basket: Basket) -> dict[str, int]:
    """State by line id what was paid with points: as the lines say, or pro rata over the lines that points may pay.

    Lines of goods that earn nothing carry their part too: tobacco bought with points is not a reason to earn on the rest.
    """
    lines = lines_of(basket)
    if basket.points_paid_minor <= 0:
        return {line.id: 0 for line in lines}
    if sum([line.points_minor for line in lines]) == basket.points_paid_minor:
        return {line.id: line.points_minor for line in lines}
    payable = [max(0, line.amount_minor) if line.kind in basket.payable_kinds else 0 for line in lines]
    paid = min(basket.points_paid_minor, sum(payable))
    if paid <= 0:
        return {line.id: 0 for line in lines}
    shares = money.split(paid, payable)
    return {line.id: share for line, share in zip(lines, shares, strict=True)}


def net_basket(basket: Basket, *, returned: Sequence[Returned] = (), amount_minor: int = 0) -> Basket:
    """Give what is left of a basket after *all* refunds so far (always from the first basket).

    `returned` shrinks the lines it names: by quantity (the amount follows pro rata), by amount (the quantity follows),
    or both as given. `amount_minor`, refunded without naming lines, then shrinks every line above zero pro rata, so that
    a larger refund never leaves more of any line. Discount, tax and what was paid with points follow the amounts. Lines
    with nothing left are left out, and cash rounding when no line with an amount is left; raises RefundTooLarge when more
    comes back than was bought.
    """
    shares = points_shares(basket)
    lines = {line.id: structs.replace(line, points_minor=shares[line.id]) for line in lines_of(basket)}
    for back in returned:
        if back.line not in lines:
            raise MoreThanBought(back.line)
        lines[back.line] = _less(lines[back.line], back)
    kept = [line for line in lines.values() if line.quantity_milli > 0 or line.amount_minor]
    sold = [max(0, line.amount_minor) for line in kept]
    left = sum(sold)
    if amount_minor < 0 or amount_minor > left:
        raise MoreThanBought
    if amount_minor:
        amounts = money.scale_down(sold, left - amount_minor)
        # What was free stays in the basket, nobody brought the own cup back; and so does what had come back.
        kept = [
            _shrunk(line, amount, None) if line.amount_minor > 0 else line
            for line, amount in zip(kept, amounts, strict=True)
            if amount or line.amount_minor <= 0
        ]
    total = sum(line.amount_minor for line in kept)
    rounding = basket.rounding_minor if any(line.amount_minor for line in kept) else 0
    if not any(line.is_return for line in kept):
        # Less than was rounded off may be left: then nothing is.
        rounding = max(rounding, -total)
    return structs.replace(
        basket,
        total_minor=total + rounding,
        rounding_minor=rounding,
        lines=tuple(kept),
        points_paid_minor=sum(line.points_minor for line in kept),
    )


def _less(line: Line, back: Returned) -> Line:
    quantity, amount = back.quantity_milli, back.amount_minor
    if quantity is None and amount is None:
        quantity = line.quantity_milli
    if quantity is not None and not 0 <= quantity <= line.quantity_milli:
        raise MoreThanBought(line.id)
    if amount is None:
        # Towards nothing, so that coming back in slices takes no more than coming back at once.
        amount = towards_zero(line.amount_minor * (quantity or 0), line.quantity_milli) if line.quantity_milli else 0
    if amount < min(0, line.amount_minor) or amount > max(0, line.amount_minor):
        raise MoreThanBought(line.id)
    return _shrunk(line, line.amount_minor - amount, None if quantity is None else line.quantity_milli - quantity)


def _shrunk(line: Line, amount: int, quantity: int | None) -> Line:
    whole = line.amount_minor
    if quantity is None:
        quantity = line.quantity_milli * amount // whole if whole else 0
    # Towards nothing, each from the first line: what is left of a line less its tax or points never grows either.
    return structs.replace(
        line,
        amount_minor=amount,
        quantity_milli=quantity,
        discount_minor=towards_zero(line.discount_minor * amount, whole) if whole else 0,
        tax_minor=towards_zero(line.tax_minor * amount, whole) if whole else 0,
        points_minor=line.points_minor * amount // whole if whole else 0,
    )


def towards_zero(over: int, under: int) -> int:
    """Divide exactly and drop what is left over, on either side of zero."""
    whole = abs(over) // abs(under)
    return whole if (over < 0) == (under < 0) else -whole
