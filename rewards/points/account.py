"""One account in memory: its sums, and the one way in which its points change.

No database, no clock.  The movements themselves are `state`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import ClassVar, Self

from django.utils.translation import gettext as _

from merchants.errors import LoyaltyError
from rewards.membership import MembershipState
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
    frozen_at: datetime | None = None
    #: Set when the member was merged or erased: nothing new comes to it; whoever waited for the lock looks again.
    closed_at: datetime | None = None
    #: Of the member whose account it is: read, locked and written with it.
    membership: MembershipState = field(default_factory=MembershipState)
    lots: list[LotState] = field(default_factory=list)
    has_all_lots: bool = False
    written: list[EntryState] = field(default_factory=list)
    is_changed: bool = False

    @property
    def spendable(self) -> int:
        return self.balance - self.held

    def check_maximum(self, points: int) -> None:
        """Refuse what would make the account too large.

        :raises TooManyPoints: the account would hold, or owe, more than JSON clients can count exactly.
        """
        if self.balance + self.pending + points > POINTS_MAX or self.debt - min(0, points) > POINTS_MAX:
            raise TooManyPoints(_("An account can hold at most %(points)d points.") % {"points": POINTS_MAX})

    def mark(self) -> Self:
        """Return a copy to go back to when an item of a batch is refused after it has begun to move points."""
        return replace(
            self,
            membership=replace(self.membership),
            lots=[replace(lot) for lot in self.lots],
            written=list(self.written),
        )

    def go_back(self, mark: Self) -> None:
        """Become again what `mark()` saw; lots keep their identity, so nothing else has to know."""
        kept = self.lots[: len(mark.lots)]
        for lot, before in zip(kept, mark.lots, strict=True):
            for name in ("remaining", "held", "is_active", "expires_at", "is_changed"):
                setattr(lot, name, getattr(before, name))
        for each in fields(self):
            if each.name not in {"lots", "membership"}:
                setattr(self, each.name, getattr(mark, each.name))
        self.lots = kept
        self.membership.go_back(mark.membership)

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
