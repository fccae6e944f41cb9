"""Taking a purchase back: whole, by an amount, or line by line; also before the purchase itself has arrived."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection, transaction
from django.utils.translation import gettext as _

from members.directory import FORWARDED_SQL
from merchants import audit, ids
from merchants.actors import Actor
from merchants.database import model_rows
from merchants.errors import Invalid
from merchants.models.merchants import Merchant
from rewards import documents
from rewards.documents import DocumentOutcome
from rewards.mechanics import MECHANICS
from rewards.models.purchases import Refund
from rewards.parties import Party
from rewards.purchases import locking, writing
from rewards.purchases.clocks import SaleTime, moment_of
from rewards.purchases.inputs import RefundInput, without_the_clock
from rewards.sales import events, returns
from rewards.sales.batch import Batch
from rewards.sales.returns import Effect, RefundAsked
from rewards.sales.sale import Sale
from rewards.sales.sources import TILL, SaleSource
from rewards.sales.stored import load


def refund(
    *, merchant: Merchant, asked: RefundInput, now: datetime, actor: Actor, source: SaleSource = TILL
) -> DocumentOutcome:
    """Record a refund and undo, in one transaction, what the refunded part of the purchase had brought about.

    Points earned are taken back (what cannot be becomes debt), points spent on it come back with their old expiry, caps,
    referral and tier are restored. Locks the purchase, then the accounts by id. A refund that comes before its purchase
    waits for it.

    :raises locking.PurchaseNotFound: no purchase has this id (an external id may be announced before it arrives).
    :raises returns.UnknownLine, returns.LineRefunded: a line that was not sold, or of which less is left.
    :raises returns.RefundTooLarge: more than is left of the purchase; nothing changed.
    :raises documents.ExternalIdReused: the refund's id was used with other content.
    """
    if asked.lines and asked.amount_minor is not None:
        raise Invalid(_("Give lines or an amount, not both."), pointer="/amount_minor")
    lines = returns.asked_lines([(line.id, line.quantity, line.amount_minor) for line in asked.lines])
    print_ = documents.fingerprint(without_the_clock(asked))
    moment = moment_of(merchant, asked, now=now, source=source)
    purchase_id, state = locking.lock_or_announce(merchant.pk, asked.purchase, moment.occurred_at, now=now, actor=actor)
    earlier = _earlier(merchant.pk, asked.external_id, print_)
    if earlier is not None:
        return earlier
    if moment.error is not None:
        raise moment.error
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('rewards_refund_id_seq')")
        refund_id: int = cursor.fetchone()[0]
    wanted = RefundAsked(refund_id, ids.mint("ref"), asked.external_id, moment.occurred_at, asked.amount_minor, lines)
    if state == "announced":
        receipt = _waiting_receipt(wanted, asked, moment, now)
        documents.insert(_row(merchant.pk, wanted, asked, purchase_id, receipt, print_, now=now, actor=actor))
        audit.record(
            merchant=merchant, action="purchase.refund_announced", actor=actor, now=now, subject=wanted.public_id,
            details={"refund": wanted.public_id, "amount_minor": wanted.amount_minor},
        )  # fmt: skip
        return DocumentOutcome(wanted.public_id, documents.CREATED, receipt)
    return _apply(merchant, wanted, asked, moment, purchase_id, print_, now=now, actor=actor, source=source)


class _Tried(Exception):
    """Carries the answer of a refund that is undone at once."""

    def __init__(self, receipt: Mapping[str, Any]) -> None:
        super().__init__()
        self.receipt = receipt


def try_refund(*, merchant: Merchant, asked: RefundInput, now: datetime, actor: Actor) -> Mapping[str, Any]:
    """Return the receipt that a refund would have, to the last point, and change nothing.

    It makes the refund and rolls it back, so that what is shown and what is done cannot differ. Locks as `refund` does.

    :raises LoyaltyError: as `refund`.
    """
    try:
        with transaction.atomic():
            raise _Tried(refund(merchant=merchant, asked=asked, now=now, actor=actor).receipt)
    except _Tried as tried:
        return tried.receipt


def _apply(
    merchant: Merchant, wanted: RefundAsked, asked: RefundInput, moment: SaleTime, purchase_id: int, print_: bytes, *,
    now: datetime, actor: Actor, source: SaleSource,
) -> DocumentOutcome:  # fmt: skip
    sale = load(merchant, purchase_id)
    batch = Batch(merchant, MECHANICS, now=now, actor=actor, source=source, undone=sale)
    buyer = batch.lock_undone(sale)
    batch.read()
    effect, told = batch.refund(sale, buyer, wanted, reason=asked.reason)
    receipt = _receipt(wanted, asked, sale, effect, told, buyer, now) | _told(moment, asked)
    batch.tell_before(events.refunded(sale, wanted, effect, told, buyer))
    out = batch.writing()
    row = _row(merchant.pk, wanted, asked, purchase_id, receipt, print_, now=now, actor=actor)
    row.is_applied, row.amount_minor = True, effect.refunded_minor
    row.points_clawed_back, row.debt_made = effect.points_clawed_back, effect.debt_made
    row.points_restored = told.get("points_restored", 0)
    row.pay_out_minor, row.pay_outs = effect.pay_out_minor, receipt["pay_outs"]
    model_rows.add_new(out, "refunds", [row], is_rare=False)
    writing.add_reduced(out, sale)
    batch.write(out)
    audit.record(
        merchant=merchant, action="purchase.refunded", actor=actor, now=now,
        subject=buyer.public_id if buyer else sale.public_id,
        details={
            "refund": wanted.public_id, "purchase": sale.public_id, "amount_minor": effect.refunded_minor,
            "left_minor": [sale.net_minor + effect.refunded_minor, sale.net_minor],
            "points": row.points_restored - effect.points_clawed_back, "debt_made": effect.debt_made,
        },
    )  # fmt: skip
    return DocumentOutcome(wanted.public_id, documents.CREATED, receipt, member_id=buyer.id if buyer else None)


def _earlier(merchant_id: int, external_id: str, print_: bytes) -> DocumentOutcome | None:
    with connection.cursor() as cursor:
        cursor.execute(
            # A purchase may have been claimed, or taken off somebody, since: their standing is nobody else's to read.
            "SELECT r.public_id, r.fingerprint, r.receipt, CASE WHEN p.member_id = "
            f"{FORWARDED_SQL.format('named')} THEN p.member_id END FROM rewards_refund r JOIN rewards_purchase p "
            "ON p.merchant_id = r.merchant_id AND p.id = r.purchase_id LEFT JOIN members_member named "
            "ON named.merchant_id = r.merchant_id AND named.public_id = r.receipt ->> 'member' "
            "WHERE r.merchant_id = %s AND r.external_id = %s",
            [merchant_id, external_id],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    documents.check_same(bytes(row[1]), print_)
    return DocumentOutcome(row[0], documents.CREATED, msgspec.json.decode(row[2]), is_replay=True, member_id=row[3])


def _told(moment: SaleTime, asked: RefundInput) -> dict[str, Any]:
    """What a receipt says of a time that is not the one sent, as it will be read again, to the letter."""
    told: dict[str, Any] = msgspec.to_builtins(moment.told(asked))
    return told


def _waiting_receipt(wanted: RefundAsked, asked: RefundInput, moment: SaleTime, now: datetime) -> dict[str, Any]:
    return _told(moment, asked) | {
        "id": wanted.public_id,
        "external_id": asked.external_id,
        "purchase": None,
        "purchase_external_id": asked.purchase.external_id,
        "state": "waiting",
        "occurred_at": documents.instant(wanted.occurred_at),
        "recorded_at": documents.instant(now),
        "amount_minor": asked.amount_minor,
        "pay_out_minor": None,
        "pay_outs": None,
        "points_clawed_back": 0,
        "points_restored": 0,
        "debt_made": 0,
    }


def _receipt(
    wanted: RefundAsked, asked: RefundInput, sale: Sale, effect: Effect, told: Mapping[str, Any], buyer: Party | None,
    now: datetime,
) -> dict[str, Any]:  # fmt: skip
    account = buyer.account if buyer else None
    return {
        **told,
        "id": wanted.public_id,
        "external_id": asked.external_id,
        "purchase": sale.public_id,
        "purchase_external_id": sale.external_id,
        "member": buyer.public_id if buyer else None,
        "state": "applied",
        "occurred_at": documents.instant(wanted.occurred_at),
        "recorded_at": documents.instant(now),
        "currency": sale.currency,
        "amount_minor": effect.refunded_minor,
        "pay_out_minor": effect.pay_out_minor,
        "pay_outs": msgspec.to_builtins(effect.pay_outs),
        "refunded_minor": sale.refunded_minor,
        "left_minor": sale.net_minor,
        "points_clawed_back": effect.points_clawed_back,
        "points_restored": told.get("points_restored", 0),
        "debt_made": effect.debt_made,
        "balance_after": account.spendable if account else None,
        "debt_after": account.debt if account else None,
        "tier_after": (account.membership.tier or None) if account else None,
    }


def _row(
    merchant_id: int, wanted: RefundAsked, asked: RefundInput, purchase_id: int, receipt: dict[str, Any], print_: bytes, *,
    now: datetime, actor: Actor,
) -> Refund:  # fmt: skip
    """The refund as it waits for its purchase; nothing has come of it yet."""
    return Refund(
        id=wanted.id, merchant_id=merchant_id, public_id=wanted.public_id, external_id=asked.external_id,
        fingerprint=print_, receipt=receipt, actor=str(actor), occurred_at=wanted.occurred_at, recorded_at=now,
        purchase_id=purchase_id, amount_minor=asked.amount_minor, lines=wanted.lines, reason=asked.reason,
        is_applied=False,
    )  # fmt: skip
