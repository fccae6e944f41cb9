"""Lists of what changed: a caller comes back with the mark of last time and reads on from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol, TypeVar

from msgspec import Meta

from loyalty.api.framework import pages
from loyalty.api.framework.pages import PageQuery
from merchants import cursors
from rewards import documents
from rewards.documents import Since

Mark = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        description="Only what changed since an earlier answer's `mark`, in the order of its change. Nothing is missed; "
        "something may come twice.",
    ),
]
#: Said of each list that can be asked so.
TOLD = (
    " To keep a copy of your own up to date, remember `mark` of the first page and ask later with `changed_since`, which stands "
    "alone."
)
_Numbered = tuple[pages.Number, pages.Number]


class Changing(Protocol):
    """A record of a list of changes: which transaction changed it last."""

    @property
    def id(self) -> int: ...
    @property
    def changed_by(self) -> int: ...


T = TypeVar("T", bound=Changing)


class ChangesQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page, of what changed since a mark or of all there is."""

    changed_since: Mark | None = None


def page(
    query: ChangesQuery,
    *,
    changed: Callable[[Since, int], Sequence[T]],
    newest: Callable[[int | None, int], Sequence[T]],
) -> tuple[Sequence[T], dict[str, Any]]:
    """Read a page as the query asks: of the changes, or of all, the newest first; and where to go on.

    `changed` and `newest` take from where and how many rows. The mark is of before they read.

    :raises InvalidCursor: the mark, or the cursor, is not of this list.
    :raises InvalidQuery: `changed_since` came with something to choose by.
    """
    mark = documents.mark()
    if query.changed_since is None:
        rows = newest(query.after(pages.Number), query.limit + 1)
        shown, following = pages.cut(rows, query.limit, lambda row: row.id)
    else:
        rows = changed(_since(query, query.changed_since, mark), query.limit + 1)
        shown, following = pages.cut(rows, query.limit, lambda row: (row.changed_by, row.id))
    return shown, {"next_cursor": following, "mark": cursors.write(mark)}


def _since(query: ChangesQuery, changed_since: str, mark: int) -> Since:
    chosen = set(query.__struct_fields__) - set(ChangesQuery.__struct_fields__)
    if any(getattr(query, name) is not None for name in chosen):
        raise pages.contradicted("/changed_since")
    since = pages.key_of(changed_since, pages.Number, pointer="/changed_since")
    if since > mark:
        # Of another database: after a restore whoever listens begins again.
        raise pages.gone("/changed_since")
    return Since(since, query.after(_Numbered) or (0, 0))
