"""Points or stamps for very many members: chosen at one moment, given by the worker one by one, stopped and undone.

Each member's row says what has become of it, and is changed in the transaction that gives. Whoever kills the worker
loses one transaction at most; the next turn goes on with those who wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar, Final

from django.db import connection, transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from members.models import Member
from merchants import audit, due, ids, tenancy
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid, LoyaltyError, NotFound
from merchants.models.merchants import Merchant
from rewards import adjustments, stamp_adjustments
from rewards.adjustments import AdjustmentInput
from rewards.documents import DocumentOutcome
from rewards.models.bulk import BulkAct, BulkMember
from rewards.parties import MemberRef
from rewards.stamp_adjustments import STAMPS_MAX, StampAdjustmentInput

#: As many as one act is for.
MEMBERS_MAX: Final = 100_000
#: As many as one turn of the worker gives; whoever stops it waits for one member at most.
CHUNK: Final = 50
_KEPT_DAYS: Final = 90
_PRUNED_AT_ONCE: Final = 5_000
_PAGE_MAX: Final = 500
_State = BulkAct.State


class BulkNotFound(NotFound):
    """There is no such act, or it is too long ago."""

    code: ClassVar[str] = "bulk_act_not_found"


class BulkElsewhere(Conflict):
    """The act is not where this can be done: it runs, has ended, or was never begun."""

    code: ClassVar[str] = "bulk_act_elsewhere"


@dataclass(frozen=True, slots=True)
class BulkGift:
    """What each member is given: points in the smallest unit, or stamps on a card; and why."""

    reason: str
    points: int = 0
    card: str = ""
    stamps: int = 0


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """An act as it stands: its gift, and how many members wait, have it, were refused, lost it again, or keep it."""

    public_id: str
    state: str
    segment: str
    members: int
    gift: BulkGift
    seat: str
    chosen_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waiting: int
    given: int
    refused: int
    undone: int
    kept: int

    @property
    def is_at_work(self) -> bool:
        return self.state in (_State.RUNNING, _State.UNDOING)

    @property
    def to_take_back(self) -> int:
        """How many members an undoing is about, those who kept it the last time as well."""
        return self.given + self.kept

    @property
    def dealt_with(self) -> int:
        """How many the worker is through with, on the way it goes now."""
        return self.undone + self.kept if self.state == _State.UNDOING else self.members - self.waiting

    @property
    def to_deal_with(self) -> int:
        return self.undone + self.kept + self.given if self.state == _State.UNDOING else self.members


@dataclass(frozen=True, slots=True)
class BulkRefusal:
    """A member who was left out, or keeps what was to be undone, and why."""

    id: int
    member: str
    name: str
    code: str
    detail: str


def choose(*, merchant: Merchant, segment: str, pages: Iterable[Sequence[int]], now: datetime, actor: Actor) -> str:
    """Write down whom an act is for, page by page of internal ids, and return its public id; opens a tenant for each.

    Nobody is given anything by it. What is killed on the way can never be started.

    :raises Invalid: more than MEMBERS_MAX, or nobody.
    """
    with tenancy.tenant(merchant):
        act = BulkAct.objects.create(
            merchant=merchant, public_id=ids.mint("blk"), segment=segment, seat=actor.id, role=actor.role, chosen_at=now
        )
    count = 0
    for page in pages:
        count += len(page)
        if count > MEMBERS_MAX:
            break
        with tenancy.tenant(merchant), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO rewards_bulkmember (merchant_id, act_id, member_id) SELECT %s, %s, unnest(%s::bigint[]) "
                "ON CONFLICT DO NOTHING",
                [merchant.pk, act.pk, list(page)],
            )
    if not 0 < count <= MEMBERS_MAX:
        raise Invalid(
            _("There is nobody in this list.")
            if not count
            else _("At most %(most)d members at once. Choose a smaller segment.") % {"most": MEMBERS_MAX}
        )
    with tenancy.tenant(merchant):
        act.members = BulkMember.objects.filter(merchant=merchant, act=act).count()
        act.state = _State.CHOSEN
        act.save(update_fields=["members", "state"])
    return act.public_id


def start(*, merchant: Merchant, public_id: str, gift: BulkGift, now: datetime, actor: Actor) -> None:
    """Let the worker give this to all who were chosen; the same again, while it runs or after, changes nothing.

    Locks the act.

    :raises BulkNotFound, BulkElsewhere.  :raises MayNotAdjust: by role.  :raises Invalid: it cannot be meant.
    """
    adjustments.check_role(actor)
    act = _locked(merchant, public_id)
    if act.started_at is not None:
        return
    if act.state != _State.CHOSEN:
        raise _elsewhere()
    if not gift.reason.strip() or (gift.points > 0) == (gift.stamps > 0) or bool(gift.card) != (gift.stamps > 0):
        raise Invalid(_("Say what each is given, and why."))
    if gift.points > adjustments.POINTS_MAX or gift.stamps > STAMPS_MAX:
        raise Invalid(_("That is more than a member can be given at once."))
    act.points, act.card, act.stamps = gift.points or None, gift.card, gift.stamps or None
    act.reason, act.seat, act.role = gift.reason.strip()[:200], actor.id, actor.role
    act.state, act.started_at = _State.RUNNING, now
    act.save()
    _note(merchant, act, "bulk.started", now=now, actor=actor)


def stop(*, merchant: Merchant, public_id: str, now: datetime, actor: Actor) -> None:
    """Let nobody else be given it; who has it keeps it. Locks the act.

    :raises BulkNotFound.  :raises BulkElsewhere: it does not run.  :raises MayNotAdjust: by role.
    """
    _turn(merchant, public_id, {_State.RUNNING}, _State.STOPPED, "bulk.stopped", now=now, actor=actor)


def resume(*, merchant: Merchant, public_id: str, now: datetime, actor: Actor) -> None:
    """Go on with those who wait. Locks the act; raises as `stop` does."""
    _turn(merchant, public_id, {_State.STOPPED}, _State.RUNNING, "bulk.resumed", now=now, actor=actor)


def undo(*, merchant: Merchant, public_id: str, now: datetime, actor: Actor) -> None:
    """Let the worker take it back from all who have it, also from those who kept it the last time. Locks the act.

    :raises BulkNotFound.  :raises BulkElsewhere: it runs, or was never begun.  :raises MayNotAdjust: by role.
    """
    before = {_State.STOPPED, _State.DONE, _State.UNDONE}
    act = _turn(merchant, public_id, before, _State.UNDOING, "bulk.undone", now=now, actor=actor)
    kept = BulkMember.objects.filter(merchant=merchant, act=act, state=BulkMember.State.KEPT)
    kept.update(state=BulkMember.State.GIVEN, detail="")


def find(*, merchant: Merchant, public_id: str) -> BulkProgress:
    """Return an act and its counts; two statements.  Raises BulkNotFound, also while its members are being written."""
    act = BulkAct.objects.filter(merchant=merchant, public_id=public_id).exclude(state=_State.CHOOSING).first()
    if act is None:
        raise _not_found()
    rows = BulkMember.objects.filter(merchant=merchant, act=act).order_by().values_list("state")
    counted: Mapping[str, int] = dict(rows.annotate(count=Count("pk")))
    return BulkProgress(
        public_id=act.public_id, state=act.state, segment=act.segment, members=act.members,
        gift=BulkGift(act.reason, act.points or 0, act.card, act.stamps or 0), seat=act.seat, chosen_at=act.chosen_at,
        started_at=act.started_at, finished_at=act.finished_at,
        **{each.value: counted.get(each.value, 0) for each in BulkMember.State},
    )  # fmt: skip


def at_work(*, merchant: Merchant) -> BulkAct | None:
    """Return the act the worker is at, or would be; None where there is none."""
    rows = BulkAct.objects.filter(merchant=merchant, state__in=[_State.RUNNING, _State.UNDOING])
    return rows.order_by("pk").first()


def first_members(*, merchant: Merchant, public_id: str, limit: int) -> list[Member]:
    """Return the first of those who were chosen, in their order."""
    rows = BulkMember.objects.filter(merchant=merchant, act__public_id=public_id, act__merchant=merchant)
    return [row.member for row in rows.select_related("member").order_by("pk")[:limit]]


def refusals(*, merchant: Merchant, public_id: str, limit: int, after: int = 0) -> list[BulkRefusal]:
    """List who was left out or keeps it, in the order of choosing, those after a row."""
    rows = BulkMember.objects.filter(
        merchant=merchant, act__merchant=merchant, act__public_id=public_id, pk__gt=after,
        state__in=[BulkMember.State.REFUSED, BulkMember.State.KEPT],
    )  # fmt: skip
    found = rows.select_related("member").order_by("pk")[: max(1, min(limit, _PAGE_MAX))]
    return [BulkRefusal(row.pk, row.member.public_id, row.member.name, row.member.code, row.detail) for row in found]


# -- the worker -------------------------------------------------------------------------------------------------------


def merchants_due(now: datetime) -> list[int]:
    """Return who has an act that is to go on."""
    return due.merchants_with(BulkAct, state__in=[_State.RUNNING, _State.UNDOING])


def work(*, merchant: Merchant, now: datetime, limit: int = CHUNK) -> int:
    """Go on with the oldest act: `limit` members, each in a tenant of its own; 0 when there is nothing to do.

    Each is given by `adjustments.adjust` or `stamp_adjustments.adjust` under a name made of the act and the member, in
    the transaction that writes it down: whoever is killed between the two has done neither.
    """
    with tenancy.tenant(merchant):
        act = at_work(merchant=merchant)
        if act is None:
            return 0
        is_undoing = act.state == _State.UNDOING
        rows = BulkMember.objects.filter(
            merchant=merchant, act=act, state=BulkMember.State.GIVEN if is_undoing else BulkMember.State.WAITING
        )
        row_ids = list(rows.order_by("pk").values_list("pk", flat=True)[:limit])
        if not row_ids:
            ended = _State.UNDONE if is_undoing else _State.DONE
            BulkAct.objects.filter(merchant=merchant, pk=act.pk, state=act.state).update(state=ended, finished_at=now)
            return 1
    step = _TAKE_BACK if is_undoing else _GIVE
    for row_id in row_ids:
        tenancy.attempt(merchant, partial(_one, merchant, act, row_id, step, now))
    return len(row_ids)


def prune(*, merchant: Merchant, now: datetime) -> int:
    """Forget an act that was never begun a day after, or one of 90 days ago, a piece at a time; what it gave stays."""
    old = BulkAct.objects.filter(merchant=merchant).exclude(state__in=[_State.RUNNING, _State.UNDOING])
    never = old.filter(started_at__isnull=True, chosen_at__lt=now - timedelta(days=1))
    long_ago = old.filter(started_at__lt=now - timedelta(days=_KEPT_DAYS))
    act_id = (never | long_ago).order_by("pk").values_list("pk", flat=True).first()
    if act_id is None:
        return 0
    rows = BulkMember.objects.filter(merchant=merchant, act_id=act_id)
    count, _by_table = rows.filter(pk__in=list(rows.values_list("pk", flat=True)[:_PRUNED_AT_ONCE])).delete()
    if count < _PRUNED_AT_ONCE:
        BulkAct.objects.filter(merchant=merchant, pk=act_id).delete()
    return count + 1


def _one(merchant: Merchant, act: BulkAct, row_id: int, step: _Step, now: datetime) -> None:
    """Deal with one member, unless somebody stopped or turned the act meanwhile, or another worker was here.

    Locks the act, shared, then the row, then the member's account: whoever turns the act waits for those under way, so
    that no gift follows its undoing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state FROM rewards_bulkact WHERE merchant_id = %s AND id = %s FOR SHARE", [merchant.pk, act.pk]
        )
        (state,) = cursor.fetchone() or (None,)
    row = BulkMember.objects.select_for_update(of=("self",)).select_related("member").get(merchant=merchant, pk=row_id)
    if state != act.state or row.state != step.begins_at:
        return
    try:
        with transaction.atomic():
            outcome = step.verb(merchant, act, row, now)
            if outcome.member_id is not None and outcome.member_id != row.member_id:
                raise Conflict(_("This member was merged into another one meanwhile."))
        outcome.unless_refused()
    except LoyaltyError as refusal:
        row.state, row.detail = step.is_refused, str(refusal.detail)[:300]
    else:
        row.state, row.document, row.detail = step.is_done, outcome.public_id, ""
    row.save(update_fields=["state", "document", "detail"])


