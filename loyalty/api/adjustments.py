"""Adjustments: correct a balance by hand, with a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from loyalty.api import changes
from loyalty.api.balances import AccountNow
from loyalty.api.changes import TOLD, ChangesQuery
from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from loyalty.api.receipts import Silent, check_backfill, document_of
from loyalty.api.records import MemberId, OwnId, asked_name, members_named, own_name
from loyalty.api.redemptions import said
from rewards import adjustments
from rewards.adjustments import AdjustmentInput, AdjustmentView


class NewAdjustment(AdjustmentInput, frozen=True, kw_only=True):
    """Give points (positive) or take them (negative), and say why."""

    silent: Silent = False


class AdjustmentReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was given (positive) or taken (negative), and why."""

    id: str
    external_id: str | None
    #: The adjustment this one undoes; null for any other.
    undoes: str | None = None
    state: Literal["applied", "refused"]
    member: str
    points: int
    reason: str
    occurred_at: datetime
    recorded_at: datetime
    expires_at: datetime | None
    balance_after: int
    #: Points that were not there and are owed now (`allow_debt`).
    debt_made: int = 0
    debt_after: int


class AdjustmentOut(msgspec.Struct, frozen=True, kw_only=True):
    """An adjustment as it was made, or refused; `refusal` is the code of why."""

    id: str
    external_id: str | None
    state: Literal["applied", "refused"]
    refusal: str | None
    member: str
    points: int
    reason: str
    actor: str
    expires_at: datetime | None
    occurred_at: datetime
    recorded_at: datetime


class AdjustmentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Adjustments, the newest first; with `changed_since`, in the order of their change."""

    data: list[AdjustmentOut]
    next_cursor: str | None
    mark: str


class AdjustmentListQuery(ChangesQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which adjustments. `changed_since` stands alone; the others can be given together."""

    external_id: OwnId | None = None
    member: MemberId | None = None


_ADJUSTMENT = {
    "id": "adj_4m8x2k9q7w3t6v1p",
    "external_id": "desk-17",
    "state": "applied",
    "refusal": None,
    "member": "mem_7k2m9x4q8w3t6v1p",
    "points": 50,
    "reason": "The machine was slow",
    "actor": "key:key_4m8x2k9q7w3t6v1p",
    "expires_at": None,
    "occurred_at": "2025-11-21T09:04:00Z",
    "recorded_at": "2025-11-21T09:04:00Z",
}


class AdjustmentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt, and what the member has now."""

    receipt: AdjustmentReceipt
    now: AccountNow | None


class Adjustments(ApiView):
    @operation(
        id="adjust_balance",
        tag="Adjustments",
        summary="Give a member points, or take them",
        description="Points given pay a debt first. More than is spendable cannot be taken, unless "
        "`allow_debt` says that the rest is owed (a key with `adjustments:debt`). One that is brought over from another system is "
        "dated back (`occurred_at`): points given then lapse at once if they have ended meanwhile.\n\nA refusal (409) is kept: "
        "the same `external_id` answers it for ever; a new try needs a new id.",
        scope="adjustments:write",
        body=NewAdjustment,
        own_ids=(("external_id",),),
        answers={201: AdjustmentAnswer},
        refusals=(
            "external_id_reused",
            "member_not_found",
            "ambiguous_reference",
            "invalid_card",
            "card_blocked",
            "insufficient_points",
            "account_frozen",
            "may_not_make_debt",
            "occurred_at_out_of_bounds",
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
                "debt_made": 0,
                "debt_after": 0,
            },
            "now": {"spendable": 1174, "held": 0, "pending": 0, "debt": 0, "tier": "silver"},
        },
    )
    def post(self, call: Call) -> ApiAnswer:
        check_backfill(call)
        outcome = adjustments.adjust(
            merchant=call.merchant,
            asked=document_of(call.body, AdjustmentInput),
            now=call.now,
            actor=call.actor,
            may_make_debt="adjustments:debt" in call.key.scopes,
            is_silent=call.body.silent,
        )
        return said(call, outcome)

    @operation(
        id="list_adjustments",
        tag="Adjustments",
        summary="List adjustments, or find one by your own id",
        description="The newest first; those made at the console too, and refused ones." + TOLD,
        scope="documents:read",
        query=AdjustmentListQuery,
        query_examples={"limit": 50},
        answers={200: AdjustmentPage},
        refusals=("member_not_found",),
        answer_example={"data": [_ADJUSTMENT], "next_cursor": None, "mark": "NzQy"},
    )
    def get(self, call: Call) -> ApiAnswer:
        query: AdjustmentListQuery = call.query
        shown, where = changes.page(
            query,
            changed=lambda since, limit: adjustments.changed(merchant=call.merchant, since=since, limit=limit),
            newest=lambda before, limit: adjustments.listed(
                merchant=call.merchant,
                member_ids=members_named(call, query.member),
                external_id=asked_name(call, query.external_id),
                before_id=before,
                limit=limit,
            ),
        )
        return ApiAnswer(AdjustmentPage(data=[_shown(call, row) for row in shown], **where))


class OneAdjustment(ApiView):
    @operation(
        id="get_adjustment",
        tag="Adjustments",
        summary="Read an adjustment",
        scope="documents:read",
        answers={200: AdjustmentOut},
        refusals=("adjustment_not_found",),
        answer_example=_ADJUSTMENT,
    )
    def get(self, call: Call, adjustment: str) -> ApiAnswer:
        return ApiAnswer(_shown(call, adjustments.find(merchant=call.merchant, public_id=adjustment)))


def _shown(call: Call, view: AdjustmentView) -> AdjustmentOut:
    return AdjustmentOut(
        id=view.public_id,
        external_id=own_name(call, view.external_id),
        state="refused" if view.refusal else "applied",
        refusal=view.refusal or None,
        member=view.member,
        points=view.points,
        reason=view.reason,
        actor=view.actor,
        expires_at=view.expires_at,
        occurred_at=view.occurred_at,
        recorded_at=view.recorded_at,
    )
