"""What happened to a member beside their points: stamps, tiers, answers to surveys, consents, contacts.

Each kind is a stream of its own, newest first, read from where the page before ended: a bounded piece of an index, however
much there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, get_args

from django.db import connection
from msgspec import json

from members.views import CONSENTS, CONTACT_CHANGES
from merchants.models.merchants import Merchant
from rewards.views import STAMP_CHANGES, TIERS_HELD

Stream = Literal["stamps", "tiers", "answers", "consents", "contacts"]
STREAMS: Final[tuple[Stream, ...]] = get_args(Stream)


class Mark(NamedTuple):
    """The last event of a stream that was shown: when it was, in microseconds since 1970, and its id."""

    at: int
    id: int


_BY_ID: Final[tuple[Stream, ...]] = ("stamps", "contacts")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Newer than every event there is.
BEFORE_ALL: Final = Mark((datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1), 2**62)


@dataclass(frozen=True, slots=True)
class MemberEvent:
    """One event: its place in its stream, when, by whom and where, and what it was, as the stream tells it."""

    stream: Stream
    id: int
    at: datetime
    actor: str
    location_id: int | None
    told: Mapping[str, Any]

    @property
    def mark(self) -> Mark:
        return Mark((self.at - _EPOCH) // timedelta(microseconds=1), self.id)


# Of tiers, answers and consents a member has few, and they come in the order of their own time: OFFSET 0 keeps PostgreSQL
# from walking everybody's rows until enough of this member's have come. Stamps and contacts are many, or always of now.
_ROWS: Final[Mapping[Stream, str]] = {
    "stamps": f"""SELECT s.id, s.occurred_at, s.actor, s.location_id, jsonb_build_object('card', s.card, 'kind', s.kind,
            'stamps', s.stamps, 'stamps_after', s.stamps_after, 'reason', s.reason)
        FROM {STAMP_CHANGES} s WHERE s.merchant_id = %(merchant)s AND s.member_id = %(member)s AND s.id < %(stamps)s
        ORDER BY s.id DESC LIMIT %(limit)s""",
    # The tier somebody joins with is no change.
    "tiers": f"""SELECT t.id, t.held_from, '', NULL::bigint, jsonb_build_object('tier', t.tier, 'reason', t.reason)
        FROM (SELECT * FROM {TIERS_HELD} WHERE merchant_id = %(merchant)s AND member_id = %(member)s OFFSET 0) t
        WHERE (t.held_from, t.id) < (%(tiers_at)s, %(tiers)s) AND t.reason <> 'entry'
        ORDER BY t.held_from DESC, t.id DESC LIMIT %(limit)s""",
    "answers": """SELECT r.id, r.answered_at, r.actor, NULL::bigint, jsonb_build_object('score', r.score,
            'comment', r.comment, 'channel', r.channel)
        FROM (SELECT * FROM engagement_surveyresponse
            WHERE merchant_id = %(merchant)s AND member_id = %(member)s OFFSET 0) r
        WHERE (r.answered_at, r.id) < (%(answers_at)s, %(answers)s)
        ORDER BY r.answered_at DESC, r.id DESC LIMIT %(limit)s""",
    "consents": f"""SELECT c.id, c.at, c.actor, NULL::bigint, jsonb_build_object('purpose', c.purpose,
            'channel', c.channel, 'is_granted', c.is_granted, 'source', c.source)
        FROM (SELECT * FROM {CONSENTS} WHERE merchant_id = %(merchant)s AND member_id = %(member)s OFFSET 0) c
        WHERE (c.at, c.id) < (%(consents_at)s, %(consents)s)
        ORDER BY c.at DESC, c.id DESC LIMIT %(limit)s""",
    "contacts": f"""SELECT c.id, c.changed_at, c.actor, NULL::bigint, jsonb_build_object('kind', c.kind, 'old', c.old,
            'new', c.new, 'is_undone', c.undone_at IS NOT NULL)
        FROM {CONTACT_CHANGES} c WHERE c.merchant_id = %(merchant)s AND c.member_id = %(member)s AND c.id < %(contacts)s
        ORDER BY c.id DESC LIMIT %(limit)s""",
}
SQL: Final = " UNION ALL ".join(
    f"SELECT '{stream}', x.* FROM ({rows}) AS x(id, at, actor, location_id, told)" for stream, rows in _ROWS.items()
)


def newest(
    *, merchant: Merchant, member_id: int, before: Mapping[Stream, Mark], limit: int
) -> dict[Stream, list[MemberEvent]]:
    """Return the newest events of each stream, at most `limit` of each, older than its mark; one statement."""
    asked: dict[str, Any] = {}
    for stream in STREAMS:
        mark = before.get(stream, BEFORE_ALL)
        asked |= {stream: mark.id, f"{stream}_at": _EPOCH + timedelta(microseconds=mark.at)}
    with connection.cursor() as cursor:
        cursor.execute(SQL, {**asked, "merchant": merchant.pk, "member": member_id, "limit": limit})
        rows = [MemberEvent(row[0], row[1], row[2], row[3], row[4], _read(row[5])) for row in cursor.fetchall()]
    found: dict[Stream, list[MemberEvent]] = {stream: [] for stream in STREAMS}
    for event in sorted(rows, key=lambda event: (event.at, event.id), reverse=True):
        found[event.stream].append(event)
    for stream in _BY_ID:
        found[stream].sort(key=lambda event: event.id, reverse=True)
    return found


def _read(told: Any) -> Mapping[str, Any]:
    read: Mapping[str, Any] = json.decode(told) if isinstance(told, str | bytes) else told
    return read
