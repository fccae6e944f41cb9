"""Where a merchant wants its events: addresses, the kinds each wants, and the secrets that sign what goes there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _

from merchants import audit, ids, outbox, sealing
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid, NotFound
from merchants.models.merchants import Merchant
from merchants.models.outbox import OutboxEvent
from merchants.models.webhooks import WebhookDelivery, WebhookEndpoint
from merchants.webhooks import addresses, signatures

ENDPOINTS_MAX: Final = 20
#: How long the old secret goes on signing beside the new one, unless asked otherwise.
OVERLAP: Final = timedelta(hours=24)
_OVERLAP_MAX: Final = timedelta(days=7)


class NoSuchEndpoint(NotFound):
    code = "webhook_endpoint_not_found"


class TooManyEndpoints(Conflict):
    code = "too_many_webhook_endpoints"


class UnknownEventKind(Invalid):
    code = "unknown_event_kind"


class EndpointDisabled(Conflict):
    code = "webhook_endpoint_disabled"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as people may see it.  `kinds` empty means every kind; the secret is shown once, when it is made."""

    id: str
    url: str
    description: str
    kinds: tuple[str, ...]
    created_at: datetime
    #: Since when the receiver itself is in trouble; its other events wait.  A refusal of one event is none.
    failing_since: datetime | None
    #: What the last attempt that failed was answered, in English or in the receiver's own words.
    last_failure: str
    resting_until: datetime | None
    disabled_at: datetime | None
    disabled_reason: str
    previous_secret_until: datetime | None


@dataclass(frozen=True, slots=True)
class EndpointWithSecret:
    """What `create` and `rotate_secret` return: the only time the secret is shown."""

    endpoint: Endpoint
    secret: str


def create(
    *,
    merchant: Merchant,
    target: addresses.Target,
    kinds: Sequence[str] = (),
    description: str = "",
    actor: Actor,
    now: datetime,
) -> EndpointWithSecret:
    """Add an endpoint in the open tenant; events recorded from now on go there.

    `target` is what `addresses.check` found before the tenant was opened: it asks the network.

    :raises UnknownEventKind: one of the kinds does not exist.
    :raises TooManyEndpoints: there are twenty already.
    """
    wanted = _kinds(kinds)
    if WebhookEndpoint.objects.filter(merchant=merchant, deleted_at__isnull=True).count() >= ENDPOINTS_MAX:
        raise TooManyEndpoints(_("There are %(count)s endpoints already: delete one first.") % {"count": ENDPOINTS_MAX})
    public_id, secret = ids.mint("whk"), signatures.mint_secret()
    row = WebhookEndpoint.objects.create(
        merchant=merchant,
        public_id=public_id,
        url=target.url,
        description=description,
        kinds=wanted,
        sealed_secret=sealing.seal(secret, subject=public_id),
        created_at=now,
    )
    audit.record(merchant=merchant, action="webhook.created", actor=actor, now=now, subject=row.public_id)
    return EndpointWithSecret(_shown(row), secret)


def update(
    *,
    merchant: Merchant,
    endpoint_id: str,
    target: addresses.Target | None = None,
    kinds: Sequence[str] | None = None,
    description: str | None = None,
    actor: Actor,
    now: datetime,
) -> Endpoint:
    """Change what is given and leave the rest; a new address is checked like the first one.

    :raises NoSuchEndpoint: at this merchant.
    :raises UnknownEventKind: as `create`.
    """
    row = _locked(merchant, endpoint_id)
    before = {"url": row.url, "events": list(row.kinds)}
    if target is not None and target.url != row.url:
        row.url = target.url
        _forget_failures(row)
    if kinds is not None:
        row.kinds = _kinds(kinds)
    if description is not None:
        row.description = description
    row.save()
    after = {"url": row.url, "events": list(row.kinds)}
    audit.record(
        merchant=merchant, action="webhook.updated", actor=actor, now=now, subject=row.public_id,
        details={key: [before[key], after[key]] for key in before if before[key] != after[key]},
    )  # fmt: skip
    return _shown(row)


def rotate_secret(
    *, merchant: Merchant, endpoint_id: str, actor: Actor, now: datetime, overlap: timedelta = OVERLAP
) -> EndpointWithSecret:
    """Make a new secret; both sign during the overlap, seven days at most, zero for at once.

    :raises NoSuchEndpoint: at this merchant.
    """
    row = _locked(merchant, endpoint_id)
    overlap = max(timedelta(0), min(overlap, _OVERLAP_MAX))
    row.previous_sealed_secret, row.previous_secret_until = (
        (row.sealed_secret, now + overlap) if overlap else ("", None)
    )
    secret = signatures.mint_secret()
    row.sealed_secret = sealing.seal(secret, subject=row.public_id)
    row.save(update_fields=["sealed_secret", "previous_sealed_secret", "previous_secret_until"])
    audit.record(merchant=merchant, action="webhook.secret_rotated", actor=actor, now=now, subject=row.public_id)
    return EndpointWithSecret(_shown(row), secret)


def reseal(*, merchant: Merchant) -> int:
    """Seal anew, in the open tenant, what an older SECRET_KEY sealed; returns how many endpoints.

    :raises CannotUnseal: a secret opens with no key at all; nothing is changed.
    """
    resealed = 0
    rows = WebhookEndpoint.objects.select_for_update(no_key=True).filter(merchant=merchant, deleted_at__isnull=True)
    for row in rows.order_by("pk"):
        held = (row.sealed_secret, row.previous_sealed_secret)
        if all(not sealed or sealing.is_current(sealed, subject=row.public_id) for sealed in held):
            continue
        row.sealed_secret, row.previous_sealed_secret = (
            sealing.seal(sealing.unseal(sealed, subject=row.public_id), subject=row.public_id) if sealed else ""
            for sealed in held
        )
        row.save(update_fields=["sealed_secret", "previous_sealed_secret"])
        resealed += 1
    return resealed


