"""Claims: a purchase recorded without a member becomes a member's."""

from __future__ import annotations

from datetime import datetime

import msgspec

from loyalty.api.balances import AccountNow
from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from loyalty.api.receipts import NOW, RECEIPT, ByMechanics, LotOut, TraceStep
from loyalty.api.redemptions import said
from rewards import purchases
from rewards.purchases import ClaimInput


class ClaimReceipt(ByMechanics, frozen=True, kw_only=True):
    """What the purchase earned its member. Frozen: a replay answers it again, letter for letter."""

    id: str
    external_id: str
    purchase: str
    purchase_external_id: str
    member: str
    occurred_at: datetime
    recorded_at: datetime
    purchased_at: datetime
    currency: str
    total_minor: int
    left_minor: int
    points_earned: int
    points_pending: int
    lots: list[LotOut]
    qualifying_points: int
    trace: list[TraceStep]
    terms_version: int | None
    balance_after: int
    tier_after: str | None


class ClaimAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt of the claim, and what the member has now."""

    receipt: ClaimReceipt
    now: AccountNow | None


class Claims(ApiView):
    @operation(
        id="claim_purchase",
        tag="Purchases",
        summary="Give a member a purchase that was sold without one",
        description="For somebody who comes back with the receipt, or joins after paying. It earns by the terms in force "
        "when it was bought, with the tier held then, and what refunds have left of it. Once only, within the days the "
        "merchant's settings give (14 unless changed); a sale that has a member keeps them.",
        scope="purchases:write",
        body=ClaimInput,
        own_ids=(("external_id",), ("purchase", "external_id")),
        answers={201: ClaimAnswer},
        refusals=(
            "external_id_reused",
            "purchase_not_found",
            "purchase_claimed",
            "purchase_refunded",
            "claim_too_late",
            "member_not_found",
            "ambiguous_reference",
            "invalid_card",
            "card_blocked",
            "member_blocked",
            "too_many_points",
            "invalid",
        ),
        examples={
            "by_the_receipt": {
                "external_id": "till-1-c-3",
                "purchase": {"external_id": "till-1-000043"},
                "member": {"code": "M4K7-92QX"},
            },
        },
        answer_example={
            "receipt": {
                "id": "clm_4m8x2k9q7w3t6v1p",
                "external_id": "till-1-c-3",
                "purchase": "pur_4m8x2k9q7w3t6v1p",
                "purchase_external_id": "till-1-000043",
                "member": "mem_7k2m9x4q8w3t6v1p",
                "occurred_at": "2025-11-22T01:00:00Z",
                "recorded_at": "2025-11-22T01:00:00Z",
                "purchased_at": "2025-11-21T09:05:00Z",
                "currency": "KRW",
                "total_minor": 4800,
                "left_minor": 4800,
                "points_earned": 48,
                "points_pending": 0,
                "lots": [{**RECEIPT["lots"][0], "points": 48}],
                "qualifying_points": 48,
                "trace": [{"code": "gave", "rule": "base", "points": 48, "data": {"amount_minor": 4800}}],
                "terms_version": 3,
                "balance_after": 1172,
                "tier_after": "silver",
            },
            "now": {**NOW, "spendable": 1172},
        },
    )
    def post(self, call: Call) -> ApiAnswer:
        answer = said(call, purchases.claim(merchant=call.merchant, asked=call.body, now=call.now, actor=call.actor))
        receipt = answer.body["receipt"]
        receipt["purchase_external_id"] = call.own_id(receipt["purchase_external_id"])
        return answer
