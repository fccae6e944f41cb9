"""What the calls about purchases answer alike: receipts, lots, reasons, and what the member has now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from msgspec import Meta

from loyalty.api.balances import AccountNow, RewardNow, shown_rewards
from loyalty.api.framework.operations import Call
from loyalty.api.framework.problems import ScopeMissing
from rewards import authority, earning, redemptions
from rewards.parties import MemberRef
from rewards.points import AccountState
from rewards.purchases import SaleSource, warnings
from rewards.purchases.warnings import SaleWarning
from rewards.sales.sale import Sale

Body = TypeVar("Body", bound=msgspec.Struct)
BACKFILL: Final = "purchases:backfill"
#: What a call may say besides its document.
Silent = Annotated[
    bool,
    Meta(
        description="Send no webhooks and no messages about it, as for an import. Needs the scope "
        "`purchases:backfill`; without `silent` such a key tells what every key tells."
    ),
]


class TraceStep(msgspec.Struct, frozen=True, kw_only=True):
    """One reason: what happened, by which rule, how many points, and the figures it rests on."""

    code: Annotated[
        str,
        Meta(
            description="What happened; `skipped` says why in data.why. Further codes may be added.",
            examples=sorted(earning.CODES),
        ),
    ]
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


class StampsOut(msgspec.Struct, frozen=True, kw_only=True):
    """What happened on one stamp card; below zero, so many stamps were taken off, or are owed."""

    stamp_card: str
    stamps: int
    on_card: Annotated[int, Meta(description="Stamps on the open card afterwards.")]
    size: Annotated[int | None, Meta(description="Stamps that fill the open card.")]
    issued: Annotated[list[str], Meta(description="Own rewards that full cards brought, by id.")] = []
    revoked: Annotated[list[str], Meta(description="Own rewards that are no more, by id.")] = []


class ByMechanics(msgspec.Struct, frozen=True, kw_only=True):
    """What mechanics say of a sale, of its claim, and of what takes it back."""

    stamps: Annotated[list[StampsOut], Meta(description="What happened on stamp cards.")] = []


class PurchaseReceipt(ByMechanics, frozen=True, kw_only=True):
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
    points_taken_back: Annotated[
        int, Meta(description="Of a receipt on which more came back than was bought; points_earned is below zero then.")
    ] = 0
    debt_made: Annotated[int, Meta(description="Of these, what the member had spent already.")] = 0
    rounding_minor: int = 0
    occurred_at_sent: Annotated[
        datetime | None, Meta(description="The till's own time, where it is not the one that counts.")
    ] = None
    clock_off_seconds: Annotated[
        int, Meta(description="How far the till's clock was ahead (below zero: behind), which was taken off.")
    ] = 0
    is_time_unknown: Annotated[
        bool, Meta(description="The till's time could not be true; occurred_at is when the sale came.")
    ] = False
    is_card_unknown: Annotated[
        bool, Meta(description="No member has the card that was sent: kept without a member, it can be claimed.")
    ] = False
    refunded_minor: int = 0
    points_clawed_back: int = 0


class WarningOut(msgspec.Struct, frozen=True, kw_only=True):
    """A doubt about what was recorded all the same: `amount_not_in_cash`, `card_unknown`, `clock_off` or
    `time_unknown`."""

    code: str
    pointer: str
    detail: str


def warnings_of(receipt: Mapping[str, Any]) -> list[WarningOut]:
    """Return the doubts a receipt leaves, in the caller's language."""
    return _warned(warnings.of_receipt(receipt, language=get_language() or "en"))


def warnings_before(sale: Sale) -> list[WarningOut]:
    """Return the doubts that recording a quoted sale would leave, in the caller's language."""
    return _warned(warnings.of_quote(sale, language=get_language() or "en"))


