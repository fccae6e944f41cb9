"""Transfers: one member gives another points."""

from __future__ import annotations

from datetime import datetime

import msgspec

from loyalty.api.balances import AccountNow
from loyalty.api.operations import Answer, Call, operation
from loyalty.api.redemptions import said
from loyalty.api.views import ApiView
from rewards import transfers
from rewards.transfers import TransferInput


class TransferReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What went from whom to whom."""

    id: str
    external_id: str
    state: str
    giver: str
    receiver: str
    points: int
    occurred_at: datetime
    recorded_at: datetime
    giver_balance_after: int


class TransferAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt, and what the giver has now."""

    receipt: TransferReceipt
    now: AccountNow | None


class Transfers(ApiView):
    @operation(
        id="transfer_points",
        tag="Transfers",
        summary="Let a member give another one points",
        description="Only where the terms in force allow it, within their limits. Points that can be spent, soonest to "
        "expire first, and they keep their expiry. Where the merchant asks for the moving code, the giver is named by it."
        "\n\nA refusal (409) is kept: the same `external_id` answers it for ever; a new try needs a new id.",
        scope="transfers:write",
        body=TransferInput,
        own_ids=(("external_id",),),
        answers={201: TransferAnswer},
        refusals=(
            "external_id_reused",
            "member_not_found",
            "member_blocked",
            "transfers_off",
            "transfer_outside_limits",
            "transfer_month_limit_reached",
            "insufficient_points",
            "account_frozen",
            "too_many_points",
            "live_code_expired",
            "live_code_used",
            "live_code_needed",
            "invalid",
        ),
        examples={
            "a_gift": {
                "external_id": "app-9001",
                "giver": {"external_id": "crm-2048"},
                "receiver": {"id": "mem_7k2m9x4q8w3t6v1p"},
                "points": 100,
                "reason": "Happy birthday",
            },
        },
        answer_example={
            "receipt": {
                "id": "trf_4m8x2k9q7w3t6v1p",
                "external_id": "app-9001",
                "state": "applied",
                "giver": "mem_2c5x8b1n4z7m0k3j",
                "receiver": "mem_7k2m9x4q8w3t6v1p",
                "points": 100,
                "occurred_at": "2025-11-21T09:04:00Z",
                "recorded_at": "2025-11-21T09:04:00Z",
                "giver_balance_after": 1024,
            },
            "now": {"spendable": 1024, "held": 0, "pending": 0, "debt": 0, "tier": "silver"},
        },
    )
    def post(self, call: Call) -> Answer:
        return said(call, transfers.transfer(merchant=call.merchant, asked=call.body, now=call.now, actor=call.actor))
