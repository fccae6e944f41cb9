"""Four eyes: whoever may not move so many points alone asks, and an owner approves or declines.

A request moves nothing. Approving it makes its adjustments as the owner's own, each exactly once: every line keeps the
adjustment it became, written in the same transaction under a lock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from django.db import transaction
from django.db.models import Case, Exists, OuterRef, Subquery, When
from django.utils.translation import gettext as _

from members import directory
from merchants import audit, ids, tenancy, texts
from merchants.actors import Actor
from merchants.errors import Conflict, Forbidden, Invalid, LoyaltyError, NotFound
from merchants.models.merchants import Merchant
from merchants.permissions import Permission, may
from rewards import adjustments
from rewards.adjustments import AdjustmentInput
from rewards.models.approvals import PointsRequest, PointsRequestLine
from rewards.models.corrections import Adjustment
from rewards.parties import MemberRef

#: How long a request waits for an answer.
DAYS_VALID: Final = 14
#: As many members as one answer can wait for.
LINES_MAX: Final = 200
REASON_MAX: Final = 200
#: No more are counted of those that wait.
COUNTED_MAX: Final = 100


class RequestNotFound(NotFound):
    code: ClassVar[str] = "points_request_not_found"


class RequestDecided(Conflict):
    """Somebody was quicker, or it was withdrawn."""

    code: ClassVar[str] = "points_request_decided"


class RequestLapsed(Conflict):
    """It waited longer than `DAYS_VALID` days."""

    code: ClassVar[str] = "points_request_lapsed"


class MayNotApprove(Forbidden):
    """Only who may adjust without limit answers requests."""

    code: ClassVar[str] = "may_not_approve"


class OwnRequest(Forbidden):
    """A second person approves, whatever role the first has by now."""

    code: ClassVar[str] = "own_points_request"


@dataclass(frozen=True, slots=True)
class AskedLine:
    """Points for a member (public id), or, when `undoes` names an adjustment, that one the other way."""

    member: str = ""
    points: int = 0
    undoes: str = ""


@dataclass(frozen=True, slots=True)
class PointsRequestLineView:
    member: str
    name: str
    points: int
    undoes: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class PointsRequestView:
    """A request as people see it; `state` is `lapsed` too, which no row says."""

    public_id: str
    asked_by: str
    asked_at: datetime
    lapses_at: datetime
    reason: str
    state: str
    decided_by: str
    decided_at: datetime | None
    answer: str
    lines: Sequence[PointsRequestLineView]

    @property
    def total(self) -> int:
        return sum(line.points for line in self.lines)

    @property
    def done(self) -> int:
        return sum(line.is_done for line in self.lines)

    @property
    def is_unfinished(self) -> bool:
        """State whether it was approved and some lines are not done: refused, or the process was killed."""
        return self.state == PointsRequest.State.APPROVED and self.done < len(self.lines)


@dataclass(frozen=True, slots=True)
class ApprovalOutcome:
    """How many lines are done now, and why each of the others was not, by the member's public id."""

    done: int
    refused: Mapping[str, str]


def ask(
    *, merchant: Merchant, request_id: str, lines: Sequence[AskedLine], reason: str, now: datetime, actor: Actor
) -> str:
    """Keep a request and return its public id; the id is minted when the form is shown, and keeps one request only.

    :raises MayNotAdjust: by role.
    :raises Invalid: no reason, no points, no or too many members, an adjustment that no longer stands.
    """
    adjustments.check_role(actor)
    told = texts.line(reason)[:REASON_MAX]
    if not ids.is_id(request_id, PointsRequest.id_prefix):
        raise Invalid(_("This form is out of date. Open the page again."))
    if not told:
        raise Invalid(_("Say why."), pointer="/reason")
    if not 0 < len(lines) <= LINES_MAX:
        raise Invalid(_("A request names 1 to %(count)d members.") % {"count": LINES_MAX})
    if any(abs(line.points) > adjustments.POINTS_MAX or (not line.undoes and not line.points) for line in lines):
        raise Invalid(_("An adjustment gives or takes points."), pointer="/points")
    # Whoever asks may go on after a refusal: no request may stay behind without its lines.
    with transaction.atomic():
        row, is_new = PointsRequest.objects.get_or_create(
            merchant=merchant, public_id=request_id,
            defaults={
                "asked_by": str(actor), "asked_at": now, "lapses_at": now + timedelta(days=DAYS_VALID), "reason": told,
            },
        )  # fmt: skip
        if is_new:
            kept = _rows_of(merchant, row, lines)
            PointsRequestLine.objects.bulk_create(kept)
            _note(
                row, "points.requested", now, actor, subject=_subject(merchant, row),
                points=sum(line.points for line in kept), members=len(kept),
            )  # fmt: skip
    return row.public_id