def _warned(found: Iterable[SaleWarning]) -> list[WarningOut]:
    return [WarningOut(code=each.code, pointer=each.pointer, detail=each.detail) for each in found]


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
    "trace": [{"code": "gave", "rule": "base", "points": 124, "data": {"amount_minor": 12400}}],
    "terms_version": 3,
    "balance_after": 1124,
    "tier_after": "silver",
}
NOW = {"spendable": 1124, "held": 0, "pending": 0, "debt": 0, "tier": "silver"}
#: Of whatever spends points, as a call of its own or with a sale.
OF_SPENDING = (
    "static_code_earns_only",
    "till_limit_reached",
    "spending_stopped",
    "account_frozen",
    "insufficient_points",
    "unknown_reward",
    "unknown_own_reward",
    "own_reward_gone",
    "reward_not_on_offer",
    "reward_for_other_tiers",
    "reward_sold_out",
    "reward_limit_reached",
    "order_total_too_small",
    "points_pay_nothing",
    "points_below_minimum",
    "points_above_maximum",
    "points_not_a_step",
    "points_worth_nothing",
    "points_above_share",
)
#: A sale may spend points, and capture what was held before.
OF_SALES = (
    "external_id_reused",
    "totals_disagree",
    "wrong_currency",
    "quote_expired",
    "quote_changed",
    "too_many_points",
    "occurred_at_out_of_bounds",
    "occurred_at_too_early",
    "unknown_location",
    "member_not_found",
    "ambiguous_reference",
    "invalid_card",
    "card_blocked",
    "member_blocked",
    "live_code_expired",
    "live_code_used",
    "live_code_needed",
    *OF_SPENDING,
    "points_not_for_these_goods",
    "redemption_not_found",
    "redemption_ended",
    "hold_expired",
    "capture_too_large",
    "part_of_a_reward",
    "invalid",
)


def source_of(call: Call, *, silent: bool = False) -> SaleSource:
    """State what the key tells of where sales come from, and whether the call asks for silence.

    :raises ScopeMissing: silence was asked for by a key that may not backfill.
    """
    _check_silence(call, silent=silent)
    return SaleSource(
        location=call.key.location_code,
        terminal=call.key.terminal,
        may_backfill=BACKFILL in call.key.scopes,
        accepts_unknown_time="purchases:accept_unknown_time" in call.key.scopes,
        is_silent=silent,
    )


def check_backfill(call: Call) -> None:
    """Refuse what only a backfill may ask for: a document that is dated back, and silence.

    :raises ScopeMissing: the pointer names the field.
    """
    _check_silence(call, silent=call.body.silent)
    if call.body.occurred_at is not None and BACKFILL not in call.key.scopes:
        raise ScopeMissing(
            _("To date it back needs a key with the scope %(scope)s.") % {"scope": BACKFILL},
            pointer="/occurred_at",
            scope=BACKFILL,
        )


def _check_silence(call: Call, *, silent: bool) -> None:
    if silent and BACKFILL not in call.key.scopes:
        raise ScopeMissing(
            _("`silent` needs a key with the scope %(scope)s.") % {"scope": BACKFILL}, pointer="/silent", scope=BACKFILL
        )


def document_of(sent: Any, kind: type[Body]) -> Body:
    """Return the document that was sent, without what was said about the call: silence is no part of a sale."""
    if not sent.silent:
        return cast(Body, sent)
    return kind(**{name: getattr(sent, name) for name in kind.__struct_fields__})


def standing(
    call: Call, account: AccountState | None, ref: MemberRef | None, *, with_rewards: bool
) -> PurchaseNow | None:
    """State what the member of a purchase has now, and what they can redeem named by `ref`; None for a guest."""
    if account is None:
        return None
    rewards = None
    if with_rewards:
        catalogue = redemptions.catalogue(
            merchant=call.merchant,
            member_id=account.member_id,
            spendable=account.spendable,
            tier=account.membership.tier,
            now=call.now,
            language=get_language() or "",
            allowed=authority.allowed(call.merchant, ref, member_id=account.member_id, now=call.now, actor=call.actor),
        )
        rewards = shown_rewards(catalogue.offers)
    return PurchaseNow(
        spendable=account.spendable,
        held=account.held,
        pending=account.pending,
        debt=account.debt,
        tier=account.membership.tier or None,
        rewards=rewards,
    )
