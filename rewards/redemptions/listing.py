"""What members took, over all members: for the page on which a merchant watches the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import Q

from merchants import ids
from merchants.models.merchants import Merchant
from rewards import counters
from rewards.models.redemptions import Redemption

State = Redemption.State
#: So many redemptions of a reward are looked at to count them.
COUNTED_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class ListedRedemption:
    """One redemption and whose it is; `state` says expired as soon as the hold's time is over."""

    id: int
    public_id: str
    member: str
    member_name: str
    reward: str
    state: str
    points: int
    amount_minor: int | None
    code: str
    location: str
    occurred_at: datetime


def listed(
    *,
    merchant: Merchant,
    now: datetime,
    reward: str = "",
    limit: int = 25,
    before: tuple[datetime, int] | None = None,
) -> list[ListedRedemption]:
    """List redemptions of all members by when they were made, newest first, refusals left out; of one reward if named.

    `before` is the moment and id of the last one of the page before.
    """
    rows = Redemption.objects.filter(merchant=merchant).exclude(state=State.REFUSED)
    if reward:
        rows = rows.filter(reward=reward)
    if before is not None:
        at, last = before
        rows = rows.filter(Q(occurred_at__lt=at) | Q(occurred_at=at, id__lt=last))
    newest = rows.select_related("member", "location").order_by("-occurred_at", "-id")
    return [_claim(row, now) for row in newest[: min(limit, 200)]]


def claimed(*, merchant: Merchant, rewards: Sequence[str]) -> Mapping[str, int]:
    """State how many are taken of those of these rewards that are counted, by the reward's code."""
    return counters.stock_taken(merchant.pk, rewards)


def counted(*, merchant: Merchant, rewards: Sequence[str]) -> Mapping[str, tuple[int, bool]]:
    """Count what is taken of rewards without a limit, by code, and say whether there may be more.

    It looks at the newest thousand redemptions of each, so that the page is as quick after years as on the first day.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, {"merchant": merchant.pk, "rewards": list(rewards), "most": COUNTED_MAX})
        return {code: (taken, seen > COUNTED_MAX) for code, taken, seen in cursor.fetchall()}


_COUNTED = """
    SELECT w.reward, n.taken, n.seen FROM unnest(%(rewards)s::text[]) AS w (reward)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE r.state IN ('held', 'captured')) AS taken, count(*) AS seen FROM (
            SELECT state FROM rewards_redemption WHERE merchant_id = %(merchant)s AND reward = w.reward
            ORDER BY id DESC LIMIT %(most)s + 1) AS r) AS n
"""


def _claim(row: Redemption, now: datetime) -> ListedRedemption:
    is_over = row.state == State.HELD and row.hold_expires_at is not None and row.hold_expires_at <= now
    return ListedRedemption(
        id=row.pk,
        public_id=row.public_id,
        member=row.member.public_id,
        member_name=row.member.name,
        reward=row.reward,
        state=str(State.EXPIRED if is_over else row.state),
        points=row.points,
        amount_minor=row.amount_minor,
        code=ids.grouped(row.code) if row.code else "",
        location=row.location.name if row.location else "",
        occurred_at=row.occurred_at,
    )
