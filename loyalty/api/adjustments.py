"""Adjustments: correct a balance by hand, with a reason."""

from __future__ import annotations

from datetime import datetime

import msgspec

from loyalty.api.balances import AccountNow
from loyalty.api.operations import Answer, Call, operation
from loyalty.api.redemptions import said
from loyalty.api.views import ApiView
from rewards import adjustments
from rewards.adjustments import AdjustmentInput


class AdjustmentReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was given (positive) or taken (negative), and why."""

    id: str
    external_id: str
    state: str
    member: str
    points: int
    reason: str
    occurred_at: datetime
    recorded_at: datetime
    expires_at: datetime | None
    balance_after: int
    debt_after: int


class AdjustmentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt, and what the member has now."""

    receipt: AdjustmentReceipt
    now: AccountNow | None


class Adjustments(ApiView):
    @operation(
        id="adjust_balance",
        tag="Adjustments",
        summary="Give a member points, or take them",
        description="Points given pay a debt first. More than is spendable cannot be taken.\n\nA refusal (409) is kept: "
        "the same `external_id` answers it for ever; a new try needs a new id.",
        scope="adjustments:write",
        body=AdjustmentInput,
        own_ids=(("external_id",),),
        answers={201: AdjustmentAnswer},
        refusals=(
            "external_id_reused",
            "member_not_found",
            "insufficient_points",
            "account_frozen",
            "too_many_points",
            "invalid",
        ),
        examples={
            "an_apology": {
                "external_id": "desk-17",
                "member": {"id": "mem_7k2m9x4q8w3t6v1p"},
                "points": 50,
                "reason": "The machine was slow",
            },
            "a_mistake_undone": {
                "external_id": "desk-18",
                "member": {"code": "M4K7-92QX"},
                "points": -50,
                "reason": "Given twice",
            },
        },
        answer_example={
            "receipt": {
                "id": "adj_4m8x2k9q7w3t6v1p",
                "external_id": "desk-17",
                "state": "applied",
                "member": "mem_7k2m9x4q8w3t6v1p",
                "points": 50,
                "reason": "The machine was slow",
                "occurred_at": "2025-11-21T09:04:00Z",
                "recorded_at": "2025-11-21T09:04:00Z",
                "expires_at": None,
                "balance_after": 1174,
                "debt_after": 0,
            },
            "now": {"spendable": 1174, "held": 0, "pending": 0, "debt": 0, "tier": "silver"},
        },
    )
    def post(self, call: Call) -> Answer:
        outcome = adjustments.adjust(merchant=call.merchant, asked=call.body, now=call.now, actor=call.actor)
        return said(call, outcome)
