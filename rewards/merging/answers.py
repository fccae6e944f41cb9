"""What merging answers, and why it may refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from members.models import Member
from merchants.errors import Conflict, NotFound
from rewards.models.corrections import Merge


class MergedAlready(Conflict):
    """The member was merged into somebody else before; undo that first."""

    code: ClassVar[str] = "merged_already"


class OpenHolds(Conflict):
    """Points of the member are set aside: capture or release them first."""

    code: ClassVar[str] = "open_holds"


class MergeNotFound(NotFound):
    """There was no such merge."""

    code: ClassVar[str] = "merge_not_found"


class MergedFurther(Conflict):
    """The other was merged in turn; the later merge is undone first."""

    code: ClassVar[str] = "merged_further"


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge (or its undoing) moved; points in the smallest unit, debt beside them."""

    public_id: str
    source: str
    target: str
    points: int
    debt: int
    purchases: int
    cards: int
    is_replay: bool = False


def merged(row: Merge, leaving: Member, staying: Member, *, is_replay: bool = False) -> Merged:
    """Answer a merge by what it moved."""
    return Merged(
        row.public_id, leaving.public_id, staying.public_id, row.points, row.debt, len(row.moved["purchases"]),
        len(row.moved["cards"]), is_replay,
    )  # fmt: skip


def undone(row: Merge, returning: Member, staying: Member, *, is_replay: bool = False) -> Merged:
    """Answer the undoing of a merge by what went back."""
    return Merged(
        row.public_id, returning.public_id, staying.public_id, **row.moved["undone"], is_replay=is_replay
    )  # fmt: skip
