"""Purchases: one at a time or a thousand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from msgspec import Meta

from engagement import asking
from loyalty.api import bodies, problems
from loyalty.api.operations import KIB, Answer, Call, operation
from loyalty.api.problems import Problem, Refused
from loyalty.api.receipts import NOW, OF_SALES, RECEIPT, PurchaseNow, PurchaseReceipt, source_of, standing
from loyalty.api.views import ApiView
from merchants import shapes
from merchants.errors import LoyaltyError
from rewards import earning, purchases
from rewards.earning import Step
from rewards.purchases import Outcome, PurchaseInput

BATCH_MAX = 1000


class PurchaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt, and how things stand now (null without a member); `why` in the caller's language if asked."""

    receipt: PurchaseReceipt
    now: PurchaseNow | None
    why: list[str] | None = None
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


class PurchaseBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sales of an offline till or an import; each is answered by itself, in this order."""

    purchases: Annotated[tuple[PurchaseInput, ...], Meta(min_length=1, max_length=BATCH_MAX)]


class _SentBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The batch before its items are read, so that one bad item spoils only itself."""

    purchases: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=BATCH_MAX)]


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one item: `status` as POST /purchases would have answered, with its receipt or its problem."""

    position: int
    external_id: str | None
    status: int
    is_replay: bool = False
    receipt: PurchaseReceipt | None = None
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
        "later with the till's own time. Without `member` the sale is kept and earns nothing until it is claimed "
        "(`POST /purchases/claim`).\n\n`now` is what the member has at this moment. A till that prints what can be redeemed, "
        "or the reasons in words, asks for `?details=true` in the same call: `now.rewards` and `why` are null without it, "
        "since most tills print neither and reading the catalogue costs more than the sale.\n\n"
        "After a time-out send the same again: the same `external_id` with the same content answers the same receipt.",
        scope="purchases:write",
        body=PurchaseInput,
        query=PurchaseQuery,
        query_examples={"details": True},
        own_ids=(("external_id",),),
        answers={201: PurchaseAnswer},
        refusals=OF_SALES,
        examples={
            "sale_to_a_member": _SALE,
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
    def post(self, call: Call) -> Answer:
        _check_calendar(call.body)
        (outcome,) = purchases.record(
            merchant=call.merchant, items=[call.body], now=call.now, actor=call.actor, source=source_of(call)
        )
        if outcome.error is not None:
            raise outcome.error
        return Answer(
            {
                "receipt": _receipt(call, outcome.receipt),
                "now": standing(call, outcome.account, with_rewards=call.query.details),
                "why": _why(outcome) if call.query.details else None,
                "survey_url": _survey_url(call, outcome.public_id),
            },
            status=201,
            is_replay=outcome.is_replay,
        )


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
    def post(self, call: Call) -> Answer:
        sent: list[dict[str, Any]] = call.body.purchases
        results: list[dict[str, Any] | None] = [None] * len(sent)
        items: list[tuple[int, PurchaseInput]] = []
        for position, item in _read(sent):
            if isinstance(item, PurchaseInput):
                items.append((position, item))
            else:
                results[position] = _refused(call, position, sent[position].get("external_id"), item)
        outcomes: list[Outcome] = []
        if items:
            outcomes = purchases.record_in_turns(
                merchant=call.merchant,
                items=[item for _position, item in items],
                now=call.now,
                actor=call.actor,
                source=source_of(call),
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
                }
            )
        replayed = sum(outcome.is_replay for outcome in outcomes)
        recorded = sum(outcome.error is None for outcome in outcomes) - replayed
        return Answer(
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
        items = shapes.read(sent, list[PurchaseInput])
        for item in items:
            _check_calendar(item)
        return list(enumerate(items))
    except (shapes.Misshapen, Refused):
        pass
    read: list[tuple[int, PurchaseInput | LoyaltyError]] = []
    for position, raw in enumerate(sent):
        try:
            item = bodies.convert(raw, PurchaseInput)
            _check_calendar(item)
            read.append((position, item))
        except Refused as refusal:
            read.append((position, refusal))
    return read


def _check_calendar(item: PurchaseInput) -> None:
    """At the edges of the calendar an instant has no day in some zones; a backfill may ask for any year but those."""
    if not 1900 <= item.occurred_at.year <= 2200:
        raise Refused("occurred_at_out_of_bounds", _("occurred_at cannot be meant."), pointer="/occurred_at")


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


def _why(outcome: Outcome) -> list[str]:
    steps = msgspec.convert(msgspec.to_builtins(outcome.receipt["trace"]), list[Step])
    return earning.words(steps, outcome.version.terms if outcome.version else None, get_language() or "en")
