"""Purchases: one at a time or a thousand; and refunds of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from msgspec import Meta

from loyalty.api import bodies, problems
from loyalty.api.balances import AccountNow, RewardNow, account_now, shown_rewards
from loyalty.api.operations import KIB, Answer, Call, operation
from loyalty.api.problems import Problem, Refused
from loyalty.api.views import ApiView
from merchants import shapes
from merchants.errors import LoyaltyError
from rewards import earning, purchases, redemptions
from rewards.earning import Step
from rewards.points import AccountState
from rewards.purchases import Outcome, PurchaseInput, QuoteInput, RefundInput, Source

BATCH_MAX = 1000


class TraceStep(msgspec.Struct, frozen=True, kw_only=True):
    """One reason: what happened, by which rule, how many points, and the figures it rests on."""

    code: str
    rule: str = ""
    points: int = 0
    data: dict[str, Any] = {}


class LotOut(msgspec.Struct, frozen=True, kw_only=True):
    """Points that become spendable together and expire together."""

    points: int
    active_at: datetime
    expires_at: datetime | None


class SpentOut(msgspec.Struct, frozen=True, kw_only=True):
    """Points spent on the purchase."""

    id: str
    points: int
    reward: str | None = None
    amount_minor: int | None = None


class PurchaseReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the purchase brought about when it was recorded. Frozen: a replay answers it again, letter for letter."""

    id: str
    external_id: str
    member: str | None
    occurred_at: datetime
    recorded_at: datetime
    total_minor: int
    currency: str
    points_earned: int
    points_pending: int
    lots: list[LotOut]
    qualifying_points: int
    trace: list[TraceStep]
    terms_version: int | None
    balance_after: int | None
    tier_after: str | None
    redemptions: list[SpentOut] = []
    refunded_minor: int = 0
    points_clawed_back: int = 0


class PurchaseNow(AccountNow, frozen=True, kw_only=True):
    """What the member has at this moment; with `details`, the rewards too, those that can be had first."""

    rewards: list[RewardNow] | None = None


class PurchaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen receipt, and how things stand now (null without a member); `why` in the caller's language if asked."""

    receipt: PurchaseReceipt
    now: PurchaseNow | None
    why: list[str] | None = None


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


class QuoteOut(msgspec.Struct, frozen=True, kw_only=True):
    """What the purchase would earn, by the terms in force, and what can be redeemed. The token pins it for 15 minutes.

    Send `token` as `quote` with the purchase: it is recorded at just this, or refused.
    """

    token: str
    expires_at: datetime
    points: int
    qualifying_points: int
    lots: list[LotOut]
    points_paid_minor: int
    trace: list[TraceStep]
    why: list[str]
    terms_version: int | None
    member: str | None
    now: PurchaseNow | None


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
_RECEIPT = {
    "id": "pur_4m8x2k9q7w3t6v1p",
    "external_id": "till-1-000042",
    "member": "mem_7k2m9x4q8w3t6v1p",
    "occurred_at": "2025-11-21T09:04:00Z",
    "recorded_at": "2025-11-21T09:04:01Z",
    "total_minor": 12400,
    "currency": "KRW",
    "points_earned": 124,
    "points_pending": 0,
    "lots": [{"points": 124, "active_at": "2025-11-21T09:04:00Z", "expires_at": "2026-11-30T15:00:00Z"}],
    "qualifying_points": 124,
    "trace": [{"code": "earned", "rule": "base", "points": 124, "data": {"amount_minor": 12400}}],
    "terms_version": 3,
    "balance_after": 1124,
    "tier_after": "silver",
}
_NOW = {"spendable": 1124, "held": 0, "pending": 0, "debt": 0, "tier": "silver"}
_OF_SALES = (
    "external_id_reused",
    "totals_disagree",
    "wrong_currency",
    "quote_expired",
    "quote_changed",
    "too_many_points",
    "occurred_at_out_of_bounds",
    "unknown_location",
    "member_not_found",
    "member_blocked",
    "live_code_expired",
    "live_code_used",
    "live_code_needed",
    "invalid",
)


