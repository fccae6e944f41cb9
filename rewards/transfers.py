"""Transfers: one member gives another points, where the terms let them; the points keep their expiry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar

from django.db.models import Q, Sum
from django.utils.translation import gettext as _
from msgspec import Meta

from members import live_codes
from merchants import audit, ids, outbox, periods
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid, LoyaltyError, NotFound
from merchants.models.merchants import Merchant
from rewards import authority, dating, documents, parties, redemptions, tiers, versions
from rewards.dating import OccurredAt
from rewards.documents import DocumentOutcome, Since
from rewards.models.corrections import Transfer
from rewards.parties import ExternalId, Input, MemberRef, Party, Reason
from rewards.points import Book, Cause, LotState
from rewards.terms import Sliding, TransferTerms


class TransferInput(Input, frozen=True, kw_only=True):
    """`giver` gives `receiver` points."""

    external_id: ExternalId
    giver: MemberRef
    receiver: MemberRef
    points: Annotated[int, Meta(ge=1, le=2**53 - 1, description="In the programme's smallest unit.")]
    reason: Reason = ""
    occurred_at: OccurredAt = None


class TransfersAreOff(Conflict):
    """The terms in force do not let members give each other points."""

    code: ClassVar[str] = "transfers_off"


class TransferOutsideLimits(Conflict):
    """Fewer or more in one transfer than the terms allow."""

    code: ClassVar[str] = "transfer_outside_limits"


class MonthlyLimitReached(Conflict):
    """The giver has given, or the receiver was given, as much as the terms allow in a calendar month."""

    code: ClassVar[str] = "transfer_month_limit_reached"


def transfer(
    *, merchant: Merchant, asked: TransferInput, now: datetime, actor: Actor, is_silent: bool = False
) -> DocumentOutcome:
    """Move points from one member to another: soonest to expire first, and with that expiry.

    Active points only. Locks both accounts, in id order. A refusal (409: off, too many, not enough, month's limit) is
    returned and kept under the external id. Where points are spent with the moving code alone, the giver is named by it.

    Dated back (`occurred_at`), it goes by the terms and the month's limits of then, and takes points that the giver could
    spend at every instant since. `is_silent`: others hear nothing of it.

    :raises LiveCodeNeeded, LiveCodeExpired, StaticCodeEarnsOnly, TillLimitReached: the giver was named by something that
        does not spend, or not so much in a day; nothing is kept.
    :raises MemberNotFound, Invalid: nobody, or a transfer to oneself; nothing is kept.
    :raises TooManyPoints: the receiver's account would be fuller than can be counted.
    :raises ExternalIdReused: the id was used for something else.
    """
    sent = documents.fingerprint(asked)
    book = Book(merchant.pk, now=now, actor=actor, is_silent=is_silent)
    found = parties.lock(merchant, book, [asked.giver, asked.receiver])
    earlier = documents.known(Transfer, merchant_id=merchant.pk, external_id=asked.external_id, sent=sent)
    if earlier is not None:
        return documents.replayed(earlier, member_id=found[0].id if found[0] else None)
    at = dating.moment_of(merchant, asked.occurred_at, now=now)
    giver = parties.present(found[0], pointer="/giver")
    receiver = parties.present(found[1], pointer="/receiver")
    if giver.id == receiver.id:
        raise Invalid(_("Choose another member as the receiver."), pointer="/receiver")
    book.read_lots(everything=True)
    ended = redemptions.end_overdue(merchant=merchant, book=book, account=giver.account)
    row = Transfer(
        merchant_id=merchant.pk, public_id=ids.mint("trf"), external_id=asked.external_id, fingerprint=sent,
        actor=str(actor), occurred_at=at, recorded_at=now, giver_id=giver.id, receiver_id=receiver.id,
        points=asked.points, reason=asked.reason,
    )  # fmt: skip
    documents.reserve(row)
    used_for = f"transfer:{asked.external_id}"
    try:
        _check(merchant, row, giver, receiver)
        authority.check_not_stopped(giver.is_spending_stopped, pointer="/giver")
        by = authority.of(
            merchant, asked.giver, member_id=giver.id, used_for=used_for, now=now, actor=actor, pointer="/giver"
        )
        if by.is_at_tills_word:
            spent = authority.spent_that_day(merchant, member_id=giver.id, at=at, now=now)
            authority.check_limit(merchant, spent=spent, points=row.points)
        row.is_at_tills_word = by.is_at_tills_word
        _move(merchant, book, row, giver, receiver, now=now)
    except LoyaltyError as error:
        if error.http != Conflict.http:
            raise
        row.refusal = error.code
        row.receipt = documents.refusal_receipt(error, **_receipt(row, giver, receiver))
    else:
        if by.shown is not None:
            live_codes.use(merchant=merchant, member_id=giver.id, shown=by.shown, used_for=used_for, now=now)
        row.receipt = {**_receipt(row, giver, receiver), "state": "applied"}
        payload = {
            "transfer": row.public_id, "giver": giver.public_id, "receiver": receiver.public_id, "points": row.points,
            "giver_balance": giver.account.balance, "receiver_balance": receiver.account.balance,
            "external_id": row.external_id,
        }  # fmt: skip
        if not is_silent:
            outbox.record(merchant_id=merchant.pk, kind="points.transferred", payload=payload, occurred_at=at, now=now)
        audit.record(
            merchant=merchant, action="points.transferred", actor=actor, now=now, subject=giver.public_id,
            details={"transfer": row.public_id, "to": receiver.public_id, "points": row.points},
        )  # fmt: skip
    ended.write(book, row)
    return documents.written(row, member_id=giver.id)


def _check(merchant: Merchant, row: Transfer, giver: Party, receiver: Party) -> None:
    version = versions.timeline(merchant.pk).at(row.occurred_at)
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
    _check_month(merchant, allowed, row)


def _check_month(merchant: Merchant, allowed: TransferTerms, row: Transfer) -> None:
    """Both accounts are locked, so two transfers at once cannot each stay below a limit."""
    month = periods.period_at("month", row.occurred_at, merchant.tzinfo)
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
    receiver.account.check_maximum(row.points)
    at = row.occurred_at
    cause = Cause("transfer", row.id, at, reason=row.reason)
    taken = giver.account.redeem(
        cause, points=row.points, now=now, actor=book.actor, kind="transfer_out",
        within=book.spendable_since(giver.account, at) if at < now else None,
    )  # fmt: skip
    for lot, points in _together(taken):
        receiver.account.accrue(
            cause, points=points, active_at=at, expires_at=lot.expires_at, sliding=lot.sliding,
            earned_at=lot.earned_at, kind="transfer_in", now=now, actor=book.actor,
        )  # fmt: skip
    tiers.hold_points(book, receiver.account, versions.timeline(merchant.pk).at(now), zone=merchant.tzinfo)


def _together(taken: Sequence[tuple[LotState, int]]) -> list[tuple[LotState, int]]:
    """Parts that end together, and slide alike, arrive as one lot, as old as the oldest of them."""
    found: dict[tuple[datetime | None, Sliding | None, datetime | None], tuple[LotState, int]] = {}
    for lot, points in taken:
        # A last day that no activity moves is counted from the earning: it does not start anew by a gift.
        has_last_day = lot.sliding is not None and lot.sliding.at_latest is not None
        key = lot.expires_at, lot.sliding, lot.earned_at if has_last_day else None
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


class TransferNotFound(NotFound):
    """The merchant has no transfer by this id."""

    code: ClassVar[str] = "transfer_not_found"


@dataclass(frozen=True, slots=True)
class TransferView:
    """A transfer as it was made, or refused (`refusal` is the code of why)."""

    id: int
    public_id: str
    external_id: str
    state: str
    refusal: str
    giver: str
    receiver: str
    points: int
    reason: str
    occurred_at: datetime
    recorded_at: datetime
    #: The transaction that wrote it.
    changed_by: int


def find(*, merchant: Merchant, public_id: str) -> TransferView:
    """Return one transfer; raises TransferNotFound."""
    rows = listed(merchant=merchant, public_id=public_id, limit=1) if ids.is_id(public_id, "trf") else []
    if not rows:
        raise TransferNotFound(_("There is no such transfer."))
    return rows[0]


def listed(
    *,
    merchant: Merchant,
    giver_ids: Sequence[int] | None = None,
    receiver_ids: Sequence[int] | None = None,
    public_id: str | None = None,
    external_id: str | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[TransferView]:
    """List transfers, the newest first, refused ones too, of who gave or was given, or by an id, if asked."""
    rows = Transfer.objects.filter(merchant_id=merchant.pk).prefetch_related("giver", "receiver")
    rows = documents.narrowed(rows, public_id=public_id, external_id=external_id, before_id=before_id)
    if giver_ids is not None:
        rows = rows.filter(giver_id__in=giver_ids)
    if receiver_ids is not None:
        rows = rows.filter(receiver_id__in=receiver_ids)
    return [_view(row) for row in rows.order_by("-id")[: max(1, limit)]]


def changed(*, merchant: Merchant, since: Since, limit: int = 50) -> list[TransferView]:
    """List transfers made since a mark, in the order of that, refused ones too; none ever changes."""
    rows = Transfer.objects.filter(merchant_id=merchant.pk).prefetch_related("giver", "receiver")
    return [_view(row) for row in documents.read_changed(rows, since, limit=max(1, limit))]


def _view(row: Transfer) -> TransferView:
    return TransferView(
        row.pk, row.public_id, row.external_id, "refused" if row.refusal else "applied", row.refusal,
        row.giver.public_id, row.receiver.public_id, row.points, row.reason, row.occurred_at, row.recorded_at,
        int(row.xid),
    )  # fmt: skip
