"""Refunds: a purchase taken back, whole or in part; also before it has arrived."""

from __future__ import annotations

from datetime import datetime

import msgspec

from loyalty.api.balances import AccountNow, account_now
from loyalty.api.operations import Answer, Call, operation
from loyalty.api.receipts import NOW, source_of
from loyalty.api.views import ApiView
from rewards import purchases
from rewards.purchases import RefundInput


class RefundReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the refund took back and gave back. `waiting`: its purchase has not arrived; it counts when that comes."""

    id: str
    external_id: str
    purchase: str | None
    purchase_external_id: str | None
    state: str
    occurred_at: datetime
    recorded_at: datetime
    amount_minor: int | None
    points_clawed_back: int
    points_restored: int
    debt_made: int
    member: str | None = None
    balance_after: int | None = None
    tier_after: str | None = None


class RefundAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt of the refund, and what the member has now."""

    receipt: RefundReceipt
    now: AccountNow | None


class Refunds(ApiView):
    @operation(
        id="refund_purchase",
        tag="Purchases",
        summary="Take a purchase back, whole or in part",
        description="Name lines, or an amount, or neither for all that is left. Points earned are taken back, points "
        "spent on it come back with their old expiry, and limits, tier and referral are restored. What the member has "
        "spent meanwhile becomes debt. A refund may arrive before its purchase: it waits.",
        scope="refunds:write",
        body=RefundInput,
        own_ids=(("external_id",), ("purchase", "external_id")),
        answers={201: RefundAnswer},
        refusals=(
            "external_id_reused",
            "purchase_not_found",
            "refund_too_large",
            "occurred_at_out_of_bounds",
            "invalid",
        ),
        examples={
            "one_line": {
                "external_id": "till-1-r-7",
                "occurred_at": "2025-11-22T10:00:00+09:00",
                "purchase": {"external_id": "till-1-000042"},
                "lines": [{"id": "2", "quantity": 1}],
            },
            "everything": {
                "external_id": "till-1-r-8",
                "occurred_at": "2025-11-22T10:00:00+09:00",
                "purchase": {"id": "pur_4m8x2k9q7w3t6v1p"},
            },
        },
        answer_example={
            "receipt": {
                "id": "ref_4m8x2k9q7w3t6v1p",
                "external_id": "till-1-r-7",
                "purchase": "pur_4m8x2k9q7w3t6v1p",
                "purchase_external_id": "till-1-000042",
                "member": "mem_7k2m9x4q8w3t6v1p",
                "state": "applied",
                "occurred_at": "2025-11-22T01:00:00Z",
                "recorded_at": "2025-11-22T01:00:01Z",
                "amount_minor": 2800,
                "points_clawed_back": 28,
                "points_restored": 0,
                "debt_made": 0,
                "balance_after": 1096,
                "tier_after": "silver",
            },
            "now": {**NOW, "spendable": 1096},
        },
    )
    def post(self, call: Call) -> Answer:
        outcome = purchases.refund(
            merchant=call.merchant, asked=call.body, now=call.now, actor=call.actor, source=source_of(call)
        )
        receipt = dict(outcome.receipt)
        receipt["external_id"] = call.own_id(receipt.get("external_id"))
        receipt["purchase_external_id"] = call.own_id(receipt.get("purchase_external_id"))
        return Answer(
            {"receipt": receipt, "now": account_now(call, outcome.member_id)},
            status=outcome.http,
            is_replay=outcome.is_replay,
        )
