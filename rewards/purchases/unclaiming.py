"""Undoing a claim: the wrong member was given a receipt; it is nobody's again, and its points are taken back.

What it had given goes as a refund takes it: points from its own lots, then any other, then debt; caps and tier are
restored, although nothing came back to the shop.  A referral it had qualified is open again when nothing else was bought;
where something was, it is undone as by a refund.  Nothing is deleted: the claim stays with its entries, the undoing is a
document with an entry of its own, and somebody else may claim the purchase within the merchant's days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from django.db import connection
from django.utils.translation import gettext as _

from merchants import audit, ids, outbox
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid, NotFound
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards import documents, earning, redemptions, referrals, tiers, versions
from rewards.documents import Outcome
from rewards.earning import Facts
from rewards.models.purchases import Claim, Unclaim
from rewards.points import AccountState, Cause
from rewards.purchases import returns, writing
from rewards.purchases.refunding import load, open_accounts, rated
from rewards.purchases.sales import Sale
from rewards.versions import Timeline

REASON_MAX = 200


class ClaimNotFound(NotFound):
    """There was no such claim."""

    code: ClassVar[str] = "claim_not_found"


class ClaimMoved(Conflict):
    """A merge carried the purchase to somebody else, and would divide by it when it is undone."""

    code: ClassVar[str] = "claim_moved"


def unclaim(*, merchant: Merchant, claim: str, reason: str, now: datetime, actor: Actor) -> Outcome:
    """This function will undo a claim (its public id): the purchase is nobody's again and can be claimed anew.

    However often it is asked, it is done once.  What is spent already becomes debt; later purchases stay as they were
    evaluated.  Locks the purchase, then the accounts by id (the member's, and their referral's other side's).

    :raises ClaimNotFound: there was no such claim.  :raises Invalid: no reason.
    :raises ClaimMoved: whose claim it was is merged into somebody else now; nothing changed.
    :raises Again: a merge came between the locks: run the whole verb again.
    """
    found = Claim.objects.filter(merchant=merchant, public_id=claim).first()
    if found is None:
        raise ClaimNotFound(_("There was no such claim."))
    member_id = _lock(merchant.pk, found.purchase_id)
    earlier = Unclaim.objects.filter(merchant=merchant, claim=found).first()
    if earlier is not None:
        return documents.replayed(earlier, member_id=earlier.member_id)
    if not reason:
        raise Invalid(_("Say why: the member reads it."), pointer="/reason")
    if member_id != found.member_id:
        raise ClaimMoved(_("The member was merged since. Undo the merge, take the receipt off, then merge again."))
    book, account, paid = open_accounts(merchant.pk, found.purchase_id, member_id, now=now, actor=actor)
    # A purchase under a claim that stands is somebody's.
    assert account is not None
    timeline, sale = versions.timeline(merchant.pk), load(merchant, found.purchase_id)
    redemptions.end_overdue(merchant=merchant, book=book, account=account).write(book)
    row = Unclaim(
        merchant_id=merchant.pk, public_id=ids.mint("ucl"), external_id=f"undo:{found.public_id}", actor=str(actor),
        occurred_at=now, recorded_at=now, claim=found, purchase_id=sale.id, member_id=account.member_id,
        points_earned=sale.points_earned, points_clawed_back=sale.points_clawed_back, debt_made=0,
        reason=reason[:REASON_MAX],
    )  # fmt: skip
    documents.reserve(row)
    taken = _take_back(row, sale, account, now=now, actor=book.actor)
    _count_without(merchant.pk, sale, account)
    settled = None
    if paid is not None:
        is_first = not account.purchases_count and paid.referrer_id != paid.referee_id
        settled = referrals.undo(
            book, paid, net_minor=0, version=None, purchase_id=sale.id, occurred_at=now,
            state="open" if is_first else "undone",
        )  # fmt: skip
    writing.give_caps_back(merchant.pk, account.id, _cap_uses(sale, timeline))
    _make_nobodys(merchant.pk, sale)
    Claim.objects.filter(merchant=merchant, pk=found.pk).update(is_undone=True)
    counted = [account]
    if settled is not None and tiers.drop(merchant.pk, "referral", settled.referral_id):
        counted = list(book.accounts.values())
    changes = rated(merchant, counted, now=now, reason="unclaim")
    tiers.write(merchant.pk, [change for change, _member in changes], now=now)
    referrals.write(merchant.pk, [settled] if settled else [], now=now)
    row.receipt = _receipt(row, found, sale, account, taken)
    documents.insert(row)
    book.write()
    events = [_event(row, account), *(settled.events if settled else [])]
    _tell(merchant, row, [*events, *(change.event(member) for change, member in changes)], now=now, actor=actor)
    return documents.written(row, member_id=account.member_id)


def _lock(merchant_id: int, purchase_id: int) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT member_id FROM rewards_purchase WHERE merchant_id = %s AND id = %s FOR UPDATE",
            [merchant_id, purchase_id],
        )
        member_id: int | None = cursor.fetchone()[0]
    return member_id


def _take_back(row: Unclaim, sale: Sale, account: AccountState, *, now: datetime, actor: str) -> int:
    """Take what refunds have left of the points; return how many were there, and note the debt."""
    points = sale.points_earned - sale.points_clawed_back
    if not points:
        return 0
    cause = Cause(
        "unclaim", row.id, now, terms_version=sale.terms_version, location_id=sale.location_id, reason=row.reason
    )
    taken, row.debt_made = account.claw_back(cause, points=points, purchase_id=sale.id, now=now, actor=actor)
    return taken


def _count_without(merchant_id: int, sale: Sale, account: AccountState) -> None:
    """Count one purchase less when it was the last one counted, and none when it was the only one there is.

    An ordinal in between is not given out once more: it could bring its milestone twice.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM rewards_purchase WHERE merchant_id = %s AND member_id = %s AND id <> %s)",
            [merchant_id, account.member_id, sale.id],
        )
        has_others: bool = cursor.fetchone()[0]
    if not has_others:
        account.purchases_count = 0
    elif sale.ordinal == account.purchases_count:
        account.purchases_count -= 1
    account.is_changed = True


