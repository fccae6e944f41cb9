"""Quotes: what a purchase would earn, asked before it is sold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from django.utils.translation import get_language
from msgspec import Meta

from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from loyalty.api.receipts import (
    NOW,
    OF_SALES,
    RECEIPT,
    LotOut,
    PurchaseNow,
    TraceStep,
    WarningOut,
    source_of,
    standing,
    warnings_before,
)
from rewards import earning, purchases
from rewards.purchases import QuoteInput


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
    warnings: Annotated[
        list[WarningOut], Meta(description="Doubts that the sale would be recorded with, such as `amount_not_in_cash`.")
    ] = []


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
        refusals=OF_SALES,
        examples={
            "for_a_member": {"member": {"code": "M4K7-92QX"}, "currency": "KRW", "total_minor": 12400},
            "for_a_guest": {"currency": "KRW", "total_minor": 12400},
        },
        answer_example={
            "token": "eyJ…",
            "expires_at": "2025-11-21T09:19:00Z",
            "points": 124,
            "qualifying_points": 124,
            "lots": RECEIPT["lots"],
            "points_paid_minor": 0,
            "trace": RECEIPT["trace"],
            "why": ["1 point for each 100 won: 124 points"],
            "terms_version": 3,
            "member": "mem_7k2m9x4q8w3t6v1p",
            "now": {**NOW, "rewards": []},
            "warnings": [],
        },
    )
    def post(self, call: Call) -> ApiAnswer:
        quoted = purchases.quote(
            merchant=call.merchant, asked=call.body, now=call.now, actor=call.actor, source=source_of(call)
        )
        found, version = quoted.evaluation, quoted.version
        return ApiAnswer(
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
                now=standing(call, quoted.account, call.body.member, with_rewards=True),
                warnings=warnings_before(quoted.sale),
            )
        )
