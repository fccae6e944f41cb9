"""Adjustments: a person corrects a balance, with a reason, within what their role allows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from django.db.models import Exists, OuterRef, QuerySet, Sum, Value
from django.db.models.functions import Abs, Concat
from django.utils.translation import gettext as _
from msgspec import Meta

from merchants import audit, ids, outbox, periods
from merchants.actors import Actor
from merchants.errors import Conflict, Forbidden, Invalid, LoyaltyError, NotFound
from merchants.models.merchants import Merchant
from merchants.permissions import Permission, may
from rewards import documents, earning, parties, redemptions, versions
from rewards.documents import Outcome
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


class MayNotAdjust(Forbidden):
    """This role does not correct balances."""

    code: ClassVar[str] = "may_not_adjust"


class AboveYourLimit(Forbidden):
    """More than a manager may correct alone, all corrections of the member that day together."""

    code: ClassVar[str] = "above_your_limit"


def adjust(*, merchant: Merchant, asked: AdjustmentInput, now: datetime, actor: Actor) -> Outcome:
    """This function will give a member points or take them, and keep the reason in the ledger and the audit record.

    Points given are spendable at once, pay a debt first, and end as the terms in force say unless `expires_at` is sent.
    Points are taken soonest to expire first; more than is spendable is refused, and the refusal (409) is returned and
    kept under the external id. Owners, keys and the system know no limit; a manager's is `adjustment_points_max` for
    one member and day; nobody else adjusts. Locks the member's account.

    :raises MayNotAdjust, AboveYourLimit: by role; nothing is kept.
    :raises Invalid, MemberNotFound: it cannot be meant.
    :raises ExternalIdReused: the id was used for something else.
    """
    return _adjust(merchant, asked, undone=None, now=now, actor=actor)


def _adjust(
    merchant: Merchant, asked: AdjustmentInput, *, undone: Adjustment | None, now: datetime, actor: Actor
) -> Outcome:
    if asked.points == 0:
        raise Invalid(_("An adjustment gives or takes points."), pointer="/points")
    if asked.expires_at is not None and (asked.points < 0 or asked.expires_at <= now):
        raise Invalid(_("Only points that are given end, and not before they are given."), pointer="/expires_at")
    check_role(actor)
    sent = documents.fingerprint(asked)
    book = Book(merchant.pk, now=now, actor=actor)
    party = parties.lock(merchant, book, [asked.member])[0]
    earlier = documents.known(Adjustment, merchant_id=merchant.pk, external_id=asked.external_id, sent=sent)
    if earlier is not None:
        return documents.replayed(earlier, member_id=party.id if party else None)
    party = parties.present(party)
    _check_limit(merchant, asked, party, now=now, actor=actor)
    book.read_lots(everything=True)
    ended = redemptions.end_overdue(merchant=merchant, book=book, account=party.account)
    row = Adjustment(
        merchant_id=merchant.pk, public_id=ids.mint("adj"), external_id=asked.external_id, fingerprint=sent,
        actor=str(actor), occurred_at=now, recorded_at=now, member_id=party.id, points=asked.points,
        reason=asked.reason, expires_at=asked.expires_at,
    )  # fmt: skip
    documents.reserve(row)
    try:
        _move(merchant, book, party, row, undone, now=now)
    except LoyaltyError as error:
        if error.http != Conflict.http:
            raise
        row.refusal = error.code
        row.receipt = documents.refusal_receipt(error, **_receipt(row, party))
    else:
        row.receipt = {**_receipt(row, party), "state": "applied", "debt_after": party.account.debt}
        _tell(merchant, row, party, now=now, actor=actor)
    documents.insert(row)
    ended.write(book)
    book.write()
    return documents.written(row, member_id=party.id)


class AlreadyUndone(Conflict):
    """The points of this adjustment have gone the other way before."""

    code: ClassVar[str] = "already_undone"


def undo(*, merchant: Merchant, adjustment: str, reason: str, now: datetime, actor: Actor) -> Outcome:
    """This function will move the points of an adjustment (its public id) the other way, once, as a new adjustment.

    Points that were given are taken from what is left of them, then as any others; points that were taken come back as
    new points. Who may, and how many, is as for `adjust`; an attempt that was refused (the points are spent) can be
    made again. Locks the member's account.

    :raises NotFound, AlreadyUndone, MayNotAdjust, AboveYourLimit: nothing is kept.
    """
    rows = Adjustment.objects.filter(merchant_id=merchant.pk)
    row = rows.filter(public_id=adjustment, refusal="").select_related("member").first()
    if row is None:
        raise NotFound(_("There is no such adjustment."))
    # Its number names the attempt: two who press at once make the same one, and the second finds it made.
    name = f"undo:{row.public_id}:"
    earlier = list(rows.filter(external_id__startswith=name).values_list("refusal", flat=True))
    if "" in earlier:
        raise AlreadyUndone(_("This adjustment has been undone already."))
    asked = AdjustmentInput(
        external_id=f"{name}{len(earlier)}",
        member=MemberRef(id=row.member.public_id),
        points=-row.points,
        reason=reason,
    )
    return _adjust(merchant, asked, undone=row, now=now, actor=actor)


def standing(*, merchant: Merchant) -> QuerySet[Adjustment]:
    """This function will select the adjustments that were made and not undone."""
    made = Adjustment.objects.filter(merchant_id=merchant.pk, refusal="")
    undo_of_it = made.filter(external_id__startswith=Concat(Value("undo:"), OuterRef("public_id")))
    return made.filter(~Exists(undo_of_it))


def check_role(actor: Actor) -> None:
    """:raises MayNotAdjust: staff whose role does not adjust balances, and members."""
    if actor.kind == "member" or (actor.kind == "staff" and not may(actor.role, Permission.ADJUST_POINTS)):
        raise MayNotAdjust(_("Your role does not adjust points. Ask a manager."))


def _check_limit(merchant: Merchant, asked: AdjustmentInput, party: Party, *, now: datetime, actor: Actor) -> None:
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


def _move(
    merchant: Merchant, book: Book, party: Party, row: Adjustment, undone: Adjustment | None, *, now: datetime
) -> None:
    version = versions.timeline(merchant.pk).at(now)
    cause = Cause("adjustment", row.id, now, terms_version=version.number if version else None, reason=row.reason)
    if row.points < 0:
        own = book.lots_made_by(party.account, "adjustment", undone.id) if undone else ()
        party.account.redeem(cause, points=-row.points, now=now, actor=book.actor, kind="adjust", own_lots=own)
        return
    is_sliding = False
    if row.expires_at is None and version is not None:
        grant = earning.award(
            version.terms, row.points, at=now, zone=merchant.tzinfo, rule="adjustment", tier=party.account.tier or None
        )
        row.expires_at, is_sliding = grant.expires_at, grant.sliding
    party.account.accrue(
        cause, points=row.points, active_at=now, expires_at=row.expires_at, is_sliding=is_sliding, kind="adjust",
        now=now, actor=book.actor,
    )  # fmt: skip


def _receipt(row: Adjustment, party: Party) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "external_id": row.external_id,
        "member": party.public_id,
        "points": row.points,
        "reason": row.reason,
        "expires_at": documents.instant(row.expires_at) if row.expires_at else None,
        "occurred_at": documents.instant(row.occurred_at),
        "recorded_at": documents.instant(row.recorded_at),
        "balance_after": party.account.spendable,
    }


def _tell(merchant: Merchant, row: Adjustment, party: Party, *, now: datetime, actor: Actor) -> None:
    payload = {
        "adjustment": row.public_id, "member": party.public_id, "points": row.points,
        "balance": party.account.balance, "seq": party.account.seq, "external_id": row.external_id,
        "expires_at": row.expires_at,
    }  # fmt: skip
    outbox.record(merchant_id=merchant.pk, kind="points.adjusted", payload=payload, occurred_at=now, now=now)
    audit.record(
        merchant=merchant, action="points.adjusted", actor=actor, now=now, subject=party.public_id,
        details={"adjustment": row.public_id, "points": row.points},
    )  # fmt: skip
