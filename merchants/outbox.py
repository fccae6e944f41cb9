"""Facts for others: written in the same transaction as the fact itself, delivered afterwards by merchants/webhooks.

Every kind of event has its payload's JSON Schema as a file, `merchants/events/<kind>.json`.  Payloads name people by
public ids only and hold no words anybody typed: whoever may know more asks the API.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from django.conf import settings
from jsonschema import Draft202012Validator

from merchants import ids
from merchants.database.statements import Writing

_SCHEMAS: Final = Path(__file__).resolve().parent / "events"

#: Every kind of event there is, in the order of the alphabet: a kind is there when its schema is.
KINDS: Final = tuple(sorted(path.stem for path in _SCHEMAS.glob("*.json")))
#: Sent when a merchant tries an endpoint, whatever kinds it wants.
PING: Final = "webhook.ping"
_KNOWN: Final = frozenset(KINDS)

_INSERT: Final = (
    "INSERT INTO merchants_outboxevent (merchant_id, public_id, kind, payload, occurred_at, recorded_at) "
    "SELECT %(merchant)s, o.public_id, o.kind, o.payload, o.occurred_at, %(now)s "
    "FROM jsonb_to_recordset(%(events)s::jsonb) "
    "AS o(public_id text, kind text, payload jsonb, occurred_at timestamptz)"
)


class UnknownKind(ValueError):
    """A verb wanted to record an event nobody has described: add its schema first."""


class BadPayload(ValueError):
    """A payload is not what its schema promises to those who listen.  Checked in tests and where DEBUG is on."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact for others: what happened (past tense), to which public ids, and when in business time."""

    kind: str
    payload: Mapping[str, Any]
    occurred_at: datetime


def record(*, merchant_id: int, kind: str, payload: Mapping[str, Any], occurred_at: datetime, now: datetime) -> str:
    """Write one event in the open tenant and return its public id.

    The caller's transaction decides whether it happened: nothing is sent before the commit, everything after it.

    :raises UnknownKind: no schema file for this kind.
    """
    return record_many(merchant_id=merchant_id, events=[Event(kind, payload, occurred_at)], now=now)[0]


def record_many(*, merchant_id: int, events: Sequence[Event], now: datetime) -> list[str]:
    """Write events in one statement, in the given order, and return their public ids.

    :raises UnknownKind: no schema file for one of the kinds; nothing is written.
    """
    writing = Writing(merchant_id=merchant_id, actor="", now=now)
    public_ids = add_to(writing, events)
    writing.run()
    return public_ids


def add_to(writing: Writing, events: Sequence[Event]) -> list[str]:
    """Let events go out with what a journey writes, in the given order; return their public ids.

    :raises UnknownKind: no schema file for one of the kinds.
    """
    if not events:
        return []
    rows = rows_for(events)
    writing.add("o", _INSERT, events=("jsonb", msgspec.json.encode(rows).decode()))
    return [row["public_id"] for row in rows]


def rows_for(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Turn events into the outbox's rows, each with a new public id; writes nothing.

    :raises UnknownKind: no schema file for one of the kinds.
    """
    rows = []
    for event in events:
        if event.kind not in _KNOWN:
            raise UnknownKind(f"there is no event {event.kind!r}: describe it in merchants/events/ first")
        if settings.OUTBOX_CHECKS_PAYLOADS:
            check(event.kind, event.payload)
        rows.append(
            {
                "public_id": ids.mint("evt"),
                "kind": event.kind,
                "payload": event.payload,
                "occurred_at": event.occurred_at,
            }
        )
    return rows


def check(kind: str, payload: Mapping[str, Any]) -> None:
    """Compare a payload, as it will be sent, with the schema of its kind.

    :raises BadPayload: naming the first fault.
    """
    sent = json.loads(msgspec.json.encode(payload))
    for fault in _validator(kind).iter_errors(sent):
        raise BadPayload(f"{kind} {fault.json_path}: {fault.message}")


@cache
def schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a kind's payload."""
    document: dict[str, Any] = json.loads((_SCHEMAS / f"{kind}.json").read_text(encoding="utf-8"))
    return document


@cache
def _validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(schema(kind))
