"""Purchases: one at a time or a thousand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language
from msgspec import Meta, structs

from engagement import asking
from loyalty.api.changes import TOLD
from loyalty.api.framework import bodies, problems
from loyalty.api.framework.operations import KIB, ApiAnswer, Call, operation
from loyalty.api.framework.problems import Problem
from loyalty.api.framework.views import ApiView
from loyalty.api.receipts import (
    NOW,
    OF_SALES,
    RECEIPT,
    PurchaseNow,
    PurchaseReceipt,
    Silent,
    WarningOut,
    document_of,
    source_of,
    standing,
    warnings_of,
)
from loyalty.api.records import PURCHASE, PurchaseListQuery, PurchaseOut, PurchasePage, purchase_out, purchase_page
from merchants import shapes
from merchants.errors import LoyaltyError
from rewards import earning, purchases
from rewards.earning import TraceLine
from rewards.purchases import ItemOutcome, PurchaseInput, SentAt, listing

BATCH_MAX = 1000


class PurchaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt, and how things stand now (null without a member); `why` in the caller's language if asked."""

    receipt: PurchaseReceipt
    now: PurchaseNow | None
    why: list[str] | None = None
    warnings: Annotated[
        list[WarningOut],
        Meta(description="Doubts about a sale that was recorded all the same: let somebody look at the till."),
    ] = []
    survey_url: Annotated[
        str | None,
        Meta(description="Where whoever bought says how it was, without signing in: print it as a QR code."),
    ] = None


class PurchaseQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much to say."""

    details: Annotated[
        bool,
        Meta(description="Say too, in the language of Accept-Language, why so many points, and what can be redeemed."),
    ] = False


class NewPurchase(PurchaseInput, frozen=True, kw_only=True):
    """A sale. Without a member it is recorded and earns nothing until it is claimed."""

    silent: Silent = False


class PurchaseBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sales of an offline till or an import; each is answered by itself, in this order."""

    purchases: Annotated[tuple[PurchaseInput, ...], Meta(min_length=1, max_length=BATCH_MAX)]
    sent_at: SentAt | None = None
    silent: Silent = False


