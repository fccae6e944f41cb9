"""What a refund does to a purchase: evaluate what is left of it, take back the difference.  Shared by both journeys.

`max(0, earned - earn(net)) - already taken back`, always from the first basket with all refunds so far added up and
with the facts kept at the sale: slicing a refund gains nothing, and nobody else is evaluated again.

A refund takes back what was sold: lines above zero, by name or (an amount) pro rata over all of them.  Lines below zero
stay what they are, so that of an exchange more may come back than its total, and more points than it earned: those it
had taken for the article that came back.  Only a refund of all that is left undoes them too, as if the receipt had never
been: then the points it took come back, as new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from msgspec import Struct, structs

from merchants import money
from merchants.errors import Conflict, Invalid
from rewards import earning
from rewards.earning import Basket, Evaluation, Returned
from rewards.points import AccountState, Cause
from rewards.sales.inputs import milli
from rewards.sales.sale import Sale, SaleLine
from rewards.terms import Terms
from rewards.versions import Timeline, Version

#: What a till calls the tender that points are.
POINTS_TENDER: Final = "points"


class RefundTooLarge(Conflict):
    """More would come back than was sold and not yet refunded."""

    code: ClassVar[str] = "refund_too_large"


class LineRefunded(RefundTooLarge):
    """More of one line would come back than is left of it; the answer says what is left."""

    code: ClassVar[str] = "line_refunded"


class UnknownLine(Invalid):
    """The purchase has no such line."""

    code: ClassVar[str] = "unknown_line"


@dataclass(frozen=True, slots=True)
class RefundAsked:
    """A refund as it was asked for; neither lines nor amount means all that is left."""

    id: int
    public_id: str
    external_id: str
    occurred_at: datetime
    amount_minor: int | None
    #: (line id, quantity in thousandths, amount)
    lines: tuple[tuple[str, int | None, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What a refund did: money of the purchase, and points taken back (below zero: given back, when a receipt that had
    taken some is undone).

    `before` and `after` are what the purchase was and is worth; None where it never earned anybody anything.
    """

    refunded_minor: int
    points_clawed_back: int
    debt_made: int
    before: Evaluation | None
    after: Evaluation | None
    #: Money to hand back: without what points had paid, which comes back as points.
    pay_out_minor: int
    #: The same by tender; None where the till told none, or told what does not fit.
    pay_outs: tuple[PayOut, ...] | None


class PayOut(Struct, frozen=True, kw_only=True):
    """So much of the money to hand back was paid by this tender."""

    kind: str
    amount_minor: int


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
    sale: Sale, asked: RefundAsked, account: AccountState | None, timeline: Timeline, *, now: datetime, actor: str
) -> Effect:
    """Reduce the sale by one refund and take its points back from the account, whose lots are all read.

    :raises UnknownLine, LineRefunded: a line that was not sold, or of which less is left; nothing changed.
    :raises RefundTooLarge: more than is left; nothing changed.
    """
    before = net(sale)
    was, paid_by_points = sale.refunded_minor, _paid_by_points(sale)
    undo = [(line, line.refunded_milli, line.refunded_minor) for line in sale.lines], sale.refunded_unnamed_minor
    try:
        _reduce(sale, asked, before)
        after = net(sale)
    except (earning.MoreThanBought, RefundTooLarge, UnknownLine) as refusal:
        for line, thousandths, minor in undo[0]:
            line.refunded_milli, line.refunded_minor = thousandths, minor
        sale.refunded_unnamed_minor = undo[1]
        if isinstance(refusal, LineRefunded | UnknownLine):
            raise
        raise _too_large(sale, before) from None
    sale.refunded_minor = sale.total_minor - after.total_minor
    is_whole = not asked.lines and asked.amount_minor is None
    sale.came_back_whole |= is_whole or not any(line.amount_minor >= 0 for line in after.lines)
    pay_out = sale.refunded_minor - was - (_paid_by_points(sale) - paid_by_points)
    taken = debt = given = 0
    earlier = later = None
    if account is not None:
        earlier, later = evaluated(sale, before, timeline), evaluated(sale, after, timeline)
    if account is not None and later is not None:
        assert sale.terms_version is not None
        points = sale.points_earned - later.points
        points = (points if sale.has_returns else max(0, points)) - sale.points_clawed_back
        cause = Cause(
            "refund", asked.id, asked.occurred_at, terms_version=sale.terms_version, location_id=sale.location_id,
            public_id=asked.public_id,
        )  # fmt: skip
        if points > 0:
            taken, debt = account.claw_back(cause, points=points, purchase_id=sale.id, now=now, actor=actor)
            sale.points_clawed_back += points
        elif points < 0 and sale.has_returns and not any(line.amount_minor for line in after.lines):
            given = -points
            give(account, cause, given, version=timeline.numbered(sale.terms_version), sale=sale, now=now, actor=actor)
            sale.points_clawed_back -= given
        if sale.has_returns:
            sale.qualifying_points, sale.qualifying_minor = later.qualifying_points, later.eligible_minor
        else:
            sale.qualifying_points = min(sale.qualifying_points, later.qualifying_points)
            sale.qualifying_minor = min(sale.qualifying_minor, later.eligible_minor)
    return Effect(
        refunded_minor=sale.refunded_minor - was,
        points_clawed_back=taken + debt - given,
        debt_made=debt,
        before=earlier,
        after=later,
        pay_out_minor=pay_out,
        pay_outs=_by_tender(sale, pay_out),
    )


