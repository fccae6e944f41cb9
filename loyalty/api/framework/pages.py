"""Lists in pages: a cursor names the last row seen, so rows that come meanwhile are neither skipped nor shown twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
from django.utils.translation import gettext as _

from loyalty.api.framework.problems import InvalidCursor, InvalidQuery
from merchants import cursors
from merchants.cursors import cut as cut
from merchants.shapes import ShapeFault

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
        """Read the cursor as the sort key of the last row seen; raises InvalidCursor."""
        return None if self.cursor is None else key_of(self.cursor, kind)


def key_of(text: str, kind: Any, *, pointer: str = "/cursor") -> Any:
    """Read a cursor, or another mark of ours, as the key it was made of; raises InvalidCursor."""
    try:
        return cursors.read(text, kind)
    except cursors.NotACursor:
        raise gone(pointer) from None


def gone(pointer: str = "/cursor") -> InvalidCursor:
    """Make the refusal of a cursor or mark that names nothing (any more)."""
    return InvalidCursor(_("This was not made by this list."), pointer=pointer)


def contradicted(pointer: str) -> InvalidQuery:
    """Make the refusal of a parameter that stands alone and came with others."""
    detail = _("This parameter stands alone.")
    return InvalidQuery(_("The query string has errors."), faults=[ShapeFault(pointer, "contradicted", detail)])


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


def newest_first(
    query: PageQuery, read: Callable[[int, str | None], Sequence[Named]], *, gone_is: type[Exception]
) -> tuple[Sequence[Named], str | None]:
    """Read a page of rows named by their ids; `read` takes how many, and the last id seen.

    :raises InvalidCursor: the cursor names a row that `read` does not find (it raises `gone_is`).
    """
    try:
        rows = read(query.limit + 1, query.after(Name))
    except gone_is:
        raise gone() from None
    return cut(rows, query.limit, lambda row: row.id)
