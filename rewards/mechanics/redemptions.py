"""Points spent on a sale: taken before it earns anything, and given back when it is refunded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from members import live_codes
from merchants import periods
from merchants.database.statements import Writing
from rewards import authority, earning, redemptions
from rewards.earning import Evaluation
from rewards.parties import Party
from rewards.redemptions.folding import SpendingMark
from rewards.sales import returns
from rewards.sales.batch import Batch
from rewards.sales.inputs import PurchaseInput
from rewards.sales.protocol import Change, Contributions, Read, State
from rewards.sales.sale import Sale
from rewards.versions import Version


@dataclass(frozen=True, slots=True)
class _Spent:
    """What was taken for one sale, and by what right."""

    taken: list[redemptions.Taken]
    by: authority.Authority


class RedemptionsState(State):
    """The redemptions that tills ask for with their sales, or those of a sale that is refunded."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.asks = [ask for sold in batch.sold for ask in sold.redemptions]
        self.needs_all_lots = bool(self.asks)
        self.spendings = redemptions.Spendings(counters=batch.counters, own=batch.own)
        self._spent: dict[int, _Spent] = {}

    def load(self, found: Mapping[str, Any]) -> None:
        sale = self.batch.undone
        if self.asks or sale is not None:
            self._read(sale.id if sale is not None else None)

    def _read(self, purchase_id: int | None = None, *, holds: Sequence[int] = ()) -> None:
        batch = self.batch
        self.spendings = redemptions.read_spendings(
            batch.merchant, batch.book, batch.timeline, self.asks, row_ids=holds, purchase_id=purchase_id,
            counters=batch.counters, own=batch.own,
        )  # fmt: skip

    def settle_time(self, member: Party) -> None:
        """A hold whose time is over keeps nothing back, however late the clock is."""
        if member.account.held:
            self._read_holds(member)
            self.spendings.expire_due(self.batch.book, member.account, member_public_id=member.public_id)
            self._tell()

    def left(self, member: Party) -> None:
        """What is set aside is given back."""
        self._read_holds(member)
        self.spendings.release_all(self.batch.book, member.account, member_public_id=member.public_id)
        self._tell()

    def merged(self, source: Party, target: Party) -> Mapping[str, Any]:
        """What of the source's own rewards is set aside is given back, to move as the others do."""
        self._read_holds(source)
        self.spendings.release_all(self.batch.book, source.account, member_public_id=source.public_id)
        self._tell()
        return {}

    def _read_holds(self, member: Party) -> None:
        """Read what is set aside of a member: the account says so of points, and of their own rewards these do."""
        if self.spendings.merchant is None:
            self.batch.own.read([member.id])
            self._read(holds=redemptions.holding(self.batch.merchant.pk, self.batch.own.of(member.id)))

    def _tell(self) -> None:
        """Tell at the moment it happens; a silent journey tells all the same of holds whose time was over."""
        for event in self.spendings.events:
            self.batch.tell(event, always=self.spendings.is_of_time(event))
        self.spendings.events.clear()

    def is_asked(self, sold: PurchaseInput) -> bool:
        return bool(sold.redemptions)

    def mark(self, buyer: Party | None) -> tuple[SpendingMark, dict[int, _Spent]] | None:
        return (self.spendings.mark(buyer.account), dict(self._spent)) if buyer is not None else None

    def go_back(self, buyer: Party | None, mark: tuple[SpendingMark, dict[int, _Spent]] | None) -> None:
        if buyer is not None and mark is not None:
            spendings, self._spent = mark
            self.spendings.go_back(buyer.account, spendings)

    def before(self, sale: Sale, buyer: Party | None, sold: PurchaseInput) -> None:
        """What is paid with points earns nothing where the terms say so.

        By what right they are taken is noted: a moving code is used up once nothing refuses any more.
        """
        if not sold.redemptions or buyer is None:
            return
        batch, by = self.batch, authority.NONE_NEEDED
        authority.check_not_stopped(buyer.is_spending_stopped)
        version = batch.timeline.at(sale.occurred_at)
        if version is not None:
            sale.not_by_points = earning.not_by_points(version.terms, sale.basket().lines)
        # A hold was made on the member's own phone, and its code is shown from there.
        if sold.member is not None and any(ask.id is None and ask.code is None for ask in sold.redemptions):
            by = authority.of(
                batch.merchant, sold.member, member_id=buyer.id, used_for=_used_for(sale), now=batch.now,
                actor=batch.actor,
            )  # fmt: skip
        taken = redemptions.take(
            self.spendings, batch.book, buyer.account, asks=sold.redemptions, purchase=(sale.id, sale.public_id),
            total_minor=sale.reducible_minor, payable_minor=sale.payable_minor, location_id=sale.location_id,
            occurred_at=sale.occurred_at, member_public_id=buyer.public_id,
            is_at_tills_word=by.is_at_tills_word and not self._is_history(sale),
        )  # fmt: skip
        paid = sum(one.amount_minor or 0 for one in taken if one.is_payment)
        sale.points_paid_minor = min(sale.payable_minor, paid)
        self._spent[sale.id] = _Spent(taken, by)
        self._tell()

    def _is_history(self, sale: Sale) -> bool:
        """Days long over, brought in by a key that may: today's limit says nothing about them."""
        return self.batch.source.may_backfill and sale.local_day < periods.local_day(self.batch.now, self.batch.zone)

    def apply(self, sale: Sale, buyer: Party | None, left: Evaluation) -> None:
        spent = self._spent.get(sale.id)
        if spent is not None and buyer is not None and spent.by.shown is not None:
            live_codes.use(
                merchant=self.batch.merchant, member_id=buyer.id, shown=spent.by.shown, used_for=_used_for(sale),
                now=self.batch.now,
            )  # fmt: skip

    def undo(self, sale: Sale, buyer: Party | None, change: Change) -> Mapping[str, Any]:
        """Points spent on what came back come back too, with their old end."""
        if buyer is None or change.kind != "refund":
            return {}
        restored = redemptions.restore(
            self.spendings, self.batch.book, buyer.account, purchase_id=sale.id,
            refunded_minor=returns.came_back(sale), total_minor=sale.sold_minor, occurred_at=change.occurred_at,
            is_gone=sale.came_back_whole, reason=change.reason,
        )  # fmt: skip
        return {"points_restored": restored}

    def add_to(self, writing: Writing) -> None:
        self.spendings.add_to(writing)

    def receipt(self, sale: Sale) -> Mapping[str, Any]:
        spent = self._spent.get(sale.id)
        return {"redemptions": [one.summary() for one in spent.taken]} if spent is not None and spent.taken else {}


def _used_for(sale: Sale) -> str:
    return f"purchase:{sale.external_id}"


class RedemptionsMechanic(Contributions):
    """Rewards, and points as money, on a sale."""

    key: Final = "redemptions"
    for_guests: Final = False
    read: Final = Read()
    checks = redemptions.CHECKS

    def is_used(self, version: Version) -> bool:
        return True

    def begin(self, batch: Batch) -> State:
        return RedemptionsState(batch)


MECHANIC: Final = RedemptionsMechanic()