def left_of(evaluation: Evaluation, effect: Effect) -> Evaluation:
    """Return an evaluation without what a refund took of the caps it used and of what was earned beside points.

    Its points stay what was granted first.
    """
    used = dict(evaluation.cap_uses)
    for key, back in caps_back(effect.before, effect.after):
        used[key] = used.get(key, 0) - back
    beside = dict(evaluation.outcomes)
    for name, change in outcomes_changed(effect.before, effect.after).items():
        beside[name] = beside.get(name, 0) + change
    return structs.replace(evaluation, cap_uses=tuple(used.items()), outcomes=beside)


def outcomes_changed(before: Evaluation | None, after: Evaluation | None) -> dict[str, int]:
    """Return by how much what is earned beside points changes, by name, now that a sale is worth something else."""
    was = before.outcomes if before is not None else {}
    left = after.outcomes if after is not None else {}
    return {name: left.get(name, 0) - was.get(name, 0) for name in (*was, *(left.keys() - was.keys()))}


def caps_back(before: Evaluation | None, after: Evaluation | None) -> list[tuple[str, int]]:
    """Return what of caps is free again, by key, now that a sale is worth less."""
    left = dict(after.cap_uses) if after is not None else {}
    used = before.cap_uses if before is not None else ()
    return [(key, points - left.get(key, 0)) for key, points in used if points > left.get(key, 0)]


def _paid_by_points(sale: Sale) -> int:
    """How much of what has come back points had paid: the same share that they come back by themselves."""
    back, sold = came_back(sale), sale.sold_minor
    return sale.points_paid_minor if back >= sold else sale.points_paid_minor * back // sold


def _by_tender(sale: Sale, pay_out: int) -> tuple[PayOut, ...] | None:
    """Share money to hand back over what each tender but points has left, and remember it with the tender."""
    tenders = [tender for tender in sale.tenders if tender["kind"].casefold() != POINTS_TENDER]
    left = [max(0, tender["amount_minor"] - tender.get("refunded_minor", 0)) for tender in tenders]
    if pay_out < 0 or pay_out > sum(left) or not tenders:
        return None
    found = []
    for tender, minor in zip(tenders, money.split(pay_out, left), strict=True):
        if minor:
            tender["refunded_minor"] = tender.get("refunded_minor", 0) + minor
            found.append(PayOut(kind=tender["kind"], amount_minor=minor))
    return tuple(found)


def give(
    account: AccountState, cause: Cause, points: int, *, version: Version, sale: Sale, now: datetime, actor: str
) -> None:
    """Give back what a receipt below zero had taken, now that it is undone: new points, which pay a debt first."""
    grant = earning.award(version.terms, points, at=now, zone=sale.zone, rule="", tier=account.membership.tier or None)
    account.accrue(
        cause, points=points, active_at=now, expires_at=grant.expires_at, sliding=grant.sliding, now=now, actor=actor
    )