def _rows_of(merchant: Merchant, row: PointsRequest, lines: Sequence[AskedLine]) -> list[PointsRequestLine]:
    members = {
        member.public_id: member
        for member in directory.here(merchant=merchant, public_ids=[line.member for line in lines if not line.undoes])
    }
    undone = {
        each.public_id: each
        for each in adjustments.standing(merchant=merchant).filter(
            public_id__in=[line.undoes for line in lines if line.undoes], undoes__isnull=True
        )
    }
    found: dict[str, PointsRequestLine] = {}
    for line in lines:
        if line.undoes:
            made = undone.get(line.undoes)
            if made is None:
                raise Invalid(_("This adjustment has been undone already."))
            found[line.undoes] = PointsRequestLine(
                merchant=merchant, request=row, member_id=made.member_id, points=-made.points, undoes=made
            )
        elif line.member not in members:
            raise Invalid(_("There is no such member."), pointer="/member")
        else:
            found[line.member] = PointsRequestLine(
                merchant=merchant, request=row, member=members[line.member], points=line.points
            )
    return list(found.values())


def approve(*, merchant: Merchant, request_id: str, now: datetime, actor: Actor) -> ApprovalOutcome:
    """Approve a request and make its adjustments as the actor's own, each in a transaction of its own.

    A request of one line is approved and done in one transaction: what is refused (the points are spent) leaves it waiting.
    Of several, those refused are left out and can be tried again, as can what a killed process left undone. Opens
    tenants. Locks the request, then a line, then the member's account.

    :raises RequestNotFound, RequestDecided, RequestLapsed, MayNotApprove, OwnRequest: nothing happened.
    :raises LoyaltyError: as `adjustments.adjust`, for a request of one line.
    """

    def begin() -> list[tuple[int, str]]:
        row = _locked(merchant, request_id)
        if row.state != PointsRequest.State.APPROVED:
            _check_waiting(row, now=now)
        _check_approver(row, actor)
        waiting = PointsRequestLine.objects.filter(merchant=merchant, request=row, adjustment__isnull=True)
        left = list(waiting.order_by("member_id", "id").values_list("id", "member__public_id"))
        if row.state == PointsRequest.State.APPROVED:
            if not left:
                raise RequestDecided(_("This request has been answered already."))
            return left
        _decide(row, PointsRequest.State.APPROVED, now, actor)
        _note(row, "points.request_approved", now, actor, subject=_subject(merchant, row), asked_by=row.asked_by)
        if len(left) == 1:
            _do_line(merchant, left[0][0], now=now, actor=actor)
            return []
        return left

    left = tenancy.attempt(merchant, begin)
    if not left:
        return ApprovalOutcome(1, {})
    done, refused = 0, {}
    for line_id, member in left:
        try:
            tenancy.attempt(merchant, lambda line_id=line_id: _do_line(merchant, line_id, now=now, actor=actor))  # type: ignore[misc]
        except LoyaltyError as refusal:
            refused[member] = str(refusal.detail)
        else:
            done += 1
    return ApprovalOutcome(done, refused)


