"""One transaction over sales: lock, read once, change in memory, write once.

Recording, quoting, claiming, refunding and undoing a claim all open a batch, and it asks the mechanics in their order of
effect.  What a sale does is told by `sell`, what undoing does by `undo`; nothing after them knows a mechanic by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from merchants import periods
from merchants.actors import Actor
from merchants.database.statements import Writing
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards import counters, documents, earning, versions
from rewards.counters import CounterKey, Counters
from rewards.earning import Evaluation, Facts
from rewards.ledger_checks import LedgerCheck
from rewards.own_rewards import OwnRewards
from rewards.parties import Party, People
from rewards.points import AccountState, Book, Cause
from rewards.sales import early_refunds, events, reading, returns
from rewards.sales.early_refunds import EarlyRefund
from rewards.sales.inputs import PurchaseInput
from rewards.sales.protocol import Change, Ends, Read, State
from rewards.sales.returns import Effect, RefundAsked
from rewards.sales.sale import Sale
from rewards.sales.sources import TILL, SaleSource
from rewards.versions import Timeline, Version


class Mechanic(Protocol):
    """One thing a programme may do besides points: a singleton without state, in a literal tuple in order of effect."""

    @property
    def key(self) -> str:
        """Its name in terms, facts, outcomes and receipts."""
        ...

    @property
    def read(self) -> Read:
        """What its states read after the locks."""
        ...

    @property
    def for_guests(self) -> bool:
        """Whether sales without a member need that."""
        ...

    @property
    def checks(self) -> tuple[LedgerCheck, ...]:
        """What `ledger verify` proves of its rows."""
        ...

    @property
    def ends(self) -> Ends | None:
        """What ends by the clock."""
        ...

    def personal_data(self, merchant: Merchant, member_ids: Sequence[int]) -> Mapping[str, Any]:
        """Return its rows in the file of a person with these memberships."""
        ...

    def is_used(self, version: Version) -> bool:
        """State whether these terms make it do anything."""
        ...

    def begin(self, batch: Batch) -> State:
        """Open its state for one transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Counted:
    """Points that count towards a member's tier on a day, by a document that is no purchase."""

    account: AccountState
    day: date
    points: int
    document_kind: str
    document_id: int


@dataclass(frozen=True, slots=True)
class SaleMark:
    """What had been told, used of limits, and taken before a sale that may be refused."""

    events: int
    counters: Mapping[CounterKey, int]
    states: tuple[tuple[State, Any], ...]


