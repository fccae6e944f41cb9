"""Undoing a claim: the wrong member was given a receipt; it is nobody's again, and its points are taken back.

What it had given goes as a refund takes it: points from its own lots, then any other, then debt; caps and tier are
restored, although nothing came back to the shop.  Its number goes to the next purchase, and a referral it had qualified
is open again, as after a whole refund.  Nothing is deleted: the claim stays with its entries, the undoing is a
document with an entry of its own, and somebody else may claim the purchase within the merchant's days.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from merchants import audit, ids
from merchants.actors import Actor
from merchants.database import model_rows
from merchants.errors import Conflict, Invalid, NotFound
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards import documents
from rewards.documents import DocumentOutcome
from rewards.mechanics import MECHANICS
from rewards.models.purchases import Claim, Unclaim
from rewards.parties import Party
from rewards.points import AccountState, Cause
from rewards.purchases import locking, writing
from rewards.sales import returns
from rewards.sales.batch import Batch
from rewards.sales.figures import NOTHING
from rewards.sales.protocol import Change
from rewards.sales.sale import Sale
from rewards.sales.stored import load

REASON_MAX = 200


class ClaimNotFound(NotFound):
    """There was no such claim."""

    code: ClassVar[str] = "claim_not_found"


class ClaimMoved(Conflict):
    """A merge carried the purchase to somebody else, and would divide by it when it is undone."""

    code: ClassVar[str] = "claim_moved"


def unclaim(*, merchant: Merchant, claim: str, reason: str, now: datetime, actor: Actor) -> DocumentOutcome:
    """Undo a claim (its public id): the purchase is nobody's again and can be claimed anew.

    However often it is asked, it is done once.  What is spent already becomes debt; later purchases stay as they were
    evaluated.  Locks the purchase, then the accounts by id (the member's, and their referral's other side's).

    :raises ClaimNotFound: there was no such claim.  :raises Invalid: no reason.
    :raises ClaimMoved: whose claim it was is merged into somebody else now; nothing changed.
    :raises RetryTransaction: a merge came between the locks: run the whole verb again.
    """
    found = Claim.objects.filter(merchant=merchant, public_id=claim).first()
    if found is None:
        raise ClaimNotFound(_("There was no such claim."))
    member_id = locking.lock_by_id(merchant.pk, found.purchase_id)
    earlier = Unclaim.objects.filter(merchant=merchant, claim=found).first()
    if earlier is not None:
        return documents.replayed(earlier, member_id=earlier.member_id)
    if not reason:
        raise Invalid(_("Say why: the member reads it."), pointer="/reason")
    if member_id != found.member_id:
        raise ClaimMoved(_("The member was merged since. Undo the merge, take the receipt off, then merge again."))
    sale = load(merchant, found.purchase_id)
    batch = Batch(merchant, MECHANICS, now=now, actor=actor, undone=sale)
    buyer = batch.lock_undone(sale)
    # A purchase under a claim that stands is somebody's.
    assert buyer is not None
    batch.read()
    row = Unclaim(
        merchant_id=merchant.pk, public_id=ids.mint("ucl"), actor=str(actor),
        occurred_at=now, recorded_at=now, claim=found, purchase_id=sale.id, member_id=buyer.id,
        points_earned=sale.points_earned, points_clawed_back=sale.points_clawed_back, debt_made=0,
        reason=reason[:REASON_MAX],
    )  # fmt: skip
    documents.reserve(row)
    taken = _take_back(row, sale, buyer.account, batch)
    # What is left of the purchase brought all that about; refunds have given the rest back.
    before = returns.evaluated(sale, returns.net(sale), batch.timeline)
    batch.undo(sale, buyer, Change("unclaim", now, before, None, sale.counts, NOTHING, counted_minor=0))
    row.receipt = _receipt(row, found, sale, buyer, taken)
    batch.tell_before(_event(row, buyer.account))
    out = batch.writing()
    model_rows.add_new(out, "unclaims", [row], is_rare=False)
    writing.add_unclaimed(out, sale)
    batch.write(out)
    Claim.objects.filter(merchant=merchant, pk=found.pk).update(is_undone=True)
    told = row.receipt
    audit.record(
        merchant=merchant, action="purchase.unclaimed", actor=actor, now=now, subject=told["member"],
        details={"claim": told["claim"], "purchase": told["purchase"], "points": told["points_taken_back"]},
    )  # fmt: skip
    return documents.written(row, member_id=buyer.id)


def _take_back(row: Unclaim, sale: Sale, account: AccountState, batch: Batch) -> int:
    """Take what refunds have left of the points; return how many were there, and note the debt.

    A receipt below zero had taken points: they are given back, and the number is below zero.
    """
    points, now, actor = sale.points_earned - sale.points_clawed_back, batch.now, batch.book.actor
    if not points:
        return 0
    cause = Cause(
        "unclaim", row.id, now, terms_version=sale.terms_version, location_id=sale.location_id, reason=row.reason,
        public_id=row.public_id,
    )  # fmt: skip
    if points < 0:
        assert sale.terms_version is not None
        version = batch.timeline.numbered(sale.terms_version)
        returns.give(account, cause, -points, version=version, sale=sale, now=now, actor=actor)
        return points
    taken, row.debt_made = account.claw_back(cause, points=points, purchase_id=sale.id, now=now, actor=actor)
    return taken


def _receipt(row: Unclaim, found: Claim, sale: Sale, buyer: Party, taken: int) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "external_id": row.external_id,
        "claim": found.public_id,
        "claim_external_id": found.external_id,
        "purchase": sale.public_id,
        "purchase_external_id": sale.external_id,
        "member": buyer.public_id,
        "occurred_at": documents.instant(row.occurred_at),
        "points_taken_back": taken + row.debt_made,
        "debt_made": row.debt_made,
        "balance_after": buyer.account.spendable,
        "tier_after": buyer.account.membership.tier or None,
        "reason": row.reason,
    }


def _event(row: Unclaim, account: AccountState) -> Event:
    copied = ("claim", "purchase", "purchase_external_id", "member", "points_taken_back", "debt_made")
    payload = {
        **{name: row.receipt[name] for name in copied}, "balance": account.balance, "seq": account.seq or None,
        "tier": account.membership.tier or None,
    }  # fmt: skip
    return Event("purchase.unclaimed", payload, row.occurred_at)
