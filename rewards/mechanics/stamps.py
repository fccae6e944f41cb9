"""Stamp cards: what sales put on them, what refunds take off, and the rewards that full ones bring.

How many stamps a sale earns is part of the evaluation (`rewards.earning.stamps`), which knows what is carried over and used
of the day's limit from the facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from django.utils.translation import gettext as _

from merchants import periods
from merchants.database.statements import Writing
from merchants.errors import NotFound
from merchants.models.merchants import Merchant
from rewards import counters, stamps
from rewards.counters import CounterName
from rewards.earning import Evaluation
from rewards.earning import stamps as earning
from rewards.parties import Party
from rewards.sales import returns
from rewards.sales.batch import Batch
from rewards.sales.protocol import Change, Contributions, Ends, Read, State
from rewards.sales.sale import Sale
from rewards.stamps import Promised, StampChange, StampMovement, ledger_checks, rows
from rewards.versions import Version


class UnknownStampCard(NotFound):
    """The terms in force have no such card; in a body this is content that cannot be meant, so 422."""

    code: ClassVar[str] = "unknown_stamp_card"
    http: ClassVar[int] = 422


class StampsState(State):
    """The cards of everybody in the transaction, and what each sale did to them."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.cards = stamps.Cards(batch.merchant, batch.own, now=batch.now, actor=batch.book.actor)
        self._done: dict[int, list[StampChange]] = {}

    def counters(self) -> Iterable[CounterName]:
        for version, moment, zone in self.batch.occasions():
            day = periods.local_day(moment, zone)
            for card in version.terms.stamps:
                if card.most_per_day is not None:
                    yield counters.of_stamps(earning.day_of(card.code, day))

    def values(self) -> Mapping[str, Any]:
        return {"stamps_members": [member.id for member in self.batch.people.by_account.values()]}

    def load(self, found: Mapping[str, Any]) -> None:
        members = list(self.batch.people.by_account.values())
        self.cards.load(found["stamps_books"] or (), [member.id for member in members])
        for member in members:
            self.batch.tell(*self.cards.end_due(member), always=True)

    def settle_time(self, member: Party) -> None:
        """What had no new stamp for so long has ended, however late the clock is."""
        if self.batch.undone is not None:
            # Read and settled with everybody else's, where the terms have cards.
            return
        self.cards.read([member.id])
        self.batch.tell(*self.cards.end_due(member), *self.cards.end_rewards(member), always=True)

    def facts(self, sale: Sale, buyer: Party) -> Mapping[str, Any]:
        version = self.batch.timeline.at(sale.occurred_at)
        if version is None or not version.terms.stamps:
            return {}
        known: dict[str, int] = {}
        for card in version.terms.stamps:
            if rest := self.cards.book(buyer.id, card.code).rest:
                known[earning.rest_of(card.code)] = rest
            day = earning.day_of(card.code, periods.local_day(sale.occurred_at, self.batch.zone))
            if card.most_per_day is not None and (used := self.batch.counters.used(_limit(day, buyer))):
                known[day] = used
        return {"more": {earning.KEY: known}}

    def apply(self, sale: Sale, buyer: Party | None, left: Evaluation) -> None:
        if buyer is not None and left.outcomes:
            self._done[sale.id] = self._change(sale, buyer, left.outcomes, "sale")

    def undo(self, sale: Sale, buyer: Party | None, change: Change) -> Mapping[str, Any]:
        if buyer is None or change.is_early:
            return {}
        changed = returns.outcomes_changed(change.before, change.after)
        done = self._change(sale, buyer, changed, change.kind, change=change)
        return {"stamps": [each.summary() for each in done]} if done else {}

    def _change(
        self, sale: Sale, buyer: Party, outcomes: Mapping[str, int], kind: str, *, change: Change | None = None
    ) -> list[StampChange]:
        done = []
        for code, earned in earning.by_card(outcomes).items():
            for day, used in earned.days.items():
                self._use(sale, buyer, day, used)
            if earned.stamps or earned.rest:
                moved = StampMovement(
                    kind, change.occurred_at if change else sale.occurred_at, earned.stamps, earned.rest,
                    (sale.id, sale.public_id), change.reason if change else "",
                )  # fmt: skip
                changed = self.cards.change(buyer, code, self.promised(sale.terms_version).get(code), moved)
                self.batch.tell(*changed.events)
                if changed.stamps:
                    done.append(changed)
        return done

    def _use(self, sale: Sale, buyer: Party, day: str, used: int) -> None:
        self.batch.counters.add(_limit(day, buyer), used)
        if used < 0:
            # Undoing a merge divides the counters by what those of the merged member say then.
            for member_id in counters.merged_since(self.batch.merchant.pk, buyer.id, sale.id):
                self.batch.counters.give_back_unread(counters.of_stamps(day).of(member_id), -used)

    def promised(self, version: int | None = None) -> dict[str, Promised]:
        """Return what each card promises: by the terms in force now, else by those of a version."""
        found: dict[str, Promised] = {}
        timeline = self.batch.timeline
        for each in (timeline.at(self.batch.now), timeline.numbered(version) if version is not None else None):
            for card in each.terms.stamps if each is not None else ():
                found.setdefault(card.code, Promised(card, each.number if each is not None else 0))
        return found

    def correct(self, member: Party, card: str, count: int, reason: str) -> StampChange:
        """Give stamps by hand, or take them; what is more than a card is owed.

        :raises UnknownStampCard: the terms in force have no such card; nothing changed.
        """
        promised = self.promised().get(card)
        if promised is None:
            raise UnknownStampCard(_("There is no stamp card %(card)s.") % {"card": card}, pointer="/stamp_card")
        moved = StampMovement("by_hand", self.batch.now, count, reason=reason)
        done = self.cards.change(member, card, promised, moved)
        self.batch.tell(*done.events)
        return done

    def merged(self, source: Party, target: Party) -> Mapping[str, Any]:
        moved, told = self.cards.merge(source, target, self.promised())
        self.batch.tell(*told)
        return moved

    def unmerged(self, source: Party, target: Party, moved: Mapping[str, Any]) -> None:
        self.batch.tell(*self.cards.unmerge(source, target, moved, self.promised()))

    def left(self, member: Party) -> None:
        self.batch.tell(*self.cards.leave(member))

    def add_to(self, writing: Writing) -> None:
        self.cards.add_to(writing)

    def receipt(self, sale: Sale) -> Mapping[str, Any]:
        done = self._done.get(sale.id)
        return {"stamps": [each.summary() for each in done]} if done else {}


def _limit(day: str, member: Party) -> counters.CounterKey:
    return counters.of_stamps(day).of(member.id)


class StampsMechanic(Contributions):
    """Stamp cards, and the rewards that full ones bring."""

    key: Final = "stamps"
    for_guests: Final = False
    read: Final = Read(parts={"stamps_books": rows.READ_SQL}, types=rows.READ_TYPES, has_counters=True)
    checks = ledger_checks.CHECKS
    ends = Ends(seconds=60, merchants=stamps.MERCHANTS_DUE, members=stamps.MEMBERS_DUE)

    def personal_data(self, merchant: Merchant, member_ids: Sequence[int]) -> Mapping[str, Any]:
        return stamps.personal_data(merchant, member_ids)

    def is_used(self, version: Version) -> bool:
        return bool(version.terms.stamps)

    def begin(self, batch: Batch) -> State:
        return StampsState(batch)


MECHANIC: Final = StampsMechanic()
