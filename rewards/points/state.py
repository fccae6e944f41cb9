"""Accounts in memory, and the pure movements of their lots.  No database, no clock.

Every movement appends entries (and allocations) to the account's `written` list and changes its lots and sums;
a movement that refuses changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from merchants.errors import LoyaltyError
from rewards.points import chain
from rewards.points.lots import Cause, EntryState, LotState, active_and_pending, share, spending_order
from rewards.terms.expiry import Expiry, extended

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
class AccountState:
    """One account under its lock.  `lots` holds what the journey needs: due lots always, all open ones when spending."""

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
    #: What the tier rests on (JSON of rewards.standing.Held), and the number of the terms it was last rated by.
    standing: str | None = None
    rated_version: int = 0
    #: Set when the member was merged or erased: nothing new comes to it; whoever waited for the lock looks again.
    closed_at: datetime | None = None
    lots: list[LotState] = field(default_factory=list)
    has_all_lots: bool = False
    written: list[EntryState] = field(default_factory=list)
    is_changed: bool = False

    @property
    def spendable(self) -> int:
        return self.balance - self.held

    # -- movements ------------------------------------------------------------------------------------------------

    def accrue(
        self,
        cause: Cause,
        *,
        points: int,
        active_at: datetime,
        expires_at: datetime | None,
        is_sliding: bool = False,
        purchase_id: int | None = None,
        earned_at: datetime | None = None,
        kind: str = "accrue",
        now: datetime,
        actor: str,
    ) -> LotState:
        """Add a lot of `points`, pending until `active_at`; what is active pays debt, what has lapsed expires at once.

        :raises TooManyPoints: the account would hold more than JSON clients can count exactly.
        """
        self.check_room(points)
        is_active = active_at <= now
        lot = LotState(
            amount=points,
            remaining=points,
            is_active=is_active,
            earned_at=earned_at or cause.occurred_at,
            active_at=active_at,
            expires_at=expires_at,
            is_sliding=is_sliding,
            purchase_id=purchase_id,
        )
        self._enter(
            kind, cause, balance=points if is_active else 0, pending=0 if is_active else points, now=now, actor=actor
        )
        lot.entry_seq = self.seq
        self.lots.append(lot)
        if expires_at is not None and expires_at <= now:
            self._lapse(lot, at=expires_at, now=now, actor=actor, cause=cause)
        elif is_active:
            self._pay_debt(cause, now=now, actor=actor)
        return lot

    def redeem(
        self,
        cause: Cause,
        *,
        points: int,
        now: datetime,
        actor: str,
        kind: str = "redeem",
        own_lots: Collection[LotState] = (),
    ) -> list[tuple[LotState, int]]:
        """Spend points: from `own_lots` (of a gift that is undone), then soonest to expire first. Returns from which lots.

        :raises InsufficientPoints: fewer spendable points than asked; nothing changed.
        :raises AccountFrozen: the account awaits an inspection.
        """
        taken = self._choose(points, own_lots)
        self._enter(kind, cause, balance=-points, allocations=[(lot, -n, 0) for lot, n in taken], now=now, actor=actor)
        return taken

    def hand_over(
        self, cause: Cause, *, parts: Sequence[tuple[LotState, int]], debt: int = 0, now: datetime, actor: str
    ) -> None:
        """Let named parts of lots, active or pending but never held, and a debt leave for another account (a merge)."""
        for lot, n in parts:
            if not 0 < n <= lot.free:
                raise AssertionError(f"{n} of a lot with {lot.free} free points cannot leave")
        active, pending = active_and_pending(parts)
        self._enter(
            "transfer_out", cause, balance=-active, pending=-pending, debt=-debt,
            allocations=[(lot, -n, 0) for lot, n in parts], now=now, actor=actor,
        )  # fmt: skip

    def take_back(self, cause: Cause, *, parts: Sequence[tuple[LotState, int]], now: datetime, actor: str) -> None:
        """Let points that were handed over come back to their own lots (a merge undone)."""
        self.check_room(sum(n for _lot, n in parts))
        active, pending = active_and_pending(parts)
        self._enter(
            "transfer_in", cause, balance=active, pending=pending, allocations=[(lot, n, 0) for lot, n in parts],
            now=now, actor=actor,
        )  # fmt: skip
        self._pay_debt(cause, now=now, actor=actor)

    def owe(self, cause: Cause, *, points: int, now: datetime, actor: str) -> None:
        """Take over a debt from another account; spendable points pay it at once.  All lots are read."""
        self._need_all_lots()
        self._enter("transfer_in", cause, debt=points, now=now, actor=actor)
        self._pay_debt(cause, now=now, actor=actor)

    def hold(self, cause: Cause, *, points: int, now: datetime, actor: str) -> None:
        """Set points aside: they pin their lots, which then survive their expiry until captured or released.

        :raises InsufficientPoints: fewer spendable points than asked; nothing changed.
        :raises AccountFrozen: the account awaits an inspection.
        """
        taken = self._choose(points)
        self._enter("hold", cause, held=points, allocations=[(lot, 0, n) for lot, n in taken], now=now, actor=actor)

    def capture(
        self, cause: Cause, *, pins: Iterable[tuple[LotState, int]], points: int, now: datetime, actor: str
    ) -> None:
        """Spend `points` of what a hold pinned; the caller releases the rest.

        :raises AccountFrozen: the account awaits an inspection.
        """
        self._check_not_frozen()
        taken = list(share(pins, points))
        self._enter(
            "capture", cause, balance=-points, held=-points, allocations=[(lot, -n, -n) for lot, n in taken],
            now=now, actor=actor,
        )  # fmt: skip

    def release(
        self, cause: Cause, *, pins: Iterable[tuple[LotState, int]], points: int, now: datetime, actor: str
    ) -> None:
        """Give pinned points back to spending; a lot that lapsed meanwhile lapses now, and debt is paid first."""
        freed = list(share(pins, points))
        self._enter(
            "release", cause, held=-points, allocations=[(lot, 0, -n) for lot, n in freed], now=now, actor=actor
        )
        for lot, _n in freed:
            ended = lot.expires_at
            if ended is not None and ended <= now:
                self._lapse(lot, at=ended, now=now, actor=actor, cause=cause)
        self._pay_debt(cause, now=now, actor=actor)

    def give_back(
        self, cause: Cause, *, takes: Iterable[tuple[LotState, int]], points: int, now: datetime, actor: str
    ) -> int:
        """Return spent points to the very lots they came from, with their old expiry.

        A lot that lapsed meanwhile expires again at once, as does all that comes back to whoever has left. Returns how
        many points stayed.
        """
        self.check_room(points)
        returned = list(share(takes, points))
        self._enter(
            "reverse", cause, balance=points, allocations=[(lot, n, 0) for lot, n in returned], now=now, actor=actor
        )
        lapsed = 0
        for lot, n in returned:
            ended = now if self.closed_at is not None else lot.expires_at
            if ended is not None and ended <= now:
                self._lapse(lot, at=ended, now=now, actor=actor, cause=cause)
                lapsed += n
        self._pay_debt(cause, now=now, actor=actor)
        return points - lapsed

    def claw_back(
        self,
        cause: Cause,
        *,
        points: int,
        purchase_id: int | None,
        own_lots: Collection[LotState] = (),
        now: datetime,
        actor: str,
    ) -> tuple[int, int]:
        """Take back earned points: from their own lots, then from any other, and the rest becomes debt.

        Their own lots are the purchase's and `own_lots` (of a referral); of these also pending points are taken. Held
        points and others' pending points are left alone. Returns (points taken, debt made).
        """
        self._need_all_lots()
        named = {id(lot) for lot in own_lots}
        own = [x for x in self.lots if id(x) in named or (purchase_id is not None and x.purchase_id == purchase_id)]
        named |= {id(lot) for lot in own}
        own_pending = [x for x in own if not x.is_active and x.remaining]
        own_active = [x for x in own if x.is_active and x.free]
        others = [x for x in self.lots if id(x) not in named and x.is_active and x.free]
        left, from_pending, from_balance = points, 0, 0
        allocations: list[tuple[LotState, int, int]] = []
        for lot in (*own_pending, *sorted(own_active, key=spending_order), *sorted(others, key=spending_order)):
            n = min(left, lot.free)
            if not n:
                continue
            allocations.append((lot, -n, 0))
            left -= n
            if lot.is_active:
                from_balance += n
            else:
                from_pending += n
        self._enter(
            "claw_back", cause, balance=-from_balance, pending=-from_pending, debt=left, allocations=allocations,
            now=now, actor=actor,
        )  # fmt: skip
        return points - left, left

    def forfeit(self, cause: Cause, *, now: datetime, actor: str) -> int:
        """Let everything lapse that is not held, pending points too (a member leaves); return how many points."""
        self._need_all_lots()
        parts = [(lot, lot.free) for lot in sorted(self.lots, key=spending_order) if lot.free]
        if not parts:
            return 0
        active, pending = active_and_pending(parts)
        self._enter(
            "expire", cause, balance=-active, pending=-pending, allocations=[(lot, -n, 0) for lot, n in parts],
            now=now, actor=actor,
        )  # fmt: skip
        return active + pending

    def settle_time(self, *, now: datetime, actor: str) -> None:
        """Do, in the order it happened, what time has done: pending lots became active, lots lapsed.

        Called under the lock before anything else, so a late sweep never lets lapsed points be spent.
        """
        due: list[tuple[datetime, int, LotState]] = []
        for lot in self.lots:
            if not lot.is_active and lot.active_at <= now:
                due.append((lot.active_at, 0, lot))
            ended = lot.expires_at
            if ended is not None and ended <= now:
                due.append((ended, 1, lot))
        for at, step, lot in sorted(due, key=lambda item: (item[0], item[1], spending_order(item[2]))):
            if step == 0:
                self._activate(lot, now=now, actor=actor)
            else:
                self._lapse(lot, at=at, now=now, actor=actor)

    def extend(self, *, at: datetime, expiry: Expiry, zone: ZoneInfo) -> None:
        """Move the end of sliding lots after an activity at an instant; a lot that has ended is not woken."""
        for lot in self.lots:
            if not lot.is_sliding or not lot.remaining:
                continue
            counted = max(lot.earned_at, self.last_activity_at or lot.earned_at)
            moved = extended(expiry, current=lot.expires_at, at=at, last_activity_at=counted, zone=zone)
            if moved != lot.expires_at:
                lot.expires_at, lot.is_changed = moved, True
                self.is_changed = True

    def note_activity(self, at: datetime) -> None:
        """Remember the latest purchase or redemption, by business time."""
        if self.last_activity_at is None or at > self.last_activity_at:
            self.last_activity_at = at
            self.is_changed = True

    def check_room(self, points: int) -> None:
        """:raises TooManyPoints: the account would hold more than JSON clients can count exactly."""
        if self.balance + self.pending + points > POINTS_MAX:
            raise TooManyPoints(_("An account can hold at most %(points)d points.") % {"points": POINTS_MAX})

    def mark(self) -> AccountState:
        """Return a copy to go back to when an item of a batch is refused after it has begun to move points."""
        return replace(self, lots=[replace(lot) for lot in self.lots], written=list(self.written))

    def go_back(self, mark: AccountState) -> None:
        """Become again what `mark()` saw; lots keep their identity, so nothing else has to know."""
        kept = self.lots[: len(mark.lots)]
        for lot, before in zip(kept, mark.lots, strict=True):
            for name in ("remaining", "held", "is_active", "is_sliding", "expires_at", "is_changed"):
                setattr(lot, name, getattr(before, name))
        for name in self.__slots__:
            if name != "lots":
                setattr(self, name, getattr(mark, name))
        self.lots = kept

    # -- parts ----------------------------------------------------------------------------------------------------

    def _need_all_lots(self) -> None:
        if not self.has_all_lots:
            raise AssertionError("points may only be taken when all open lots have been read")

    def _check_not_frozen(self) -> None:
        if self.frozen_at is not None:
            raise AccountFrozen(_("This account is being checked and cannot be spent from. Nothing was taken."))

    def _choose(self, points: int, own_lots: Collection[LotState] = ()) -> list[tuple[LotState, int]]:
        self._need_all_lots()
        self._check_not_frozen()
        if points <= 0:
            raise AssertionError(f"{points} points cannot be taken")
        if points > self.spendable:
            raise InsufficientPoints(
                _("%(points)d points were asked for and %(spendable)d can be spent.")
                % {"points": points, "spendable": self.spendable},
                spendable=self.spendable,
                missing=points - self.spendable,
            )
        free = sorted((lot for lot in self.lots if lot.is_active and lot.free), key=spending_order)
        named = {id(lot) for lot in own_lots}
        free.sort(key=lambda lot: id(lot) not in named)
        return list(share(((lot, lot.free) for lot in free), points))

    def _activate(self, lot: LotState, *, now: datetime, actor: str) -> None:
        if not lot.remaining:
            return
        lot.is_active = True
        cause = Cause("lot", lot.id or 0, lot.active_at)
        self._enter(
            "activate", cause, balance=lot.remaining, pending=-lot.remaining, allocations=[(lot, 0, 0)],
            now=now, actor=actor,
        )  # fmt: skip
        self._pay_debt(cause, now=now, actor=actor)

    def _lapse(self, lot: LotState, *, at: datetime, now: datetime, actor: str, cause: Cause | None = None) -> None:
        points = lot.free
        if not points:
            return
        where = {"balance": -points} if lot.is_active else {"pending": -points}
        why = Cause("lot", lot.id, at) if lot.id is not None or cause is None else cause  # type: ignore[arg-type]
        self._enter("expire", why, allocations=[(lot, -points, 0)], now=now, actor=actor, **where)

    def _pay_debt(self, cause: Cause, *, now: datetime, actor: str) -> None:
        points = min(self.debt, self.spendable)
        if not points:
            return
        free = sorted((lot for lot in self.lots if lot.is_active and lot.free), key=spending_order)
        taken = list(share(((lot, lot.free) for lot in free), points))
        self._enter(
            "settle", cause, balance=-points, debt=-points, allocations=[(lot, -n, 0) for lot, n in taken],
            now=now, actor=actor,
        )  # fmt: skip

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
