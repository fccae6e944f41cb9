"""Who sends what: due deliveries are leased to one process each, in one short transaction.

Whoever is killed between claiming and writing down leaves rows that are due again when their lease ends.  So a delivery
may be made twice and is never lost; receivers drop what they have by `webhook-id`.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from django.db import connection

from merchants import due, sealing
from merchants.webhooks import sending

#: Deliveries claimed at first for an endpoint nobody knows yet.
FIRST_CLAIM: Final = 4
#: Deliveries one process may hold of one endpoint.
CLAIM_MAX: Final = 256
#: Longer than a request may take, with its name looked up.
LEASE: Final = timedelta(seconds=20)

_log = structlog.stdlib.get_logger(__name__)

# One look into the index for each endpoint with due rows, however many rows there are.
_MERCHANTS = """
    WITH RECURSIVE pair AS (
        (SELECT d.merchant_id, d.endpoint_id, d.due_at FROM merchants_webhookdelivery d WHERE d.state = 'due'
         ORDER BY d.merchant_id, d.endpoint_id, d.due_at LIMIT 1)
        UNION ALL
        SELECT n.merchant_id, n.endpoint_id, n.due_at FROM pair p CROSS JOIN LATERAL (
            SELECT d.merchant_id, d.endpoint_id, d.due_at FROM merchants_webhookdelivery d
            WHERE d.state = 'due' AND (d.merchant_id, d.endpoint_id) > (p.merchant_id, p.endpoint_id)
            ORDER BY d.merchant_id, d.endpoint_id, d.due_at LIMIT 1) n
    )
    SELECT DISTINCT merchant_id FROM pair WHERE due_at <= %(now)s ORDER BY merchant_id
"""
_READY = """
    SELECT e.id, e.failures_in_row > 0 FROM merchants_webhookendpoint e
    WHERE e.merchant_id = %(merchant)s AND e.disabled_at IS NULL AND e.deleted_at IS NULL
      AND (e.resting_until IS NULL OR e.resting_until <= %(now)s) AND NOT e.id = ANY(%(satisfied)s)
      AND EXISTS (
          SELECT 1 FROM merchants_webhookdelivery d WHERE d.merchant_id = e.merchant_id AND d.endpoint_id = e.id
            AND d.state = 'due' AND d.due_at <= %(now)s AND (d.claimed_until IS NULL OR d.claimed_until <= %(now)s))
    ORDER BY e.id FOR NO KEY UPDATE SKIP LOCKED
"""
# While the probe is on its way the endpoint rests for everybody else; without an answer, until the lease ends.
_PROBE = "UPDATE merchants_webhookendpoint SET resting_until = %(until)s WHERE merchant_id = %(merchant)s AND id = %(endpoint)s"
_CLAIM = """
    WITH picked AS (
        SELECT d.id FROM merchants_webhookdelivery d
        WHERE d.merchant_id = %(merchant)s AND d.endpoint_id = %(endpoint)s AND d.state = 'due'
          AND d.due_at <= %(now)s AND (d.claimed_until IS NULL OR d.claimed_until <= %(now)s)
        ORDER BY d.due_at, d.id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE merchants_webhookdelivery d SET claimed_until = %(until)s FROM picked
        WHERE d.merchant_id = %(merchant)s AND d.id = picked.id
        RETURNING d.id, d.endpoint_id, d.event_id, d.attempts, d.due_at
    )
"""
_LOADED = """
    SELECT c.id, c.endpoint_id, c.attempts, o.public_id, o.kind, o.payload::text, o.occurred_at,
           e.url, e.public_id, e.sealed_secret,
           CASE WHEN e.previous_secret_until > %(now)s THEN e.previous_sealed_secret END
    FROM claimed c
    JOIN merchants_outboxevent o ON o.merchant_id = %(merchant)s AND o.id = c.event_id
    JOIN merchants_webhookendpoint e ON e.merchant_id = %(merchant)s AND e.id = c.endpoint_id
    ORDER BY c.due_at, c.id
