"""The events there were, as they are delivered to endpoints and read by whoever asks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from loyalty.api.framework import pages
from loyalty.api.framework.operations import ApiAnswer, Call, operation, shown
from loyalty.api.framework.pages import PageQuery
from loyalty.api.framework.views import ApiView
from merchants.webhooks import log
from merchants.webhooks.log import NoSuchEvent


class EventOut(msgspec.Struct, frozen=True, kw_only=True):
    """One fact. Its payload has a JSON Schema of its own, by `kind`."""

    id: str
    kind: str
    payload: dict[str, Any]
    occurred_at: datetime
    recorded_at: datetime


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events, newest first."""

    data: list[EventOut]
    next_cursor: str | None


class EventQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events."""

    kind: Annotated[str, Meta(pattern=r"^[a-z_.]{1,60}\Z")] | None = None


_EVENT = {
    "id": "evt_4m8x2k9q7w3t6v1p",
    "kind": "member.enrolled",
    "payload": {"member": "mem_7k2m9x4q8w3t6v1p"},
    "occurred_at": "2025-11-21T09:10:00Z",
    "recorded_at": "2025-11-21T09:10:00Z",
}


class Events(ApiView):
    @operation(
        id="list_events",
        tag="Webhooks",
        summary="List events",
        description="Newest first; kept for 30 days after delivery.",
        scope="events:read",
        query=EventQuery,
        query_examples={"limit": 50, "kind": "member.enrolled"},
        answers={200: EventPage},
        answer_example={"data": [_EVENT], "next_cursor": None},
    )
    def get(self, call: Call) -> ApiAnswer:
        query: EventQuery = call.query
        rows, following = pages.newest_first(
            query,
            lambda limit, before: log.events(
                merchant=call.merchant, kinds=[query.kind] if query.kind else [], limit=limit, before_id=before
            ),
            gone_is=NoSuchEvent,
        )
        return ApiAnswer(EventPage(data=[shown(EventOut, each) for each in rows], next_cursor=following))


class OneEvent(ApiView):
    @operation(
        id="get_event",
        tag="Webhooks",
        summary="Read an event",
        scope="events:read",
        answers={200: EventOut},
        refusals=("event_not_found",),
        answer_example=_EVENT,
    )
    def get(self, call: Call, event_id: str) -> ApiAnswer:
        return ApiAnswer(shown(EventOut, log.event(merchant=call.merchant, event_id=event_id)))
