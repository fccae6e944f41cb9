"""Deliveries: claimed in one short transaction, sent outside of any, written down in another.

A claim is a lease: whoever is killed between claiming and writing down leaves a row that is due again when the lease
ends.  So a delivery may be made twice and is never lost; receivers drop what they have by `webhook-id`.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec
import structlog
from django.db import connection
from django.db.models import Q

from merchants import directory, due, sealing, tenancy
from merchants.actors import SYSTEM
from merchants.models.webhooks import WebhookDelivery, WebhookEndpoint
from merchants.webhooks import addresses, endpoints, retries, sending, signatures

#: Requests on their way at once, in one process; and of these to one endpoint.
SIDE_BY_SIDE: Final = 16
PER_ENDPOINT: Final = 4
#: Longer than a request may take, with its name looked up.
LEASE: Final = timedelta(seconds=20)

#: What the log of deliveries says when the secret does not open; English, like all of its answers.
CANNOT_SIGN: Final = "not sent: the signing secret does not open with this SECRET_KEY; make a new secret"

_log = structlog.stdlib.get_logger(__name__)

_READY = """
    SELECT e.id, e.failing_since IS NOT NULL FROM merchants_webhookendpoint e
    WHERE e.merchant_id = %(merchant)s AND e.disabled_at IS NULL AND e.deleted_at IS NULL
      AND (e.resting_until IS NULL OR e.resting_until <= %(now)s)
      AND EXISTS (
          SELECT 1 FROM merchants_webhookdelivery d WHERE d.merchant_id = e.merchant_id AND d.endpoint_id = e.id
            AND d.state = 'due' AND d.due_at <= %(now)s AND (d.claimed_until IS NULL OR d.claimed_until <= %(now)s))
    ORDER BY e.id FOR NO KEY UPDATE SKIP LOCKED
"""
_CLAIM = """
    WITH picked AS (
        SELECT d.id FROM merchants_webhookdelivery d
        WHERE d.merchant_id = %(merchant)s AND d.endpoint_id = %(endpoint)s AND d.state = 'due'
          AND d.due_at <= %(now)s AND (d.claimed_until IS NULL OR d.claimed_until <= %(now)s)
        ORDER BY d.due_at, d.id
        LIMIT greatest(0, %(limit)s - (
            SELECT count(*) FROM merchants_webhookdelivery c WHERE c.merchant_id = %(merchant)s
              AND c.endpoint_id = %(endpoint)s AND c.state = 'due' AND c.claimed_until > %(now)s))
        FOR NO KEY UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE merchants_webhookdelivery d SET claimed_until = %(until)s FROM picked
        WHERE d.merchant_id = %(merchant)s AND d.id = picked.id
        RETURNING d.id, d.endpoint_id, d.event_id, d.attempts, d.due_at
    )
    SELECT c.id, c.endpoint_id, c.attempts, o.public_id, o.kind, o.payload::text, o.occurred_at,
           e.url, e.public_id, e.sealed_secret,
           CASE WHEN e.previous_secret_until > %(now)s THEN e.previous_sealed_secret END
    FROM claimed c
    JOIN merchants_outboxevent o ON o.merchant_id = %(merchant)s AND o.id = c.event_id
    JOIN merchants_webhookendpoint e ON e.merchant_id = %(merchant)s AND e.id = c.endpoint_id
    ORDER BY c.due_at, c.id
"""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One claimed delivery with all it takes to send it; valid until `claimed_until`.

    Without `secrets` it cannot be signed, and is not sent.
    """

    merchant_id: int
    delivery: int
    endpoint: int
    attempts: int
    claimed_until: datetime
    url: str
    message_id: str
    body: bytes
    secrets: tuple[str, ...]


def merchants_due(now: datetime) -> list[int]:
    """This function will return the ids of merchants with a delivery whose time has come and that nobody has claimed."""
    unclaimed = Q(claimed_until__isnull=True) | Q(claimed_until__lte=now)
    rows = WebhookDelivery._base_manager.using(due.CONNECTION).filter(unclaimed, state="due", due_at__lte=now)
    return sorted(rows.order_by().values_list("merchant_id", flat=True).distinct())


