"""What came of each delivery of an event to an endpoint, and sending one again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from loyalty.api.framework import pages
from loyalty.api.framework.operations import ApiAnswer, Call, operation, shown
from loyalty.api.framework.pages import PageQuery
from loyalty.api.framework.views import ApiView
from loyalty.api.webhooks import GONE, MANAGE
from merchants.webhooks import log
from merchants.webhooks.log import NoSuchDelivery


class DeliveryOut(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one endpoint: due, delivered or given_up; `last_answer` is how the endpoint replied."""

    id: str
    endpoint_id: str
    event_id: str
    kind: str
    state: Literal["due", "delivered", "given_up"]
    attempts: int
    due_at: datetime
    last_attempt_at: datetime | None
    last_answer_code: int | None
    last_answer: str
    last_duration_ms: int | None
    is_replay: bool
    created_at: datetime


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries, newest first."""

    data: list[DeliveryOut]
    next_cursor: str | None


class DeliveryQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries."""

    endpoint: Annotated[str, Meta(pattern=r"^[0-9a-z_]{1,40}\Z")] | None = None
    event: Annotated[str, Meta(pattern=r"^[0-9a-z_]{1,40}\Z")] | None = None
    state: Literal["due", "delivered", "given_up"] | None = None


_DELIVERY = {
    "id": "dlv_4m8x2k9q7w3t6v1p",
    "endpoint_id": "whk_4m8x2k9q7w3t6v1p",
    "event_id": "evt_4m8x2k9q7w3t6v1p",
    "kind": "member.enrolled",
    "state": "delivered",
    "attempts": 1,
    "due_at": "2025-11-21T09:10:00Z",
    "last_attempt_at": "2025-11-21T09:10:01Z",
    "last_answer_code": 200,
    "last_answer": "ok",
    "last_duration_ms": 41,
    "is_replay": False,
    "created_at": "2025-11-21T09:10:00Z",
}


class Deliveries(ApiView):
    @operation(
        id="list_webhook_deliveries",
        summary="List deliveries",
        description="Newest first, of one endpoint, event or state if wanted; kept for 30 days.",
        query=DeliveryQuery,
        query_examples={"limit": 50, "state": "given_up"},
        answers={200: DeliveryPage},
        refusals=(GONE, "event_not_found"),
        answer_example={"data": [_DELIVERY], "next_cursor": None},
        **MANAGE,
    )
    def get(self, call: Call) -> ApiAnswer:
        query: DeliveryQuery = call.query
        rows, following = pages.newest_first(
            query,
            lambda limit, before: log.deliveries(
                merchant=call.merchant,
                endpoint_id=query.endpoint,
                event_id=query.event,
                state=query.state,
                limit=limit,
                before_id=before,
            ),
            gone_is=NoSuchDelivery,
        )
        return ApiAnswer(DeliveryPage(data=[shown(DeliveryOut, each) for each in rows], next_cursor=following))


class OneDelivery(ApiView):
    @operation(
        id="get_webhook_delivery",
        summary="Read a delivery",
        answers={200: DeliveryOut},
        refusals=("webhook_delivery_not_found",),
        answer_example=_DELIVERY,
        **MANAGE,
    )
    def get(self, call: Call, delivery_id: str) -> ApiAnswer:
        return ApiAnswer(shown(DeliveryOut, log.delivery(merchant=call.merchant, delivery_id=delivery_id)))


class DeliveryReplays(ApiView):
    @operation(
        id="replay_webhook_delivery",
        summary="Send one event again",
        description="A new delivery of the same event, under the same webhook-id.",
        answers={202: DeliveryOut},
        refusals=("webhook_delivery_not_found", "webhook_endpoint_disabled"),
        answer_example=_DELIVERY,
        **MANAGE,
    )
    def post(self, call: Call, delivery_id: str) -> ApiAnswer:
        again = log.replay(merchant=call.merchant, delivery_id=delivery_id, actor=call.actor, now=call.now)
        return ApiAnswer(shown(DeliveryOut, again), status=202)
