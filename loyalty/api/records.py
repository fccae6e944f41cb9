"""Purchases and refunds read back: as they stand, with the receipt that was answered when they were recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta

from loyalty.api import changes
from loyalty.api.changes import ChangesQuery
from loyalty.api.framework.operations import Call, namespace
from loyalty.api.receipts import RECEIPT, PurchaseReceipt
from members import directory
from rewards.documents import number_given
from rewards.parties import ExternalId
from rewards.purchases import listing
from rewards.purchases.listing import PurchaseRecord, RefundRecord
from rewards.terms import LineKind

MemberId = Annotated[
    str, Meta(min_length=1, max_length=40, description="Only of this member, by id; who was merged into them too.")
]
OwnId = Annotated[ExternalId, Meta(description="Only the one with this id of yours.")]


class PurchaseLineOut(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it was sold, and what came back of it. Name it by `id` in a refund."""

    id: str
    kind: LineKind
    sku: str
    category: str
    labels: list[str]
    quantity: float
    amount_minor: int
    discount_minor: int
    tax_minor: int
    cost_minor: Annotated[
        int | None,
        Meta(
            description="What the line costs the merchant; null when it was not sent, and to keys without `metrics:read`."
        ),
    ]
    refunded_quantity: float
    refunded_minor: int


class RefundOfPurchase(msgspec.Struct, frozen=True, kw_only=True):
    """A refund that was applied to the purchase."""

    id: str
    amount_minor: int | None
    points_clawed_back: int
    points_restored: int
    reason: str
    occurred_at: datetime


