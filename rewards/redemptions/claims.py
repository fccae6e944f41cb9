"""What members took, over all members: for the page on which a merchant watches the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from merchants import ids
from merchants.models.merchants import Merchant
from rewards.models.catalogue import RewardStock
from rewards.models.redemptions import Redemption

State = Redemption.State
#: So many redemptions of a reward are looked at to count them.
COUNTED_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Claim:
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
    *, merchant: Merchant, now: datetime, reward: str = "", limit: int = 25, before_id: int | None = None
) -> list[Claim]:
    """This function will list redemptions of all members, newest first, refusals left out; of one reward if named."""
    rows = Redemption.objects.filter(merchant=merchant).exclude(state=State.REFUSED)
    if reward:
        rows = rows.filter(reward=reward)
    if before_id is not None:
        rows = rows.filter(id__lt=before_id)
    return [_claim(row, now) for row in rows.select_related("member", "location").order_by("-id")[: min(limit, 200)]]


def claimed(*, merchant: Merchant) -> Mapping[str, int]:
    """This function will say how many of each counted reward are taken, by the reward's code."""
    return dict(RewardStock.objects.filter(merchant=merchant).values_list("reward", "claimed"))


def counted(*, merchant: Merchant, rewards: Sequence[str]) -> Mapping[str, tuple[int, bool]]:
    """This function will count what is taken of rewards without a limit, by code, and say whether there may be more.

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


def _claim(row: Redemption, now: datetime) -> Claim:
    is_over = row.state == State.HELD and row.hold_expires_at is not None and row.hold_expires_at <= now
    return Claim(
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
