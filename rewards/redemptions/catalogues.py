"""What a member can redeem now, and what is missing for the rest: read without a lock, to be shown and not relied on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from merchants import periods
from merchants.models.merchants import Merchant
from rewards import counters, versions
from rewards.authority import ANYTHING, Allowed
from rewards.redemptions import offers
from rewards.redemptions.offers import Offer, PayOffer
from rewards.terms import Terms


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The rewards, those that can be had first, and what points pay."""

    offers: tuple[Offer, ...]
    pay: PayOffer | None

    @property
    def redeemable(self) -> tuple[Offer, ...]:
        return tuple(offer for offer in self.offers if offer.can_be_redeemed)


EMPTY = Catalogue((), None)


def catalogue(
    *,
    merchant: Merchant,
    member_id: int,
    spendable: int,
    tier: str,
    now: datetime,
    language: str = "",
    order_total_minor: int | None = None,
    allowed: Allowed = ANYTHING,
) -> Catalogue:
    """List what a member can redeem by the terms in force now, with what is missing for the rest.

    `spendable` and `tier` are as the caller just read them; `allowed` is what may be spent of it by how the member was
    named (`authority.allowed`). Nothing is locked: whoever redeems is checked again.
    """
    version = versions.timeline(merchant.pk).at(now)
    if version is None:
        return EMPTY
    promised = version.terms
    claimed = _claimed(merchant.pk, promised)
    taken = _taken(merchant, promised, member_id, now)
    found = offers.offers(
        promised, spendable=spendable, tier=tier, day=periods.local_day(now, merchant.tzinfo),
        language=language or merchant.language, claimed=claimed, taken=taken, order_total_minor=order_total_minor,
    )  # fmt: skip
    most = spendable if allowed.points_max is None else min(spendable, allowed.points_max)
    pay = offers.pay_offer(promised, spendable=most, order_total_minor=order_total_minor)
    return Catalogue(tuple(offers.not_allowed(found, allowed)), pay)


def _claimed(merchant_id: int, promised: Terms) -> Mapping[str, int]:
    return counters.stock_taken(merchant_id, [reward.code for reward in promised.rewards if reward.stock is not None])


def _taken(merchant: Merchant, promised: Terms, member_id: int, now: datetime) -> Mapping[str, int]:
    limited = {reward.code: reward.per_member for reward in promised.rewards if reward.per_member is not None}
    if not limited:
        return {}
    counts: dict[str, int] = {}
    for reward, at in taken_at(merchant.pk, [member_id], list(limited), now)[member_id]:
        limit = limited[reward]
        assert limit is not None
        if limit.per == "ever" or at in periods.period_at(limit.per, now, merchant.tzinfo):
            counts[reward] = counts.get(reward, 0) + 1
    return counts


def taken_at(
    merchant_id: int, member_ids: Sequence[int], rewards: Sequence[str], now: datetime
) -> dict[int, list[tuple[str, datetime]]]:
    """State when members took rewards (and kept them), also as those who were merged into them."""
    found: dict[int, list[tuple[str, datetime]]] = {member_id: [] for member_id in member_ids}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE person(now_id, id) AS (
                SELECT m, m FROM unnest(%(members)s::bigint[]) AS m
                UNION SELECT p.now_id, g.source_id FROM person p JOIN rewards_merge g ON g.merchant_id = %(merchant)s
                    AND g.target_id = p.id AND g.unmerged_at IS NULL
            )
            SELECT p.now_id, r.reward, r.occurred_at FROM person p JOIN rewards_redemption r
                ON r.merchant_id = %(merchant)s AND r.member_id = p.id
            WHERE r.reward = ANY(%(rewards)s) AND r.own_reward_id IS NULL
                AND (r.state = 'captured' OR (r.state = 'held' AND r.hold_expires_at > %(now)s))
            """,
            {"merchant": merchant_id, "members": list(member_ids), "rewards": list(rewards), "now": now},
        )
        for member_id, reward, occurred_at in cursor.fetchall():
            found[member_id].append((reward, occurred_at))
    return found