def claim(*, merchant_id: int, now: datetime, limit: int = SIDE_BY_SIDE) -> list[Parcel]:
    """This function will claim due deliveries in the open tenant: four for each endpoint, one where it is failing.

    Locks the endpoints, passing over those another process is claiming for or writing about.
    """
    parcels: list[Parcel] = []
    with connection.cursor() as cursor:
        cursor.execute(_READY, {"merchant": merchant_id, "now": now})
        ready = cursor.fetchall()
        random.shuffle(ready)  # when there are more endpoints than places, each has its turn
        for endpoint, is_failing in ready:
            room = limit - len(parcels)
            if room <= 0:
                break
            until = now + LEASE
            cursor.execute(
                _CLAIM,
                {
                    "merchant": merchant_id,
                    "endpoint": endpoint,
                    "now": now,
                    "until": until,
                    "limit": min(room, 1 if is_failing else PER_ENDPOINT),
                },
            )
            parcels.extend(_parcel(merchant_id, until, row) for row in cursor.fetchall())
    return parcels


def send(parcel: Parcel, *, now: datetime, resolver: addresses.Resolver = addresses.resolve) -> sending.Answer:
    """This function will make one attempt.  It leaves the machine and touches no database: call it outside."""
    if not parcel.secrets:
        return sending.Answer(None, CANNOT_SIGN, duration_ms=0)
    headers = signatures.headers(message_id=parcel.message_id, at=now, body=parcel.body, secrets=parcel.secrets)
    return sending.post(parcel.url, body=parcel.body, headers=headers, resolver=resolver)


def settle(parcel: Parcel, answer: sending.Answer, *, now: datetime) -> None:
    """This function will write down, in the open tenant, what came of an attempt, and what that means for the endpoint.

    Accepted: done.  410: the endpoint is disabled.  Anything else: due again later, or given up after the eighth try;
    an endpoint that failed for five days is disabled.  An attempt whose lease had ended changes nothing unless it was
    accepted: somebody else has the delivery by now.  Locks the endpoint, then the delivery.
    """
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(
        merchant_id=parcel.merchant_id, pk=parcel.endpoint
    )
    row = (
        WebhookDelivery.objects.select_for_update(no_key=True)
        .filter(merchant_id=parcel.merchant_id, pk=parcel.delivery)
        .first()
    )
    is_mine = row is not None and row.claimed_until == parcel.claimed_until
    if row is None or row.state != WebhookDelivery.State.DUE or not (is_mine or answer.is_accepted):
        return
    row.attempts += 1
    row.claimed_until = None
    row.last_attempt_at = now
    row.last_answer_code = answer.code
    row.last_answer = answer.text[:2000]
    row.last_duration_ms = answer.duration_ms
    if answer.is_accepted:
        row.state = WebhookDelivery.State.DELIVERED
    else:
        wait_ = retries.wait(
            attempts=row.attempts,
            luck=random.random(),  # noqa: S311 - spreads load, hides nothing
            retry_after_seconds=answer.retry_after_seconds,
        )
        if wait_ is None:
            row.state = WebhookDelivery.State.GIVEN_UP
        else:
            row.due_at = now + wait_
    row.save()
    _judge(endpoint, answer, now)


def _judge(endpoint: WebhookEndpoint, answer: sending.Answer, now: datetime) -> None:
    """Close the breaker, open it, or disable the endpoint."""
    if answer.is_accepted:
        if endpoint.failing_since is not None:
            endpoint.failing_since, endpoint.failures_in_row, endpoint.resting_until = None, 0, None
            endpoint.last_failure = ""
            endpoint.save(update_fields=["failing_since", "last_failure", "failures_in_row", "resting_until"])
        return
    endpoint.failures_in_row += 1
    endpoint.failing_since = endpoint.failing_since or now
    rest = retries.rest(failures_in_row=endpoint.failures_in_row, was_slow=answer.was_slow)
    endpoint.resting_until = None if rest is None else now + rest
    endpoint.last_failure = (f"HTTP {answer.code} {answer.text}" if answer.code else answer.text).strip()[:200]
    endpoint.save(update_fields=["failing_since", "last_failure", "failures_in_row", "resting_until"])
    reason = ""
    if answer.code == 410:
        reason = "the receiver answered 410: gone"
    elif now - endpoint.failing_since >= timedelta(days=retries.FAILING_DAYS_MAX):
        reason = f"nothing was accepted for {retries.FAILING_DAYS_MAX} days"
    if reason and endpoint.disabled_at is None and endpoint.deleted_at is None:
        endpoints.disable(
            merchant=directory.get(endpoint.merchant_id),
            endpoint_id=endpoint.public_id,
            reason=reason,
            actor=SYSTEM,
            now=now,
        )


