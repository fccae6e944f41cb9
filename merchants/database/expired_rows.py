"""Rows without a tenant that nobody asks for any more: ended sessions, uses that no limit counts, expired cache entries."""

from __future__ import annotations

from datetime import datetime

from django.db import connection


def prune(*, now: datetime) -> int:
    """Remove ended sessions, uses that count no more and expired rows of the cache, and return how many there were.

    Each sign-in code that was asked for leaves a session behind, and Django's cache clears up only when it is full.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_session WHERE expire_date < %s", [now])
        sessions = int(cursor.rowcount)
        cursor.execute("DELETE FROM merchants_ratelimit WHERE expires_at < %s", [now])
        uses = int(cursor.rowcount)
        cursor.execute("DELETE FROM django_cache WHERE expires < %s", [now])
        return sessions + uses + int(cursor.rowcount)