class Purchases(ApiView):
    @operation(
        id="record_purchase",
        tag="Purchases",
        summary="Record a purchase",
        description="One call answers what was earned and why, and what the member has now. Sales made offline are sent "
        "later with the till's own time. Without `member` the sale is kept and earns nothing until it is claimed.\n\n"
        "After a time-out send the same again: the same `external_id` with the same content answers the same receipt.",
        scope="purchases:write",
        body=PurchaseInput,
        query=PurchaseQuery,
        query_examples={"details": True},
        own_ids=(("external_id",),),
        answers={201: PurchaseAnswer},
        refusals=_OF_SALES,
        examples={
            "sale_to_a_member": _SALE,
            "sale_to_a_guest": {
                "external_id": "till-1-000043",
                "occurred_at": "2025-11-21T18:05:00+09:00",
                "currency": "KRW",
                "total_minor": 4800,
            },
        },
        answer_example={"receipt": _RECEIPT, "now": _NOW, "why": None},
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
                "now": _standing(call, outcome.account, with_rewards=call.query.details),
                "why": _why(outcome) if call.query.details else None,
            },
            status=201,
            is_replay=outcome.is_replay,
        )


class PurchaseBatches(ApiView):
    @operation(
        id="record_purchases",
        tag="Purchases",
        summary="Record up to 1,000 purchases",
        description="Each item is recorded or refused by itself, exactly as if it had been sent alone, in the order of "
        "`occurred_at`. 200 means that every item has its result, not that each was recorded: read `results`.",
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
                {"position": 0, "external_id": "till-1-000042", "status": 201, "is_replay": False, "receipt": _RECEIPT}
            ],
        },
        bytes_max=5 * KIB * KIB,
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
            outcomes = purchases.record(
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
            "now": {**_NOW, "spendable": 1096},
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


class Quotes(ApiView):
    @operation(
        id="quote_purchase",
        tag="Purchases",
        summary="Ask what a purchase would earn",
        description="Writes nothing; also for a guest. A purchase that brings the token is recorded at exactly what was "
        "quoted, or refused: it is never silently priced again.",
        scope="quotes",
        body=QuoteInput,
        own_ids=(),
        answers={200: QuoteOut},
        refusals=_OF_SALES,
        examples={
            "for_a_member": {"member": {"code": "M4K7-92QX"}, "currency": "KRW", "total_minor": 12400},
            "for_a_guest": {"currency": "KRW", "total_minor": 12400},
        },
        answer_example={
            "token": "eyJ…",
            "expires_at": "2025-11-21T09:19:00Z",
            "points": 124,
            "qualifying_points": 124,
            "lots": _RECEIPT["lots"],
            "points_paid_minor": 0,
            "trace": _RECEIPT["trace"],
            "why": ["1 point for each 100 won: 124 points"],
            "terms_version": 3,
            "member": "mem_7k2m9x4q8w3t6v1p",
            "now": {**_NOW, "rewards": []},
        },
    )
    def post(self, call: Call) -> Answer:
        quoted = purchases.quote(
            merchant=call.merchant, asked=call.body, now=call.now, actor=call.actor, source=source_of(call)
        )
        found, version = quoted.evaluation, quoted.version
        return Answer(
            QuoteOut(
                token=quoted.token,
                expires_at=quoted.expires_at,
                points=found.points,
                qualifying_points=found.qualifying_points,
                lots=[
                    LotOut(points=grant.points, active_at=grant.active_at, expires_at=grant.expires_at)
                    for grant in found.grants
                ],
                points_paid_minor=quoted.points_paid_minor,
                trace=msgspec.convert(msgspec.to_builtins(found.trace), list[TraceStep]),
                why=earning.words(found.trace, version.terms if version else None, get_language() or "en"),
                terms_version=version.number if version else None,
                member=quoted.buyer.public_id if quoted.buyer else None,
                now=_standing(call, quoted.account, with_rewards=True),
            )
        )


def source_of(call: Call) -> Source:
    """This function will say what the key tells of where sales come from."""
    may_backfill = "purchases:backfill" in call.key.scopes
    return Source(
        location=call.key.location_code,
        terminal=call.key.terminal,
        may_backfill=may_backfill,
        is_silent=may_backfill,
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


def _standing(call: Call, account: AccountState | None, *, with_rewards: bool) -> PurchaseNow | None:
    if account is None:
        return None
    rewards = None
    if with_rewards:
        catalogue = redemptions.catalogue(
            merchant=call.merchant,
            member_id=account.member_id,
            spendable=account.spendable,
            tier=account.tier,
            now=call.now,
            language=get_language() or "",
        )
        rewards = shown_rewards(catalogue.offers)
    return PurchaseNow(
        spendable=account.spendable,
        held=account.held,
        pending=account.pending,
        debt=account.debt,
        tier=account.tier or None,
        rewards=rewards,
    )


def _why(outcome: Outcome) -> list[str]:
    steps = msgspec.convert(msgspec.to_builtins(outcome.receipt["trace"]), list[Step])
    return earning.words(steps, outcome.version.terms if outcome.version else None, get_language() or "en")