class Batch:
    """What the sales of one transaction find and leave: accounts, the terms in force, and the state of every mechanic."""

    def __init__(
        self, merchant: Merchant, mechanics: Sequence[Mechanic], *, now: datetime, actor: Actor, source: SaleSource = TILL,
        moments: Sequence[datetime] = (), sold: Sequence[PurchaseInput] = (), undone: Sale | None = None,
    ) -> None:  # fmt: skip
        self.merchant, self.zone, self.now, self.actor = merchant, merchant.tzinfo, now, actor
        self.source = source
        self.book = Book(merchant.pk, now=now, actor=actor, is_silent=source.is_silent)
        #: When the sales occurred, and what tills ask of them; or the recorded sale that is reduced or taken off its member.
        self.moments, self.sold, self.undone = moments, sold, undone
        self.timeline = Timeline()
        self.people = People(self.book)
        #: What is used of limits, for every mechanic.
        self.counters = Counters()
        #: What members own, for every mechanic.
        self.own = OwnRewards(merchant.pk, now)
        self.found = reading.Found()
        self.events: list[Event] = []
        self._told_before = 0
        self.waited: list[EarlyRefund] = []
        #: What counts, or no longer counts, towards tiers besides sales: whoever rates tiers takes it out.
        self.counted: list[Counted] = []
        self.uncounted: list[tuple[str, int]] = []
        self._mechanics = tuple(mechanics)
        self._used: tuple[tuple[Mechanic, State], ...] = ()
        self.states = tuple(mechanic.begin(self) for mechanic in mechanics)

    # -- opening ------------------------------------------------------------------------------------------------------

    def lock_undone(self, sale: Sale) -> Party | None:
        """Lock the account of whom the sale belongs to, and those the mechanics name, in id order."""
        wanted = {account_id for state in self.states for account_id in state.accounts()}
        return self.people.lock_owner(sale.member_id, sorted(wanted))

    def read(self, *, external_ids: Sequence[str] = (), locations: Sequence[str] = ()) -> None:
        """Read, after the locks and in one statement, what everybody decides by.

        :raises RetryTransaction: somebody was merged, blocked, stopped or given a new code while we waited.
        """
        self.timeline = versions.last_seen(self.merchant.pk)
        rows = self._read_once(external_ids, locations)
        newest = rows["newest"] or 0
        if newest != self.timeline.newest:
            # The programme has grown since this process looked: what has to be read depends on the terms.
            self.timeline = versions.refreshed(self.merchant.pk, newest)
            rows = self._read_once(external_ids, locations)
        self.people.check_still_so(rows)
        self.found = reading.found(rows, self.merchant)
        self.book.load_lots(reading.lots(rows), everything=self.needs_all_lots)
        self.counters.load(rows.get("counters") or ())
        for _mechanic, state in self._used:
            state.load(rows)
        if self.people.owner is not None:
            self.settle_time(self.people.owner)

    def _read_once(self, external_ids: Sequence[str], locations: Sequence[str]) -> dict[str, Any]:
        used = self._used = self.used()
        names = {name for _mechanic, state in used for name in state.counters()}
        self.counters.lock(self.merchant.pk, (name.of(0) for name in names))
        values = {
            "counter_members": [buyer.id for buyer in self.people.by_account.values()],
            "counter_keys": sorted({name.key for name in names if name.scope == counters.MEMBER}),
            **self.book.lot_parameters(sliding=any(version.has_sliding for version in self.timeline.versions)),
            "external_ids": list(external_ids),
            "count": len(external_ids),
            "locations": list(locations),
            **self.people.values(),
        }
        for _mechanic, state in used:
            values |= state.values()
        return reading.rows(
            tuple(mechanic.read for mechanic, _state in used), values, of_members=bool(self.people),
            all_lots=self.needs_all_lots,
        )  # fmt: skip

    @property
    def needs_all_lots(self) -> bool:
        return not self.moments or any(state.needs_all_lots for state in self.states)

    def occasions(self) -> Iterator[tuple[Version, datetime, ZoneInfo]]:
        """Yield the terms, the moment and the zone by which each sale is evaluated, where there are terms."""
        if self.undone is not None:
            # Before the first read this process may not have seen the terms of the sale yet: then it reads again.
            of_sale = (each for each in self.timeline.versions if each.number == self.undone.terms_version)
            yield from ((version, self.undone.occurred_at, self.undone.zone) for version in of_sale)
            return
        for moment in self.moments:
            found = self.timeline.at(moment)
            if found is not None:
                yield found, moment, self.zone

    def used(self) -> tuple[tuple[Mechanic, State], ...]:
        """Return the mechanics that the terms in force use, each with its state."""
        in_force = {version.number: version for version, _moment, _zone in self.occasions()}
        if (now_in_force := self.timeline.at(self.now)) is not None:
            in_force[now_in_force.number] = now_in_force
        return tuple(
            (mechanic, state)
            for mechanic, state in zip(self._mechanics, self.states, strict=True)
            if (self.people or mechanic.for_guests) and any(mechanic.is_used(each) for each in in_force.values())
        )

    # -- a sale -------------------------------------------------------------------------------------------------------

    def mark(self, buyer: Party | None, sold: PurchaseInput) -> SaleMark:
        """Return what `go_back` needs, should this sale be refused after something was taken for it."""
        asked = tuple((state, state.mark(buyer)) for state in self.states if state.is_asked(sold))
        return SaleMark(len(self.events), self.counters.mark(), asked)

    def go_back(self, buyer: Party | None, mark: SaleMark) -> None:
        """Become again what `mark` saw."""
        del self.events[mark.events :]
        self.counters.go_back(mark.counters)
        for state, seen in mark.states:
            state.go_back(buyer, seen)

    def take_first(self, sale: Sale, buyer: Party | None, sold: PurchaseInput) -> None:
        """Let the mechanics take what is taken before anything is earned: what it pays may earn nothing.

        :raises LoyaltyError: one of them refuses; `go_back` undoes what others took.
        """
        for state in self.states:
            state.before(sale, buyer, sold)

    def evaluate(self, sale: Sale, buyer: Party | None) -> Evaluation:
        """Say what the sale earns by the terms of its moment, and keep with it what that rests on."""
        sale.facts = self._facts(sale, buyer)
        version = self.timeline.at(sale.occurred_at)
        if version is None:
            return earning.NO_PROGRAMME_YET
        sale.terms_version = version.number
        # A guest's sale may have been refunded in part before it is claimed.
        basket = returns.net(sale) if sale.refunded_minor or sale.has_returns else sale.basket()
        return earning.evaluate(
            version.terms, basket, sale.facts, zone=self.zone, location_zone=sale.location_zone
        )  # fmt: skip

    def _facts(self, sale: Sale, buyer: Party | None) -> Facts:
        if buyer is None:
            return Facts(guest=True)
        told: dict[str, Any] = {}
        for state in self.states:
            said = state.facts(sale, buyer)
            told |= {**said, "more": {**told["more"], **said["more"]}} if "more" in said and "more" in told else said
        joined_on = periods.local_day(buyer.joined_at, self.zone)
        return Facts(
            ordinal=buyer.account.membership.next_ordinal, birthday=buyer.birthday, joined_on=joined_on, **told
        )

    def sell(self, sale: Sale, buyer: Party | None, evaluation: Evaluation) -> list[Event]:
        """Let a sale happen: nothing refuses it any more.

        It gets its number and its points; refunds that came before it reduce it; then every mechanic does, once, what
        is left of it brings about.  Returns what is to be told of those refunds.
        """
        if buyer is not None:
            self._number(sale, buyer.account)
            self._grant(sale, buyer.account, evaluation)
        left, told = self._reduced(sale, buyer, evaluation) if sale.was_announced else (evaluation, [])
        for state in self.states:
            state.apply(sale, buyer, left)
        return told

    def _number(self, sale: Sale, account: AccountState) -> None:
        """Something was bought: it is the member's n-th purchase, and keeps sliding lots alive."""
        if not sale.is_purchase:
            return
        sale.ordinal = account.membership.count_purchase()
        account.extend(at=sale.occurred_at, now=self.now, zone=self.zone)
        account.membership.note_activity(sale.occurred_at)

    def _grant(self, sale: Sale, account: AccountState, evaluation: Evaluation) -> None:
        now, actor = self.now, self.book.actor
        for grant in evaluation.grants:
            cause = self._cause(sale, rules=grant.rules)
            account.accrue(
                cause, points=grant.points, active_at=grant.active_at, expires_at=grant.expires_at,
                sliding=grant.sliding, purchase_id=sale.id, now=now, actor=actor,
            )  # fmt: skip
        if evaluation.points < 0:
            # More came back than was bought: its points go as with a refund, from any lot, and the rest becomes debt.
            self.book.load_remaining_lots(account)
            points, cause = -evaluation.points, self._cause(sale)
            _taken, sale.debt_made = account.claw_back(cause, points=points, purchase_id=None, now=now, actor=actor)
        sale.points_earned = evaluation.points
        sale.qualifying_points = evaluation.qualifying_points
        sale.qualifying_minor = evaluation.eligible_minor

    def _cause(self, sale: Sale, *, rules: tuple[str, ...] = ()) -> Cause:
        return Cause(
            "purchase", sale.id, sale.occurred_at, rules=rules, terms_version=sale.terms_version,
            location_id=sale.location_id,
        )  # fmt: skip

    def _reduced(self, sale: Sale, buyer: Party | None, evaluation: Evaluation) -> tuple[Evaluation, list[Event]]:
        """Apply, in the order they came, the refunds that arrived before this sale; return what they left of it."""
        told = []
        if buyer is not None:
            self.book.load_remaining_lots(buyer.account)
        for asked in early_refunds.waiting(self.merchant.pk, sale.id):
            try:
                effect, said = self.refund(sale, buyer, asked, is_early=True)
            except (returns.RefundTooLarge, returns.UnknownLine) as refusal:
                self.waited.append(EarlyRefund(asked, None, refusal.code))
                continue
            evaluation = returns.left_of(evaluation, effect)
            self.waited.append(EarlyRefund(asked, effect, restored=said.get("points_restored", 0)))
            told.append(events.refunded(sale, asked, effect, said, buyer))
        if buyer is not None and sale.ordinal is not None and not sale.stands:
            buyer.account.membership.uncount_purchase(sale.ordinal)
        return evaluation, told

    def receipt(self, sale: Sale) -> Mapping[str, Any]:
        """Return what the mechanics put on a sale's receipt."""
        return {name: value for state in self.states for name, value in state.receipt(sale).items()}

    # -- undoing ------------------------------------------------------------------------------------------------------

    def refund(
        self, sale: Sale, buyer: Party | None, asked: RefundAsked, *, reason: str = "", is_early: bool = False
    ) -> tuple[Effect, Mapping[str, Any]]:
        """Reduce a sale by a refund; return what that did, and what the receipt says of the mechanics.

        :raises returns.RefundTooLarge, returns.UnknownLine: more than is left, or never sold; nothing changed.
        """
        was, account = sale.counts, buyer.account if buyer else None
        effect = returns.apply(sale, asked, account, self.timeline, now=self.now, actor=self.book.actor)
        version = self.timeline.numbered(sale.terms_version) if sale.terms_version else None
        counted_minor = returns.counted(sale, version.terms) if version else sale.net_minor
        change = Change(
            "refund", asked.occurred_at, effect.before, effect.after, was, sale.counts, counted_minor, reason, is_early
        )
        return effect, self.undo(sale, buyer, change)

    def undo(self, sale: Sale, buyer: Party | None, change: Change) -> Mapping[str, Any]:
        """Let every mechanic take back what a part of the sale had brought about; return what they say of it."""
        self._told_before = len(self.events)
        is_gone = change.was.purchases > change.left.purchases
        if buyer is not None and is_gone and not change.is_early and sale.ordinal is not None:
            buyer.account.membership.uncount_purchase(sale.ordinal)
        told: dict[str, Any] = {}
        for state in self.states:
            told |= state.undo(sale, buyer, change)
        return told

    # -- members who join, merge or leave -----------------------------------------------------------------------------

    def join(self, member: Party) -> None:
        """Let every mechanic begin for somebody who has just joined."""
        for state in self.states:
            state.joined(member)

    def give(self, member: Party) -> None:
        """Let every mechanic look at what a member was given besides sales."""
        for state in self.states:
            state.given(member)

    def settle_time(self, member: Party) -> None:
        """Let every mechanic do what time has done to what a member has."""
        for state in self.states:
            state.settle_time(member)

    def merge(self, source: Party, target: Party) -> dict[str, Any]:
        """Let what the mechanics keep of the source be the target's; return what moved."""
        counters.merge(self.merchant.pk, source=source.id, target=target.id)
        return {name: value for state in self.states for name, value in state.merged(source, target).items()}

    def unmerge(self, source: Party, target: Party, moved: Mapping[str, Any]) -> None:
        """Let what `merge` moved be the source's again."""
        counters.unmerge(self.merchant.pk, source=source.id, target=target.id)
        for state in self.states:
            state.unmerged(source, target, moved)

    def leave(self, member: Party) -> None:
        """Let every mechanic give up what is open for a member who leaves for good."""
        for state in self.states:
            state.left(member)

    def state_of(self, mechanic: Mechanic) -> State:
        """Return the state of one mechanic, for a verb of its own."""
        return self.states[self._mechanics.index(mechanic)]

    # -- for mechanics ------------------------------------------------------------------------------------------------

    def tell(self, *told: Event, always: bool = False) -> None:
        """Tell others, at the moment it happens; of a silent call only what nobody else will tell (`always`)."""
        if always or not self.source.is_silent:
            self.events.extend(told)

    def tell_before(self, event: Event) -> None:
        """Tell of what has brought about what was told since the undoing began."""
        if not self.source.is_silent:
            self.events.insert(self._told_before, event)

    def count(self, account: AccountState, day: date, points: int, document: tuple[str, int]) -> None:
        """Let points of a document that is no purchase count towards the tier of an account from now on."""
        self.counted.append(Counted(account, day, points, *document))

    def uncount(self, document: tuple[str, int]) -> None:
        """Let what a document had counted towards tiers count no more."""
        self.uncounted.append(document)

    # -- writing ------------------------------------------------------------------------------------------------------

    def writing(self) -> Writing:
        """Open the writing that everything goes out with: the journey adds its own rows, then calls `write`."""
        return Writing(merchant_id=self.merchant.pk, actor=self.book.actor, now=self.now)

    def write(self, out: Writing) -> None:
        """Write all that changed: one statement that the connection remembers, and one more for what is rare.

        :raises RetryTransaction: a twin of one of the documents was written since they were read.
        """
        early_refunds.add_to(out, self.waited)
        for state in self.states:
            state.add_to(out)
        self.counters.add_to(out)
        self.own.add_to(out)
        if self.counted or self.uncounted:
            raise AssertionError("something counts towards tiers, and no mechanic took it")
        # Time may have activated or lapsed lots even though nothing was sold.
        self.book.add_to(out, events=self.events)
        with documents.retry_on_duplicate():
            out.run()
