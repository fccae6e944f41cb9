"""Lists in pages: a cursor names the last row seen, so rows that come meanwhile are neither skipped nor shown twice."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
from django.utils.translation import gettext as _

from loyalty.api.problems import Refused

T = TypeVar("T")
Named = TypeVar("Named", bound="_HasId")
LIMIT_MAX = 200

Limit = Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX, description="Rows on a page, 1 to 200.")]
Cursor = Annotated[
    str, msgspec.Meta(min_length=1, max_length=300, description="The next_cursor of the page before, as it is.")
]


#: What a cursor may hold: a row's number, or its public id.
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]{1,40}\Z")]


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page of a list."""

    limit: Limit = 50
    cursor: Cursor | None = None

    def after(self, kind: Any) -> Any:
        """This method will read the cursor as the sort key of the last row seen; raises Refused (invalid_cursor)."""
        if self.cursor is None:
            return None
        try:
            padded = self.cursor.encode("ascii") + b"=" * (-len(self.cursor) % 4)
            return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind, strict=True)
        except (msgspec.MsgspecError, binascii.Error, UnicodeError, ValueError, RecursionError):
            raise gone() from None


def gone() -> Refused:
    """This function will make the refusal of a cursor that names nothing (any more)."""
    return Refused("invalid_cursor", _("This cursor was not made by this list."), pointer="/cursor")


def cursor_of(key: Any) -> str:
    """This function will write a row's sort key as a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def cut(rows: Sequence[T], limit: int, key: Callable[[T], Any]) -> tuple[Sequence[T], str | None]:
    """This function will cut `limit + 1` rows read to a page, and make the cursor of the next one if there is one."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor_of(key(rows[limit - 1]))


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


def newest_first(
    query: PageQuery, read: Callable[[int, str | None], Sequence[Named]], *, gone_is: type[Exception]
) -> tuple[Sequence[Named], str | None]:
    """This function will read a page of rows named by their ids; `read` takes how many, and the last id seen.

    :raises Refused: the cursor names a row that `read` does not find (it raises `gone_is`).
    """
    try:
        rows = read(query.limit + 1, query.after(Name))
    except gone_is:
        raise gone() from None
    return cut(rows, query.limit, lambda row: row.id)
