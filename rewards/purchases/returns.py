"""What a refund does to a purchase: evaluate what is left of it, take back the difference.  Shared by both journeys.

`max(0, earned - earn(net)) - already taken back`, always from the first basket with all refunds so far added up and
with the facts kept at the sale: slicing a refund gains nothing, and nobody else is evaluated again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from django.utils.translation import gettext as _

from merchants.errors import Conflict, Invalid
from rewards import earning
from rewards.earning import Basket, Evaluation, Returned
from rewards.points import AccountState, Cause
from rewards.purchases.inputs import milli
from rewards.purchases.sales import Sale
from rewards.versions import Timeline


class RefundTooLarge(Conflict):
    """More would come back than was sold and not yet refunded."""

    code: ClassVar[str] = "refund_too_large"


@dataclass(frozen=True, slots=True)
class Asked:
    """A refund as it was asked for; neither lines nor amount means all that is left."""

    id: int
    public_id: str
    occurred_at: datetime
    amount_minor: int | None
    #: (line id, quantity in thousandths, amount)
    lines: tuple[tuple[str, int | None, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What a refund did: money of the purchase, points taken back, and counters to be given back."""

    refunded_minor: int
    points_clawed_back: int
    debt_made: int
    caps_back: tuple[tuple[str, int], ...]


def asked_lines(lines: Sequence[tuple[str, object, int | None]]) -> tuple[tuple[str, int | None, int | None], ...]:
    """Return lines with their quantities in thousandths.

    :raises Invalid: a quantity that is not positive or has more than three decimals, or a line named twice.
    """
    found: dict[str, tuple[str, int | None, int | None]] = {}
    for position, (name, quantity, amount) in enumerate(lines):
        thousandths = None
        if quantity is not None:
            thousandths = milli(quantity)  # type: ignore[arg-type]
            if thousandths is None:
                raise Invalid(
                    _("A quantity is more than 0 and has at most three decimals."),
                    pointer=f"/lines/{position}/quantity",
                )
        if name in found:
            raise Invalid(_("Two lines have the same id."), pointer=f"/lines/{position}/id")
        found[name] = (name, thousandths, amount)
    return tuple(found.values())


def apply(
    sale: Sale, asked: Asked, account: AccountState | None, timeline: Timeline, *, now: datetime, actor: str
) -> Effect:
    """Reduce the sale by one refund and take its points back from the account, whose lots are all read.

    :raises RefundTooLarge: more than is left; nothing changed.
    """
    before = net(sale)
    was = sale.refunded_minor
    undo = [(line, line.refunded_milli, line.refunded_minor) for line in sale.lines], sale.refunded_unnamed_minor
    try:
        _reduce(sale, asked, before)
        after = net(sale)
    except (earning.RefundTooLarge, RefundTooLarge):
        for line, thousandths, minor in undo[0]:
            line.refunded_milli, line.refunded_minor = thousandths, minor
        sale.refunded_unnamed_minor = undo[1]
        raise RefundTooLarge(
            _("More would come back than is left of the purchase (%(left)d).") % {"left": sale.net_minor},
            left_minor=sale.net_minor,
        ) from None
    sale.refunded_minor = sale.total_minor - after.total_minor
    taken = debt = 0
    caps_back: tuple[tuple[str, int], ...] = ()
    if account is not None and sale.terms_version is not None and sale.facts is not None:
        earlier, later = _evaluated(sale, before, timeline), _evaluated(sale, after, timeline)
        points = max(0, sale.points_earned - later.points) - sale.points_clawed_back
        if points > 0:
            cause = Cause(
                "refund", asked.id, asked.occurred_at, terms_version=sale.terms_version, location_id=sale.location_id
            )
            taken, debt = account.claw_back(cause, points=points, purchase_id=sale.id, now=now, actor=actor)
            sale.points_clawed_back += points
        sale.qualifying_points = min(sale.qualifying_points, later.qualifying_points)
        sale.qualifying_minor = min(sale.qualifying_minor, later.eligible_minor)
        caps_back = _difference(earlier, later)
    return Effect(
        refunded_minor=sale.refunded_minor - was,
        points_clawed_back=taken + debt,
        debt_made=debt,
        caps_back=caps_back,
    )


def net(sale: Sale) -> Basket:
    """Return what all refunds so far have left of the basket."""
    returned = [
        Returned(line=line.id, quantity_milli=line.refunded_milli, amount_minor=line.refunded_minor)
        for line in sale.lines
        if line.refunded_milli or line.refunded_minor
    ]
    return earning.net_basket(sale.basket(), returned=returned, amount_minor=sale.refunded_unnamed_minor)


def _reduce(sale: Sale, asked: Asked, before: Basket) -> None:
    if not asked.lines:
        amount = before.total_minor if asked.amount_minor is None else asked.amount_minor
        if amount > before.total_minor:
            raise RefundTooLarge("")
        sale.refunded_unnamed_minor += amount
        return
    lines = {line.id: line for line in sale.lines}
    for name, thousandths, minor in asked.lines:
        line = lines.get(name)
        if line is None:
            raise RefundTooLarge("")
        left_milli = line.quantity_milli - line.refunded_milli
        left_minor = line.amount_minor - line.refunded_minor
        if thousandths is None and minor is None:
            thousandths, minor = left_milli, left_minor
        elif minor is None:
            # From the first quantity and amount, cumulatively, downwards: slices give no more than the whole.
            gone = line.refunded_milli + (thousandths or 0)
            minor = max(0, line.amount_minor * gone // line.quantity_milli - line.refunded_minor)
        elif thousandths is None:
            gone = line.refunded_minor + minor
            whole = line.quantity_milli * gone // line.amount_minor if line.amount_minor else 0
            thousandths = max(0, whole - line.refunded_milli)
        if (thousandths or 0) > left_milli or minor > left_minor:
            raise RefundTooLarge("")
        line.refunded_milli += thousandths or 0
        line.refunded_minor += minor


def _evaluated(sale: Sale, basket: Basket, timeline: Timeline) -> Evaluation:
    assert sale.terms_version is not None
    assert sale.facts is not None
    version = timeline.numbered(sale.terms_version)
    return earning.evaluate(version.terms, basket, sale.facts, zone=sale.zone, location_zone=sale.location_zone)


def _difference(earlier: Evaluation, later: Evaluation) -> tuple[tuple[str, int], ...]:
    left = dict(later.cap_uses)
    return tuple((key, used - left.get(key, 0)) for key, used in earlier.cap_uses if used > left.get(key, 0))
