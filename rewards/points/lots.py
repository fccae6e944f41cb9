"""What accounts are made of: lots, the entries that move them, and the cause each entry names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rewards.terms.expiry import Sliding, later


@dataclass(frozen=True, slots=True)
class Cause:
    """Why points move: the document that says so, its business time, and what the entry should remember of it."""

    document_kind: str
    document_id: int
    occurred_at: datetime
    rules: tuple[str, ...] = ()
    terms_version: int | None = None
    location_id: int | None = None
    reason: str = ""
    #: The document as others know it, where they are told of the entry itself.
    public_id: str = ""


@dataclass(slots=True, eq=False)
class LotState:
    """Points that came together: how many are left, and how many of those a hold pins."""

    amount: int
    remaining: int
    is_active: bool
    earned_at: datetime
    active_at: datetime
    expires_at: datetime | None
    #: The rule by which activity moves its end: that of the moment it was earned.
    sliding: Sliding | None = None
    held: int = 0
    purchase_id: int | None = None
    id: int | None = None
    #: The entry that made a lot of this transaction; None for a lot that was there before.
    entry_seq: int | None = None
    is_changed: bool = False

    @property
    def free(self) -> int:
        return self.remaining - self.held

    def lengthen(self, end: datetime | None) -> bool:
        """Let the lot end later, or never; return whether that changed anything.  No end ever moves earlier."""
        if end == self.expires_at:
            return False
        if later(self.expires_at, end) != end:
            raise AssertionError(f"a lot that ends at {self.expires_at} cannot end at {end}")
        self.expires_at, self.is_changed = end, True
        return True

    def change(self, remaining: int, held: int) -> None:
        """Do to the lot what an entry says of it; the entry alone may call it."""
        self.remaining += remaining
        self.held += held
        self.is_changed = True
        if not 0 <= self.held <= self.remaining:
            raise AssertionError(f"a lot of {self.remaining} points cannot have {self.held} held")


@dataclass(slots=True, eq=False)
class EntryState:
    """One line of the ledger, not written yet."""

    seq: int
    kind: str
    changes: tuple[int, int, int, int]
    balance_after: int
    cause: Cause
    hash: bytes
    #: (lot, remaining change, held change)
    allocations: list[tuple[LotState, int, int]]


def spending_order(lot: LotState) -> tuple[bool, float, float, int]:
    """Order lots as they are spent: soonest to expire first, then oldest."""
    expiry = lot.expires_at
    return (
        expiry is None,
        expiry.timestamp() if expiry else 0.0,
        lot.earned_at.timestamp(),
        lot.id if lot.id is not None else 2**62 + (lot.entry_seq or 0),
    )


def share(available: Iterable[tuple[LotState, int]], points: int) -> Iterable[tuple[LotState, int]]:
    """Yield how much of each lot makes up `points`, in the given order."""
    for lot, there in available:
        n = min(points, there)
        if n:
            yield lot, n
            points -= n
        if not points:
            return
    if points:
        # The cached sums promised more than the lots hold: never paper over it.
        raise AssertionError(f"{points} points have no lot behind them")


def active_and_pending(parts: Iterable[tuple[LotState, int]]) -> tuple[int, int]:
    """Add up parts of lots: what of them can be spent, and what is pending still."""
    sums = [0, 0]
    for lot, n in parts:
        sums[not lot.is_active] += n
    return sums[0], sums[1]