def _do_line(merchant: Merchant, line_id: int, *, now: datetime, actor: Actor) -> None:
    """Make the adjustment of one line, unless it is made; locks the line, then the member's account.

    :raises LoyaltyError: it was refused, and nothing of it is kept.
    """
    lines = PointsRequestLine.objects.select_for_update(of=("self",)).select_related("request", "member", "undoes")
    line = lines.get(merchant=merchant, pk=line_id)
    if line.adjustment_id is not None:
        return
    request, common = (
        line.request,
        {"merchant": merchant, "now": now, "actor": actor, "asked_by": line.request.asked_by},
    )
    if line.undoes is not None:
        outcome = adjustments.undo(adjustment=line.undoes.public_id, reason=request.reason, **common)  # type: ignore[arg-type]
    else:
        asked = AdjustmentInput(
            external_id=f"console:{ids.mint('adj')}",
            member=MemberRef(id=line.member.public_id), points=line.points, reason=request.reason,
        )  # fmt: skip
        outcome = adjustments.adjust(asked=asked, **common)  # type: ignore[arg-type]
    outcome.unless_refused()
    line.adjustment = Adjustment.objects.get(merchant=merchant, public_id=outcome.receipt["id"])
    line.save(update_fields=["adjustment"])


def decline(*, merchant: Merchant, request_id: str, reason: str, now: datetime, actor: Actor) -> None:
    """Decline a request and say why; nothing moves. Locks the request.

    :raises Invalid: no reason.
    :raises RequestNotFound, RequestDecided, RequestLapsed, MayNotApprove, OwnRequest: nothing happened.
    """
    told = texts.line(reason)[:REASON_MAX]
    if not told:
        raise Invalid(_("Say why."), pointer="/reason")
    with transaction.atomic():
        row = _locked(merchant, request_id)
        _check_waiting(row, now=now)
        _check_approver(row, actor)
        row.answer = told
        _decide(row, PointsRequest.State.DECLINED, now, actor)
        _note(row, "points.request_declined", now, actor, subject=_subject(merchant, row), asked_by=row.asked_by)


def withdraw(*, merchant: Merchant, request_id: str, now: datetime, actor: Actor) -> None:
    """Take one's own request back before anybody answered it. Locks the request.

    :raises RequestNotFound, RequestDecided, RequestLapsed: there is none of one's own that waits.
    """
    with transaction.atomic():
        row = _locked(merchant, request_id)
        if row.asked_by != str(actor):
            raise RequestNotFound(_("There is no such request."))
        _check_waiting(row, now=now)
        _decide(row, PointsRequest.State.WITHDRAWN, now, actor)
        _note(row, "points.request_withdrawn", now, actor, subject=_subject(merchant, row))


def may_approve(actor: Actor) -> bool:
    return actor.kind == "staff" and may(actor.role, Permission.ADJUST_POINTS_WITHOUT_LIMIT)


def waiting(*, merchant: Merchant, now: datetime, actor: Actor) -> tuple[int, str]:
    """Count the requests that wait for this person's answer, and return the newest one's id; one statement, and none for who may not answer."""
    if not may_approve(actor):
        return 0, ""
    rows = PointsRequest.objects.filter(merchant=merchant, state=PointsRequest.State.WAITING, lapses_at__gt=now)
    found = rows.exclude(asked_by=str(actor)).order_by("-id").values_list("public_id", flat=True)[:COUNTED_MAX]
    return len(found), next(iter(found), "")


def answered(*, merchant: Merchant, now: datetime, since: datetime, actor: Actor) -> list[tuple[str, str, str]]:
    """List one's own requests that somebody answered since: id, state, and why where it was declined."""
    rows = PointsRequest.objects.filter(
        merchant=merchant, asked_by=str(actor), decided_at__gt=since, decided_at__lte=now,
        state__in=[PointsRequest.State.APPROVED, PointsRequest.State.DECLINED],
    )  # fmt: skip
    return list(rows.order_by("-decided_at", "-id").values_list("public_id", "state", "answer")[:20])


