"""The chain of entries: each hash covers the entry's own content and the hash before it.

An entry holds no personal data, so erasing a member never breaks the chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(instant: datetime) -> int:
    delta = instant - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def link(
    previous: bytes,
    *,
    account_id: int,
    seq: int,
    kind: str,
    changes: tuple[int, int, int, int],
    balance_after: int,
    document: tuple[str, int],
    rules: Sequence[str],
    terms_version: int | None,
    location_id: int | None,
    actor: str,
    reason: str,
    occurred_at: datetime,
    recorded_at: datetime,
) -> bytes:
    """Return the hash of an entry, given the hash of the entry before it (empty for the first).

    :raises ValueError: a number of points is no integer, as a sum that SQL gives as a decimal.
    """
    # Unit separators keep "ab" + "c" and "a" + "bc" apart; the free text comes last.
    content = "\x1f".join(
        (
            f"{account_id}:{seq}:{kind}:{changes[0]:d}:{changes[1]:d}:{changes[2]:d}:{changes[3]:d}:{balance_after:d}",
            f"{document[0]}:{document[1]}:{terms_version}:{location_id}",
            f"{microseconds(occurred_at)}:{microseconds(recorded_at)}",
            actor,
            "\x1e".join(rules),
            reason,
        )
    )
    return hashlib.sha256(previous + content.encode()).digest()
