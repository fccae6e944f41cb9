"""What the calls about purchases answer alike: receipts, lots, reasons, and what the member has now."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from django.utils.translation import get_language
from msgspec import Meta

from loyalty.api.balances import AccountNow, RewardNow, shown_rewards
from loyalty.api.operations import Call
from rewards import redemptions
from rewards.points import AccountState
from rewards.purchases import Source


class TraceStep(msgspec.Struct, frozen=True, kw_only=True):
    """One reason: what happened, by which rule, how many points, and the figures it rests on."""

    code: str
    rule: str = ""
    points: int = 0
    data: dict[str, Any] = {}


class LotOut(msgspec.Struct, frozen=True, kw_only=True):
    """Points that become spendable together and expire together."""

    points: int
    active_at: datetime
    expires_at: datetime | None


class SpentOut(msgspec.Struct, frozen=True, kw_only=True):
    """Points spent on the purchase."""

    id: str
    points: int
    reward: str | None = None
    amount_minor: int | None = None


class PurchaseReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the purchase brought about when it was recorded. Frozen: a replay answers it again, letter for letter."""

    id: str
    external_id: str
    member: str | None
    occurred_at: datetime
    recorded_at: datetime
    total_minor: int
    currency: str
    points_earned: int
    points_pending: int
    lots: list[LotOut]
    qualifying_points: int
    trace: list[TraceStep]
    terms_version: int | None
    balance_after: int | None
    tier_after: str | None
    points_unclaimed: Annotated[
        int, Meta(description="Of a sale without a member: what a member who claims it might earn.")
    ] = 0
    redemptions: list[SpentOut] = []
    refunded_minor: int = 0
    points_clawed_back: int = 0


class PurchaseNow(AccountNow, frozen=True, kw_only=True):
    """What the member has at this moment; with `details`, the rewards too, those that can be had first."""

    rewards: list[RewardNow] | None = None


RECEIPT: dict[str, Any] = {
    "id": "pur_4m8x2k9q7w3t6v1p",
    "external_id": "till-1-000042",
    "member": "mem_7k2m9x4q8w3t6v1p",
    "occurred_at": "2025-11-21T09:04:00Z",
    "recorded_at": "2025-11-21T09:04:01Z",
    "total_minor": 12400,
    "currency": "KRW",
    "points_earned": 124,
    "points_pending": 0,
    "lots": [{"points": 124, "active_at": "2025-11-21T09:04:00Z", "expires_at": "2026-11-30T15:00:00Z"}],
    "qualifying_points": 124,
    "trace": [{"code": "earned", "rule": "base", "points": 124, "data": {"amount_minor": 12400}}],
    "terms_version": 3,
    "balance_after": 1124,
    "tier_after": "silver",
}
NOW = {"spendable": 1124, "held": 0, "pending": 0, "debt": 0, "tier": "silver"}
OF_SALES = (
    "external_id_reused",
    "totals_disagree",
    "wrong_currency",
    "quote_expired",
    "quote_changed",
    "too_many_points",
    "occurred_at_out_of_bounds",
    "unknown_location",
    "member_not_found",
    "member_blocked",
    "live_code_expired",
    "live_code_used",
    "live_code_needed",
    "invalid",
)


def source_of(call: Call) -> Source:
    """This function will say what the key tells of where sales come from."""
    may_backfill = "purchases:backfill" in call.key.scopes
    return Source(
        location=call.key.location_code,
        terminal=call.key.terminal,
        may_backfill=may_backfill,
        is_silent=may_backfill,
    )


def standing(call: Call, account: AccountState | None, *, with_rewards: bool) -> PurchaseNow | None:
    """This function will say what the member of a purchase has now; None for a guest."""
    if account is None:
        return None
    rewards = None
    if with_rewards:
        catalogue = redemptions.catalogue(
            merchant=call.merchant,
            member_id=account.member_id,
            spendable=account.spendable,
            tier=account.tier,
            now=call.now,
            language=get_language() or "",
        )
        rewards = shown_rewards(catalogue.offers)
    return PurchaseNow(
        spendable=account.spendable,
        held=account.held,
        pending=account.pending,
        debt=account.debt,
        tier=account.tier or None,
        rewards=rewards,
    )