def deliver(
    *,
    find: Callable[[datetime], Sequence[int]] = merchants_due,
    clock: Callable[[], datetime],
    seconds_max: float = 20.0,
    resolver: addresses.Resolver = addresses.resolve,
) -> int:
    """This function will deliver what is due at the merchants `find` names until nothing is left or time is up.

    Opens its own tenants, so call it outside of any.  Sixteen requests run side by side and each takes at most ten
    seconds; a slow endpoint holds four places at the first and one from then on.  Returns the number of attempts.
    """
    end = time.monotonic() + seconds_max
    on_the_way: dict[Future[sending.Answer], Parcel] = {}
    attempts, is_quiet = 0, True
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="webhook") as pool:
        while True:
            free = SIDE_BY_SIDE - len(on_the_way)
            # A few places at a time: looking for each one alone would cost more than the requests do.
            if (free >= PER_ENDPOINT or (free and is_quiet)) and time.monotonic() < end:
                for parcel in _claim_at(find(clock()), clock(), free):
                    on_the_way[pool.submit(send, parcel, now=clock(), resolver=resolver)] = parcel
            if not on_the_way:
                return attempts
            done, _others = wait(on_the_way, timeout=0.5, return_when=FIRST_COMPLETED)
            attempts, is_quiet = attempts + len(done), not done
            _settle_all([(on_the_way.pop(future), future.result()) for future in done], clock())


def _claim_at(merchant_ids: Sequence[int], now: datetime, room: int) -> list[Parcel]:
    parcels: list[Parcel] = []
    for merchant_id in random.sample(list(merchant_ids), len(merchant_ids)):
        if len(parcels) >= room:
            break
        parcels += tenancy.attempt(
            merchant_id, partial(claim, merchant_id=merchant_id, now=now, limit=room - len(parcels))
        )
    return parcels


def _settle_all(outcomes: Sequence[tuple[Parcel, sending.Answer]], now: datetime) -> None:
    by_merchant: defaultdict[int, list[tuple[Parcel, sending.Answer]]] = defaultdict(list)
    for parcel, answer in outcomes:
        by_merchant[parcel.merchant_id].append((parcel, answer))
    for merchant_id, theirs in by_merchant.items():

        def work(theirs: list[tuple[Parcel, sending.Answer]] = theirs) -> None:
            for parcel, answer in sorted(theirs, key=lambda each: (each[0].endpoint, each[0].delivery)):
                settle(parcel, answer, now=now)

        tenancy.attempt(merchant_id, work)
        for parcel, answer in theirs:
            if not answer.is_accepted:
                _log.warning(
                    "webhook_not_accepted",
                    merchant=merchant_id,
                    event_id=parcel.message_id,
                    code=answer.code,
                    attempt=parcel.attempts + 1,
                )


def _secrets(whose: str, sealed: str, previous: str | None) -> tuple[str, ...]:
    try:
        secret = sealing.unseal(sealed, subject=whose)
    except sealing.CannotUnseal:
        _log.error("webhook_secret_cannot_be_opened", endpoint=whose)
        return ()
    if previous:
        # The old one only eases the change; without it deliveries are still signed.
        with contextlib.suppress(sealing.CannotUnseal):
            return secret, sealing.unseal(previous, subject=whose)
    return (secret,)


def _parcel(merchant_id: int, until: datetime, row: Sequence[Any]) -> Parcel:
    delivery, endpoint, attempts, message_id, kind, payload, occurred_at, url, whose, *sealed = row
    body = sending.body(event_id=message_id, kind=kind, occurred_at=occurred_at, data=msgspec.Raw(payload.encode()))
    return Parcel(
        merchant_id=merchant_id,
        delivery=delivery,
        endpoint=endpoint,
        attempts=attempts,
        claimed_until=until,
        url=url,
        message_id=message_id,
        body=body,
        secrets=_secrets(whose, *sealed),
    )
