"""One account in memory: its sums, the numbers of its purchases, and the one way in which its points change.

No database, no clock.  The movements themselves are `state`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import ClassVar, Self

from django.utils.translation import gettext as _

from merchants.errors import LoyaltyError
from rewards.points import chain
from rewards.points.lots import Cause, EntryState, LotState

#: JSON clients keep integers exact up to here; the database has the same bound as a CHECK.
POINTS_MAX = 2**53 - 1


class InsufficientPoints(LoyaltyError):
    code: ClassVar[str] = "insufficient_points"


class AccountFrozen(LoyaltyError):
    """Reconciliation found a fault in the account: it may earn, and may not spend until somebody looked."""

    code: ClassVar[str] = "account_frozen"


class TooManyPoints(LoyaltyError):
    code: ClassVar[str] = "too_many_points"
    http: ClassVar[int] = 422


@dataclass(slots=True, eq=False)
class AccountSums:
    """What an account holds, and the entries written to it since it was read."""

    id: int
    member_id: int
    balance: int
    held: int
    pending: int
    debt: int
    seq: int
    chain: bytes
    purchases_count: int = 0
    tier: str = ""
    tier_since: datetime | None = None
    requalifies_at: datetime | None = None
    last_activity_at: datetime | None = None
    frozen_at: datetime | None = None
    #: What the tier rests on (JSON of rewards.tiers.rating.Held), and the number of the terms it was last rated by.
    standing: str | None = None
    rated_version: int = 0
    #: Set when the member was merged or erased: nothing new comes to it; whoever waited for the lock looks again.
    closed_at: datetime | None = None
    #: Numbers of purchases wholly refunded since, ascending, all below the highest that stands.
    free_ordinals: tuple[int, ...] = ()
    lots: list[LotState] = field(default_factory=list)
    has_all_lots: bool = False
    written: list[EntryState] = field(default_factory=list)
    is_changed: bool = False

    @property
    def spendable(self) -> int:
        return self.balance - self.held

    @property
    def next_ordinal(self) -> int:
        """Return the number the next purchase gets: one that was given back, else one more than stand."""
        return self.free_ordinals[0] if self.free_ordinals else self.purchases_count + 1

    def count_purchase(self) -> int:
        """Count one purchase more and return its number."""
        ordinal, self.free_ordinals = self.next_ordinal, self.free_ordinals[1:]
        self.purchases_count += 1
        self.is_changed = True
        return ordinal

    def uncount_purchase(self, ordinal: int) -> None:
        """Count one purchase less, wholly refunded or taken off the member: the next one gets its number."""
        free = sorted({*self.free_ordinals, ordinal})
        self.purchases_count -= 1
        while free and free[-1] == self.purchases_count + len(free):
            free.pop()
        self.free_ordinals = tuple(free)
        self.is_changed = True

    def note_activity(self, at: datetime) -> None:
        """Remember the latest purchase or redemption, by business time."""
        if self.last_activity_at is None or at > self.last_activity_at:
            self.last_activity_at = at
            self.is_changed = True

    def check_maximum(self, points: int) -> None:
        """Refuse what would make the account too large.

        :raises TooManyPoints: the account would hold, or owe, more than JSON clients can count exactly.
        """
        if self.balance + self.pending + points > POINTS_MAX or self.debt - min(0, points) > POINTS_MAX:
            raise TooManyPoints(_("An account can hold at most %(points)d points.") % {"points": POINTS_MAX})

    def mark(self) -> Self:
        """Return a copy to go back to when an item of a batch is refused after it has begun to move points."""
        return replace(self, lots=[replace(lot) for lot in self.lots], written=list(self.written))

    def go_back(self, mark: Self) -> None:
        """Become again what `mark()` saw; lots keep their identity, so nothing else has to know."""
        kept = self.lots[: len(mark.lots)]
        for lot, before in zip(kept, mark.lots, strict=True):
            for name in ("remaining", "held", "is_active", "expires_at", "is_changed"):
                setattr(lot, name, getattr(before, name))
        for each in fields(self):
            if each.name != "lots":
                setattr(self, each.name, getattr(mark, each.name))
        self.lots = kept

    # -- for movements --------------------------------------------------------------------------------------------

    def _need_all_lots(self) -> None:
        if not self.has_all_lots:
            raise AssertionError("points may only be taken when all open lots have been read")

    def check_not_frozen(self) -> None:
        if self.frozen_at is not None:
            raise AccountFrozen(_("This account is being checked and cannot be spent from. Nothing was taken."))

    def _enter(
        self,
        kind: str,
        cause: Cause,
        *,
        balance: int = 0,
        held: int = 0,
        pending: int = 0,
        debt: int = 0,
        allocations: Sequence[tuple[LotState, int, int]] = (),
        now: datetime,
        actor: str,
    ) -> None:
        """Everything that moves points moves them here: sums, lots and the entry that says so cannot disagree."""
        for lot, remaining_change, held_change in allocations:
            lot.change(remaining_change, held_change)
        self.balance += balance
        self.held += held
        self.pending += pending
        self.debt += debt
        self.seq += 1
        changes = (balance, held, pending, debt)
        self.chain = chain.link(
            self.chain,
            account_id=self.id,
            seq=self.seq,
            kind=kind,
            changes=changes,
            balance_after=self.balance,
            document=(cause.document_kind, cause.document_id),
            rules=cause.rules,
            terms_version=cause.terms_version,
            location_id=cause.location_id,
            actor=actor,
            reason=cause.reason,
            occurred_at=cause.occurred_at,
            recorded_at=now,
        )
        self.written.append(EntryState(self.seq, kind, changes, self.balance, cause, self.chain, list(allocations)))
        self.is_changed = True