class PurchaseOut(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase as it stands now; `receipt` is what was answered when it was recorded, letter for letter."""

    id: str
    external_id: str | None
    member: str | None
    claim: str | None
    location: str | None
    terminal: str
    channel: str
    occurred_at: datetime
    currency: str
    total_minor: int
    refunded_minor: int
    left_minor: int
    points_earned: int
    points_clawed_back: int
    lines: list[PurchaseLineOut]
    refunds: list[RefundOfPurchase]
    receipt: PurchaseReceipt


class PurchasePage(msgspec.Struct, frozen=True, kw_only=True):
    """Purchases, the newest recorded first; with `changed_since`, in the order of their change."""

    data: list[PurchaseOut]
    next_cursor: str | None
    mark: str


class PurchaseListQuery(ChangesQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which purchases. `changed_since` stands alone; the others can be given together."""

    external_id: OwnId | None = None
    member: MemberId | None = None


class RefundOut(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as it stands. `waiting`: its purchase has not arrived; `refused`: it came and the refund did not fit it."""

    id: str
    external_id: str | None
    state: Literal["waiting", "applied", "refused"]
    refusal: str | None
    purchase: str | None
    purchase_external_id: str | None
    member: str | None
    amount_minor: int | None
    points_clawed_back: int
    points_restored: int
    debt_made: int
    reason: str
    occurred_at: datetime
    recorded_at: datetime


class RefundPage(msgspec.Struct, frozen=True, kw_only=True):
    """Refunds, the newest recorded first; with `changed_since`, in the order of their change."""

    data: list[RefundOut]
    next_cursor: str | None
    mark: str


class RefundListQuery(ChangesQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which refunds. `changed_since` stands alone; the others can be given together."""

    external_id: OwnId | None = None
    purchase: (
        Annotated[str, Meta(min_length=1, max_length=40, description="Only of this purchase, by our id.")] | None
    ) = None
    state: (
        Annotated[
            Literal["waiting", "applied", "refused"],
            Meta(description="`waiting` lists those whose purchase has not arrived."),
        ]
        | None
    ) = None


PURCHASE: dict[str, Any] = {
    "id": "pur_4m8x2k9q7w3t6v1p",
    "external_id": "till-1-000042",
    "member": "mem_7k2m9x4q8w3t6v1p",
    "claim": None,
    "location": "main",
    "terminal": "till-1",
    "channel": "",
    "occurred_at": "2025-11-21T09:04:00Z",
    "currency": "KRW",
    "total_minor": 12400,
    "refunded_minor": 2800,
    "left_minor": 9600,
    "points_earned": 124,
    "points_clawed_back": 28,
    "lines": [
        {
            "id": "2",
            "kind": "goods",
            "sku": "scone",
            "category": "bakery",
            "labels": [],
            "quantity": 1,
            "amount_minor": 2800,
            "discount_minor": 200,
            "tax_minor": 255,
            "cost_minor": None,
            "refunded_quantity": 1,
            "refunded_minor": 2800,
        }
    ],
    "refunds": [
        {
            "id": "ref_4m8x2k9q7w3t6v1p",
            "amount_minor": 2800,
            "points_clawed_back": 28,
            "points_restored": 0,
            "reason": "",
            "occurred_at": "2025-11-22T01:00:00Z",
        }
    ],
    "receipt": RECEIPT,
}
REFUND: dict[str, Any] = {
    "id": "ref_4m8x2k9q7w3t6v1p",
    "external_id": "till-1-r-7",
    "state": "waiting",
    "refusal": None,
    "purchase": None,
    "purchase_external_id": "till-1-000042",
    "member": None,
    "amount_minor": 2800,
    "points_clawed_back": 0,
    "points_restored": 0,
    "debt_made": 0,
    "reason": "",
    "occurred_at": "2025-11-22T01:00:00Z",
    "recorded_at": "2025-11-22T01:00:01Z",
}


def members_named(call: Call, member: str | None) -> list[int] | None:
    """Find under which members a person's documents stand; None when nobody was asked for."""
    return None if member is None else directory.ids_of(merchant=call.merchant, public_id=member)


def own_name(call: Call, external_id: str | None) -> str | None:
    """Write an id the way this key sends it; None where the document was named by this platform."""
    return call.own_id(number_given(external_id, ()) or None)


def asked_name(call: Call, external_id: str | None) -> str | None:
    """Write an id the way it is stored, with the key's own prefix."""
    return None if external_id is None else namespace(call.key) + external_id


def purchase_page(call: Call) -> PurchasePage:
    """Read a page of purchases as the query asks."""
    query: PurchaseListQuery = call.query
    shown, where = changes.page(
        query,
        changed=lambda since, limit: listing.purchases_changed(merchant=call.merchant, since=since, limit=limit),
        newest=lambda before, limit: listing.purchases(
            merchant=call.merchant, member_ids=members_named(call, query.member),
            external_id=asked_name(call, query.external_id), before_id=before, limit=limit,
        ),
    )  # fmt: skip
    return PurchasePage(data=[purchase_out(call, row) for row in shown], **where)


def purchase_out(call: Call, record: PurchaseRecord) -> PurchaseOut:
    """Translate a purchase for the outside."""
    view = record.view
    # A till prints no margins: what goods cost is for those who read the merchant's numbers.
    sees_costs = "metrics:read" in call.key.scopes
    # As it was answered, to the letter: no field is filled in that was not there.
    receipt: Any = {**record.receipt, "external_id": call.own_id(view.external_id)}
    return PurchaseOut(
        id=view.public_id,
        external_id=own_name(call, view.external_id),
        member=record.member,
        claim=view.claim or None,
        location=record.location,
        terminal=record.terminal,
        channel=view.channel,
        occurred_at=view.occurred_at,
        currency=view.currency,
        total_minor=view.total_minor,
        refunded_minor=view.refunded_minor,
        left_minor=view.left_minor,
        points_earned=view.points_earned,
        points_clawed_back=view.points_clawed_back,
        lines=[
            PurchaseLineOut(
                id=line.line_id,
                kind=cast(LineKind, line.kind),
                sku=line.sku,
                category=line.category,
                labels=list(line.labels),
                quantity=line.quantity_milli / 1000,
                amount_minor=line.amount_minor,
                discount_minor=line.discount_minor,
                tax_minor=line.tax_minor,
                cost_minor=line.cost_minor if sees_costs else None,
                refunded_quantity=line.refunded_milli / 1000,
                refunded_minor=line.refunded_minor,
            )
            for line in view.lines
        ],
        refunds=[
            RefundOfPurchase(
                id=each.public_id,
                amount_minor=each.amount_minor,
                points_clawed_back=each.points_clawed_back,
                points_restored=each.points_restored,
                reason=each.reason,
                occurred_at=each.occurred_at,
            )
            for each in view.refunds
        ],
        receipt=receipt,
    )


def refund_page(call: Call) -> RefundPage:
    """Read a page of refunds as the query asks."""
    query: RefundListQuery = call.query
    shown, where = changes.page(
        query,
        changed=lambda since, limit: listing.refunds_changed(merchant=call.merchant, since=since, limit=limit),
        newest=lambda before, limit: listing.refunds(
            merchant=call.merchant, state=query.state, purchase=query.purchase,
            external_id=asked_name(call, query.external_id), before_id=before, limit=limit,
        ),
    )  # fmt: skip
    return RefundPage(data=[refund_out(call, row) for row in shown], **where)


def refund_out(call: Call, record: RefundRecord) -> RefundOut:
    """Translate a refund for the outside."""
    return RefundOut(
        id=record.public_id,
        external_id=own_name(call, record.external_id),
        state=record.state,
        refusal=record.refusal or None,
        purchase=record.purchase,
        purchase_external_id=own_name(call, record.purchase_external_id),
        member=record.member,
        amount_minor=record.amount_minor,
        points_clawed_back=record.points_clawed_back,
        points_restored=record.points_restored,
        debt_made=record.debt_made,
        reason=record.reason,
        occurred_at=record.occurred_at,
        recorded_at=record.recorded_at,
    )
