"""How often somebody may do something, counted in PostgreSQL, exact under parallel requests.

The counts live in a table of their own: losing Redis, or a cache that is full, resets no limit. The subject (an address, a
number, an IP) is stored as a keyed hash only.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import ngettext

from merchants.errors import LoyaltyError


class TooMany(LoyaltyError):
    """Too often.  `retry_after_seconds` says when the next try can succeed."""

    code = "too_many_attempts"
    http = 429

    def __init__(self, retry_after_seconds: int, detail: str = "") -> None:
        minutes = max(1, math.ceil(retry_after_seconds / 60))
        super().__init__(
            detail
            or ngettext(
                "Too many attempts. Try again in %d minute.", "Too many attempts. Try again in %d minutes.", minutes
            )
            % minutes,
            retry_after_seconds=retry_after_seconds,
        )
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` times in any `seconds` long window."""

    name: str
    most: int
    seconds: int


def take(*, limits: Sequence[Limit], subject: str, now: datetime) -> None:
    """Count one use against every limit, or against none of them and raise `TooMany`.

    Locks one row per limit, in the order given, until the caller's transaction ends; a rolled back use is not counted.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        for limit in limits:
            key, ends = _key(limit, subject), now + timedelta(seconds=limit.seconds)
            # Made or touched, and so locked, in one statement: two first uses wait for one another too.
            cursor.execute(
                "INSERT INTO merchants_ratelimit AS held (key, uses, expires_at) VALUES (%s, '{}', %s) "
                "ON CONFLICT (key) DO UPDATE SET expires_at = held.expires_at RETURNING uses",
                [key, ends],
            )
            begins = now - timedelta(seconds=limit.seconds)
            uses = [use for use in cursor.fetchone()[0] if use > begins]
            if len(uses) >= limit.most:
                raise TooMany(max(1, math.ceil((uses[-limit.most] - begins).total_seconds())))
            cursor.execute(
                "UPDATE merchants_ratelimit SET uses = %s::timestamptz[], expires_at = %s WHERE key = %s",
                [[*uses, now], ends, key],
            )


def _key(limit: Limit, subject: str) -> str:
    digest = hmac.new(settings.SECRET_KEY.encode(), f"{limit.name}\n{subject}".encode(), hashlib.sha256).hexdigest()
    return f"limit:{limit.name}:{digest}"
