"""Recording sales: lock, read once, fold the pure evaluation over them, write once.

A single sale is a batch of one.  The law (kept by a Hypothesis test): any batch equals its items posted singly in
the order of their occurrence, to the last row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.utils.translation import gettext as _

from merchants import tenancy
from merchants.actors import Actor
from merchants.errors import Invalid, LoyaltyError
from merchants.models.merchants import Merchant
from rewards import documents, parties
from rewards.earning import Evaluation
from rewards.purchases.folding import Fold
from rewards.purchases.inputs import PurchaseInput
from rewards.purchases.items import TILL, Item, Outcome, Source
from rewards.purchases.reading import Buyer
from rewards.purchases.sales import Sale, check_money
from rewards.versions import Version

BATCH_MAX = 1000
#: A till that sells to somebody in a batch waits this many sales at most (some 30 ms), not for all of it.
TURN = 64


def record(
    *,
    merchant: Merchant,
    items: Sequence[PurchaseInput],
    now: datetime,
    actor: Actor,
    source: Source = TILL,
) -> list[Outcome]:
    """Record one to a thousand sales and return what came of each, in the order given.

    The tenant is open. Locks the accounts of all members named (and of the referrers of their open referrals), by id.
    A refused item carries its error and leaves no trace; the others are recorded. Points are granted by the terms in
    force when each sale occurred.

    :raises Again: a twin of a sale, or a referral, appeared between the locks: run the whole verb again.
    """
    if not 1 <= len(items) <= BATCH_MAX:
        raise Invalid(_("A batch holds 1 to %(most)d purchases.") % {"most": BATCH_MAX})
    outcomes: dict[int, Outcome] = {}
    accepted = _accept(merchant, items, outcomes, source=source)
    if accepted:
        fold = Fold.open(merchant, accepted, now=now, actor=actor, source=source)
        for item in sorted(accepted, key=lambda item: (item.sold.occurred_at, item.position)):
            outcomes[item.position] = fold.take(item)
        fold.write()
    return [outcomes[position] for position in range(len(items))]


def record_in_turns(
    *, merchant: Merchant, items: Sequence[PurchaseInput], now: datetime, actor: Actor, source: Source = TILL
) -> list[Outcome]:
    """Record one to a thousand sales as `record` would, in transactions of TURN each, in the order they occurred.

    Opens the tenant itself, once a turn, so that a till waits for a turn and not for the whole batch when it sells to
    somebody who is in it; what has been recorded stays when a later turn fails, and answers as a replay next time.
    """
    outcomes: dict[int, Outcome] = {}
    in_order = sorted(range(len(items)), key=lambda position: items[position].occurred_at)
    for begin in range(0, len(items), TURN):
        turn = in_order[begin : begin + TURN]
        sales = [items[position] for position in turn]
        verb = partial(record, merchant=merchant, items=sales, now=now, actor=actor, source=source)
        outcomes.update(zip(turn, tenancy.attempt(merchant, verb), strict=True))
    return [outcomes[position] for position in range(len(items))]


def evaluated(
    merchant: Merchant, sold: PurchaseInput, *, now: datetime, actor: Actor, source: Source = TILL
) -> tuple[Sale, Buyer | None, Evaluation, Version | None]:
    """Evaluate one purchase as `record` would, and write nothing; the caller undoes the locks.

    :raises LoyaltyError: whatever recording it would be refused for.
    """
    outcomes: dict[int, Outcome] = {}
    accepted = _accept(merchant, [sold], outcomes, source=source)
    if not accepted:
        raise outcomes[0].error or Invalid(_("This cannot be sold."))
    fold = Fold.open(merchant, accepted, now=now, actor=actor, source=source)
    sale, buyer = fold.draft(accepted[0])
    fold.spend(sale, buyer, accepted[0])
    evaluation = fold.earn(sale, buyer)
    return sale, buyer, evaluation, fold.context.timeline.at(sale.occurred_at)


def _accept(
    merchant: Merchant, items: Sequence[PurchaseInput], outcomes: dict[int, Outcome], *, source: Source
) -> list[Item]:
    """Refuse what can be refused without asking the database; normalise the rest."""
    accepted = []
    for position, sold in enumerate(items):
        try:
            check_money(merchant, sold)
            key = parties.key_of(merchant, sold.member) if sold.member is not None else None
            if sold.redemptions and sold.member is None:
                raise Invalid(_("Points can only be spent by a member."), pointer="/member")
        except LoyaltyError as error:
            outcomes[position] = Outcome(sold.external_id, error=error)
        else:
            item = Item(position, sold, documents.fingerprint(sold), key, sold.location or source.location)
            accepted.append(item)
    return accepted