def counted(sale: Sale, terms: Terms) -> int:
    """Return what is left of the lines whose kind counts for minimums."""
    return sum(line.amount_minor for line in earning.lines_of(net(sale)) if line.kind in terms.earning.kinds)


def came_back(sale: Sale) -> int:
    """Return how much of what was sold (of the lines above zero) has come back."""
    return sale.sold_minor - sum(max(0, line.amount_minor) for line in net(sale).lines)


def net(sale: Sale) -> Basket:
    """Return what all refunds so far have left of the basket."""
    returned = [
        Returned(line=line.id, quantity_milli=line.refunded_milli, amount_minor=line.refunded_minor)
        for line in sale.lines
        if line.refunded_milli or line.refunded_minor
    ]
    return earning.net_basket(sale.basket(), returned=returned, amount_minor=sale.refunded_unnamed_minor)


def _reduce(sale: Sale, asked: RefundAsked, before: Basket) -> None:
    if not asked.lines:
        sale.refunded_unnamed_minor += _unnamed(sale, asked.amount_minor, before)
        return
    lines = {line.id: line for line in sale.lines}
    for position, (name, thousandths, minor) in enumerate(asked.lines):
        line = lines.get(name)
        if line is None:
            raise UnknownLine(
                _("The purchase has no line %(line)s.") % {"line": name}, pointer=f"/lines/{position}/id", line=name
            )
        if line.amount_minor < 0:
            raise LineRefunded(
                _("Line %(line)s is below zero: only a refund of all that is left undoes it.") % {"line": name},
                pointer=f"/lines/{position}", line=name, left_quantity=0, left_minor=0,
            )  # fmt: skip
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
        if (thousandths or 0) > left_milli or minor > left_minor or (left_milli, left_minor) == (0, 0):
            raise _line_refunded(sale, line, position, left_milli, left_minor)
        line.refunded_milli += thousandths or 0
        line.refunded_minor += minor


def _unnamed(sale: Sale, amount: int | None, before: Basket) -> int:
    """How much of the lines above zero comes back without being named; all that is left undoes those below zero too."""
    left = sum(max(0, line.amount_minor) for line in before.lines)
    if amount is None:
        for line in sale.lines:
            if line.amount_minor < 0:
                line.refunded_milli, line.refunded_minor = line.quantity_milli, line.amount_minor
        return left
    if sale.has_returns or not sale.rounding_minor:
        most = left
    else:
        # Of a total that cash rounding changed, what was paid and what the goods cost are both all of it.
        most = max(left, before.total_minor)
        if amount >= min(left, before.total_minor):
            return left if amount <= most else amount
    if amount > most:
        raise RefundTooLarge("")
    return amount


def _too_large(sale: Sale, before: Basket) -> RefundTooLarge:
    """Say how much can come back: of a receipt with lines below zero, what is left of those above."""
    left = sum(max(0, line.amount_minor) for line in before.lines) if sale.has_returns else sale.net_minor
    printed = money.format_minor(left, sale.currency, get_language() or "en")
    return RefundTooLarge(
        _("More would come back than is left of the purchase: %(left)s.") % {"left": printed}, left_minor=left
    )


def _line_refunded(sale: Sale, line: SaleLine, position: int, left_milli: int, left_minor: int) -> LineRefunded:
    quantity = Decimal(left_milli) / 1000
    said = _("All of line %(line)s has come back before.") % {"line": line.id}
    if left_milli or left_minor:
        said = _("Of line %(line)s there is %(quantity)s left, for %(amount)s.") % {
            "line": line.id,
            "quantity": f"{quantity.normalize():f}",
            "amount": money.format_minor(left_minor, sale.currency, get_language() or "en"),
        }
    return LineRefunded(
        said, pointer=f"/lines/{position}", line=line.id, left_quantity=left_milli / 1000, left_minor=left_minor
    )


def evaluated(sale: Sale, basket: Basket, timeline: Timeline) -> Evaluation | None:
    """Return what a part of the sale is worth, by the terms and facts it was evaluated with; None where by none."""
    if sale.terms_version is None or sale.facts is None:
        return None
    version = timeline.numbered(sale.terms_version)
    return earning.evaluate(version.terms, basket, sale.facts, zone=sale.zone, location_zone=sale.location_zone)
