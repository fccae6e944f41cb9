"""Stamps by hand: give a member stamps, or take them, with a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from loyalty.api.members import member_of
from loyalty.api.receipts import StampsOut
from rewards import stamp_adjustments
from rewards.stamp_adjustments import StampAdjustmentInput


class StampAdjustmentReceipt(StampsOut, frozen=True, kw_only=True):
    """What was given (positive) or taken (negative), why, and what is on the card afterwards."""

    id: str
    external_id: str
    member: str
    reason: str
    occurred_at: datetime


class StampAdjustmentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt."""

    receipt: StampAdjustmentReceipt


class MemberStamps(ApiView):
    @operation(
        id="adjust_stamps",
        tag="Adjustments",
        summary="Give a member stamps, or take them",
        description="A card that is full by it brings its reward. When more is taken than is on the card, a reward of it that "
        "nobody has taken is revoked; else stamps are owed, and the next ones pay them.",
        scope="adjustments:write",
        body=StampAdjustmentInput,
        own_ids=(("external_id",),),
        answers={201: StampAdjustmentAnswer},
        refusals=("external_id_reused", "member_not_found", "unknown_stamp_card", "invalid"),
        examples={
            "a_forgotten_card": {
                "external_id": "desk-19",
                "stamp_card": "coffee",
                "stamps": 2,
                "reason": "Had forgotten the phone on Monday",
            }
        },
        answer_example={
            "receipt": {
                "id": "sta_4m8x2k9q7w3t6v1p",
                "external_id": "desk-19",
                "member": "mem_7k2m9x4q8w3t6v1p",
                "stamp_card": "coffee",
                "stamps": 2,
                "on_card": 9,
                "size": 10,
                "issued": [],
                "revoked": [],
                "reason": "Had forgotten the phone on Monday",
                "occurred_at": "2025-11-21T09:04:00Z",
            }
        },
    )
    def post(self, call: Call, member_id: str) -> ApiAnswer:
        member = member_of(call, member_id)
        outcome = stamp_adjustments.adjust(
            merchant=call.merchant, member=member.public_id, asked=call.body, now=call.now, actor=call.actor
        )
        receipt: dict[str, Any] = dict(outcome.receipt)
        receipt["external_id"] = call.own_id(receipt["external_id"])
        return ApiAnswer({"receipt": receipt}, status=outcome.http, is_replay=outcome.is_replay)