def listed(*, merchant: Merchant, now: datetime, actor: Actor, limit: int = 50) -> list[PointsRequestView]:
    """List requests, those that wait first, then the newest; all for who may answer, else one's own. Two statements."""
    rows = PointsRequest.objects.filter(merchant=merchant)
    if not may_approve(actor):
        rows = rows.filter(asked_by=str(actor))
    is_waiting = Case(When(state=PointsRequest.State.WAITING, lapses_at__gt=now, then=0), default=1)
    waiting_first = list(rows.order_by(is_waiting, "-id")[:limit])
    lines: dict[int, list[PointsRequestLineView]] = defaultdict(list)
    held = PointsRequestLine.objects.filter(merchant=merchant, request__in=[row.pk for row in waiting_first])
    for line in held.select_related("member", "undoes").order_by("id"):
        lines[line.request_id].append(
            PointsRequestLineView(
                line.member.public_id, str(line.member), line.points, line.undoes.public_id if line.undoes else "",
                line.adjustment_id is not None,
            )
        )  # fmt: skip
    return [
        PointsRequestView(
            row.public_id, row.asked_by, row.asked_at, row.lapses_at, row.reason, _state(row, now), row.decided_by,
            row.decided_at, row.answer, lines[row.pk],
        )
        for row in waiting_first
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class AdjustmentFacts:
    """What people read beside an adjustment: who asked for it (empty: nobody), and whether it can be undone."""

    asked_by: str
    is_undoable: bool


def facts_of(*, merchant: Merchant, adjustment_ids: Sequence[str]) -> dict[str, AdjustmentFacts]:
    """Return what people read beside these adjustments, by public id; one statement, and none for none."""
    if not adjustment_ids:
        return {}
    lines = PointsRequestLine.objects.filter(merchant=merchant, adjustment=OuterRef("pk"))
    undoable = adjustments.standing(merchant=merchant).filter(pk=OuterRef("pk"), undoes__isnull=True)
    rows = Adjustment.objects.filter(merchant=merchant, public_id__in=adjustment_ids).annotate(
        asked_by=Subquery(lines.values("request__asked_by")[:1]), is_undoable=Exists(undoable)
    )
    found = rows.values_list("public_id", "asked_by", "is_undoable")
    return {public_id: AdjustmentFacts(asked_by or "", is_undoable) for public_id, asked_by, is_undoable in found}


def _locked(merchant: Merchant, request_id: str) -> PointsRequest:
    row = PointsRequest.objects.select_for_update().filter(merchant=merchant, public_id=request_id).first()
    if row is None:
        raise RequestNotFound(_("There is no such request."))
    return row


def _check_waiting(row: PointsRequest, *, now: datetime) -> None:
    if row.state != PointsRequest.State.WAITING:
        raise RequestDecided(_("This request has been answered already."))
    if now >= row.lapses_at:
        raise RequestLapsed(_("This request lapsed: it waited for %(days)d days.") % {"days": DAYS_VALID})


def _check_approver(row: PointsRequest, actor: Actor) -> None:
    if not may_approve(actor):
        raise MayNotApprove(_("Only an owner answers this."))
    if row.asked_by == str(actor):
        raise OwnRequest(_("Somebody else answers your request."))


def _decide(row: PointsRequest, state: str, now: datetime, actor: Actor) -> None:
    row.state, row.decided_by, row.decided_at = state, str(actor), now
    row.save(update_fields=["state", "decided_by", "decided_at", "answer"])


def _state(row: PointsRequest, now: datetime) -> str:
    return "lapsed" if row.state == PointsRequest.State.WAITING and now >= row.lapses_at else str(row.state)


def _subject(merchant: Merchant, row: PointsRequest) -> str:
    """Return the one member a request is about, else the request itself."""
    members = PointsRequestLine.objects.filter(merchant=merchant, request=row)
    found = list(members.values_list("member__public_id", flat=True).distinct()[:2])
    return found[0] if len(found) == 1 else row.public_id


def _note(row: PointsRequest, action: str, now: datetime, actor: Actor, *, subject: str, **details: Any) -> None:
    audit.record(
        merchant=row.merchant, action=action, actor=actor, now=now, subject=subject,
        details={"request": row.public_id, **details},
    )  # fmt: skip
