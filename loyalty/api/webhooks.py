"""Webhook endpoints: where events go, how they are signed, and sending again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from loyalty.api.framework.operations import ApiAnswer, Call, operation, shown
from loyalty.api.framework.views import ApiView
from merchants.webhooks import addresses, endpoints, log

Url = Annotated[str, Meta(min_length=8, max_length=500, examples=["https://pos.example/loyalty-events"])]
Kinds = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=60)], ...],
    Meta(
        max_length=60, description="Kinds of event; none means all.", examples=[["purchase.recorded", "tier.changed"]]
    ),
]
Description = Annotated[str, Meta(max_length=200)]


class EndpointInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where events shall go: https, on the public internet."""

    url: Url
    kinds: Kinds = ()
    description: Description = ""


class EndpointChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes about an endpoint; what is left out stays."""

    url: Url | UnsetType = UNSET
    kinds: Kinds | UnsetType = UNSET
    description: Description | UnsetType = UNSET


class RotationInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the old secret goes on signing beside the new one: seven days at most."""

    overlap_hours: Annotated[int, Meta(ge=0, le=168)] = 24


class DisableInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why deliveries stop."""

    reason: Annotated[str, Meta(max_length=200)] = ""


class ReplayInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send everything recorded since again."""

    since: Annotated[datetime, Meta(tz=True)]


