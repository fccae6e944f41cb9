"""Transfers: one member gives another points, where the terms let them; the points keep their expiry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from django.db.models import Q, Sum
from django.utils.translation import gettext as _
from msgspec import Meta

from members import live_codes
from merchants import ids, outbox, periods
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid, LoyaltyError
from merchants.models.merchants import Merchant
from rewards import documents, parties, redemptions, versions
from rewards.documents import Outcome
from rewards.models.corrections import Transfer
from rewards.parties import ExternalId, Input, MemberRef, Party, Reason
from rewards.points import Book, Cause, LotState
from rewards.terms import Transfers


class TransferInput(Input, frozen=True, kw_only=True):
    """`giver` gives `receiver` points."""

    external_id: ExternalId
    giver: MemberRef
    receiver: MemberRef
    points: Annotated[int, Meta(ge=1, le=2**53 - 1, description="In the programme's smallest unit.")]
    reason: Reason = ""


class TransfersAreOff(Conflict):
    """The terms in force do not let members give each other points."""

    code: ClassVar[str] = "transfers_off"


class TransferOutsideLimits(Conflict):
    """Fewer or more in one transfer than the terms allow."""

    code: ClassVar[str] = "transfer_outside_limits"


class MonthlyLimitReached(Conflict):
    """The giver has given, or the receiver was given, as much as the terms allow in a calendar month."""

    code: ClassVar[str] = "transfer_month_limit_reached"


def transfer(*, merchant: Merchant, asked: TransferInput, now: datetime, actor: Actor) -> Outcome:
    """This function will move points from one member to another: soonest to expire first, and with that expiry.

    Active points only. Locks both accounts, in id order. A refusal (409: off, too many, not enough, month's limit) is
    returned and kept under the external id. Where points are spent with the moving code alone, the giver is named by it.

    :raises LiveCodeNeeded, LiveCodeExpired: the giver was not named so; nothing is kept.
    :raises MemberNotFound, Invalid: nobody, or a transfer to oneself; nothing is kept.
    :raises TooManyPoints: the receiver's account would be fuller than can be counted.
    :raises ExternalIdReused: the id was used for something else.
    """
    sent = documents.fingerprint(asked)
    book = Book(merchant.pk, now=now, actor=actor)
    found = parties.lock(merchant, book, [asked.giver, asked.receiver])
    earlier = documents.known(Transfer, merchant_id=merchant.pk, external_id=asked.external_id, sent=sent)
    if earlier is not None:
        return documents.replayed(earlier, member_id=found[0].id if found[0] else None)
    giver = parties.present(found[0], pointer="/giver")
    receiver = parties.present(found[1], pointer="/receiver")
    if giver.id == receiver.id:
        raise Invalid(_("Nobody gives points to themselves."), pointer="/receiver")
    book.read_lots(everything=True)
    ended = redemptions.end_overdue(merchant=merchant, book=book, account=giver.account)
    row = Transfer(
        merchant_id=merchant.pk, public_id=ids.mint("trf"), external_id=asked.external_id, fingerprint=sent,
        actor=str(actor), occurred_at=now, recorded_at=now, giver_id=giver.id, receiver_id=receiver.id,
        points=asked.points, reason=asked.reason,
    )  # fmt: skip
    documents.reserve(row)
    used_for = f"transfer:{asked.external_id}"
    try:
        _check(merchant, row, giver, receiver, now=now)
        shown = parties.live_code(
            merchant, asked.giver, member_id=giver.id, used_for=used_for, now=now, actor=actor
        )  # fmt: skip
        _move(merchant, book, row, giver, receiver, now=now)
    except LoyaltyError as error:
        if error.http != Conflict.http:
            raise
        row.refusal = error.code
        row.receipt = documents.refusal_receipt(error, **_receipt(row, giver, receiver))
    else:
        if shown is not None:
            live_codes.use(merchant=merchant, member_id=giver.id, shown=shown, used_for=used_for, now=now)
        row.receipt = {**_receipt(row, giver, receiver), "state": "applied"}
        payload = {
            "transfer": row.public_id, "giver": giver.public_id, "receiver": receiver.public_id, "points": row.points,
            "giver_balance": giver.account.balance, "receiver_balance": receiver.account.balance,
            "external_id": row.external_id,
        }  # fmt: skip
        outbox.record(merchant_id=merchant.pk, kind="points.transferred", payload=payload, occurred_at=now, now=now)
    documents.insert(row)
    ended.write(book)
    book.write()
    return documents.written(row, member_id=giver.id)


def _check(merchant: Merchant, row: Transfer, giver: Party, receiver: Party, *, now: datetime) -> None:
    version = versions.timeline(merchant.pk).at(now)
    allowed = version.terms.transfers if version else None
    if allowed is None:
        raise TransfersAreOff(_("Points cannot be given to other members here."))
    for party, pointer in ((giver, "/giver"), (receiver, "/receiver")):
        parties.check_not_blocked(party, pointer=pointer)
    if row.points < allowed.minimum_points or (
        allowed.maximum_points is not None and row.points > allowed.maximum_points
    ):
        raise TransferOutsideLimits(
            _("So many points cannot be given at once."),
            minimum_points=allowed.minimum_points,
            maximum_points=allowed.maximum_points,
        )
    _check_month(merchant, allowed, row, now=now)


def _check_month(merchant: Merchant, allowed: Transfers, row: Transfer, *, now: datetime) -> None:
    """Both accounts are locked, so two transfers at once cannot each stay below a limit."""
    month = periods.period_at("month", now, merchant.tzinfo)
    moved = Transfer.objects.filter(
        merchant_id=merchant.pk, refusal="", occurred_at__gte=month.start, occurred_at__lt=month.end
    )
    # What somebody gave under a membership that was merged into this one, they gave.
    for limit, theirs, words in (
        (
            allowed.given_per_month,
            Q(giver_id=row.giver_id) | Q(giver__merged_into=row.giver_id),
            _("The month's limit of points given would be passed."),
        ),
        (
            allowed.received_per_month,
            Q(receiver_id=row.receiver_id) | Q(receiver__merged_into=row.receiver_id),
            _("The month's limit of points received would be passed."),
        ),
    ):
        if limit is None:
            continue
        before = moved.filter(theirs).aggregate(total=Sum("points"))["total"] or 0
        if before + row.points > limit:
            raise MonthlyLimitReached(words, limit=limit, left=max(0, limit - before))


def _move(merchant: Merchant, book: Book, row: Transfer, giver: Party, receiver: Party, *, now: datetime) -> None:
    receiver.account.check_room(row.points)
    cause = Cause("transfer", row.id, now, reason=row.reason)
    taken = giver.account.redeem(cause, points=row.points, now=now, actor=book.actor, kind="transfer_out")
    for lot, points in _together(taken):
        receiver.account.accrue(
            cause, points=points, active_at=now, expires_at=lot.expires_at, is_sliding=lot.is_sliding,
            earned_at=lot.earned_at, kind="transfer_in", now=now, actor=book.actor,
        )  # fmt: skip


def _together(taken: Sequence[tuple[LotState, int]]) -> list[tuple[LotState, int]]:
    """Parts that end together arrive as one lot, as old as the oldest of them."""
    found: dict[tuple[datetime | None, bool], tuple[LotState, int]] = {}
    for lot, points in taken:
        key = lot.expires_at, lot.is_sliding
        first, before = found.get(key, (lot, 0))
        found[key] = (min(first, lot, key=lambda each: each.earned_at), before + points)
    return list(found.values())


def _receipt(row: Transfer, giver: Party, receiver: Party) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "external_id": row.external_id,
        "giver": giver.public_id,
        "receiver": receiver.public_id,
        "points": row.points,
        "occurred_at": documents.instant(row.occurred_at),
        "recorded_at": documents.instant(row.recorded_at),
        "giver_balance_after": giver.account.spendable,
    }
