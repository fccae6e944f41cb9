"""What becomes of a redemption: captured, released, timed out, or undone.  Each end happens once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec
from django.utils.translation import gettext as _

from members.models import Member
from merchants import audit, ids
from merchants.actors import SYSTEM, Actor
from merchants.errors import Conflict, LoyaltyError
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards import authority, documents, parties, versions
from rewards.documents import DocumentOutcome
from rewards.models.redemptions import Capture, Redemption, Release, Reversal
from rewards.parties import Party
from rewards.points import AccountState, Book
from rewards.redemptions import answers, restoring
from rewards.redemptions.answers import AlreadyEnded as AlreadyEnded
from rewards.redemptions.answers import CaptureTooLarge as CaptureTooLarge
from rewards.redemptions.answers import HoldExpired as HoldExpired
from rewards.redemptions.answers import RedemptionNotFound as RedemptionNotFound
from rewards.redemptions.finding import row_of
from rewards.redemptions.folding import Spendings
from rewards.redemptions.inputs import CaptureInput, ReleaseInput, ReversalInput
from rewards.redemptions.reading import read_spendings

State = Redemption.State


class StillHeld(Conflict):
    """Nothing was spent yet: release it instead."""

    code: ClassVar[str] = "redemption_still_held"


def capture(
    *, merchant: Merchant, redemption: str, asked: CaptureInput, now: datetime, actor: Actor
) -> DocumentOutcome:
    """Spend held points, all or a part; the rest is released.

    `redemption` is its public id or the code the member shows. Locks the member's account. A refusal (409: ended before,
    timed out, more than is held, account frozen, member blocked, spending stopped) is returned and kept for ever under the external id.

    :raises RedemptionNotFound: nothing is known by this.
    :raises ExternalIdReused: the id was used for something else.
    """
    book, party, spendings, row = _open(merchant, redemption, now=now, actor=actor)
    sent = _fingerprint(row, asked)
    earlier = documents.known(Capture, merchant_id=merchant.pk, external_id=asked.external_id, sent=sent)
    if earlier is not None:
        return documents.replayed(earlier, member_id=party.id)
    try:
        points = spendings.check_capture(book, row, asked.points)
        parties.check_not_blocked(party)
        authority.check_not_stopped(party.is_spending_stopped)
        document = spendings.capture(
            book, party.account, row, points=points, external_id=asked.external_id, sent=sent, occurred_at=now,
            member_public_id=party.public_id,
        )  # fmt: skip
    except LoyaltyError as error:
        if error.http != 409:
            raise
        document = _refused_capture(merchant, row, asked, error, sent=sent, now=now, actor=actor)
        spendings.captures.append(document)
        spendings.expire_due(book, party.account, member_public_id=party.public_id)
    spendings.write(book)
    return documents.written(document, member_id=party.id)


def _refused_capture(
    merchant: Merchant,
    row: Redemption,
    asked: CaptureInput,
    error: LoyaltyError,
    *,
    sent: bytes,
    now: datetime,
    actor: Actor,
) -> Capture:
    document = Capture(
        merchant_id=merchant.pk, public_id=ids.mint("cap"), external_id=asked.external_id, fingerprint=sent,
        actor=str(actor), occurred_at=now, recorded_at=now, redemption_id=row.id, points=0, refusal=error.code,
    )  # fmt: skip
    document.receipt = documents.refusal_receipt(
        error, id=document.public_id, external_id=asked.external_id, redemption=row.public_id
    )
    return document


def release(
    *, merchant: Merchant, redemption: str, asked: ReleaseInput, now: datetime, actor: Actor
) -> DocumentOutcome:
    """Give held points back to the member; points whose lot lapsed meanwhile lapse now.

    Locks the member's account, then the reward's stock.

    :raises RedemptionNotFound: nothing is known by this.
    :raises AlreadyEnded: it was captured, released, undone or timed out before; nothing is kept.
    :raises ExternalIdReused: the id was used for something else.
    """
    book, party, spendings, row = _open(merchant, redemption, now=now, actor=actor)
    sent = _fingerprint(row, asked)
    earlier = documents.known(Release, merchant_id=merchant.pk, external_id=asked.external_id, sent=sent)
    if earlier is not None:
        return documents.replayed(earlier, member_id=party.id)
    if row.state != State.HELD:
        raise answers.ended(row)
    _check_time(row, now)
    document = Release(
        merchant_id=merchant.pk, public_id=ids.mint("rel"), external_id=asked.external_id, fingerprint=sent,
        actor=str(actor), occurred_at=now, recorded_at=now, redemption_id=row.id, points=row.points,
    )  # fmt: skip
    spendings.release(
        book, party.account, row, state=State.RELEASED, at=now, member_public_id=party.public_id,
        release_public_id=document.public_id,
    )  # fmt: skip
    document.receipt = _receipt(document, row, party)
    spendings.write(book, document)
    audit.record(
        merchant=merchant, action="redemption.released", actor=actor, now=now, subject=party.public_id,
        details={"redemption": row.public_id, "points": row.points},
    )  # fmt: skip
    return documents.written(document, member_id=party.id)


def reverse(
    *, merchant: Merchant, redemption: str, asked: ReversalInput, now: datetime, actor: Actor
) -> DocumentOutcome:
    """Undo a redemption: what was spent and not yet given back returns with its old expiry.

    Points whose lot has lapsed come back and lapse at once. The stock and the member's limit are restored. Locks the
    member's account (after a merge that of the one they were merged into), then the reward's stock.

    :raises RedemptionNotFound: nothing is known by this.
    :raises StillHeld: it is only held: release it.
    :raises AlreadyEnded: it was released, timed out or undone before; nothing is kept.
    :raises ExternalIdReused: the id was used for something else.
    """
    book, party, spendings, row = _open(merchant, redemption, now=now, actor=actor)
    sent = _fingerprint(row, asked)
    earlier = documents.known(Reversal, merchant_id=merchant.pk, external_id=asked.external_id, sent=sent)
    if earlier is not None:
        return documents.replayed(earlier, member_id=party.id)
    _check_time(row, now)
    if row.state == State.HELD:
        raise StillHeld(_("The points are only held: release them instead."), state=row.state)
    if row.state != State.CAPTURED:
        raise answers.ended(row)
    points = row.points_captured - row.points_returned
    stayed = restoring.give_back(
        spendings, book, party.account, row, points=points, occurred_at=now, reason=asked.reason
    )
    document = Reversal(
        merchant_id=merchant.pk, public_id=ids.mint("rev"), external_id=asked.external_id, fingerprint=sent,
        actor=str(actor), occurred_at=now, recorded_at=now, redemption_id=row.id, points=points, reason=asked.reason,
    )  # fmt: skip
    document.receipt = {**_receipt(document, row, party), "points_lapsed": points - stayed}
    if row.own_reward_id is None:
        payload = {
            "redemption": row.public_id, "member": party.public_id, "points": points,
            "balance": party.account.balance, "reversal": document.public_id, "reward": row.reward or None,
            "seq": party.account.seq, "external_id": asked.external_id,
        }  # fmt: skip
        spendings.events.append(Event("points.reversed", payload, now))
    spendings.write(book, document)
    audit.record(
        merchant=merchant, action="redemption.reversed", actor=actor, now=now, subject=party.public_id,
        details={"reversal": document.public_id, "redemption": row.public_id, "points": points},
    )  # fmt: skip
    return documents.written(document, member_id=party.id)


def expire_holds(*, merchant: Merchant, now: datetime, limit: int = 200) -> int:
    """End holds whose time is over, at most `limit` members' at a time; it returns how many ended.

    The tenant is open. A late or doubled call changes nothing else: whoever spends ends such holds first. Locks the
    members' accounts, in id order, then the stock.
    """
    due = Redemption.objects.filter(merchant_id=merchant.pk, state=State.HELD, hold_expires_at__lte=now)
    members = dict(due.order_by("hold_expires_at").values_list("pk", "member_id")[:limit])
    if not members:
        return 0
    book = Book(merchant.pk, now=now, actor=SYSTEM)
    found = parties.lock_ids(book, list(members.values()))
    book.read_lots(everything=True)
    spendings = read_spendings(merchant, book, versions.timeline(merchant.pk), [], row_ids=list(members))
    people = {party.id: party for party in found.values()}
    ended = sum(
        spendings.expire_due(book, party.account, member_public_id=party.public_id) for party in people.values()
    )
    spendings.write(book)
    return ended


def end_overdue(*, merchant: Merchant, book: Book, account: AccountState) -> Spendings:
    """End holds of a locked account whose time is over, before its points are counted on.

    All its open lots are read. The caller writes what it returns, and the book with it.
    """
    if not account.held:
        return Spendings(merchant=merchant)
    member = Member.objects.only("public_id").get(merchant=merchant, pk=account.member_id)
    spendings = read_spendings(merchant, book, versions.timeline(merchant.pk), [])
    spendings.expire_due(book, account, member_public_id=member.public_id)
    return spendings


def _open(
    merchant: Merchant, redemption: str, *, now: datetime, actor: Actor
) -> tuple[Book, Party, Spendings, Redemption]:
    """Lock the account a redemption is about, and only then read what it has become."""
    named = row_of(merchant.pk, redemption)
    if named is None:
        raise RedemptionNotFound(_("There is no such redemption."))
    book = Book(merchant.pk, now=now, actor=actor)
    party = parties.lock_ids(book, [named.member_id])[named.member_id]
    book.read_lots(everything=True)
    timeline = versions.timeline(merchant.pk)
    spendings = read_spendings(merchant, book, timeline, [], row_ids=[named.id])
    return book, party, spendings, spendings.rows[named.id]


def _check_time(row: Redemption, now: datetime) -> None:
    """:raises AlreadyEnded: the hold's time is over, although no clock has come round yet."""
    if row.state == State.HELD and row.hold_expires_at is not None and row.hold_expires_at <= now:
        raise AlreadyEnded(_("The hold's time was over before."), state=State.EXPIRED, redemption=row.public_id)


def _fingerprint(row: Redemption, asked: msgspec.Struct) -> bytes:
    return documents.fingerprint({"redemption": row.public_id, **msgspec.to_builtins(asked)})


def _receipt(document: Release | Reversal, row: Redemption, party: Party) -> dict[str, Any]:
    return {
        "id": document.public_id,
        "external_id": document.external_id,
        "redemption": row.public_id,
        "state": str(row.state),
        "member": party.public_id,
        "points": document.points,
        "occurred_at": documents.instant(document.occurred_at),
        "recorded_at": documents.instant(document.recorded_at),
        "balance_after": party.account.spendable,
    }
