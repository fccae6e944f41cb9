"""What happened and what was delivered: read page by page, and sent again when somebody asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from merchants import audit, ids, outbox
from merchants.actors import Actor
from merchants.errors import Invalid, NotFound
from merchants.models.merchants import Merchant
from merchants.models.outbox import OutboxEvent
from merchants.models.webhooks import WebhookDelivery, WebhookEndpoint
from merchants.webhooks.endpoints import EndpointDisabled, NoSuchEndpoint

REPLAY_MAX: Final = 10_000


class NoSuchDelivery(NotFound):
    code = "webhook_delivery_not_found"


class NoSuchEvent(NotFound):
    code = "event_not_found"


class TooMuchToReplay(Invalid):
    code = "too_many_events_to_replay"


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event of the outbox.  `payload` is what its schema promises."""

    id: str
    kind: str
    payload: Mapping[str, Any]
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint: `state` is due, delivered or given_up."""

    id: str
    endpoint_id: str
    event_id: str
    kind: str
    state: str
    attempts: int
    due_at: datetime
    last_attempt_at: datetime | None
    last_answer_code: int | None
    last_answer: str
    last_duration_ms: int | None
    is_replay: bool
    created_at: datetime
    url: str
    payload: Mapping[str, Any]

    @property
    def member(self) -> str | None:
        """The public id of the member it is about, the first of several."""
        return member_of(self.payload)


def member_of(payload: Mapping[str, Any]) -> str | None:
    """Return the public id of the member an event is about, the first of several; None for an event about none."""
    return next((value for value in payload.values() if isinstance(value, str) and value.startswith("mem_")), None)


def events(
    *, merchant: Merchant, kinds: Sequence[str] = (), limit: int = 50, before_id: str | None = None
) -> list[RecordedEvent]:
    """List events, newest first; `before_id` is the last event of the page before.

    :raises NoSuchEvent: `before_id` names none (any more).
    """
    rows = OutboxEvent.objects.filter(merchant=merchant)
    if kinds:
        rows = rows.filter(kind__in=kinds)
    if before_id is not None:
        rows = rows.filter(pk__lt=_event(merchant, before_id).pk)
    return [_event_shown(row) for row in rows.order_by("-pk")[:limit]]


def event(*, merchant: Merchant, event_id: str) -> RecordedEvent:
    """Return one event; raises NoSuchEvent."""
    return _event_shown(_event(merchant, event_id))


def deliveries(
    *,
    merchant: Merchant,
    endpoint_id: str | None = None,
    event_id: str | None = None,
    state: str | None = None,
    limit: int = 50,
    before_id: str | None = None,
) -> list[Delivery]:
    """List deliveries, newest first, of one endpoint or event if wanted; deleted ones' too.

    :raises NoSuchEndpoint: this merchant never had it.
    :raises NoSuchEvent: it is not kept (any more).
    :raises NoSuchDelivery: `before_id` names none (any more).
    """
    rows = WebhookDelivery.objects.filter(merchant=merchant)
    if endpoint_id is not None:
        rows = rows.filter(endpoint_id=_endpoint(merchant, endpoint_id).pk)
    if event_id is not None:
        rows = rows.filter(event_id=_event(merchant, event_id).pk)
    if state is not None:
        rows = rows.filter(state=state)
    if before_id is not None:
        rows = rows.filter(pk__lt=_delivery(merchant, before_id).pk)
    return [_shown(row) for row in rows.select_related("endpoint", "event").order_by("-pk")[:limit]]


def delivery(*, merchant: Merchant, delivery_id: str) -> Delivery:
    """Return one delivery; raises NoSuchDelivery."""
    return _shown(_delivery(merchant, delivery_id))


def replay(*, merchant: Merchant, delivery_id: str, actor: Actor, now: datetime) -> Delivery:
    """Send the same event to the same endpoint again, as a new delivery with the same `webhook-id`.

    :raises NoSuchDelivery: it is not kept (any more).
    :raises EndpointDisabled: nothing is sent there now.
    """
    old = _delivery(merchant, delivery_id)
    _check_open(old.endpoint)
    new = WebhookDelivery.objects.create(
        merchant=merchant,
        public_id=ids.mint("dlv"),
        endpoint_id=old.endpoint_id,
        event_id=old.event_id,
        due_at=now,
        is_replay=True,
        created_at=now,
    )
    audit.record(merchant=merchant, action="webhook.replayed", actor=actor, now=now, subject=old.public_id)
    return _shown(new)


def replay_since(*, merchant: Merchant, endpoint_id: str, since: datetime, actor: Actor, now: datetime) -> int:
    """Send every event the endpoint wants, recorded at `since` or later, to it again.

    Also those it never got because it was disabled.  Returns how many.

    :raises NoSuchEndpoint: at this merchant.
    :raises EndpointDisabled: nothing is sent there now.
    :raises TooMuchToReplay: more than ten thousand: ask for a later start.
    """
    endpoint = _endpoint(merchant, endpoint_id)
    _check_open(endpoint)
    wanted = OutboxEvent.objects.filter(merchant=merchant, recorded_at__gte=since).exclude(kind=outbox.PING)
    if endpoint.kinds:
        wanted = wanted.filter(kind__in=endpoint.kinds)
    found = list(wanted.order_by("pk").values_list("pk", flat=True)[: REPLAY_MAX + 1])
    if len(found) > REPLAY_MAX:
        raise TooMuchToReplay(_("These are more than 10,000 events: choose a later start."), pointer="/since")
    WebhookDelivery.objects.bulk_create(
        (
            WebhookDelivery(
                merchant=merchant,
                public_id=ids.mint("dlv"),
                endpoint=endpoint,
                event_id=event_id,
                due_at=now,
                is_replay=True,
                created_at=now,
            )
            for event_id in found
        ),
        batch_size=1000,
    )
    audit.record(
        merchant=merchant,
        action="webhook.replayed_since",
        actor=actor,
        now=now,
        subject=endpoint.public_id,
        details={"since": since.isoformat(), "events": len(found)},
    )
    return len(found)


def _check_open(endpoint: WebhookEndpoint) -> None:
    if endpoint.deleted_at is not None:
        raise NoSuchEndpoint(_("There is no such webhook endpoint."))
    if endpoint.disabled_at is not None:
        raise EndpointDisabled(_("This endpoint is disabled: enable it first."))


def _endpoint(merchant: Merchant, public_id: str) -> WebhookEndpoint:
    row = WebhookEndpoint.objects.filter(merchant=merchant, public_id=public_id).first()
    if row is None:
        raise NoSuchEndpoint(_("There is no such webhook endpoint."))
    return row


def _event(merchant: Merchant, public_id: str) -> OutboxEvent:
    row = OutboxEvent.objects.filter(merchant=merchant, public_id=public_id).first()
    if row is None:
        raise NoSuchEvent(_("There is no such event, or it is no longer kept."))
    return row


def _delivery(merchant: Merchant, public_id: str) -> WebhookDelivery:
    row = (
        WebhookDelivery.objects.filter(merchant=merchant, public_id=public_id)
        .select_related("endpoint", "event")
        .first()
    )
    if row is None:
        raise NoSuchDelivery(_("There is no such delivery, or it is no longer kept."))
    return row


def _event_shown(row: OutboxEvent) -> RecordedEvent:
    return RecordedEvent(row.public_id, row.kind, row.payload, row.occurred_at, row.recorded_at)


def _shown(row: WebhookDelivery) -> Delivery:
    return Delivery(
        id=row.public_id,
        endpoint_id=row.endpoint.public_id,
        event_id=row.event.public_id,
        kind=row.event.kind,
        state=row.state,
        attempts=row.attempts,
        due_at=row.due_at,
        last_attempt_at=row.last_attempt_at,
        last_answer_code=row.last_answer_code,
        last_answer=row.last_answer,
        last_duration_ms=row.last_duration_ms,
        is_replay=row.is_replay,
        created_at=row.created_at,
        url=row.endpoint.url,
        payload=row.event.payload,
    )
