"""Recording sales: lock, read once, fold the pure evaluation over them, write once.

A single sale is a batch of one.  The law (kept by a Hypothesis test): any batch equals its items posted singly in
the order of their occurrence, to the last row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.utils.translation import gettext as _

from members import references
from merchants import tenancy
from merchants.actors import Actor
from merchants.errors import Invalid, LoyaltyError
from merchants.models.merchants import Merchant
from rewards import documents, parties
from rewards.earning import Evaluation
from rewards.parties import Party, present_buyer
from rewards.purchases.clocks import moment_of
from rewards.purchases.inputs import without_the_clock
from rewards.purchases.items import Item, ItemOutcome
from rewards.purchases.selling import Selling
from rewards.sales.inputs import PurchaseInput
from rewards.sales.sale import Sale, check_money
from rewards.sales.sources import TILL, SaleSource
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
    source: SaleSource = TILL,
) -> list[ItemOutcome]:
    """Record one to a thousand sales and return what came of each, in the order given.

    The tenant is open. Locks the accounts of all members named (and of the referrers of their open referrals), by id.
    A refused item carries its error and leaves no trace; the others are recorded. Points are granted by the terms in
    force when each sale occurred.

    :raises RetryTransaction: a twin of a sale, or a referral, appeared between the locks: run the whole verb again.
    """
    if not 1 <= len(items) <= BATCH_MAX:
        raise Invalid(_("A batch holds 1 to %(most)d purchases.") % {"most": BATCH_MAX})
    outcomes: dict[int, ItemOutcome] = {}
    accepted = _accept(merchant, items, outcomes, now=now, source=source)
    if accepted:
        selling = Selling(merchant, accepted, now=now, actor=actor, source=source)
        for item in sorted(accepted, key=lambda item: (item.moment.occurred_at, item.position)):
            outcomes[item.position] = selling.take(item)
        selling.write()
    return [outcomes[position] for position in range(len(items))]


def record_in_turns(
    *, merchant: Merchant, items: Sequence[PurchaseInput], now: datetime, actor: Actor, source: SaleSource = TILL
) -> list[ItemOutcome]:
    """Record one to a thousand sales as `record` would, in transactions of TURN each, in the order they occurred.

    Opens the tenant itself, once a turn, so that a till waits for a turn and not for the whole batch when it sells to
    somebody who is in it; what has been recorded stays when a later turn fails, and answers as a replay next time.
    """
    outcomes: dict[int, ItemOutcome] = {}
    moments = [moment_of(merchant, item, now=now, source=source).occurred_at for item in items]
    in_order = sorted(range(len(items)), key=lambda position: moments[position])
    for begin in range(0, len(items), TURN):
        turn = in_order[begin : begin + TURN]
        sales = [items[position] for position in turn]
        verb = partial(_record_turn, merchant=merchant, items=sales, now=now, actor=actor, source=source)
        outcomes.update(zip(turn, tenancy.attempt(merchant, verb), strict=True))
    return [outcomes[position] for position in range(len(items))]


def _record_turn(
    *, merchant: Merchant, items: Sequence[PurchaseInput], now: datetime, actor: Actor, source: SaleSource
) -> list[ItemOutcome]:
    """Record one turn of a batch; of a merchant's batches only one works at a time, or its tills and others would wait."""
    tenancy.wait_for_batches(merchant)
    return record(merchant=merchant, items=items, now=now, actor=actor, source=source)


def evaluated(
    merchant: Merchant, sold: PurchaseInput, *, now: datetime, actor: Actor, source: SaleSource = TILL
) -> tuple[Sale, Party | None, Evaluation, Version | None]:
    """Evaluate one purchase as `record` would, and write nothing; the caller undoes the locks.

    :raises LoyaltyError: whatever recording it would be refused for.
    """
    outcomes: dict[int, ItemOutcome] = {}
    accepted = _accept(merchant, [sold], outcomes, now=now, source=source)
    if not accepted:
        raise outcomes[0].error or Invalid(_("This cannot be sold."))
    selling = Selling(merchant, accepted, now=now, actor=actor, source=source)
    sale, buyer = selling.draft(accepted[0])
    if sold.member is not None:
        # Sold, it would be kept without its member; asked before, somebody can still scan again.
        if accepted[0].unreadable_card is not None:
            raise accepted[0].unreadable_card
        present_buyer(buyer)
    selling.batch.take_first(sale, buyer, sold)
    evaluation = selling.batch.evaluate(sale, buyer)
    return sale, buyer, evaluation, selling.batch.timeline.at(sale.occurred_at)


def _accept(
    merchant: Merchant,
    items: Sequence[PurchaseInput],
    outcomes: dict[int, ItemOutcome],
    *,
    now: datetime,
    source: SaleSource,
) -> list[Item]:
    """Refuse what can be refused without asking the database; normalise the rest."""
    accepted = []
    for position, sold in enumerate(items):
        try:
            check_money(merchant, sold)
            key, unreadable = _key_of(merchant, sold)
            if sold.redemptions and sold.member is None:
                raise Invalid(_("Points can only be spent by a member."), pointer="/member")
        except LoyaltyError as error:
            outcomes[position] = ItemOutcome(sold.external_id, error=error)
        else:
            sent = documents.fingerprint(without_the_clock(sold))
            moment = moment_of(merchant, sold, now=now, source=source)
            accepted.append(Item(position, sold, sent, moment, key, unreadable, sold.location or source.location))
    return accepted


def _key_of(merchant: Merchant, sold: PurchaseInput) -> tuple[parties.Key | None, LoyaltyError | None]:
    """Name whom a sale is looked up by, and why nobody can have the card that was sent, where points are not spent."""
    if sold.member is None:
        return None, None
    try:
        return parties.key_of(merchant, sold.member), None
    except references.InvalidCard as refusal:
        if sold.redemptions:
            raise
        return None, refusal