def _cap_uses(sale: Sale, timeline: Timeline) -> tuple[tuple[str, int], ...]:
    """What is left of the purchase used these; refunds have given the rest back."""
    if sale.terms_version is None or sale.facts is None:
        return ()
    terms = timeline.numbered(sale.terms_version).terms
    basket = returns.net(sale)
    return earning.evaluate(terms, basket, sale.facts, zone=sale.zone, location_zone=sale.location_zone).cap_uses


def _make_nobodys(merchant_id: int, sale: Sale) -> None:
    """Write the purchase as it was before: sold to a guest, of what refunds have left of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_purchase SET member_id = NULL, ordinal = NULL, facts = jsonb_set(facts, '{facts}', %s), "
            "points_earned = 0, points_clawed_back = 0, qualifying_points = 0, qualifying_minor = 0, "
            "xid = pg_current_xact_id() WHERE merchant_id = %s AND id = %s",
            [msgspec.json.encode(Facts(guest=True)).decode(), merchant_id, sale.id],
        )


def _receipt(row: Unclaim, found: Claim, sale: Sale, account: AccountState, taken: int) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "external_id": row.external_id,
        "claim": found.public_id,
        "claim_external_id": found.external_id,
        "purchase": sale.public_id,
        "purchase_external_id": sale.external_id,
        "member": row.member.public_id,
        "occurred_at": documents.instant(row.occurred_at),
        "points_taken_back": taken + row.debt_made,
        "debt_made": row.debt_made,
        "balance_after": account.spendable,
        "tier_after": account.tier or None,
        "reason": row.reason,
    }


def _event(row: Unclaim, account: AccountState) -> Event:
    copied = ("claim", "purchase", "purchase_external_id", "member", "points_taken_back", "debt_made")
    payload = {
        **{name: row.receipt[name] for name in copied}, "balance": account.balance, "seq": account.seq or None,
        "tier": account.tier or None,
    }  # fmt: skip
    return Event("purchase.unclaimed", payload, row.occurred_at)


def _tell(merchant: Merchant, row: Unclaim, events: Sequence[Event], *, now: datetime, actor: Actor) -> None:
    outbox.record_many(merchant_id=merchant.pk, events=events, now=now)
    told = row.receipt
    audit.record(
        merchant=merchant, action="purchase.unclaimed", actor=actor, now=now, subject=told["member"],
        details={"claim": told["claim"], "purchase": told["purchase"], "points": told["points_taken_back"]},
    )  # fmt: skip