class _SentBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The batch before its items are read, so that one bad item spoils only itself."""

    purchases: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=BATCH_MAX)]
    sent_at: SentAt | None = None
    silent: bool = False


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one item: `status` as POST /purchases would have answered, with its receipt or its problem."""

    position: int
    external_id: str | None
    status: int
    is_replay: bool = False
    receipt: PurchaseReceipt | None = None
    warnings: list[WarningOut] = []
    problem: Problem | None = None


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One result an item, in the order sent. After a break, send the batch again: what is done answers as a replay."""

    recorded: int
    replayed: int
    refused: int
    results: list[BatchResult]


_SALE = {
    "external_id": "till-1-000042",
    "member": {"phone": "010-1234-5678"},
    "occurred_at": "2025-11-21T18:04:00+09:00",
    "currency": "KRW",
    "total_minor": 12400,
    "lines": [
        {"sku": "latte", "category": "coffee", "quantity": 2, "amount_minor": 9600},
        {"sku": "scone", "category": "bakery", "quantity": 1, "amount_minor": 2800, "discount_minor": 200},
    ],
    "tenders": [{"kind": "card", "amount_minor": 12400}],
}


class Purchases(ApiView):
    @operation(
        id="record_purchase",
        tag="Purchases",
        summary="Record a purchase",
        description="One call answers what was earned and why, and what the member has now. Sales made offline are sent "
        "later with the till's own time; a till that sends its clock along (`sent_at`) need not have it right. What came back "
        "on the same receipt is a line below zero. Without `member` the sale is kept and earns nothing until it is claimed "
        "(`POST /purchases/claim`).\n\n`now` is what the member has at this moment. A till that prints what can be redeemed, "
        "or the reasons in words, asks for `?details=true` in the same call: `now.rewards` and `why` are null without it, "
        "since most tills print neither and reading the catalogue costs more than the sale.\n\n"
        "After a time-out send the same again: the same `external_id` with the same content answers the same receipt.",
        scope="purchases:write",
        body=NewPurchase,
        query=PurchaseQuery,
        query_examples={"details": True},
        own_ids=(("external_id",),),
        answers={201: PurchaseAnswer},
        refusals=OF_SALES,
        examples={
            "sale_to_a_member": _SALE,
            "an_exchange": {
                "external_id": "till-1-000045",
                "member": {"phone": "010-1234-5678"},
                "occurred_at": "2025-11-21T18:20:00+09:00",
                "currency": "KRW",
                "total_minor": 3000,
                "lines": [
                    {"sku": "mug-white", "quantity": 1, "amount_minor": -5000},
                    {"sku": "mug-blue", "quantity": 1, "amount_minor": 8000},
                ],
            },
            "sale_to_a_guest": {
                "external_id": "till-1-000043",
                "occurred_at": "2025-11-21T18:05:00+09:00",
                "currency": "KRW",
                "total_minor": 4800,
            },
        },
        answer_example={
            "receipt": RECEIPT,
            "now": NOW,
            "why": None,
            "survey_url": "https://loyalty.example.com/m/cafe-haneul/asked/4m8x2k9q7w3t6v1p-k3vq7zr2mw5ybx4n",
        },
    )
    def post(self, call: Call) -> ApiAnswer:
        source = source_of(call, silent=call.body.silent)
        (outcome,) = purchases.record(
            merchant=call.merchant,
            items=[document_of(call.body, PurchaseInput)],
            now=call.now,
            actor=call.actor,
            source=source,
        )
        if outcome.error is not None:
            raise outcome.error
        return ApiAnswer(
            {
                "receipt": _receipt(call, outcome.receipt),
                "now": standing(call, outcome.account, call.body.member, with_rewards=call.query.details),
                "why": _why(outcome) if call.query.details else None,
                "warnings": warnings_of(outcome.receipt),
                "survey_url": _survey_url(call, outcome.public_id),
            },
            status=201,
            is_replay=outcome.is_replay,
        )

    @operation(
        id="list_purchases",
        tag="Purchases",
        summary="List purchases, or find one by your own id",
        description="The newest recorded first. `external_id` finds what this key sent under it." + TOLD + " What "
        "was recorded, refunded, claimed or moved to another member since comes.",
        scope="documents:read",
        query=PurchaseListQuery,
        query_examples={"limit": 50, "external_id": "till-1-000042"},
        answers={200: PurchasePage},
        refusals=("member_not_found",),
        answer_example={"data": [PURCHASE], "next_cursor": None, "mark": "h2nV0wqT5m8XzKc1rYb7eLp3uJd9fSgA4oQiN6tM"},
    )
    def get(self, call: Call) -> ApiAnswer:
        return ApiAnswer(purchase_page(call))


class OnePurchase(ApiView):
    @operation(
        id="get_purchase",
        tag="Purchases",
        summary="Read a purchase",
        description="As it stands now, with its lines and what came back of them, and the receipt of its recording.",
        scope="documents:read",
        answers={200: PurchaseOut},
        refusals=("purchase_not_found",),
        answer_example=PURCHASE,
    )
    def get(self, call: Call, purchase: str) -> ApiAnswer:
        return ApiAnswer(purchase_out(call, listing.purchase(merchant=call.merchant, public_id=purchase)))


def _survey_url(call: Call, purchase: str) -> str:
    token = asking.token(merchant=call.merchant, purchase=purchase)
    return _place_of_questions(call.merchant.slug) + token


@lru_cache(maxsize=1024)
def _place_of_questions(slug: str) -> str:
    address: str = settings.PUBLIC_URL + reverse("portal:asked", kwargs={"merchant_slug": slug, "token": "-"})
    return address.removesuffix("-")


class PurchaseBatches(ApiView):
    @operation(
        id="record_purchases",
        tag="Purchases",
        summary="Record up to 1,000 purchases",
        description="Each item is recorded or refused by itself, exactly as if it had been sent alone, in the order of "
        "`occurred_at`. 200 means that every item has its result, not that each was recorded: read `results`. They are "
        "written some dozens at a time, so that a till need not wait for the whole of a long batch; when the call breaks "
        "off, what was written stays, and answers as a replay when the batch is sent again.",
        scope="purchases:write",
        body=_SentBatch,
        described_body=PurchaseBatch,
        own_ids=(("external_id",),),
        items="purchases",
        one="record_purchase",
        answers={200: BatchAnswer},
        refusals=(),
        examples={"two_offline_sales": {"purchases": [_SALE, {**_SALE, "external_id": "till-1-000044"}]}},
        answer_example={
            "recorded": 1,
            "replayed": 0,
            "refused": 0,
            "results": [
                {"position": 0, "external_id": "till-1-000042", "status": 201, "is_replay": False, "receipt": RECEIPT}
            ],
        },
        bytes_max=5 * KIB * KIB,
        opens_data_itself=True,
    )
    def post(self, call: Call) -> ApiAnswer:
        sent: list[dict[str, Any]] = call.body.purchases
        source = source_of(call, silent=call.body.silent)
        results: list[dict[str, Any] | None] = [None] * len(sent)
        items: list[tuple[int, PurchaseInput]] = []
        for position, item in _read(sent):
            if isinstance(item, PurchaseInput):
                items.append((position, _timed(item, call.body.sent_at)))
            else:
                results[position] = _refused(call, position, sent[position].get("external_id"), item)
        outcomes: list[ItemOutcome] = []
        if items:
            outcomes = purchases.record_in_turns(
                merchant=call.merchant,
                items=[item for _position, item in items],
                now=call.now,
                actor=call.actor,
                source=source,
            )
        for (position, item), outcome in zip(items, outcomes, strict=True):
            results[position] = (
                _refused(call, position, item.external_id, outcome.error)
                if outcome.error is not None
                else {
                    "position": position,
                    "external_id": call.own_id(item.external_id),
                    "status": 201,
                    "is_replay": outcome.is_replay,
                    "receipt": _receipt(call, outcome.receipt),
                    "warnings": warnings_of(outcome.receipt),
                }
            )
        replayed = sum(outcome.is_replay for outcome in outcomes)
        recorded = sum(outcome.error is None for outcome in outcomes) - replayed
        return ApiAnswer(
            {
                "recorded": recorded,
                "replayed": replayed,
                "refused": len(sent) - recorded - replayed,
                "results": results,
            }
        )


def _read(sent: list[dict[str, Any]]) -> list[tuple[int, PurchaseInput | LoyaltyError]]:
    """Read the items all at once, which is fast; only when something is wrong, one by one."""
    try:
        return list(enumerate(shapes.read(sent, list[PurchaseInput])))
    except shapes.Misshapen:
        pass
    read: list[tuple[int, PurchaseInput | LoyaltyError]] = []
    for position, raw in enumerate(sent):
        try:
            read.append((position, bodies.convert(raw, PurchaseInput)))
        except LoyaltyError as refusal:
            read.append((position, refusal))
    return read


def _timed(item: PurchaseInput, sent_at: datetime | None) -> PurchaseInput:
    """Give an item the batch's clock, unless it brings its own."""
    return item if item.sent_at is not None or sent_at is None else structs.replace(item, sent_at=sent_at)


def _refused(call: Call, position: int, external_id: Any, error: LoyaltyError) -> dict[str, Any]:
    problem = problems.document(error.code, request_id=call.request_id, **problems.of_refusal(error))
    return {
        "position": position,
        "external_id": call.own_id(external_id) if isinstance(external_id, str) else None,
        "status": error.http,
        "is_replay": False,
        "problem": problem,
    }


def _receipt(call: Call, receipt: Mapping[str, Any]) -> Mapping[str, Any]:
    if not call.key.id_namespace:
        return receipt
    return {**receipt, "external_id": call.own_id(receipt["external_id"])}


def _why(outcome: ItemOutcome) -> list[str]:
    steps = msgspec.convert(msgspec.to_builtins(outcome.receipt["trace"]), list[TraceLine])
    return earning.words(steps, outcome.version.terms if outcome.version else None, get_language() or "en")