"""
_ONE = """
    WITH claimed AS (
        SELECT d.id, d.endpoint_id, d.event_id, d.attempts, d.due_at FROM merchants_webhookdelivery d
        WHERE d.merchant_id = %(merchant)s AND d.public_id = %(delivery)s
    )
"""
_RELEASE = """
    UPDATE merchants_webhookdelivery d SET claimed_until = NULL
    FROM unnest(%(rows)s::bigint[], %(until)s::timestamptz[]) AS mine(id, claimed_until)
    WHERE d.merchant_id = %(merchant)s AND d.id = mine.id AND d.state = 'due' AND d.claimed_until = mine.claimed_until
"""


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One claimed delivery with all it takes to send it; valid until `claimed_until`.

    Without `secrets` it cannot be signed, and is not sent.  A trial is made once, and its failure is nobody's but its own.
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
    is_trial: bool = False


def merchants_due(now: datetime) -> list[int]:
    """Return the ids of merchants with a delivery whose time has come."""
    return due.ask(_MERCHANTS, {"now": now})


def claim(
    *, merchant_id: int, now: datetime, limit: int = CLAIM_MAX, capacities: Mapping[int, int] | None = None
) -> list[ClaimedDelivery]:
    """Claim due deliveries in the open tenant, `limit` at most, in the order in which they became due.

    `capacities` says how many more of an endpoint the caller can take, where it knows; four of any other, and one of an
    endpoint that is failing, for which everybody waits then.  Locks the endpoints, passing over those another process
    is claiming for or writing about.
    """
    capacities = capacities or {}
    parcels: list[ClaimedDelivery] = []
    until = now + LEASE
    values: dict[str, Any] = {"merchant": merchant_id, "now": now, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(
            _READY, {**values, "satisfied": [endpoint for endpoint, capacity in capacities.items() if capacity <= 0]}
        )
        ready = cursor.fetchall()
        random.shuffle(ready)  # when there are more endpoints than places, each has its turn
        for endpoint, is_failing in ready:
            capacity = min(limit - len(parcels), 1 if is_failing else capacities.get(endpoint, FIRST_CLAIM))
            if capacity <= 0:
                continue
            cursor.execute(_CLAIM + _LOADED, {**values, "endpoint": endpoint, "limit": capacity})
            claimed = [_parcel(merchant_id, until, row) for row in cursor.fetchall()]
            if claimed and is_failing:
                cursor.execute(_PROBE, {**values, "endpoint": endpoint})
            parcels.extend(claimed)
    return parcels


def load_trial(*, merchant_id: int, delivery_id: str, now: datetime, until: datetime) -> ClaimedDelivery:
    """Return a trial delivery of the open tenant that its maker has claimed until then."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE + _LOADED, {"merchant": merchant_id, "delivery": delivery_id, "now": now})
        [row] = cursor.fetchall()
    return _parcel(merchant_id, until, row, is_trial=True)


def release(parcels: Sequence[ClaimedDelivery]) -> None:
    """Give back, in the open tenant of their one merchant, deliveries that were claimed and not sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            _RELEASE,
            {
                "merchant": parcels[0].merchant_id,
                "rows": [parcel.delivery for parcel in parcels],
                "until": [parcel.claimed_until for parcel in parcels],
            },
        )


def _parcel(merchant_id: int, until: datetime, row: Sequence[Any], *, is_trial: bool = False) -> ClaimedDelivery:
    delivery, endpoint, attempts, message_id, kind, payload, occurred_at, url, whose, *sealed = row
    body = sending.body(event_id=message_id, kind=kind, occurred_at=occurred_at, data=msgspec.Raw(payload.encode()))
    return ClaimedDelivery(
        merchant_id=merchant_id,
        delivery=delivery,
        endpoint=endpoint,
        attempts=attempts,
        claimed_until=until,
        url=url,
        message_id=message_id,
        body=body,
        secrets=_secrets(whose, *sealed),
        is_trial=is_trial,
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
