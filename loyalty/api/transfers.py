"""Transfers: one member gives another points."""

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
from rewards import transfers
from rewards.transfers import TransferInput, TransferView


class NewTransfer(TransferInput, frozen=True, kw_only=True):
    """`giver` gives `receiver` points."""

    silent: Silent = False


class TransferReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What went from whom to whom."""

    id: str
    external_id: str
    state: Literal["applied", "refused"]
    giver: str
    receiver: str
    points: int
    occurred_at: datetime
    recorded_at: datetime
    giver_balance_after: int


class TransferOut(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as it was made, or refused; `refusal` is the code of why."""

    id: str
    external_id: str | None
    state: Literal["applied", "refused"]
    refusal: str | None
    giver: str
    receiver: str
    points: int
    reason: str
    occurred_at: datetime
    recorded_at: datetime


class TransferPage(msgspec.Struct, frozen=True, kw_only=True):
    """Transfers, the newest first; with `changed_since`, in the order of their change."""

    data: list[TransferOut]
    next_cursor: str | None
    mark: str


class TransferListQuery(ChangesQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which transfers. `changed_since` stands alone; the others can be given together."""

    external_id: OwnId | None = None
    giver: MemberId | None = None
    receiver: MemberId | None = None


_TRANSFER = {
    "id": "trf_4m8x2k9q7w3t6v1p",
    "external_id": "app-9001",
    "state": "applied",
    "refusal": None,
    "giver": "mem_2c5x8b1n4z7m0k3j",
    "receiver": "mem_7k2m9x4q8w3t6v1p",
    "points": 100,
    "reason": "Happy birthday",
    "occurred_at": "2025-11-21T09:04:00Z",
    "recorded_at": "2025-11-21T09:04:00Z",
}


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
        "expire first, and they keep their expiry. Where the merchant asks for the moving code, the giver is named by it. "
        "One that is brought over from another system is dated back (`occurred_at`).\n\nA refusal (409) is kept: the same `external_id` answers it for ever; a new try needs a new id.",
        scope="transfers:write",
        body=NewTransfer,
        own_ids=(("external_id",),),
        answers={201: TransferAnswer},
        refusals=(
            "external_id_reused",
            "member_not_found",
            "ambiguous_reference",
            "invalid_card",
            "card_blocked",
            "member_blocked",
            "transfers_off",
            "transfer_outside_limits",
            "transfer_month_limit_reached",
            "occurred_at_out_of_bounds",
            "insufficient_points",
            "account_frozen",
            "too_many_points",
            "live_code_expired",
            "live_code_used",
            "live_code_needed",
            "static_code_earns_only",
            "till_limit_reached",
            "spending_stopped",
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
    def post(self, call: Call) -> ApiAnswer:
        check_backfill(call)
        outcome = transfers.transfer(
            merchant=call.merchant, asked=document_of(call.body, TransferInput), now=call.now, actor=call.actor,
            is_silent=call.body.silent,
        )  # fmt: skip
        return said(call, outcome)

    @operation(
        id="list_transfers",
        tag="Transfers",
        summary="List transfers, or find one by your own id",
        description="The newest first, refused ones too." + TOLD,
        scope="documents:read",
        query=TransferListQuery,
        query_examples={"limit": 50},
        answers={200: TransferPage},
        refusals=("member_not_found",),
        answer_example={"data": [_TRANSFER], "next_cursor": None, "mark": "NzQy"},
    )
    def get(self, call: Call) -> ApiAnswer:
        query: TransferListQuery = call.query
        shown, where = changes.page(
            query,
            changed=lambda since, limit: transfers.changed(merchant=call.merchant, since=since, limit=limit),
            newest=lambda before, limit: transfers.listed(
                merchant=call.merchant,
                giver_ids=members_named(call, query.giver),
                receiver_ids=members_named(call, query.receiver),
                external_id=asked_name(call, query.external_id),
                before_id=before,
                limit=limit,
            ),
        )
        return ApiAnswer(TransferPage(data=[_shown(call, row) for row in shown], **where))


class OneTransfer(ApiView):
    @operation(
        id="get_transfer",
        tag="Transfers",
        summary="Read a transfer",
        scope="documents:read",
        answers={200: TransferOut},
        refusals=("transfer_not_found",),
        answer_example=_TRANSFER,
    )
    def get(self, call: Call, transfer: str) -> ApiAnswer:
        return ApiAnswer(_shown(call, transfers.find(merchant=call.merchant, public_id=transfer)))


def _shown(call: Call, view: TransferView) -> TransferOut:
    return TransferOut(
        id=view.public_id,
        external_id=own_name(call, view.external_id),
        state="refused" if view.refusal else "applied",
        refusal=view.refusal or None,
        giver=view.giver,
        receiver=view.receiver,
        points=view.points,
        reason=view.reason,
        occurred_at=view.occurred_at,
        recorded_at=view.recorded_at,
    )
