"""How often somebody may do something, counted in PostgreSQL, exact under parallel requests.

The counts live in the database's cache table beside Django's own entries: losing Redis resets no limit, and the
subject (an address, a number, an IP) is stored as a keyed hash only.
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

_TABLE = "django_cache"


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
    """This function will count one use against every limit, or against none of them and raise `TooMany`.

    Locks one row per limit, in the order given, until the caller's transaction ends; a rolled back use is not counted.
    """
    table = connection.ops.quote_name(_TABLE)
    with transaction.atomic(), connection.cursor() as cursor:
        for limit in limits:
            key = _key(limit, subject)
            # The row is made first and locked then, so that two first uses wait for one another too.
            cursor.execute(
                f"INSERT INTO {table} (cache_key, value, expires) VALUES (%s, '', %s) ON CONFLICT DO NOTHING",
                [key, now + timedelta(seconds=limit.seconds)],
            )
            cursor.execute(f"SELECT value FROM {table} WHERE cache_key = %s FOR UPDATE", [key])
            held = cursor.fetchone()[0]
            begins = now.timestamp() - limit.seconds
            uses = [use for use in map(float, filter(None, held.split(","))) if use > begins]
            if len(uses) >= limit.most:
                raise TooMany(max(1, math.ceil(uses[-limit.most] - begins)))
            uses.append(now.timestamp())
            cursor.execute(
                f"UPDATE {table} SET value = %s, expires = %s WHERE cache_key = %s",
                [",".join(f"{use:.3f}" for use in uses), now + timedelta(seconds=limit.seconds), key],
            )


def _key(limit: Limit, subject: str) -> str:
    digest = hmac.new(settings.SECRET_KEY.encode(), f"{limit.name}\n{subject}".encode(), hashlib.sha256).hexdigest()
    return f"limit:{limit.name}:{digest}"
