"""What came of attempts is written down, many at once, and what that means for the endpoints."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import Q

from merchants import directory
from merchants.actors import SYSTEM
from merchants.models.webhooks import WebhookEndpoint
from merchants.webhooks import endpoints, retries
from merchants.webhooks.claiming import ClaimedDelivery
from merchants.webhooks.sending import ReceiverAnswer

Outcome = tuple[ClaimedDelivery, ReceiverAnswer]

# An attempt whose lease had ended changes nothing unless it was accepted: somebody else has the delivery by now.
_SETTLE: Final = """
    UPDATE merchants_webhookdelivery d
    SET attempts = d.attempts + 1, claimed_until = NULL, last_attempt_at = %(now)s, state = o.state,
        due_at = coalesce(o.due_at, d.due_at), last_answer_code = o.code, last_answer = o.answer,
        last_duration_ms = o.took
    FROM unnest(%(ids)s::bigint[], %(until)s::timestamptz[], %(states)s::text[], %(due)s::timestamptz[],
                %(codes)s::int[], %(answers)s::text[], %(took)s::int[])
        AS o(id, claimed_until, state, due_at, code, answer, took)
    WHERE d.merchant_id = %(merchant)s AND d.id = o.id AND d.state = 'due'
      AND (o.state = 'delivered' OR d.claimed_until = o.claimed_until)
    RETURNING d.id
"""
_BREAKER: Final = ("failing_since", "last_failure", "failures_in_row", "resting_until")


def settle(outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Write down, in the open tenant of their one merchant, what came of attempts, in the order in which they ended.

    Accepted: done.  410: the endpoint is disabled.  Anything else: due again later, or given up after the eighth try; an
    endpoint that was in trouble for five days is disabled.  Locks the endpoints something went wrong at (or that are
    to be forgiven), by id, then the deliveries; an endpoint in good order is not even read.
    """
    troubled = _lock_troubled(outcomes)
    written = _write(outcomes, now)
    by_endpoint: defaultdict[int, list[Outcome]] = defaultdict(list)
    for parcel, answer in outcomes:
        if parcel.delivery in written:
            by_endpoint[parcel.endpoint].append((parcel, answer))
    for endpoint in troubled:
        _judge(endpoint, by_endpoint[endpoint.pk], now)


def _lock_troubled(outcomes: Sequence[Outcome]) -> list[WebhookEndpoint]:
    merchant_id = outcomes[0][0].merchant_id
    refused = {parcel.endpoint for parcel, answer in outcomes if not answer.is_accepted}
    of_these = Q(pk__in=refused) | Q(pk__in={parcel.endpoint for parcel, _answer in outcomes}, last_failure__gt="")
    rows = WebhookEndpoint.objects.filter(of_these, merchant_id=merchant_id)
    if not refused and not rows.exists():
        return []
    return list(rows.select_for_update(no_key=True).order_by("pk"))


def _write(outcomes: Sequence[Outcome], now: datetime) -> set[int]:
    # One delivery may have been sent twice by now, and a statement touches a row but once: what was accepted counts.
    best: dict[int, Outcome] = {}
    for parcel, answer in sorted(outcomes, key=lambda each: (each[0].delivery, each[1].is_accepted)):
        best[parcel.delivery] = (parcel, answer)
    following = [_following(parcel, answer, now) for parcel, answer in best.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE,
            {
                "merchant": outcomes[0][0].merchant_id,
                "now": now,
                "ids": list(best),
                "until": [parcel.claimed_until for parcel, _answer in best.values()],
                "states": [state for state, _due in following],
                "due": [due_at for _state, due_at in following],
                "codes": [answer.code for _parcel, answer in best.values()],
                "answers": [answer.text[:2000].replace("\0", " ") for _parcel, answer in best.values()],
                "took": [answer.duration_ms for _parcel, answer in best.values()],
            },
        )
        return {row[0] for row in cursor.fetchall()}


def _following(parcel: ClaimedDelivery, answer: ReceiverAnswer, now: datetime) -> tuple[str, datetime | None]:
    """Return the state of a delivery after this answer, and when it is due again."""
    if answer.is_accepted:
        return "delivered", None
    wait = retries.wait(
        attempts=parcel.attempts + 1,
        jitter=random.random(),  # noqa: S311 - spreads load, hides nothing
        retry_after_seconds=answer.retry_after_seconds,
    )
    # Somebody looks at the answer of a trial: it is not repeated behind their back.
    return ("given_up", None) if wait is None or parcel.is_trial else ("due", now + wait)


def _judge(endpoint: WebhookEndpoint, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Close the breaker, open it, or disable the endpoint.

    A refusal of one event is that event's: the receiver is there and answers, so all others go on.
    """
    before = [getattr(endpoint, name) for name in _BREAKER]
    reason = ""
    for parcel, answer in outcomes:
        if answer.code == 410:
            reason = "the receiver answered 410: gone"
        if answer.is_accepted or answer.is_refusal_of_the_event:
            endpoint.failing_since, endpoint.failures_in_row, endpoint.resting_until = None, 0, None
        if answer.is_accepted:
            endpoint.last_failure = ""
        if answer.is_accepted or parcel.is_trial:
            continue
        endpoint.last_failure = (f"HTTP {answer.code} {answer.text}" if answer.code else answer.text).strip()[:200]
        if answer.is_refusal_of_the_event:
            continue
        endpoint.failures_in_row += 1
        endpoint.failing_since = endpoint.failing_since or now
        rest = retries.rest(failures_in_row=endpoint.failures_in_row, was_slow=answer.was_slow)
        endpoint.resting_until = None if rest is None else now + rest
        if now - endpoint.failing_since >= timedelta(days=retries.FAILING_DAYS_MAX):
            reason = reason or f"nothing was accepted for {retries.FAILING_DAYS_MAX} days"
    if before != [getattr(endpoint, name) for name in _BREAKER]:
        endpoint.save(update_fields=_BREAKER)
    if reason and endpoint.disabled_at is None and endpoint.deleted_at is None:
        endpoints.disable(
            merchant=directory.get(endpoint.merchant_id),
            endpoint_id=endpoint.public_id,
            reason=reason,
            actor=SYSTEM,
            now=now,
        )
