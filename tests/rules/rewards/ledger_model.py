"""A ledger as simple as it can be said: lists of lots, looked through one by one.  Knows nothing of the real one.

The state machine tells both the same story and compares them after every step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

PENDING_DAYS = 1
LIFE_DAYS = 6
LAST_DAYS = 9
WON_PER_POINT = 100
WON_OF_A_POINT = 10


def midnight(at: datetime, *, days: int) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)


@dataclass(eq=False)
class Lot:
    left: int
    earned_at: datetime
    active_at: datetime
    ends_at: datetime | None
    purchase: Purchase | None = None
    number: int = 0
    held: int = 0
    is_active: bool = False

    @property
    def free(self) -> int:
        return self.left - self.held


@dataclass(eq=False)
class Spending:
    """A redemption: what came from which lot, in the order it was taken."""

    parts: list[list]  # [lot, points]
    state: str
    points: int
    ends_at: datetime | None = None
    captured: int = 0
    returned: int = 0


@dataclass(eq=False)
class Purchase:
    account: Account
    won: int
    earned: int = 0
    refunded: int = 0
    taken_back: int = 0
    spendings: list[Spending] = field(default_factory=list)


@dataclass(eq=False)
class Account:
    lots: list[Lot] = field(default_factory=list)
    holds: list[Spending] = field(default_factory=list)
    debt: int = 0

    def in_order(self) -> list[Lot]:
        """Soonest to end first, then the oldest, then the first written."""
        last = datetime.max.replace(tzinfo=self.lots[0].earned_at.tzinfo) if self.lots else None
        return sorted(self.lots, key=lambda lot: (lot.ends_at or last, lot.earned_at, lot.number))

    # -- looking ----------------------------------------------------------------------------------------------------

    def figures(self) -> tuple[int, int, int, int]:
        """Spendable, held, pending, debt."""
        return (
            sum(lot.free for lot in self.lots if lot.is_active),
            sum(lot.held for lot in self.lots),
            sum(lot.left for lot in self.lots if not lot.is_active),
            self.debt,
        )

    def left(self) -> list[tuple[int, int, datetime | None]]:
        return sorted(((lot.left, lot.held, lot.ends_at) for lot in self.lots if lot.left), key=str)

    @property
    def spendable(self) -> int:
        return self.figures()[0]

    def active(self, at: datetime, now: datetime) -> None:
        """Whoever buys or redeems keeps what has not ended for six days more, up to nine days after it was earned."""
        for lot in self.lots:
            if lot.left and lot.ends_at is not None and lot.ends_at > now:
                anew = midnight(at, days=LIFE_DAYS + 1)
                lot.ends_at = max(lot.ends_at, min(anew, midnight(lot.earned_at, days=LAST_DAYS + 1)))

    # -- time -------------------------------------------------------------------------------------------------------

    def settle(self, now: datetime) -> None:
        """Everything time has done by now, in the order it happened: points wake, points end, holds run out."""
        moments = [(lot.active_at, 0, lot) for lot in self.lots if not lot.is_active and lot.active_at <= now]
        moments += [(lot.ends_at, 1, lot) for lot in self.lots if lot.ends_at is not None and lot.ends_at <= now]
        order = self.in_order()
        for _at, step, lot in sorted(moments, key=lambda m: (m[0], m[1], order.index(m[2]))):
            if step == 0:
                lot.is_active = True
                self.pay_debt()
            else:
                lot.left -= lot.free
        for hold in sorted((h for h in self.holds if h.ends_at and h.ends_at <= now), key=lambda h: h.ends_at):
            self.release(hold, now, "expired")

    def end_if_over(self, lot: Lot, now: datetime) -> None:
        if lot.ends_at is not None and lot.ends_at <= now:
            lot.left -= lot.free

    def pay_debt(self) -> None:
        n = min(self.debt, self.spendable)
        self.take(n)
        self.debt -= n

    # -- moving -----------------------------------------------------------------------------------------------------

    def add(self, lot: Lot, now: datetime) -> None:
        lot.number = max((other.number for other in self.lots), default=0) + 1
        lot.is_active = lot.active_at <= now
        self.lots.append(lot)
        self.end_if_over(lot, now)
        self.pay_debt()

    def take(self, points: int) -> list[list]:
        parts = []
        for lot in self.in_order():
            n = min(points, lot.free) if lot.is_active else 0
            if n:
                lot.left -= n
                points -= n
                parts.append([lot, n])
        assert points == 0
        return parts

    def hold(self, points: int, ends_at: datetime) -> Spending:
        parts = []
        wanted = points
        for lot in self.in_order():
            n = min(points, lot.free) if lot.is_active else 0
            if n:
                lot.held += n
                points -= n
                parts.append([lot, n])
        made = Spending(parts, "held", wanted, ends_at)
        self.holds.append(made)
        return made

    def capture(self, hold: Spending, points: int, now: datetime) -> None:
        hold.captured = points
        kept = []
        for lot, n in hold.parts:
            gone = min(n, points)
            points -= gone
            lot.left -= gone
            lot.held -= n
            self.end_if_over(lot, now)
            if gone:
                kept.append([lot, gone])
        hold.parts, hold.state = kept, "captured"
        self.holds.remove(hold)
        self.pay_debt()

    def release(self, hold: Spending, now: datetime, state: str) -> None:
        for lot, n in hold.parts:
            lot.held -= n
            self.end_if_over(lot, now)
        hold.state = state
        self.holds.remove(hold)
        self.pay_debt()

    def give_back(self, spending: Spending, points: int, now: datetime) -> None:
        """Taken last, back first."""
        spending.returned += points
        back = []
        for part in reversed(spending.parts):
            n = min(points, part[1])
            part[1] -= n
            points -= n
            part[0].left += n
            back.append(part[0])
        assert points == 0
        for lot in back:
            self.end_if_over(lot, now)
        self.pay_debt()
        if spending.returned == spending.captured:
            spending.state = "reversed"

    def refund(self, purchase: Purchase, won: int, now: datetime) -> None:
        purchase.refunded += won
        keeps = (purchase.won - purchase.refunded) // WON_PER_POINT
        points = max(0, purchase.earned - keeps) - purchase.taken_back
        if points > 0:
            purchase.taken_back += points
            self.claw_back(purchase, points)
        spent = sum(s.captured for s in purchase.spendings if s.state == "captured")
        before = sum(s.returned for s in purchase.spendings if s.state == "captured")
        share = spent * purchase.refunded // purchase.won if purchase.won > purchase.refunded else spent
        for spending in purchase.spendings:
            if spending.state == "captured" and share > before:
                self.give_back(spending, share - before, now)

    def claw_back(self, purchase: Purchase, points: int) -> None:
        order = self.in_order()
        own = [lot for lot in order if lot.purchase is purchase]
        own_pending = [lot for lot in self.lots if lot.purchase is purchase and not lot.is_active]
        others = [lot for lot in order if lot.purchase is not purchase]
        for lot in [*own_pending, *(x for x in own if x.is_active), *(x for x in others if x.is_active)]:
            n = min(points, lot.free)
            lot.left -= n
            points -= n
        self.debt += points
