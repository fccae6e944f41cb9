"""Accounts in memory, and the pure movements of their lots.  No database, no clock.

Every movement appends entries (and allocations) to the account's `written` list and changes its lots and sums;
a movement that refuses changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from rewards.points.account import POINTS_MAX, AccountSums, InsufficientPoints, TooManyPoints
from rewards.points.lots import Cause, LotState, active_and_pending, share, spending_order
from rewards.terms.expiry import Expiry, Sliding, extended, held_until


@dataclass(slots=True, eq=False)
class AccountState(AccountSums):
    """One account under its lock.  `lots` holds what the journey needs: due lots always, all open ones when spending."""

    # -- movements ------------------------------------------------------------------------------------------------

    def accrue(
        self,
        cause: Cause,
        *,
        points: int,
        active_at: datetime,
        expires_at: datetime | None,
        sliding: Sliding | None = None,
        purchase_id: int | None = None,
        earned_at: datetime | None = None,
        kind: str = "accrue",
        now: datetime,
        actor: str,
    ) -> LotState:
        """Add a lot of `points`, pending until `active_at`; what is active pays debt, what has lapsed expires at once.

        :raises TooManyPoints: the account would hold more than JSON clients can count exactly.
        """
        self.check_maximum(points)
        is_active = active_at <= now
        lot = LotState(
            amount=points,
            remaining=points,
            is_active=is_active,
            earned_at=earned_at or cause.occurred_at,
            active_at=active_at,
            expires_at=expires_at,
            sliding=sliding,
            purchase_id=purchase_id,
        )
        self._enter(
            kind, cause, balance=points if is_active else 0, pending=0 if is_active else points, now=now, actor=actor
        )
        lot.entry_seq = self.seq
        self.lots.append(lot)
        if not self._lapse_at_once(lot, ended=expires_at, cause=cause, now=now, actor=actor) and is_active:
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
        within: Mapping[int, int] | None = None,
    ) -> list[tuple[LotState, int]]:
        """Spend points: from `own_lots` (of a gift that is undone), then soonest to expire first. Returns from which lots.

        `within`: no more than so many of each lot, by its id (of what is dated back).

        :raises InsufficientPoints: fewer spendable points than asked; nothing changed.
        :raises AccountFrozen: the account awaits an inspection.
        """
        taken = self._choose(points, own_lots, within)
        self._enter(kind, cause, balance=-points, allocations=[(lot, -n, 0) for lot, n in taken], now=now, actor=actor)
        return taken

    def take_or_owe(
        self,
        cause: Cause,
        *,
        points: int,
        own_lots: Collection[LotState] = (),
        within: Mapping[int, int] | None = None,
        now: datetime,
        actor: str,
    ) -> int:
        """Take points as a correction does; what cannot be taken becomes debt. Returns how much did.

        `within` is as for `redeem`: what is spendable now beyond it pays the debt at once, as it pays any.

        :raises AccountFrozen: the account awaits an inspection.
        :raises TooManyPoints: more would be owed than JSON clients can count exactly.
        """
        self._need_all_lots()
        self.check_not_frozen()
        there = min(points, self._there(within))
        owed, before = points - there, self.debt
        if self.debt + owed > POINTS_MAX:
            raise TooManyPoints(_("An account can hold at most %(points)d points.") % {"points": POINTS_MAX})
        taken = self._choose(there, own_lots, within) if there else []
        self._enter(
            "adjust", cause, balance=-there, debt=owed, allocations=[(lot, -n, 0) for lot, n in taken], now=now,
            actor=actor,
        )  # fmt: skip
        # What came after `within` was not there then: it pays as of now.
        self._pay_debt(replace(cause, occurred_at=now), now=now, actor=actor)
        return self.debt - before

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
        self.check_maximum(sum(n for _lot, n in parts))
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
        self.check_not_frozen()
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
            self._lapse_at_once(lot, ended=lot.expires_at, cause=cause, now=now, actor=actor)
        self._pay_debt(cause, now=now, actor=actor)

    def give_back(
        self, cause: Cause, *, takes: Iterable[tuple[LotState, int]], points: int, now: datetime, actor: str
    ) -> int:
        """Return spent points to the very lots they came from, with their old expiry.

        A lot that lapsed meanwhile expires again at once, as does all that comes back to whoever has left. Returns how
        many points stayed.
        """
        self.check_maximum(points)
        returned = list(share(takes, points))
        self._enter(
            "reverse", cause, balance=points, allocations=[(lot, n, 0) for lot, n in returned], now=now, actor=actor
        )
        lapsed = 0
        for lot, n in returned:
            ended = now if self.closed_at is not None else lot.expires_at
            if self._lapse_at_once(lot, ended=ended, cause=cause, now=now, actor=actor):
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
                self._lapse(lot, Cause("lot", lot.id or 0, at), now=now, actor=actor)

    def extend(self, *, at: datetime, now: datetime, zone: ZoneInfo) -> None:
        """Move the end of sliding lots after an activity at an instant, each by its own rule; no ended lot is woken."""
        for lot in self.lots:
            if lot.sliding is None or not lot.remaining or lot.expires_at is None or lot.expires_at <= now:
                continue
            counted = max(lot.earned_at, self.membership.last_activity_at or lot.earned_at)
            moved = extended(
                lot.sliding, current=lot.expires_at, earned_at=lot.earned_at, at=at, last_activity_at=counted, zone=zone
            )
            self.is_changed |= lot.lengthen(moved)

    def hold_on_tier(self, *, expiry: Expiry, now: datetime, zone: ZoneInfo) -> None:
        """Lengthen all lots by the expiry of a tier that holds for all points held while on it; no ended lot is woken."""
        self._need_all_lots()
        for lot in self.lots:
            if lot.remaining and (lot.expires_at is None or lot.expires_at > now):
                active = max(lot.earned_at, self.membership.last_activity_at or lot.earned_at)
                moved = held_until(
                    expiry, current=lot.expires_at, earned_at=lot.earned_at, last_activity_at=active, zone=zone
                )
                self.is_changed |= lot.lengthen(moved)

    # -- parts ----------------------------------------------------------------------------------------------------

    def _choose(
        self, points: int, own_lots: Collection[LotState] = (), within: Mapping[int, int] | None = None
    ) -> list[tuple[LotState, int]]:
        self._need_all_lots()
        self.check_not_frozen()
        if points <= 0:
            raise AssertionError(f"{points} points cannot be taken")
        there = self._there(within)
        if points > there:
            raise InsufficientPoints(
                _("%(points)d points were asked for and %(spendable)d can be spent.")
                % {"points": points, "spendable": there},
                spendable=there,
                missing=points - there,
            )
        free = sorted((lot for lot in self.lots if lot.is_active and lot.free), key=spending_order)
        named = {id(lot) for lot in own_lots}
        free.sort(key=lambda lot: id(lot) not in named)
        return list(share(((lot, _part(lot, within)) for lot in free), points))

    def _there(self, within: Mapping[int, int] | None) -> int:
        """Return how many points can be taken; without `within`, the cached sum says it."""
        if within is None:
            return self.spendable
        return sum(_part(lot, within) for lot in self.lots if lot.is_active)

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

    def _lapse_at_once(self, lot: LotState, *, ended: datetime | None, cause: Cause, now: datetime, actor: str) -> bool:
        """Let what comes to a lot that has ended lapse, and say whether it did."""
        if ended is None or ended > now:
            return False
        # Before the cause the points were elsewhere, and what is not there cannot lapse.
        self._lapse(lot, replace(cause, occurred_at=max(ended, cause.occurred_at)), now=now, actor=actor)
        return True

    def _lapse(self, lot: LotState, cause: Cause, *, now: datetime, actor: str) -> None:
        points = lot.free
        if not points:
            return
        where = {"balance": -points} if lot.is_active else {"pending": -points}
        # A lot of this very call has no id yet: what brought it is the cause.
        why = cause if lot.id is None else Cause("lot", lot.id, cause.occurred_at)
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


def _part(lot: LotState, within: Mapping[int, int] | None) -> int:
    if within is None:
        return lot.free
    return 0 if lot.id is None else min(lot.free, within.get(lot.id, 0))
