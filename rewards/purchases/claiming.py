"""A guest's purchase becomes a member's: somebody comes back with the receipt, or joins a day later.

It is worth what it would have been had it been recorded for them now: by the terms in force when it occurred, with the
tier they held then and the caps of its own day as they stand (DESIGN R10, late sales); of what refunds have left of it.
Once only: the purchase's row is locked first, and a unique key stands behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec
from django.utils.translation import gettext as _

from merchants import audit, ids
from merchants.actors import Actor
from merchants.database import model_rows
from merchants.errors import Conflict
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards import documents, parties
from rewards.documents import DocumentOutcome
from rewards.earning import Evaluation
from rewards.mechanics import MECHANICS
from rewards.models.purchases import Claim
from rewards.parties import MemberNotFound, Party, present_buyer
from rewards.purchases import locking, writing
from rewards.purchases.finding import PurchaseView
from rewards.purchases.inputs import ClaimInput
from rewards.sales.batch import Batch
from rewards.sales.sale import Sale
from rewards.sales.stored import load


class PurchaseClaimed(Conflict):
    """The purchase is somebody's already, since it was sold or since they claimed it."""

    code: ClassVar[str] = "purchase_claimed"


class PurchaseRefunded(Conflict):
    """Nothing is left of the purchase."""

    code: ClassVar[str] = "purchase_refunded"


class ClaimTooLate(Conflict):
    """The receipt is older than the merchant takes."""

    code: ClassVar[str] = "claim_too_late"


def claim(*, merchant: Merchant, asked: ClaimInput, now: datetime, actor: Actor) -> DocumentOutcome:
    """Give a member a purchase that was recorded without one, with the points it earns them.

    Points in the smallest unit. Locks the purchase, then the accounts by id (the member's, and their open referral's
    referrer's). At most `claim_days_max` days after the purchase.

    :raises locking.PurchaseNotFound: no such purchase was recorded.  :raises MemberNotFound, MemberBlocked: nobody who can earn.
    :raises PurchaseClaimed, PurchaseRefunded, ClaimTooLate: not possible; nothing changed.
    :raises ExternalIdReused: the claim's id was used for something else.
    :raises RetryTransaction: a twin, a merge or a referral appeared between the locks: run the whole verb again.
    """
    key = parties.key_of(merchant, asked.member)
    sent = documents.fingerprint(asked)
    purchase_id, owner_id = locking.lock_recorded(merchant.pk, asked.purchase)
    earlier = documents.known(Claim, merchant_id=merchant.pk, external_id=asked.external_id, sent=sent)
    if earlier is not None:
        # The receipt stays what it was; how things stand now is no longer the business of whoever claimed it.
        return documents.replayed(earlier, member_id=None if earlier.is_undone else owner_id)
    sale = load(merchant, purchase_id)
    _check(merchant, sale, now=now)
    if key is None:
        raise MemberNotFound(_("No member is known by this."), pointer="/member")
    batch = Batch(merchant, MECHANICS, now=now, actor=actor, moments=[sale.occurred_at])
    batch.people.lock([key])
    buyer = present_buyer(batch.people.by_key.get(key))
    batch.read()
    sale.member_id = buyer.id
    evaluation = batch.evaluate(sale, buyer)
    buyer.account.check_maximum(evaluation.points)
    batch.sell(sale, buyer, evaluation)
    row = Claim(
        merchant_id=merchant.pk, public_id=ids.mint("clm"), external_id=asked.external_id, fingerprint=sent,
        actor=str(actor), occurred_at=now, recorded_at=now, purchase_id=purchase_id, member_id=buyer.id,
    )  # fmt: skip
    row.receipt = _receipt(row, sale, buyer, evaluation, batch.receipt(sale))
    batch.tell(_event(row, sale, buyer))
    out = batch.writing()
    model_rows.add_new(out, "claims", [row], is_rare=False)
    writing.add_claimed(out, sale)
    batch.write(out)
    audit.record(
        merchant=merchant, action="purchase.claimed", actor=actor, now=now, subject=buyer.public_id,
        details={"claim": row.public_id, "purchase": sale.public_id, "points": sale.points_earned},
    )  # fmt: skip
    return documents.written(row, member_id=buyer.id)


def is_claimable(*, merchant: Merchant, purchase: PurchaseView, now: datetime) -> bool:
    """State whether somebody could still claim a purchase: it has no member, something is left of it,
    and it is not too old."""
    is_left = purchase.left_minor > 0 or purchase.total_minor == purchase.refunded_minor == 0
    return purchase.member_id is None and is_left and now <= _last_moment(merchant, purchase.occurred_at)


def _last_moment(merchant: Merchant, occurred_at: datetime) -> datetime:
    return occurred_at + timedelta(days=merchant.claim_days_max)


def _check(merchant: Merchant, sale: Sale, *, now: datetime) -> None:
    if sale.member_id is not None:
        raise PurchaseClaimed(_("This purchase has a member already. Nothing was added."), purchase=sale.public_id)
    if sale.came_back_whole or (sale.is_purchase and not sale.stands):
        raise PurchaseRefunded(_("This purchase was taken back: nothing is left to earn by."), purchase=sale.public_id)
    if now > _last_moment(merchant, sale.occurred_at):
        raise ClaimTooLate(
            _("A receipt can be claimed for %(days)d days; this one is older.") % {"days": merchant.claim_days_max},
            days=merchant.claim_days_max,
        )


def _receipt(
    row: Claim, sale: Sale, buyer: Party, evaluation: Evaluation, by_mechanics: Mapping[str, Any]
) -> dict[str, Any]:
    told = {
        **by_mechanics,
        "id": row.public_id,
        "external_id": row.external_id,
        "purchase": sale.public_id,
        "purchase_external_id": sale.external_id,
        "member": buyer.public_id,
        "occurred_at": row.occurred_at,
        "recorded_at": row.recorded_at,
        "purchased_at": sale.occurred_at,
        "currency": sale.currency,
        "total_minor": sale.total_minor,
        "left_minor": sale.net_minor,
        "points_earned": sale.points_earned,
        "points_pending": sum(grant.points for grant in evaluation.grants if grant.active_at > row.recorded_at),
        "lots": [
            {"points": grant.points, "active_at": grant.active_at, "expires_at": grant.expires_at}
            for grant in evaluation.grants
        ],
        "qualifying_points": sale.qualifying_points,
        "trace": evaluation.trace,
        "terms_version": sale.terms_version,
        "balance_after": buyer.account.spendable,
        "tier_after": buyer.account.membership.tier or None,
    }
    # As it will be read again, to the letter.
    receipt: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(told))
    return receipt


def _event(row: Claim, sale: Sale, buyer: Party) -> Event:
    copied = ("purchase", "purchase_external_id", "currency", "total_minor", "points_earned", "points_pending",
              "qualifying_points", "terms_version", "external_id")  # fmt: skip
    payload = {
        "claim": row.public_id, "member": buyer.public_id, **{name: row.receipt[name] for name in copied},
        "refunded_minor": sale.refunded_minor, "balance": buyer.account.balance, "seq": buyer.account.seq or None,
        "tier": buyer.account.membership.tier or None, "ordinal": sale.ordinal, "purchased_at": sale.occurred_at,
    }  # fmt: skip
    return Event("purchase.claimed", payload, row.recorded_at)
