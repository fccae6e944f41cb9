"""Where a list goes on, as callers carry it: sealed, since sort keys hold numbers that all merchants' rows share.

Whoever could read them would learn from two pages how much is sold on the whole installation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from merchants import sealing

T = TypeVar("T")
_SUBJECT: Final = "cursor"
_VERSION: Final = "v1."


class NotACursor(ValueError):
    """The text was not made by us, or with a key that is given up, or for another kind of list."""


def write(key: Any) -> str:
    """Write a sort key as a text for an address or an answer."""
    return sealing.seal(msgspec.json.encode(key).decode(), subject=_SUBJECT).removeprefix(_VERSION).rstrip("=")


def cut(rows: Sequence[T], limit: int, key: Callable[[T], Any]) -> tuple[Sequence[T], str | None]:
    """Cut the `limit + 1` rows read to a page, and make the cursor of the next one if there is one."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], write(key(rows[limit - 1]))


def read(text: str, kind: Any) -> Any:
    """Read a text of `write` as the key it was made of.

    :raises NotACursor: it is none, or its key is not of this kind.
    """
    try:
        opened = sealing.unseal(f"{_VERSION}{text}{'=' * (-len(text) % 4)}", subject=_SUBJECT)
        return msgspec.json.decode(opened, type=kind, strict=True)
    except (sealing.CannotUnseal, msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        raise NotACursor from None
