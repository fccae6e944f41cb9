"""Refunds: a purchase taken back, whole or in part; also before it has arrived."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from loyalty.api.balances import AccountNow, account_now
from loyalty.api.changes import TOLD
from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from loyalty.api.receipts import NOW, ByMechanics, Silent, document_of, source_of
from loyalty.api.records import REFUND, RefundListQuery, RefundOut, RefundPage, refund_out, refund_page
from rewards import purchases
from rewards.purchases import RefundInput, listing
from rewards.sales.returns import PayOut


class NewRefund(RefundInput, frozen=True, kw_only=True):
    """Takes back a purchase: named lines, an amount, or (with neither) all that is left of it."""

    silent: Silent = False


class RefundReceipt(ByMechanics, frozen=True, kw_only=True):
    """What the refund took back and gave back. `waiting`: its purchase has not arrived; it counts when that comes."""

    id: str
    external_id: str
    purchase: str | None
    purchase_external_id: str | None
    state: Literal["waiting", "applied"]
    occurred_at: datetime
    recorded_at: datetime
    amount_minor: int | None
    #: Money to hand back: `amount_minor` without what points had paid; null while it waits.
    pay_out_minor: int | None = None
    #: The same by tender, shared over what each has left; null when the till told no tenders.
    pay_outs: tuple[PayOut, ...] | None = None
    points_clawed_back: int
    points_restored: int
    debt_made: int
    member: str | None = None
    balance_after: int | None = None
    tier_after: str | None = None
    occurred_at_sent: datetime | None = None
    clock_off_seconds: int = 0
    is_time_unknown: bool = False


class RefundAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt of the refund, and what the member has now."""

    receipt: RefundReceipt
    now: AccountNow | None


class Refunds(ApiView):
    @operation(
        id="refund_purchase",
        tag="Purchases",
        summary="Take a purchase back, whole or in part",
        description="Name lines, or an amount of what was sold, or neither for all that is left. Of a receipt on which "
        "something came back as well, lines and amounts take back what was sold, which may be more than its total; only a "
        "refund of all that is left undoes the lines below zero too (`points_clawed_back` below zero: so many came back). "
        "Points earned are taken back, points spent on it come back with their old expiry, and limits, tier and referral "
        "are restored. Hand back `pay_out_minor`, not `amount_minor`: what points had paid comes back as points. What the member has "
        "spent meanwhile becomes debt. A refund may arrive before its purchase: it waits.",
        scope="refunds:write",
        body=NewRefund,
        own_ids=(("external_id",), ("purchase", "external_id")),
        answers={201: RefundAnswer},
        refusals=(
            "external_id_reused",
            "purchase_not_found",
            "unknown_line",
            "line_refunded",
            "refund_too_large",
            "occurred_at_out_of_bounds",
            "occurred_at_too_early",
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
                "pay_out_minor": 2800,
                "pay_outs": [{"kind": "card", "amount_minor": 2800}],
                "points_clawed_back": 28,
                "points_restored": 0,
                "debt_made": 0,
                "balance_after": 1096,
                "tier_after": "silver",
            },
            "now": {**NOW, "spendable": 1096},
        },
    )
    def post(self, call: Call) -> ApiAnswer:
        source = source_of(call, silent=call.body.silent)
        asked = document_of(call.body, RefundInput)
        outcome = purchases.refund(merchant=call.merchant, asked=asked, now=call.now, actor=call.actor, source=source)
        receipt = dict(outcome.receipt)
        receipt["external_id"] = call.own_id(receipt.get("external_id"))
        receipt["purchase_external_id"] = call.own_id(receipt.get("purchase_external_id"))
        return ApiAnswer(
            {"receipt": receipt, "now": account_now(call, outcome.member_id)},
            status=outcome.http,
            is_replay=outcome.is_replay,
        )

    @operation(
        id="list_refunds",
        tag="Purchases",
        summary="List refunds, or those that wait",
        description="The newest recorded first. `state=waiting` lists those whose purchase has not arrived: if it never "
        "does, the refund names a receipt number that does not exist."
        + TOLD
        + " What was recorded since comes, and what "
        "waited and whose purchase came. Whose purchase it is, the list of purchases says when that changes.",
        scope="documents:read",
        query=RefundListQuery,
        query_examples={"limit": 50, "state": "waiting"},
        answers={200: RefundPage},
        answer_example={"data": [REFUND], "next_cursor": None, "mark": "NzQy"},
    )
    def get(self, call: Call) -> ApiAnswer:
        return ApiAnswer(refund_page(call))


class OneRefund(ApiView):
    @operation(
        id="get_refund",
        tag="Purchases",
        summary="Read a refund",
        description="As it stands now: one that waited is `applied` once its purchase has come.",
        scope="documents:read",
        answers={200: RefundOut},
        refusals=("refund_not_found",),
        answer_example=REFUND,
    )
    def get(self, call: Call, refund: str) -> ApiAnswer:
        return ApiAnswer(refund_out(call, listing.refund_of(merchant=call.merchant, public_id=refund)))
