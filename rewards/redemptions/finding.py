"""Redemptions as they stand: by public id, by the code the member shows, or all of a member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from merchants import ids
from merchants.models.merchants import Merchant
from rewards import documents
from rewards.documents import Since
from rewards.models.redemptions import Redemption
from rewards.redemptions.answers import RedemptionNotFound as RedemptionNotFound

State = Redemption.State
#: Who has more codes than this open at once is shown the soonest.
USABLE_MAX = 50


@dataclass(frozen=True, slots=True)
class View:
    """One redemption; `state` says expired as soon as the hold's time is over, however late the clock is."""

    id: int
    public_id: str
    #: None when a purchase made it.
    external_id: str | None
    #: The public id of the purchase that made it, or captured it; empty when it stands alone.
    purchase: str
    state: str
    refusal: str
    member_id: int
    reward: str
    #: The public id of the member's own reward that it takes; empty where it costs points.
    own_reward: str
    code: str
    points: int
    points_captured: int
    points_returned: int
    amount_minor: int | None
    currency: str
    occurred_at: datetime
    hold_expires_at: datetime | None
    ended_at: datetime | None
    #: The transaction that changed it last.
    changed_by: int

    @property
    def is_open(self) -> bool:
        return self.state == State.HELD


def row_of(merchant_id: int, name: str) -> Redemption | None:
    """Find a redemption's row by public id or code; None when there is none."""
    rows = Redemption.objects.filter(merchant_id=merchant_id).select_related("purchase", "own_reward")
    if ids.is_id(name, "rdm"):
        return rows.filter(public_id=name).first()
    return rows.filter(code=ids.normalise(name)).first()


def find(*, merchant: Merchant, name: str, now: datetime) -> View | None:
    """Find a redemption by its public id or the code the member shows; None when there is none."""
    row = row_of(merchant.pk, name)
    return None if row is None else _view(row, now)


def listed(
    *, merchant: Merchant, member_id: int, now: datetime, limit: int = 50, before_id: int | None = None
) -> list[View]:
    """List a member's redemptions, newest first, refusals left out."""
    rows = (
        Redemption.objects.select_related("purchase", "own_reward")
        .filter(merchant_id=merchant.pk, member_id=member_id)
        .exclude(state=State.REFUSED)
    )
    if before_id is not None:
        rows = rows.filter(id__lt=before_id)
    return [_view(row, now) for row in rows.order_by("-id")[:limit]]


def recorded(
    *,
    merchant: Merchant,
    now: datetime,
    member_ids: Sequence[int] | None = None,
    external_id: str | None = None,
    is_held: bool = False,
    before_id: int | None = None,
    limit: int = 50,
) -> list[View]:
    """List redemptions of all members, the newest first, refusals too: of a member, by the caller's id, or those held."""
    rows = Redemption.objects.filter(merchant_id=merchant.pk).prefetch_related("purchase", "own_reward")
    if member_ids is not None:
        rows = rows.filter(member_id__in=member_ids)
    if external_id is not None:
        rows = rows.filter(external_id=external_id)
    if is_held:
        rows = rows.filter(state=State.HELD, hold_expires_at__gt=now)
    if before_id is not None:
        rows = rows.filter(id__lt=before_id)
    return [_view(row, now) for row in rows.order_by("-id")[: max(1, limit)]]


def changed(*, merchant: Merchant, now: datetime, since: Since, limit: int = 50) -> list[View]:
    """List redemptions made, captured, given back or ended since a mark, in the order of that, refusals too.

    A hold whose time is over says so at once; it comes here when somebody ended it, or the next minute's work did.
    """
    rows = Redemption.objects.filter(merchant_id=merchant.pk).prefetch_related("purchase", "own_reward")
    return [_view(row, now) for row in documents.read_changed(rows, since, limit=max(1, limit))]


def usable(*, merchant: Merchant, member_id: int, now: datetime) -> list[View]:
    """List what a member can show at the till now, the soonest to expire first."""
    rows = Redemption.objects.select_related("purchase", "own_reward").filter(
        merchant_id=merchant.pk, member_id=member_id, state=State.HELD, hold_expires_at__gt=now
    )
    return [_view(row, now) for row in rows.order_by("hold_expires_at", "id")[:USABLE_MAX]]


def over(
    *, merchant: Merchant, member_id: int, now: datetime, limit: int = 50, before_id: int | None = None
) -> list[View]:
    """List what is used, given back or expired, by when it was taken, newest first; no refusals.

    `before_id` is the last one of the page before; one that is not the member's has nothing before it.
    """
    rows = Redemption.objects.select_related("purchase", "own_reward").filter(
        merchant_id=merchant.pk, member_id=member_id
    )
    if before_id is not None:
        last = rows.filter(pk=before_id).first()
        if last is None:
            return []
        rows = rows.filter(Q(occurred_at__lt=last.occurred_at) | Q(occurred_at=last.occurred_at, pk__lt=last.pk))
    rows = rows.exclude(state=State.REFUSED).exclude(state=State.HELD, hold_expires_at__gt=now)
    return [_view(row, now) for row in rows.order_by("-occurred_at", "-id")[:limit]]


def _view(row: Redemption, now: datetime) -> View:
    state = str(row.state)
    if row.state == State.HELD and row.hold_expires_at is not None and row.hold_expires_at <= now:
        state = str(State.EXPIRED)
    return View(
        row.id, row.public_id, row.external_id, row.purchase.public_id if row.purchase else "", state, row.refusal, row.member_id, row.reward,
        row.own_reward.public_id if row.own_reward else "", ids.grouped(row.code) if row.code else "", row.points, row.points_captured, row.points_returned,
        row.amount_minor, row.currency, row.occurred_at, row.hold_expires_at, row.ended_at, int(row.xid),
    )  # fmt: skip
