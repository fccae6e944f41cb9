"""API keys that this process has verified lately, and that the database verifies again as it opens the merchant's data.

A call with a key nobody has seen is verified by a query of its own (merchants/keys). What that query read is remembered
together with the versions of the two rows it came from. The next call believes it for as long as it takes to read what was
sent; then the statement that opens the merchant's data asks for the same versions, in the round trip that is needed anyway,
and fails unless both rows are still what they were: a key that was revoked or changed opens nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.db import DatabaseError

from merchants import keys
from merchants.database import sql_errors, statements
from merchants.keys import Key

_MOST: Final = 10_000
_CHANGED: Final = "the key has changed"
_INVALID_TEXT: Final = "22P02"
# Whose data it is comes from the key's row, never from memory. Nothing found is a text that is no number.
_OPEN = f"""SELECT set_config('app.merchant_id', coalesce((
    SELECT k.merchant_id::text FROM merchants_apikey k JOIN merchants_merchant m ON m.id = k.merchant_id
    WHERE k.id = %(key)s AND k.ctid = %(key_place)s AND k.xmin = %(key_written)s
        AND m.ctid = %(merchant_place)s AND m.xmin = %(merchant_written)s
    ), '{_CHANGED}')::bigint::text, true)"""
_TYPES = {"key": "bigint", "key_place": "tid", "key_written": "xid", "merchant_place": "tid", "merchant_written": "xid"}
#: By the SHA-256 of the secret: who finds an entry has the whole secret, and a wrong one takes the same time as any.
_remembered: dict[str, keys.Verified] = {}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. While not `is_verified`, this is what was true at most a minute ago: decide nothing for good by it."""

    key: Key
    #: Of the rows this was read from: others may say something else.
    versions: tuple[tuple[str, str], ...]
    is_verified: bool
    #: Verify it now, in a query of its own.
    verify: Callable[[datetime], Caller]
    #: Write the statement that opens the merchant's data if the key is still the same (`tenancy.attempt`).
    opens: Callable[[], str] | None = None


def caller(secret: str, *, now: datetime) -> Caller:
    """Recognise a key that was verified within the last minute, or verify it.

    :raises KeyRefused: unknown, revoked or expired.
    :raises MerchantClosed: the key is good, its merchant has left.
    """
    found = _remembered.get(_print(secret))
    # The minute is that of the noted use: whoever is not recognised has it noted again.
    if found is None or not found.is_fresh(now):
        return _verify(secret, now)
    return Caller(found.key, found.versions, False, partial(_verify, secret), partial(_opens, found))


def has_changed(error: BaseException) -> bool:
    """Return whether a merchant's data stayed closed because the key, or the merchant, is no longer what it was."""
    return (
        isinstance(error, DatabaseError)
        and sql_errors.sqlstate(error) == _INVALID_TEXT
        and f'"{_CHANGED}"' in str(error)
    )


def _verify(secret: str, now: datetime) -> Caller:
    _remembered.pop(_print(secret), None)
    found = keys.look_up(secret, now=now)
    if len(_remembered) >= _MOST:
        _remembered.clear()
    _remembered[_print(secret)] = found
    return Caller(found.key, found.versions, True, partial(_verify, secret))


def _opens(found: keys.Verified) -> str:
    (key_place, key_written), (merchant_place, merchant_written) = found.versions
    values: dict[str, Any] = {
        "key": found.key.id,
        "key_place": key_place,
        "key_written": key_written,
        "merchant_place": merchant_place,
        "merchant_written": merchant_written,
    }
    return keys.on_a_live_connection(lambda: statements.written(_OPEN, values, _TYPES))


def _print(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
