"""What goes into an evaluation and what comes out: frozen structs that are stored as JSON with the purchase."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct, structs

from merchants import money


class Line(Struct, frozen=True, kw_only=True):
    """One line: `amount_minor` after discounts, tax included; `quantity_milli` in thousandths.

    `points_minor` is what of it was paid with points; where no line says, the basket's is shared out pro rata.
    """

    id: str
    amount_minor: int
    sku: str = ""
    category: str = ""
    quantity_milli: int = 1000
    discount_minor: int = 0
    tax_minor: int = 0
    points_minor: int = 0


class Basket(Struct, frozen=True, kw_only=True):
    """A purchase as the rules see it. Without lines the total is one line."""

    occurred_at: datetime
    currency: str
    total_minor: int
    lines: tuple[Line, ...] = ()
    points_paid_minor: int = 0
    location: str | None = None
    channel: str | None = None


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of the member when a purchase is evaluated; kept with it, so that a refund can ask again.

    `ordinal`: this purchase is the member's n-th (1 is the first). `caps`: points already used, by cap key.
    """

    tier: str | None = None
    ordinal: int = 1
    birthday: tuple[int, int] | None = None
    joined_on: date | None = None
    caps: Mapping[str, int] = {}
    guest: bool = False


class Grant(Struct, frozen=True, kw_only=True):
    """Points that become one lot. `sliding`: later activity moves their end."""

    points: int
    active_at: datetime
    expires_at: datetime | None
    sliding: bool
    rules: tuple[str, ...]


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the trace: what happened (`code`, see words.CODES), by which rule, how many points, and the figures."""

    code: str
    rule: str = ""
    points: int = 0
    data: Mapping[str, Any] = {}


class Evaluation(Struct, frozen=True, kw_only=True):
    """What a purchase is worth. `cap_uses` are to be added to the cap counters; `eligible_minor` earned or could."""

    points: int
    qualifying_points: int
    eligible_minor: int
    grants: tuple[Grant, ...]
    cap_uses: tuple[tuple[str, int], ...]
    trace: tuple[Step, ...]


class Returned(Struct, frozen=True, kw_only=True):
    """Goods that came back, added up over all refunds so far: a quantity of a line, an amount of it, or both."""

    line: str
    quantity_milli: int | None = None
    amount_minor: int | None = None


class RefundTooLarge(ValueError):
    """More came back than was bought; `pointer` names the line, or is empty for the total."""

    def __init__(self, line: str = "") -> None:
        super().__init__(f"more was refunded than bought: {line or 'total'}")
        self.line = line


def advance(facts: Facts, evaluation: Evaluation) -> Facts:
    """This function will give the facts for the member's next purchase in a batch: one further, caps used up."""
    caps = dict(facts.caps)
    for key, points in evaluation.cap_uses:
        caps[key] = caps.get(key, 0) + points
    return structs.replace(facts, ordinal=facts.ordinal + 1, caps=caps)


def lines_of(basket: Basket) -> tuple[Line, ...]:
    """This function will list a basket's lines; a basket without lines is one line over the total."""
    return basket.lines or (Line(id="1", amount_minor=basket.total_minor),)


def points_shares(basket: Basket) -> dict[str, int]:
    """This function will say by line id what was paid with points: as the lines say, or pro rata over all lines.

    Lines that earn nothing carry their part too: a gift card bought with points is not a reason to earn on the rest.
    """
    lines = lines_of(basket)
    paid = min(basket.points_paid_minor, sum([line.amount_minor for line in lines]))
    if paid <= 0 or sum([line.points_minor for line in lines]) == basket.points_paid_minor:
        return {line.id: line.points_minor if paid > 0 else 0 for line in lines}
    shares = money.split(paid, [line.amount_minor for line in lines])
    return {line.id: share for line, share in zip(lines, shares, strict=True)}


def net_basket(basket: Basket, *, returned: Sequence[Returned] = (), amount_minor: int = 0) -> Basket:
    """This function will give what is left of a basket after *all* refunds so far (always from the first basket).

    `returned` shrinks the lines it names: by quantity (the amount follows pro rata), by amount (the quantity follows),
    or both as given. `amount_minor`, refunded without naming lines, then shrinks every line pro rata, so that a larger
    refund never leaves more of any line. Discount, tax and what was paid with points follow the amounts. Lines with
    nothing left are left out; raises RefundTooLarge when more comes back than was bought.
    """
    shares = points_shares(basket)
    lines = {line.id: structs.replace(line, points_minor=shares[line.id]) for line in lines_of(basket)}
    for back in returned:
        if back.line not in lines:
            raise RefundTooLarge(back.line)
        lines[back.line] = _less(lines[back.line], back)
    kept = [line for line in lines.values() if line.quantity_milli > 0 or line.amount_minor > 0]
    left = sum(line.amount_minor for line in kept)
    if amount_minor < 0 or amount_minor > left:
        raise RefundTooLarge
    if amount_minor:
        amounts = money.scale_down([line.amount_minor for line in kept], left - amount_minor)
        # What was free stays in the basket: nobody brought the own cup back.
        kept = [
            _shrunk(line, amount, None) if line.amount_minor else line
            for line, amount in zip(kept, amounts, strict=True)
            if amount or not line.amount_minor
        ]
    return structs.replace(
        basket,
        total_minor=left - amount_minor,
        lines=tuple(kept),
        points_paid_minor=sum(line.points_minor for line in kept),
    )


def _less(line: Line, back: Returned) -> Line:
    quantity, amount = back.quantity_milli, back.amount_minor
    if quantity is None and amount is None:
        quantity = line.quantity_milli
    if quantity is not None and not 0 <= quantity <= line.quantity_milli:
        raise RefundTooLarge(line.id)
    if amount is None:
        # Down, so that coming back in slices takes no more than coming back at once.
        amount = line.amount_minor * (quantity or 0) // line.quantity_milli if line.quantity_milli else 0
    if not 0 <= amount <= line.amount_minor:
        raise RefundTooLarge(line.id)
    return _shrunk(line, line.amount_minor - amount, None if quantity is None else line.quantity_milli - quantity)


def _shrunk(line: Line, amount: int, quantity: int | None) -> Line:
    whole = line.amount_minor
    if quantity is None:
        quantity = line.quantity_milli * amount // whole if whole else 0
    # Downwards, each from the first line: what is left of a line less its tax or points never grows either.
    return structs.replace(
        line,
        amount_minor=amount,
        quantity_milli=quantity,
        discount_minor=line.discount_minor * amount // whole if whole else 0,
        tax_minor=line.tax_minor * amount // whole if whole else 0,
        points_minor=line.points_minor * amount // whole if whole else 0,
    )
