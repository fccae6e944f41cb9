"""Outbox rows become delivery rows: one per endpoint that wants the event.  A row at a time is claimed, not a number.

Never "everything after the last number sent": numbers commit out of order, and a lower one may appear later.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from merchants import due, ids
from merchants.models.outbox import OutboxEvent

BATCH = 500

_CLAIM = """
    SELECT o.id, array_agg(e.id ORDER BY e.id) FILTER (WHERE e.id IS NOT NULL)
    FROM (
        SELECT id, merchant_id, kind FROM merchants_outboxevent
        WHERE merchant_id = %(merchant)s AND relayed_at IS NULL
        ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
    ) o
    LEFT JOIN merchants_webhookendpoint e
        ON e.merchant_id = o.merchant_id AND e.disabled_at IS NULL AND e.deleted_at IS NULL
        AND (e.kinds = '{}' OR o.kind = ANY(e.kinds))
    GROUP BY o.id ORDER BY o.id
"""
_DELIVERIES = """
    INSERT INTO merchants_webhookdelivery
        (merchant_id, public_id, endpoint_id, event_id, state, attempts, due_at, last_answer, is_replay, created_at)
    SELECT %(merchant)s, d.public_id, d.endpoint_id, d.event_id, 'due', 0, %(now)s, '', false, %(now)s
    FROM unnest(%(public_ids)s::text[], %(endpoints)s::bigint[], %(events)s::bigint[])
        AS d(public_id, endpoint_id, event_id)
    ON CONFLICT (merchant_id, endpoint_id, event_id) WHERE NOT is_replay DO NOTHING
"""
_RELAYED = (
    "UPDATE merchants_outboxevent SET relayed_at = %(now)s WHERE merchant_id = %(merchant)s AND id = ANY(%(ids)s)"
)


def relay(*, merchant_id: int, now: datetime, limit: int = BATCH) -> int:
    """Hand on up to `limit` events of the open tenant and return how many there were.

    Rows another relay has claimed are passed over; both commit, and every event gets each delivery exactly once.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"merchant": merchant_id, "limit": limit})
        claimed: list[tuple[int, list[int] | None]] = cursor.fetchall()
        if not claimed:
            return 0
        pairs = [(event, endpoint) for event, endpoints in claimed for endpoint in endpoints or ()]
        if pairs:
            cursor.execute(_DELIVERIES, _parameters(merchant_id, now, pairs))
        cursor.execute(_RELAYED, {"merchant": merchant_id, "now": now, "ids": [event for event, _wanted in claimed]})
    return len(claimed)


def merchants_due() -> list[int]:
    """Return the ids of merchants with events not yet handed on."""
    return due.merchants_with(OutboxEvent, relayed_at__isnull=True)


def _parameters(merchant_id: int, now: datetime, pairs: list[tuple[int, int]]) -> dict[str, Any]:
    return {
        "merchant": merchant_id,
        "now": now,
        "public_ids": [ids.mint("dlv") for _pair in pairs],
        "events": [event for event, _endpoint in pairs],
        "endpoints": [endpoint for _event, endpoint in pairs],
    }
