"""What happened to a member beside their points: stamps, tiers, answers to surveys, consents, contacts.

Each kind is a stream of its own, newest first, read from where the page before ended: a bounded piece of an index, however
much there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from django.db import connection
from msgspec import json

from members.views import CONSENTS, CONTACT_CHANGES
from merchants.models.merchants import Merchant
from rewards.views import STAMP_CHANGES, TIERS_HELD

Stream = Literal["stamps", "tiers", "answers", "consents", "contacts"]
STREAMS: Final[tuple[Stream, ...]] = get_args(Stream)
#: Behind every row there is.
BEFORE_ALL: Final = 2**62


@dataclass(frozen=True, slots=True)
class MemberEvent:
    """One event: its place in its stream, when, by whom and where, and what it was, as the stream tells it."""

    stream: Stream
    id: int
    at: datetime
    actor: str
    location_id: int | None
    told: Mapping[str, Any]


# Of tiers, answers and consents a member has few, and no index has them by member and id: OFFSET 0 keeps PostgreSQL from
# walking everybody's rows by id until enough of this member's have come.
_ROWS: Final[Mapping[Stream, str]] = {
    "stamps": f"""SELECT s.id, s.occurred_at, s.actor, s.location_id, jsonb_build_object('card', s.card, 'kind', s.kind,
            'stamps', s.stamps, 'stamps_after', s.stamps_after, 'reason', s.reason)
        FROM {STAMP_CHANGES} s WHERE s.merchant_id = %(merchant)s AND s.member_id = %(member)s AND s.id < %(stamps)s
        ORDER BY s.id DESC LIMIT %(limit)s""",
    # The tier somebody joins with is no change.
    "tiers": f"""SELECT t.id, t.held_from, '', NULL::bigint, jsonb_build_object('tier', t.tier, 'reason', t.reason)
        FROM (SELECT * FROM {TIERS_HELD} WHERE merchant_id = %(merchant)s AND member_id = %(member)s OFFSET 0) t
        WHERE t.id < %(tiers)s AND t.reason <> 'entry' ORDER BY t.id DESC LIMIT %(limit)s""",
    "answers": """SELECT r.id, r.answered_at, r.actor, NULL::bigint, jsonb_build_object('score', r.score,
            'comment', r.comment, 'channel', r.channel)
        FROM (SELECT * FROM engagement_surveyresponse
            WHERE merchant_id = %(merchant)s AND member_id = %(member)s OFFSET 0) r
        WHERE r.id < %(answers)s ORDER BY r.id DESC LIMIT %(limit)s""",
    "consents": f"""SELECT c.id, c.at, c.actor, NULL::bigint, jsonb_build_object('purpose', c.purpose,
            'channel', c.channel, 'is_granted', c.is_granted, 'source', c.source)
        FROM (SELECT * FROM {CONSENTS} WHERE merchant_id = %(merchant)s AND member_id = %(member)s OFFSET 0) c
        WHERE c.id < %(consents)s ORDER BY c.id DESC LIMIT %(limit)s""",
    "contacts": f"""SELECT c.id, c.changed_at, c.actor, NULL::bigint, jsonb_build_object('kind', c.kind, 'old', c.old,
            'new', c.new, 'is_undone', c.undone_at IS NOT NULL)
        FROM {CONTACT_CHANGES} c WHERE c.merchant_id = %(merchant)s AND c.member_id = %(member)s AND c.id < %(contacts)s
        ORDER BY c.id DESC LIMIT %(limit)s""",
}
SQL: Final = " UNION ALL ".join(
    f"SELECT '{stream}', x.* FROM ({rows}) AS x(id, at, actor, location_id, told)" for stream, rows in _ROWS.items()
)


def newest(
    *, merchant: Merchant, member_id: int, before: Mapping[Stream, int], limit: int
) -> dict[Stream, list[MemberEvent]]:
    """Return the newest events of each stream, at most `limit` of each, below the ids in `before`; one statement."""
    asked: dict[str, Any] = {stream: before.get(stream, BEFORE_ALL) for stream in STREAMS}
    with connection.cursor() as cursor:
        cursor.execute(SQL, {**asked, "merchant": merchant.pk, "member": member_id, "limit": limit})
        rows = [MemberEvent(row[0], row[1], row[2], row[3], row[4], _read(row[5])) for row in cursor.fetchall()]
    found: dict[Stream, list[MemberEvent]] = {stream: [] for stream in STREAMS}
    for event in sorted(rows, key=lambda event: -event.id):
        found[event.stream].append(event)
    return found


def _read(told: Any) -> Mapping[str, Any]:
    read: Mapping[str, Any] = json.decode(told) if isinstance(told, str | bytes) else told
    return read
