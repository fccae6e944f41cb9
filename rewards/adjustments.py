"""Adjustments: a person corrects a balance, with a reason, within what their role allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar

from django.db.models import Exists, OuterRef, QuerySet, Sum
from django.db.models.functions import Abs
from django.utils.translation import gettext as _
from msgspec import Meta

from merchants import audit, ids, outbox, periods
from merchants.actors import Actor
from merchants.errors import Conflict, Forbidden, Invalid, LoyaltyError, NotFound
from merchants.models.merchants import Merchant
from merchants.permissions import Permission, may
from rewards import dating, documents, earning, parties, redemptions, tiers, versions
from rewards.dating import OccurredAt
from rewards.documents import DocumentOutcome, Since
from rewards.models.corrections import Adjustment
from rewards.parties import ExternalId, Input, MemberRef, Party
from rewards.points import Book, Cause

POINTS_MAX = 10**12


class AdjustmentInput(Input, frozen=True, kw_only=True):
    """Give points (positive) or take them (negative), and say why."""

    external_id: ExternalId
    member: MemberRef
    points: Annotated[int, Meta(ge=-POINTS_MAX, le=POINTS_MAX, description="Positive gives, negative takes; not 0.")]
    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    expires_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | None, Meta(description="As the terms say, when left out.")
    ] = None
    allow_debt: Annotated[
        bool,
        Meta(description="Points that are not there become debt, as after a refund; only with `adjustments:debt`."),
    ] = False
    occurred_at: OccurredAt = None


class MayNotMakeDebt(Forbidden):
    """Only owners, and keys with `adjustments:debt`, may take more points than a member has."""

    code: ClassVar[str] = "may_not_make_debt"


class MayNotAdjust(Forbidden):
    """This role does not correct balances."""

    code: ClassVar[str] = "may_not_adjust"


class AboveYourLimit(Forbidden):
    """More than a manager may correct alone, all corrections of the member that day together."""

    code: ClassVar[str] = "above_your_limit"


@dataclass(frozen=True, slots=True)
class _Correction:
    """What is to be done, by whoever named it outside or as the undoing of another."""

    member: MemberRef
    points: int
    reason: str
    expires_at: datetime | None = None
    allow_debt: bool = False
    external_id: str | None = None
    sent: bytes = b""
    undone: Adjustment | None = None
    occurred_at: datetime | None = None
    is_silent: bool = False
    asked_by: str = ""


def adjust(
    *,
    merchant: Merchant,
    asked: AdjustmentInput,
    now: datetime,
    actor: Actor,
    may_make_debt: bool = False,
    is_silent: bool = False,
    asked_by: str = "",
) -> DocumentOutcome:
    """Give a member points or take them, and keep the reason in the ledger and the audit record.

    Points given are spendable at once, pay a debt first, and end as the terms in force say unless `expires_at` is sent.
    Points are taken soonest to expire first; more than is spendable is refused, and the refusal (409) is returned and
    kept under the external id, unless `allow_debt` lets the rest be owed: for owners, the system, and whom the caller
    says (`may_make_debt`). Owners, keys and the system know no limit; a manager's is `adjustment_points_max` for
    one member and day; nobody else adjusts. Locks the member's account.

    Dated back (`occurred_at`), points are given by the terms and tier of then, and lapse at once if they ended meanwhile;
    those taken could be spent at every instant since. `is_silent`: others hear nothing of it. `asked_by` is whose wish the
    `actor` approves (`staff:seat_…`); the audit record names both.

    :raises MayNotAdjust, MayNotMakeDebt, AboveYourLimit: by role; nothing is kept.
    :raises Invalid, MemberNotFound: it cannot be meant.
    :raises ExternalIdReused: the id was used for something else.
    """
    if asked.allow_debt and not (may_make_debt or _makes_debt(actor)):
        raise MayNotMakeDebt(_("Only an owner may take more points than a member has."), pointer="/allow_debt")
    wanted = _Correction(
        asked.member, asked.points, asked.reason, asked.expires_at, asked.allow_debt, asked.external_id,
        documents.fingerprint(asked), occurred_at=asked.occurred_at, is_silent=is_silent,
        asked_by=asked_by,
    )  # fmt: skip
    return _adjust(merchant, wanted, now=now, actor=actor)


def _makes_debt(actor: Actor) -> bool:
    if actor.kind == "staff":
        return may(actor.role, Permission.ADJUST_POINTS_WITHOUT_LIMIT)
    return actor.kind == "system"


def _adjust(merchant: Merchant, asked: _Correction, *, now: datetime, actor: Actor) -> DocumentOutcome:
    if asked.points == 0:
        raise Invalid(_("An adjustment gives or takes points."), pointer="/points")
    if asked.allow_debt and asked.points > 0:
        raise Invalid(_("Only points that are taken can become debt."), pointer="/allow_debt")
    check_role(actor)
    book = Book(merchant.pk, now=now, actor=actor, is_silent=asked.is_silent)
    party = parties.lock(merchant, book, [asked.member])[0]
    if asked.external_id is not None:
        earlier = documents.known(Adjustment, merchant_id=merchant.pk, external_id=asked.external_id, sent=asked.sent)
        if earlier is not None:
            return documents.replayed(earlier, member_id=party.id if party else None)
    # After the replay: what was given once is answered so, also when it has ended meanwhile.
    at = dating.moment_of(merchant, asked.occurred_at, now=now)
    if asked.expires_at is not None and (asked.points < 0 or asked.expires_at <= at):
        raise Invalid(_("Only points that are given end, and not before they are given."), pointer="/expires_at")
    party = parties.present(party)
    if asked.undone is not None:
        # Under the account's lock: of two who press at once, the second finds it done.
        _check_not_undone(merchant, asked.undone)
    _check_limit(merchant, asked, party, now=now, actor=actor)
    book.read_lots(everything=True)
    ended = redemptions.end_overdue(merchant=merchant, book=book, account=party.account)
    row = Adjustment(
        merchant_id=merchant.pk, public_id=ids.mint("adj"), external_id=asked.external_id,
        fingerprint=asked.sent, undoes=asked.undone, actor=str(actor), occurred_at=at, recorded_at=now, member_id=party.id, points=asked.points,
        reason=asked.reason, expires_at=asked.expires_at,
    )  # fmt: skip
    documents.reserve(row)
    try:
        debt_made = _move(merchant, book, party, row, asked, now=now)
    except LoyaltyError as error:
        if error.http != Conflict.http:
            raise
        row.refusal = error.code
        row.receipt = documents.refusal_receipt(error, **_receipt(row, party))
    else:
        row.receipt = {
            **_receipt(row, party), "state": "applied", "debt_made": debt_made, "debt_after": party.account.debt,
        }  # fmt: skip
        _note(merchant, row, party, asked_by=asked.asked_by, now=now, actor=actor)
        if not asked.is_silent:
            _tell(merchant, row, party, now=now)
    ended.write(book, row)
    return documents.written(row, member_id=party.id)


class AlreadyUndone(Conflict):
    """The points of this adjustment have gone the other way before."""

    code: ClassVar[str] = "already_undone"


def undo(
    *, merchant: Merchant, adjustment: str, reason: str, now: datetime, actor: Actor, asked_by: str = ""
) -> DocumentOutcome:
    """Move the points of an adjustment (its public id) the other way, once, as a new adjustment.

    Points that were given are taken from what is left of them, then as any others; points that were taken come back as
    new points. Who may, and how many, is as for `adjust`; an attempt that was refused (the points are spent) can be
    made again. Locks the member's account.

    :raises NotFound, AlreadyUndone, MayNotAdjust, AboveYourLimit: nothing is kept.
    """
    rows = Adjustment.objects.filter(merchant_id=merchant.pk)
    row = rows.filter(public_id=adjustment, refusal="").select_related("member").first()
    if row is None:
        raise NotFound(_("There is no such adjustment."))
    _check_not_undone(merchant, row)
    wanted = _Correction(MemberRef(id=row.member.public_id), -row.points, reason, undone=row, asked_by=asked_by)
    return _adjust(merchant, wanted, now=now, actor=actor)


def _check_not_undone(merchant: Merchant, row: Adjustment) -> None:
    if Adjustment.objects.filter(merchant_id=merchant.pk, undoes=row, refusal="").exists():
        raise AlreadyUndone(_("This adjustment has been undone already."))


def standing(*, merchant: Merchant) -> QuerySet[Adjustment]:
    """Select the adjustments that were made and not undone."""
    made = Adjustment.objects.filter(merchant_id=merchant.pk, refusal="")
    return made.filter(~Exists(made.filter(undoes=OuterRef("pk"))))


def undoable(*, merchant: Merchant, public_ids: Sequence[str]) -> set[str]:
    """Select, of these adjustments, those that stand and undo no other themselves."""
    found = standing(merchant=merchant).filter(public_id__in=public_ids, undoes__isnull=True)
    return set(found.values_list("public_id", flat=True))


def check_role(actor: Actor) -> None:
    """:raises MayNotAdjust: staff whose role does not adjust balances, and members."""
    if actor.kind == "member" or (actor.kind == "staff" and not may(actor.role, Permission.ADJUST_POINTS)):
        raise MayNotAdjust(_("Your role does not adjust points. Ask a manager."))


def _check_limit(merchant: Merchant, asked: _Correction, party: Party, *, now: datetime, actor: Actor) -> None:
    """The account is locked, so two corrections at once cannot each stay below the limit."""
    if actor.kind != "staff" or may(actor.role, Permission.ADJUST_POINTS_WITHOUT_LIMIT):
        return
    today = periods.period_at("day", now, merchant.tzinfo)
    before = Adjustment.objects.filter(
        merchant_id=merchant.pk, member_id=party.id, actor=str(actor), refusal="",
        occurred_at__gte=today.start, occurred_at__lt=today.end,
    ).aggregate(total=Sum(Abs("points")))["total"]  # fmt: skip
    if abs(asked.points) + (before or 0) > merchant.adjustment_points_max:
        raise AboveYourLimit(
            _("You may adjust at most %(points)d points of a member in a day. Ask the owner.")
            % {"points": merchant.adjustment_points_max},
            pointer="/points",
            limit=merchant.adjustment_points_max,
        )


def _move(merchant: Merchant, book: Book, party: Party, row: Adjustment, asked: _Correction, *, now: datetime) -> int:
    """Move the points, and return how many of them became debt."""
    timeline, at = versions.timeline(merchant.pk), row.occurred_at
    version = timeline.at(at)
    cause = Cause("adjustment", row.id, at, terms_version=version.number if version else None, reason=row.reason)
    if row.points < 0:
        own = book.lots_made_by(party.account, "adjustment", asked.undone.id) if asked.undone else ()
        within = book.spendable_since(party.account, at) if at < now else None
        if asked.allow_debt:
            return party.account.take_or_owe(
                cause, points=-row.points, own_lots=own, within=within, now=now, actor=book.actor
            )
        party.account.redeem(
            cause, points=-row.points, now=now, actor=book.actor, kind="adjust", own_lots=own, within=within
        )
        return 0
    slides = None
    if row.expires_at is None and version is not None:
        tier = tiers.held_then(party.account, at, merchant_id=merchant.pk)
        grant = earning.award(
            version.terms, row.points, at=at, zone=merchant.tzinfo, rule="adjustment", tier=tier or None
        )  # fmt: skip
        row.expires_at, slides = grant.expires_at, grant.sliding
    lot = party.account.accrue(
        cause, points=row.points, active_at=at, expires_at=row.expires_at, sliding=slides, kind="adjust",
        now=now, actor=book.actor,
    )  # fmt: skip
    tiers.hold_points(book, party.account, timeline.at(now), zone=merchant.tzinfo)
    row.expires_at = lot.expires_at
    return 0


def _receipt(row: Adjustment, party: Party) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "external_id": row.external_id,
        "undoes": row.undoes.public_id if row.undoes else None,
        "member": party.public_id,
        "points": row.points,
        "reason": row.reason,
        "expires_at": documents.instant(row.expires_at) if row.expires_at else None,
        "occurred_at": documents.instant(row.occurred_at),
        "recorded_at": documents.instant(row.recorded_at),
        "balance_after": party.account.spendable,
    }


def _tell(merchant: Merchant, row: Adjustment, party: Party, *, now: datetime) -> None:
    payload = {
        "adjustment": row.public_id, "member": party.public_id, "points": row.points,
        "balance": party.account.balance, "seq": party.account.seq, "external_id": row.external_id,
        "undoes": row.undoes.public_id if row.undoes else None, "debt": party.account.debt,
        "expires_at": row.expires_at,
    }  # fmt: skip
    outbox.record(
        merchant_id=merchant.pk, kind="points.adjusted", payload=payload, occurred_at=row.occurred_at, now=now
    )  # fmt: skip


def _note(merchant: Merchant, row: Adjustment, party: Party, *, asked_by: str, now: datetime, actor: Actor) -> None:
    audit.record(
        merchant=merchant, action="points.adjusted", actor=actor, now=now, subject=party.public_id,
        details={
            "adjustment": row.public_id, "points": row.points,
            "undoes": row.undoes.public_id if row.undoes else None,
            "balance": [party.account.balance - row.points, party.account.balance],
            **({"asked_by": asked_by} if asked_by else {}),
        },
    )  # fmt: skip


class AdjustmentNotFound(NotFound):
    """The merchant has no adjustment by this id."""

    code: ClassVar[str] = "adjustment_not_found"


@dataclass(frozen=True, slots=True)
class AdjustmentView:
    """An adjustment as it was made, or refused (`refusal` is the code of why)."""

    id: int
    public_id: str
    external_id: str | None
    state: str
    refusal: str
    member: str
    points: int
    reason: str
    actor: str
    expires_at: datetime | None
    occurred_at: datetime
    recorded_at: datetime
    #: The transaction that wrote it.
    changed_by: int


def find(*, merchant: Merchant, public_id: str) -> AdjustmentView:
    """Return one adjustment; raises AdjustmentNotFound."""
    rows = listed(merchant=merchant, public_id=public_id, limit=1) if ids.is_id(public_id, "adj") else []
    if not rows:
        raise AdjustmentNotFound(_("There is no such adjustment."))
    return rows[0]


def listed(
    *,
    merchant: Merchant,
    member_ids: Sequence[int] | None = None,
    public_id: str | None = None,
    external_id: str | None = None,
    external_id_begins: str | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[AdjustmentView]:
    """List adjustments, the newest first, refused ones too, of a member or by an id (or how it begins) if asked."""
    rows = Adjustment.objects.filter(merchant_id=merchant.pk).prefetch_related("member")
    rows = documents.narrowed(rows, public_id=public_id, external_id=external_id, before_id=before_id)
    if member_ids is not None:
        rows = rows.filter(member_id__in=member_ids)
    if external_id_begins is not None:
        # The range is what an index answers; where the database sorts as a language does, it holds others as well.
        rows = rows.filter(
            external_id__gte=external_id_begins, external_id__lt=external_id_begins + "\U0010ffff",
            external_id__startswith=external_id_begins,
        )  # fmt: skip
    return [_view(row) for row in rows.order_by("-id")[: max(1, limit)]]


def changed(*, merchant: Merchant, since: Since, limit: int = 50) -> list[AdjustmentView]:
    """List adjustments made since a mark, in the order of that, refused ones too; none ever changes."""
    rows = Adjustment.objects.filter(merchant_id=merchant.pk).prefetch_related("member")
    return [_view(row) for row in documents.read_changed(rows, since, limit=max(1, limit))]


def _view(row: Adjustment) -> AdjustmentView:
    return AdjustmentView(
        row.pk, row.public_id, row.external_id, "refused" if row.refusal else "applied", row.refusal,
        row.member.public_id, row.points, row.reason, row.actor, row.expires_at, row.occurred_at, row.recorded_at,
        int(row.xid),
    )  # fmt: skip