class EndpointOut(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint. `kinds` empty means every kind. Its secret is shown once, when it is made or rotated."""

    id: str
    url: str
    description: str
    kinds: tuple[str, ...]
    created_at: datetime
    failing_since: datetime | None
    resting_until: datetime | None
    disabled_at: datetime | None
    disabled_reason: str
    previous_secret_until: datetime | None


class EndpointWithSecretOut(msgspec.Struct, frozen=True, kw_only=True):
    """The only time the secret is shown: keep it where the deliveries are checked."""

    endpoint: EndpointOut
    secret: str


class EndpointList(msgspec.Struct, frozen=True, kw_only=True):
    """All endpoints, oldest first."""

    data: list[EndpointOut]


class ReplayAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many events will be sent again."""

    queued: int


class PingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery of the trial event: read it in a moment to see what the endpoint answered."""

    delivery_id: str


_ENDPOINT = {
    "id": "whk_4m8x2k9q7w3t6v1p",
    "url": "https://pos.example/loyalty-events",
    "description": "Head office",
    "kinds": ["purchase.recorded"],
    "created_at": "2025-11-21T09:10:00Z",
    "failing_since": None,
    "resting_until": None,
    "disabled_at": None,
    "disabled_reason": "",
    "previous_secret_until": None,
}
_WITH_SECRET = {"endpoint": _ENDPOINT, "secret": "whsec_shown-this-once"}
GONE = "webhook_endpoint_not_found"
MANAGE: dict[str, Any] = {"tag": "Webhooks", "scope": "webhooks:manage"}


def _looked_up(call: Call) -> addresses.Target | None:
    return None if call.body.url is UNSET else addresses.check(call.body.url)


class Endpoints(ApiView):
    @operation(
        id="list_webhook_endpoints",
        summary="List the endpoints",
        answers={200: EndpointList},
        answer_example={"data": [_ENDPOINT]},
        **MANAGE,
    )
    def get(self, call: Call) -> ApiAnswer:
        return ApiAnswer(
            EndpointList(data=[shown(EndpointOut, each) for each in endpoints.listed(merchant=call.merchant)])
        )

    @operation(
        id="add_webhook_endpoint",
        summary="Add an endpoint",
        description="Events recorded from now on are sent there, signed as Standard Webhooks has it. The secret is shown "
        "this once.",
        body=EndpointInput,
        answers={201: EndpointWithSecretOut},
        refusals=("webhook_address_refused", "unknown_event_kind", "too_many_webhook_endpoints"),
        examples={"purchases": {"url": "https://pos.example/loyalty-events", "kinds": ["purchase.recorded"]}},
        answer_example=_WITH_SECRET,
        outside=_looked_up,
        **MANAGE,
    )
    def post(self, call: Call) -> ApiAnswer:
        made = endpoints.create(
            merchant=call.merchant,
            target=call.found,
            kinds=call.body.kinds,
            description=call.body.description,
            actor=call.actor,
            now=call.now,
        )
        return ApiAnswer(
            EndpointWithSecretOut(endpoint=shown(EndpointOut, made.endpoint), secret=made.secret), status=201
        )


class OneEndpoint(ApiView):
    @operation(
        id="get_webhook_endpoint",
        summary="Read an endpoint",
        answers={200: EndpointOut},
        refusals=(GONE,),
        answer_example=_ENDPOINT,
        **MANAGE,
    )
    def get(self, call: Call, endpoint_id: str) -> ApiAnswer:
        return ApiAnswer(shown(EndpointOut, endpoints.get(merchant=call.merchant, endpoint_id=endpoint_id)))

    @operation(
        id="change_webhook_endpoint",
        summary="Change an endpoint",
        body=EndpointChanges,
        answers={200: EndpointOut},
        refusals=(GONE, "webhook_address_refused", "unknown_event_kind"),
        examples={"every_kind": {"kinds": []}},
        answer_example=_ENDPOINT,
        outside=_looked_up,
        **MANAGE,
    )
    def patch(self, call: Call, endpoint_id: str) -> ApiAnswer:
        changes: EndpointChanges = call.body
        changed = endpoints.update(
            merchant=call.merchant,
            endpoint_id=endpoint_id,
            target=call.found,
            kinds=None if changes.kinds is UNSET else changes.kinds,
            description=None if changes.description is UNSET else changes.description,
            actor=call.actor,
            now=call.now,
        )
        return ApiAnswer(shown(EndpointOut, changed))

    @operation(
        id="delete_webhook_endpoint",
        summary="Delete an endpoint",
        description="Nothing more is sent there; its deliveries stay in the log.",
        answers={204: None},
        refusals=(GONE,),
        **MANAGE,
    )
    def delete(self, call: Call, endpoint_id: str) -> ApiAnswer:
        endpoints.delete(merchant=call.merchant, endpoint_id=endpoint_id, actor=call.actor, now=call.now)
        return ApiAnswer(status=204)


class EndpointSecrets(ApiView):
    @operation(
        id="rotate_webhook_secret",
        summary="Make a new secret",
        description="Both secrets sign during the overlap, so that deliveries can be checked without a gap.",
        body=RotationInput,
        answers={200: EndpointWithSecretOut},
        refusals=(GONE,),
        examples={"a_day": {"overlap_hours": 24}},
        answer_example=_WITH_SECRET,
        **MANAGE,
    )
    def post(self, call: Call, endpoint_id: str) -> ApiAnswer:
        made = endpoints.rotate_secret(
            merchant=call.merchant,
            endpoint_id=endpoint_id,
            actor=call.actor,
            now=call.now,
            overlap=timedelta(hours=call.body.overlap_hours),
        )
        return ApiAnswer(EndpointWithSecretOut(endpoint=shown(EndpointOut, made.endpoint), secret=made.secret))


class EndpointDisablings(ApiView):
    @operation(
        id="disable_webhook_endpoint",
        summary="Stop deliveries to an endpoint",
        body=DisableInput,
        answers={200: EndpointOut},
        refusals=(GONE,),
        examples={"maintenance": {"reason": "moving the till server"}},
        answer_example=_ENDPOINT,
        **MANAGE,
    )
    def post(self, call: Call, endpoint_id: str) -> ApiAnswer:
        changed = endpoints.disable(
            merchant=call.merchant,
            endpoint_id=endpoint_id,
            reason=call.body.reason,
            actor=call.actor,
            now=call.now,
        )
        return ApiAnswer(shown(EndpointOut, changed))


class EndpointEnablings(ApiView):
    @operation(
        id="enable_webhook_endpoint",
        summary="Send to an endpoint again",
        description="From now on; what was missed is sent by a replay.",
        answers={200: EndpointOut},
        refusals=(GONE,),
        answer_example=_ENDPOINT,
        **MANAGE,
    )
    def post(self, call: Call, endpoint_id: str) -> ApiAnswer:
        changed = endpoints.enable(merchant=call.merchant, endpoint_id=endpoint_id, actor=call.actor, now=call.now)
        return ApiAnswer(shown(EndpointOut, changed))


class EndpointPings(ApiView):
    @operation(
        id="ping_webhook_endpoint",
        summary="Send a trial event",
        answers={202: PingAnswer},
        refusals=(GONE, "webhook_endpoint_disabled"),
        answer_example={"delivery_id": "dlv_4m8x2k9q7w3t6v1p"},
        **MANAGE,
    )
    def post(self, call: Call, endpoint_id: str) -> ApiAnswer:
        delivery_id = endpoints.ping(merchant=call.merchant, endpoint_id=endpoint_id, now=call.now)
        return ApiAnswer(PingAnswer(delivery_id=delivery_id), status=202)


class EndpointReplays(ApiView):
    @operation(
        id="replay_events",
        summary="Send all events since an instant again",
        body=ReplayInput,
        answers={202: ReplayAnswer},
        refusals=(GONE, "webhook_endpoint_disabled", "too_many_events_to_replay"),
        examples={"since_the_outage": {"since": "2025-11-21T09:00:00Z"}},
        answer_example={"queued": 12},
        **MANAGE,
    )
    def post(self, call: Call, endpoint_id: str) -> ApiAnswer:
        queued = log.replay_since(
            merchant=call.merchant,
            endpoint_id=endpoint_id,
            since=call.body.since,
            actor=call.actor,
            now=call.now,
        )
        return ApiAnswer(ReplayAnswer(queued=queued), status=202)
