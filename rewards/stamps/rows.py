"""The rows of stamp cards: read with everything else after the locks, written with everything else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection
from msgspec import json

from merchants.database import model_rows
from merchants.database.statements import Writing
from rewards.models.stamps import StampBook, StampEntry

#: A scalar for the one read of a journey: the books of members.
READ_SQL: Final = """(SELECT jsonb_agg(jsonb_build_array(b.member_id, b.card, b.stamps, b.rest, b.filled, b.latest_at,
    b.ends_at)) FROM rewards_stampbook b
    WHERE b.merchant_id = %(merchant)s AND b.member_id = ANY(%(stamps_members)s))"""
READ_TYPES: Final = {"stamps_members": "bigint[]"}


def books(merchant_id: int, rows: Iterable[Sequence[Any]]) -> list[StampBook]:
    """Return the books that READ_SQL found."""
    return [
        StampBook(
            merchant_id=merchant_id, member_id=member_id, card=card, stamps=stamps, rest=rest, filled=filled,
            latest_at=_instant(latest_at), ends_at=_instant(ends_at),
        )
        for member_id, card, stamps, rest, filled, latest_at, ends_at in rows
    ]  # fmt: skip


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def read(merchant_id: int, member_ids: Sequence[int]) -> list[StampBook]:
    """Read the books of members whose accounts are locked, where the one read has not."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {READ_SQL}", {"merchant": merchant_id, "stamps_members": list(member_ids)})
        (found,) = cursor.fetchone()
    return books(merchant_id, json.decode(found) if found else ())


def add_to(writing: Writing, changed: Sequence[StampBook], entries: Sequence[StampEntry]) -> None:
    """Let the cards that changed go out, and what changed on them."""
    if not changed:
        return
    listed = [
        {"m": book.member_id, "c": book.card, "s": book.stamps, "r": book.rest, "f": book.filled, "l": book.latest_at,
         "e": book.ends_at}
        for book in changed
    ]  # fmt: skip
    writing.add("stamps_books", _WRITE, stamps_books=("jsonb", json.encode(listed).decode()))
    model_rows.add_new(writing, "stamps_entries", entries, is_rare=False)


# The lock of the member's account guards the row: nobody else has written it since it was read.
_WRITE = """
    INSERT INTO rewards_stampbook (merchant_id, member_id, card, stamps, rest, filled, latest_at, ends_at)
    SELECT %(merchant)s, r.m, r.c, r.s, r.r, r.f, r.l, r.e
    FROM jsonb_to_recordset(%(stamps_books)s::jsonb)
        AS r(m bigint, c text, s int, r bigint, f int, l timestamptz, e timestamptz)
    ON CONFLICT (merchant_id, member_id, card) DO UPDATE SET stamps = excluded.stamps, rest = excluded.rest,
        filled = excluded.filled, latest_at = excluded.latest_at, ends_at = excluded.ends_at
"""

#: Whose stamps had no new one for so long, or whose own reward's last day is over.
MEMBERS_DUE: Final = """
    SELECT member_id FROM rewards_stampbook WHERE merchant_id = %(merchant)s AND ends_at <= %(now)s
    UNION
    SELECT member_id FROM rewards_ownreward WHERE merchant_id = %(merchant)s AND state = 'open' AND ends_at <= %(now)s
    ORDER BY 1 LIMIT %(limit)s
"""
MERCHANTS_DUE: Final = """
    SELECT DISTINCT merchant_id FROM rewards_stampbook WHERE ends_at <= %(now)s
    UNION
    SELECT DISTINCT merchant_id FROM rewards_ownreward WHERE state = 'open' AND ends_at <= %(now)s
    ORDER BY 1
"""