def _give_to(merchant: Merchant, act: BulkAct, row: BulkMember, now: datetime) -> DocumentOutcome:
    member, name, actor = row.member.public_id, f"console:{act.public_id}:{row.member.public_id}", _actor_of(act)
    if row.member.state == Member.State.MERGED:
        raise Conflict(_("This member was merged into another one meanwhile."))
    if act.stamps:
        stamped = StampAdjustmentInput(external_id=name, stamp_card=act.card, stamps=act.stamps, reason=act.reason)
        return stamp_adjustments.adjust(merchant=merchant, member=member, asked=stamped, now=now, actor=actor)
    asked = AdjustmentInput(
        external_id=name, member=MemberRef(id=member), points=act.points or 0, reason=act.reason
    )  # fmt: skip
    return adjustments.adjust(merchant=merchant, asked=asked, now=now, actor=actor)


def _take_back_from(merchant: Merchant, act: BulkAct, row: BulkMember, now: datetime) -> DocumentOutcome:
    verb = stamp_adjustments.undo if act.stamps else adjustments.undo
    return verb(merchant=merchant, adjustment=row.document, reason=act.reason, now=now, actor=_actor_of(act))


@dataclass(frozen=True, slots=True)
class _Step:
    """One way of the worker: where a member's row begins, what is done, and what the row says then."""

    begins_at: str
    verb: Callable[[Merchant, BulkAct, BulkMember, datetime], DocumentOutcome]
    is_done: str
    is_refused: str


