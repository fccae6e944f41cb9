"""Redemptions as they stand: by public id, by the code the member shows, or all of a member."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from merchants import ids
from merchants.models.merchants import Merchant
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
    external_id: str
    state: str
    refusal: str
    member_id: int
    reward: str
    code: str
    points: int
    points_captured: int
    points_returned: int
    amount_minor: int | None
    currency: str
    occurred_at: datetime
    hold_expires_at: datetime | None
    ended_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.state == State.HELD


def row_of(merchant_id: int, name: str) -> Redemption | None:
    """This function will find a redemption's row by public id or code; None when there is none."""
    rows = Redemption.objects.filter(merchant_id=merchant_id)
    if ids.is_id(name, "rdm"):
        return rows.filter(public_id=name).first()
    return rows.filter(code=ids.normalise(name)).first()


def find(*, merchant: Merchant, name: str, now: datetime) -> View | None:
    """This function will find a redemption by its public id or the code the member shows; None when there is none."""
    row = row_of(merchant.pk, name)
    return None if row is None else _view(row, now)


def listed(
    *, merchant: Merchant, member_id: int, now: datetime, limit: int = 50, before_id: int | None = None
) -> list[View]:
    """This function will list a member's redemptions, newest first, refusals left out."""
    rows = Redemption.objects.filter(merchant_id=merchant.pk, member_id=member_id).exclude(state=State.REFUSED)
    if before_id is not None:
        rows = rows.filter(id__lt=before_id)
    return [_view(row, now) for row in rows.order_by("-id")[:limit]]


def usable(*, merchant: Merchant, member_id: int, now: datetime) -> list[View]:
    """This function will list what a member can show at the till now, the soonest to expire first."""
    rows = Redemption.objects.filter(
        merchant_id=merchant.pk, member_id=member_id, state=State.HELD, hold_expires_at__gt=now
    )
    return [_view(row, now) for row in rows.order_by("hold_expires_at", "id")[:USABLE_MAX]]


def over(
    *, merchant: Merchant, member_id: int, now: datetime, limit: int = 50, before_id: int | None = None
) -> list[View]:
    """This function will list what is used, given back or expired, by when it was taken, newest first; no refusals.

    `before_id` is the last one of the page before; one that is not the member's has nothing before it.
    """
    rows = Redemption.objects.filter(merchant_id=merchant.pk, member_id=member_id)
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
        row.id, row.public_id, row.external_id, state, row.refusal, row.member_id, row.reward,
        ids.grouped(row.code) if row.code else "", row.points, row.points_captured, row.points_returned,
        row.amount_minor, row.currency, row.occurred_at, row.hold_expires_at, row.ended_at,
    )  # fmt: skip