def disable(*, merchant: Merchant, endpoint_id: str, reason: str, actor: Actor, now: datetime) -> Endpoint:
    """Stop deliveries to an endpoint; what was on its way is given up and can be replayed later.

    Disabling it again changes nothing.

    :raises NoSuchEndpoint: at this merchant.
    """
    row = _locked(merchant, endpoint_id)
    if row.disabled_at is None:
        row.disabled_at, row.disabled_reason = now, reason[:200]
        row.save(update_fields=["disabled_at", "disabled_reason"])
        _give_up(row, now, "the endpoint was disabled")
        audit.record(
            merchant=merchant,
            action="webhook.disabled",
            actor=actor,
            now=now,
            subject=row.public_id,
            details={"reason": row.disabled_reason},
        )
    return _shown(row)


def enable(*, merchant: Merchant, endpoint_id: str, actor: Actor, now: datetime) -> Endpoint:
    """Take an endpoint into service again, as if it had never failed.

    Events recorded meanwhile are not sent by themselves: `log.replay_since` does that.

    :raises NoSuchEndpoint: at this merchant.
    """
    row = _locked(merchant, endpoint_id)
    row.disabled_at, row.disabled_reason = None, ""
    _forget_failures(row)
    row.save()
    audit.record(merchant=merchant, action="webhook.enabled", actor=actor, now=now, subject=row.public_id)
    return _shown(row)


def delete(*, merchant: Merchant, endpoint_id: str, actor: Actor, now: datetime) -> None:
    """Take an endpoint away for good; its secrets are wiped, its log stays as long as any log.

    :raises NoSuchEndpoint: at this merchant, or deleted already.
    """
    row = _locked(merchant, endpoint_id)
    row.deleted_at, row.sealed_secret, row.previous_sealed_secret, row.previous_secret_until = now, "", "", None
    row.save(update_fields=["deleted_at", "sealed_secret", "previous_sealed_secret", "previous_secret_until"])
    _give_up(row, now, "the endpoint was deleted")
    audit.record(merchant=merchant, action="webhook.deleted", actor=actor, now=now, subject=row.public_id)


def ping(*, merchant: Merchant, endpoint_id: str, now: datetime, claimed_until: datetime | None = None) -> str:
    """Queue a trial delivery to this endpoint alone and return the delivery's public id.

    With `claimed_until` the caller sends it, and nobody else does before then.

    :raises NoSuchEndpoint: at this merchant.
    :raises EndpointDisabled: nothing is sent there now.
    """
    row = _locked(merchant, endpoint_id)
    if row.disabled_at is not None:
        raise EndpointDisabled(_("This endpoint is disabled: enable it first."))
    event_id = outbox.record(
        merchant_id=merchant.pk,
        kind=outbox.PING,
        payload={"endpoint": row.public_id},
        occurred_at=now,
        now=now,
    )
    event = OutboxEvent.objects.get(merchant=merchant, public_id=event_id)
    event.relayed_at = now  # straight to the one endpoint that asked; the relay must not offer it to the others
    event.save(update_fields=["relayed_at"])
    delivery = WebhookDelivery.objects.create(
        merchant=merchant,
        public_id=ids.mint("dlv"),
        endpoint=row,
        event=event,
        due_at=now,
        claimed_until=claimed_until,
        created_at=now,
    )
    return delivery.public_id


def listed(*, merchant: Merchant) -> list[Endpoint]:
    """Return the merchant's endpoints that are not deleted, oldest first."""
    rows = WebhookEndpoint.objects.filter(merchant=merchant, deleted_at__isnull=True).order_by("pk")
    return [_shown(row) for row in rows]


def get(*, merchant: Merchant, endpoint_id: str) -> Endpoint:
    """Return one endpoint; raises NoSuchEndpoint."""
    row = WebhookEndpoint.objects.filter(merchant=merchant, public_id=endpoint_id, deleted_at__isnull=True).first()
    if row is None:
        raise NoSuchEndpoint(_("There is no such webhook endpoint."))
    return _shown(row)


def _locked(merchant: Merchant, endpoint_id: str) -> WebhookEndpoint:
    row = (
        WebhookEndpoint.objects.select_for_update(no_key=True)
        .filter(merchant=merchant, public_id=endpoint_id, deleted_at__isnull=True)
        .first()
    )
    if row is None:
        raise NoSuchEndpoint(_("There is no such webhook endpoint."))
    return row


def _forget_failures(row: WebhookEndpoint) -> None:
    row.failing_since, row.last_failure, row.failures_in_row, row.resting_until = None, "", 0, None


def _give_up(row: WebhookEndpoint, now: datetime, reason: str) -> None:
    WebhookDelivery.objects.filter(merchant_id=row.merchant_id, endpoint=row, state=WebhookDelivery.State.DUE).update(
        state=WebhookDelivery.State.GIVEN_UP, last_answer=reason
    )


def _kinds(kinds: Sequence[str]) -> list[str]:
    for place, kind in enumerate(kinds):
        if kind not in outbox.KINDS:
            raise UnknownEventKind(_("There is no event “%(kind)s”.") % {"kind": kind[:60]}, pointer=f"/kinds/{place}")
    return list(dict.fromkeys(kinds))


def _shown(row: WebhookEndpoint) -> Endpoint:
    return Endpoint(
        id=row.public_id,
        url=row.url,
        description=row.description,
        kinds=tuple(row.kinds),
        created_at=row.created_at,
        failing_since=row.failing_since,
        last_failure=row.last_failure,
        resting_until=row.resting_until,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
        previous_secret_until=row.previous_secret_until,
    )