_GIVE: Final = _Step(BulkMember.State.WAITING, _give_to, BulkMember.State.GIVEN, BulkMember.State.REFUSED)
_TAKE_BACK: Final = _Step(BulkMember.State.GIVEN, _take_back_from, BulkMember.State.UNDONE, BulkMember.State.KEPT)


def _actor_of(act: BulkAct) -> Actor:
    """Whoever started the act, or turned it last, with their role then."""
    return Actor("staff", act.seat, role=act.role)


def _turn(
    merchant: Merchant, public_id: str, before: Collection[str], after: str, action: str, *, now: datetime, actor: Actor
) -> BulkAct:
    adjustments.check_role(actor)
    act = _locked(merchant, public_id)
    if act.state not in before or act.started_at is None:
        raise _elsewhere()
    act.state, act.finished_at, act.seat, act.role = after, None, actor.id, actor.role
    act.save(update_fields=["state", "finished_at", "seat", "role"])
    _note(merchant, act, action, now=now, actor=actor)
    return act


def _locked(merchant: Merchant, public_id: str) -> BulkAct:
    act = BulkAct.objects.select_for_update().filter(merchant=merchant, public_id=public_id).first()
    if act is None:
        raise _not_found()
    return act


def _note(merchant: Merchant, act: BulkAct, action: str, *, now: datetime, actor: Actor) -> None:
    details = {"members": act.members, "points": act.points, "card": act.card, "stamps": act.stamps}
    audit.record(
        merchant=merchant, action=action, actor=actor, now=now, subject=act.public_id,
        details={name: value for name, value in details.items() if value},
    )  # fmt: skip


def _not_found() -> BulkNotFound:
    return BulkNotFound(_("There is no such act, or it is too long ago."))


def _elsewhere() -> BulkElsewhere:
    return BulkElsewhere(_("This has gone on meanwhile. Look at where it stands now."))
