"""What a member has: the balance, the lots behind it, and the ledger with the why of every entry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from django.utils.translation import get_language
from msgspec import Meta

from loyalty.api.framework import pages
from loyalty.api.framework.operations import ApiAnswer, Call, operation, shown
from loyalty.api.framework.pages import PageQuery
from loyalty.api.framework.views import ApiView
from loyalty.api.members import member_of
from rewards import authority, balances, redemptions
from rewards.balances import Balance, EntryView
from rewards.redemptions import Offer


class DatedPoints(msgspec.Struct, frozen=True, kw_only=True):
    """So many points, at this instant."""

    at: datetime
    points: int


class AccountNow(msgspec.Struct, frozen=True, kw_only=True):
    """What the member has at this moment, in the programme's smallest unit. `spendable` is what can be redeemed."""

    spendable: int
    held: int
    pending: int
    debt: int
    tier: str | None


class RewardNow(msgspec.Struct, frozen=True, kw_only=True):
    """A reward. `missing_points` is 0 when there are enough; `refusal` says why it cannot be had all the same."""

    code: str
    kind: str
    name: str
    price_points: int
    missing_points: int
    stock_left: int | None
    refusal: str | None


class PayNow(msgspec.Struct, frozen=True, kw_only=True):
    """Paying with points: `points` pay `amount_minor`; the most that can pay now, when an order's total was given."""

    points: int
    amount_minor: int
    minimum_points: int
    step_points: int
    most_points: int | None
    most_minor: int | None


class BalanceOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a member has now, exact however late the clock is; what is to come and to go; what can be redeemed."""

    member: str
    spendable: int
    held: int
    pending: int
    debt: int
    tier: str | None
    tier_since: datetime | None
    is_frozen: bool
    is_spending_stopped: Annotated[bool, Meta(description="By the member or the shop's staff; points are collected.")]
    expiring: list[DatedPoints]
    activating: list[DatedPoints]
    rewards: list[RewardNow]
    pay_with_points: PayNow | None


class BalanceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it is for."""

    order_total_minor: Annotated[
        Annotated[int, Meta(ge=0, le=10**13)] | None,
        Meta(description="Total of an order, to say how much points can pay."),
    ] = None


class LotRow(msgspec.Struct, frozen=True, kw_only=True):
    """Points earned together: `state` is pending, active, used or lapsed."""

    amount: int
    remaining: int
    held: int
    state: Literal["pending", "active", "used", "lapsed"]
    earned_at: datetime
    active_at: datetime
    expires_at: datetime | None


class LotList(msgspec.Struct, frozen=True, kw_only=True):
    """Lots in the order in which they are spent: soonest to expire first."""

    data: list[LotRow]


class LotQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lots."""

    open: Annotated[bool, Meta(description="Only lots with points left.")] = True
    limit: pages.Limit = 200


class EntryOut(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable movement and its why: the document, the rules, the terms version, the place, the hand."""

    seq: int
    kind: str
    balance_change: int
    held_change: int
    pending_change: int
    debt_change: int
    balance_after: int
    document_kind: str
    document_id: str | None
    external_id: str | None
    rules: list[str]
    terms_version: int | None
    location: str | None
    actor: str
    reason: str
    occurred_at: datetime
    recorded_at: datetime


class LedgerPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, newest first."""

    data: list[EntryOut]
    next_cursor: str | None


_REWARD = {
    "code": "free-coffee",
    "kind": "product",
    "name": "Free coffee",
    "price_points": 500,
    "missing_points": 0,
    "stock_left": None,
    "refusal": None,
}
_ENTRY = {
    "seq": 12,
    "kind": "accrue",
    "balance_change": 124,
    "held_change": 0,
    "pending_change": 0,
    "debt_change": 0,
    "balance_after": 1124,
    "document_kind": "purchase",
    "document_id": "pur_4m8x2k9q7w3t6v1p",
    "external_id": "till-1-000042",
    "rules": ["base"],
    "terms_version": 3,
    "location": "main",
    "actor": "key:key_4m8x2k9q7w3t6v1p",
    "reason": "",
    "occurred_at": "2025-11-21T09:04:00Z",
    "recorded_at": "2025-11-21T09:04:01Z",
}


class MemberBalance(ApiView):
    @operation(
        id="get_balance",
        tag="Balances",
        summary="What a member has, and what can be redeemed",
        description="Names and sentences are in the language of Accept-Language.",
        scope="members:read",
        query=BalanceQuery,
        query_examples={"order_total_minor": 12400},
        answers={200: BalanceOut},
        refusals=("member_not_found",),
        answer_example={
            "member": "mem_7k2m9x4q8w3t6v1p",
            "spendable": 1124,
            "held": 0,
            "pending": 40,
            "debt": 0,
            "tier": "silver",
            "tier_since": "2025-03-04T01:15:00Z",
            "is_frozen": False,
            "is_spending_stopped": False,
            "expiring": [{"at": "2025-12-31T15:00:00Z", "points": 300}],
            "activating": [{"at": "2025-12-05T15:00:00Z", "points": 40}],
            "rewards": [_REWARD],
            "pay_with_points": None,
        },
    )
    def get(self, call: Call, member_id: str) -> ApiAnswer:
        member = member_of(call, member_id)
        held = balances.of_member(merchant=call.merchant, member_id=member.pk, now=call.now) or _NOTHING
        catalogue = redemptions.catalogue(
            merchant=call.merchant,
            member_id=member.pk,
            spendable=held.spendable,
            tier=held.tier,
            now=call.now,
            language=get_language() or "",
            order_total_minor=call.query.order_total_minor,
            allowed=authority.allowed(call.merchant, None, member_id=member.pk, now=call.now, actor=call.actor),
        )
        return ApiAnswer(
            BalanceOut(
                member=member.public_id,
                spendable=held.spendable,
                held=held.held,
                pending=held.pending,
                debt=held.debt,
                tier=held.tier or None,
                tier_since=held.tier_since,
                is_frozen=held.is_frozen,
                is_spending_stopped=member.spending_stopped_at is not None,
                expiring=[DatedPoints(at=each.at, points=each.points) for each in held.expiring],
                activating=[DatedPoints(at=each.at, points=each.points) for each in held.activating],
                rewards=shown_rewards(catalogue.offers),
                pay_with_points=shown(PayNow, catalogue.pay) if catalogue.pay else None,
            )
        )


class MemberLots(ApiView):
    @operation(
        id="list_lots",
        tag="Balances",
        summary="The lots behind a balance",
        scope="members:read",
        query=LotQuery,
        query_examples={"open": True},
        answers={200: LotList},
        refusals=("member_not_found",),
        answer_example={
            "data": [
                {
                    "amount": 124,
                    "remaining": 124,
                    "held": 0,
                    "state": "active",
                    "earned_at": "2025-11-21T09:04:00Z",
                    "active_at": "2025-11-21T09:04:00Z",
                    "expires_at": "2026-11-30T15:00:00Z",
                }
            ]
        },
    )
    def get(self, call: Call, member_id: str) -> ApiAnswer:
        rows = balances.lots(
            merchant=call.merchant,
            member_id=member_of(call, member_id).pk,
            now=call.now,
            is_open=call.query.open,
            limit=call.query.limit,
        )
        return ApiAnswer(LotList(data=[shown(LotRow, row) for row in rows]))


class MemberLedger(ApiView):
    @operation(
        id="list_ledger",
        tag="Balances",
        summary="Every movement of a member's points, and why",
        scope="members:read",
        query=PageQuery,
        query_examples={"limit": 50},
        answers={200: LedgerPage},
        refusals=("member_not_found",),
        answer_example={"data": [_ENTRY], "next_cursor": None},
    )
    def get(self, call: Call, member_id: str) -> ApiAnswer:
        # One more than a page is read to know whether there is a next one, and the reader gives no more than a page.
        limit = min(call.query.limit, balances.LEDGER_PAGE_MAX - 1)
        rows = balances.ledger(
            merchant=call.merchant,
            member_id=member_of(call, member_id).pk,
            limit=limit + 1,
            before_seq=call.query.after(pages.Number),
        )
        rows_shown, following = pages.cut(rows, limit, lambda entry: entry.seq)
        return ApiAnswer(LedgerPage(data=[_entry(call, row) for row in rows_shown], next_cursor=following))


_NOTHING = Balance(0, 0, 0, 0, 0, "", None, None, False, 0, 0, (), ())


def account_now(call: Call, member_id: int | None) -> AccountNow | None:
    """Read what a member has after a journey; None for nobody."""
    held = balances.of_member(merchant=call.merchant, member_id=member_id, now=call.now) if member_id else None
    if held is None:
        return None
    return AccountNow(
        spendable=held.spendable, held=held.held, pending=held.pending, debt=held.debt, tier=held.tier or None
    )


def shown_rewards(offers: Sequence[Offer]) -> list[RewardNow]:
    """Translate rewards on offer for the outside."""
    return [shown(RewardNow, offer) for offer in offers]


def _entry(call: Call, entry: EntryView) -> EntryOut:
    found = shown(EntryOut, entry)
    return msgspec.structs.replace(found, external_id=call.own_id(found.external_id))
