"""Spending in memory: one redemption after another, each leaving the next its account, stock and limits.

A redemption posted alone and the redemptions of a batch of purchases take the same way: read once under the account
locks (`read_spendings`), fold, write once.  A refused ask leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from merchants import ids, periods
from merchants.database import model_rows
from merchants.database.statements import Writing
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards import authority, documents, own_rewards, tiers
from rewards.counters import CounterKey, Counters, of_stock
from rewards.models.documents import Document
from rewards.models.own_rewards import OwnReward
from rewards.models.redemptions import Capture, Redemption
from rewards.own_rewards import OwnRewards
from rewards.points import AccountState, Book, Cause, LotState
from rewards.redemptions import answers, occasions, offers
from rewards.redemptions.inputs import Ask
from rewards.redemptions.occasions import Occasion, Parent
from rewards.redemptions.offers import Price, RewardNotOnOffer, UnknownReward
from rewards.terms import AnyReward
from rewards.versions import Timeline, Version

State = Redemption.State


@dataclass(slots=True)
class Spendings:
    """What spending in one transaction needs to know, and what it did so far."""

    merchant: Merchant | None = None
    timeline: Timeline = field(default_factory=Timeline)
    #: Redemptions named by an ask and open holds of the accounts, by id.
    rows: dict[int, Redemption] = field(default_factory=dict)
    pins: dict[int, list[tuple[LotState, int]]] = field(default_factory=dict)
    #: The stock of rewards, locked; a batch of sales writes it with its other counters.
    counters: Counters = field(default_factory=Counters)
    #: Rewards that are members' own; written as the counters are.
    own: OwnRewards = field(default_factory=OwnRewards)
    #: When each member took each limited reward.
    taken: dict[tuple[int, str], list[datetime]] = field(default_factory=dict)
    #: What tills have spent today of each member at their word, as the database knows it.
    spent_at_word: dict[int, int] = field(default_factory=dict)
    new_ids: list[int] = field(default_factory=list)
    new: list[Redemption] = field(default_factory=list)
    captures: list[Capture] = field(default_factory=list)
    changed: dict[int, Redemption] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    # -- spending -------------------------------------------------------------------------------------------------

    def spend(
        self,
        book: Book,
        occasion: Occasion,
        ask: Ask,
        *,
        external_id: str | None = None,
        sent: bytes = b"",
        paid_minor: int = 0,
        hold_minutes: int | None = None,
        is_hold: bool = False,
    ) -> Redemption:
        """Spend on a reward, or pay with points; or set the points aside.  Holds whose time is over end first.

        :raises LoyaltyError: refused; nothing changed but what time has done.
        """
        account = occasion.account
        self.expire_due(book, account, member_public_id=occasion.member_public_id)
        version = self.timeline.at(occasion.occurred_at)
        own = self.own.named(ask.own_reward, account.member_id) if ask.own_reward is not None else None
        if own is not None:
            version = self.timeline.numbered(own.terms_version)
            price = self._price_of_own(own, version, account, occasion)
        else:
            price = self.price(version, ask, account, occasion, paid_minor=paid_minor)
        assert version is not None
        if occasion.is_at_tills_word and own is None:
            at = book.now if occasion.within is None else occasion.occurred_at
            self._check_tills_word(book, account.member_id, price.points, at=at)
        identity = self.new_ids[-1]
        cause = Cause(
            "redemption", identity, occasion.occurred_at, rules=(price.reward,) if price.reward else (),
            terms_version=version.number, location_id=occasion.location_id,
        )  # fmt: skip
        if own is not None:
            self.own.become(own, OwnReward.State.HELD if is_hold else OwnReward.State.TAKEN)
        elif is_hold:
            account.hold(cause, points=price.points, now=book.now, actor=book.actor)
        else:
            account.redeem(cause, points=price.points, within=occasion.within, now=book.now, actor=book.actor)
        # From here on nothing refuses.
        self.new_ids.pop()
        account.extend(at=occasion.occurred_at, now=book.now, zone=self._zone)
        account.membership.note_activity(occasion.occurred_at)
        tiers.hold_points(book, account, self.timeline.at(book.now), zone=self._zone)
        if price.stock is not None:
            self.counters.add(of_stock(price.reward), 1)
        if price.reward and own is None:
            self.taken.setdefault((account.member_id, price.reward), []).append(occasion.occurred_at)
        row = occasions.redemption_of(
            occasion, price, identity=identity, book=book, version=version,
            hold_minutes=(hold_minutes or price.hold_minutes) if is_hold else None,
            own_reward_id=own.pk if own is not None else None,
        )  # fmt: skip
        row.external_id, row.fingerprint = external_id, sent
        row.receipt = answers.receipt_of(
            row, member=occasion.member_public_id, balance_after=account.spendable, own_reward=ask.own_reward
        )
        self.new.append(row)
        self.rows[identity] = row
        if own is not None:
            self._tell_of_own(row, own, member=occasion.member_public_id, at=row.occurred_at)
            return row
        self.events.append(
            answers.spent_event(
                row,
                account,
                member=occasion.member_public_id,
                purchase=occasion.parent.public_id if occasion.parent else None,
            )
        )
        return row

    def price(
        self, version: Version | None, ask: Ask, account: AccountState, occasion: Occasion, *, paid_minor: int = 0
    ) -> Price:
        """Say what an ask takes and is worth, by the terms in force then.

        :raises LoyaltyError: the terms, the stock or a limit refuse it; or it cannot be meant.
        """
        if version is None:
            raise RewardNotOnOffer(_("There was no programme yet."))
        if ask.reward is None:
            return offers.price_of_points(
                version.terms.pay_with_points, ask.points or 0, order_total_minor=occasion.order_total_minor,
                paid_before_minor=paid_minor, payable_minor=occasion.payable_minor,
            )  # fmt: skip
        reward = offers.reward_of(version.terms, ask.reward)
        if reward is None:
            raise UnknownReward(_("There is no reward %(reward)s.") % {"reward": ask.reward}, pointer="/reward")
        offers.check(
            reward, day=periods.local_day(occasion.occurred_at, self._zone), tier=occasion.tier,
            claimed=self.counters.used(of_stock(reward.code)),
            taken_in_period=self._taken_in_period(reward, account.member_id, occasion.occurred_at),
            order_total_minor=occasion.order_total_minor,
        )  # fmt: skip
        return offers.price_of(reward, order_total_minor=occasion.order_total_minor)

    def _price_of_own(self, own: OwnReward, version: Version, account: AccountState, occasion: Occasion) -> Price:
        """What a reward of the member's own is worth, by the terms it was issued under; it takes no points."""
        account.check_not_frozen()
        reward = offers.reward_of(version.terms, own.reward)
        assert reward is not None, "terms whose cards bring a reward that they do not have are never published"
        claimed = self.counters.used(of_stock(reward.code))
        offers.check_own(reward, claimed=claimed, order_total_minor=occasion.order_total_minor)
        return replace(offers.price_of(reward, order_total_minor=occasion.order_total_minor), points=0)

    def _tell_of_own(self, row: Redemption, own: OwnReward, *, member: str, at: datetime) -> None:
        self.events.append(own_rewards.changed(own, member=member, at=at, redemption=row.public_id))

    def _own_name(self, row: Redemption) -> str | None:
        return None if row.own_reward_id is None else self.own.by_id(row.own_reward_id).public_id

    def give_own_back(self, row: Redemption, account: AccountState, *, member: str, at: datetime) -> None:
        """Let what a redemption had set aside or taken be the member's own again, also after a merge; of who left it ends."""
        assert row.own_reward_id is not None
        own = self.own.by_id(row.own_reward_id)
        own.member_id = account.member_id
        self.own.become(own, OwnReward.State.OPEN if account.closed_at is None else OwnReward.State.ENDED)
        self._tell_of_own(row, own, member=member, at=at)

    def _taken_in_period(self, reward: AnyReward, member_id: int, at: datetime) -> int:
        moments = self.taken.get((member_id, reward.code), [])
        if reward.per_member is None:
            return 0
        if reward.per_member.per == "ever":
            return len(moments)
        period = periods.period_at(reward.per_member.per, at, self._zone)
        return sum(moment in period for moment in moments)

    def _check_tills_word(self, book: Book, member_id: int, points: int, *, at: datetime) -> None:
        assert self.merchant is not None
        if member_id not in self.spent_at_word:
            self.spent_at_word[member_id] = authority.spent_that_day(
                self.merchant, member_id=member_id, at=at, now=book.now
            )
        lately = sum(
            row.points for row in self.new
            if row.is_at_tills_word and row.member_id == member_id and row.state in {State.HELD, State.CAPTURED}
        )  # fmt: skip
        authority.check_limit(self.merchant, spent=self.spent_at_word[member_id] + lately, points=points)

    @property
    def _zone(self) -> ZoneInfo:
        assert self.merchant is not None, "spendings are read before anything is spent"
        return self.merchant.tzinfo

    # -- ending holds ---------------------------------------------------------------------------------------------

    def check_capture(self, book: Book, row: Redemption, points: int | None) -> int:
        """Return how many points of a hold will be captured.

        :raises AlreadyEnded, HoldExpired, CaptureTooLarge: it cannot be captured any more, or not so much of it.
        :raises PartOfAReward: only points that pay are captured in part.
        """
        if row.state != State.HELD:
            raise answers.ended(row)
        if row.hold_expires_at is not None and row.hold_expires_at <= book.now:
            raise answers.HoldExpired(
                _("The hold's time was over; its points are the member's again."), state=State.EXPIRED
            )
        wanted = row.points if points is None else points
        if wanted > row.points:
            raise answers.CaptureTooLarge(
                _("%(asked)d points were to be captured and %(held)d are held.")
                % {"asked": wanted, "held": row.points},
                held=row.points,
            )
        if row.reward and wanted != row.points:
            raise answers.PartOfAReward(_("A reward is captured whole."), pointer="/points")
        return wanted

    def capture(
        self,
        book: Book,
        account: AccountState,
        row: Redemption,
        *,
        points: int,
        occurred_at: datetime,
        member_public_id: str,
        external_id: str | None = None,
        sent: bytes = b"",
        parent: Parent | None = None,
    ) -> Capture:
        """Spend what was held, all or a part, and release the rest; `check_capture` allowed it."""
        released = row.points - points
        if row.own_reward_id is not None:
            account.check_not_frozen()
            self.own.become(self.own.by_id(row.own_reward_id), OwnReward.State.TAKEN)
        else:
            self._capture_points(book, account, row, points, occurred_at)
        self._end(row, State.CAPTURED, at=book.now, captured=points)
        capture = Capture(
            merchant_id=book.merchant_id, public_id=ids.mint("cap"), external_id=external_id, fingerprint=sent,
            actor=book.actor, occurred_at=occurred_at, recorded_at=book.now, redemption_id=row.id, points=points,
            purchase_id=parent.id if parent else None, purchase_position=parent.position if parent else None,
        )  # fmt: skip
        capture.receipt = {
            **answers.receipt_of(
                row, member=member_public_id, balance_after=account.spendable, own_reward=self._own_name(row)
            ),
            "id": capture.public_id, "external_id": external_id, "redemption": row.public_id,
            "points_released": released,
        }  # fmt: skip
        self.captures.append(capture)
        if row.own_reward_id is not None:
            self._tell_of_own(row, self.own.by_id(row.own_reward_id), member=member_public_id, at=occurred_at)
            return capture
        payload = {
            "redemption": row.public_id, "member": member_public_id, "capture": capture.public_id, "points": points,
            "points_released": released, "reward": row.reward or None, "external_id": external_id,
            "purchase": parent.public_id if parent else None, "amount_minor": row.amount_minor,
            "currency": row.currency or None, "balance": account.balance, "held": account.held, "seq": account.seq,
        }  # fmt: skip
        self.events.append(Event("points.captured", payload, occurred_at))
        return capture

    def _capture_points(
        self, book: Book, account: AccountState, row: Redemption, points: int, occurred_at: datetime
    ) -> None:
        pins = self.pins[row.id]
        cause = self._cause(row, occurred_at)
        account.capture(cause, pins=pins, points=points, now=book.now, actor=book.actor)
        if row.points > points:
            rest = _left(pins, points)
            account.release(cause, pins=rest, points=row.points - points, now=book.now, actor=book.actor)

    def release(
        self,
        book: Book,
        account: AccountState,
        row: Redemption,
        *,
        state: str,
        at: datetime,
        member_public_id: str,
        release_public_id: str | None = None,
    ) -> None:
        """Give back what was held: by the till (released) or by time (expired); stock and limits with it."""
        if row.own_reward_id is None:
            account.release(
                self._cause(row, at), pins=self.pins[row.id], points=row.points, now=book.now, actor=book.actor
            )
        self._end(row, state, at=at, captured=0)
        self.forget(row)
        if row.own_reward_id is not None:
            self.give_own_back(row, account, member=member_public_id, at=at)
            return
        payload = {
            "redemption": row.public_id, "member": member_public_id, "points": row.points, "reason": state,
            "release": release_public_id, "reward": row.reward or None, "balance": account.balance,
            "held": account.held, "seq": account.seq,
        }  # fmt: skip
        self.events.append(Event("points.released", payload, at))

    def forget(self, row: Redemption) -> None:
        """Give a redemption that came to nothing back to the stock and to the member's limit."""
        if not row.reward:
            return
        if offers.was_counted(self.timeline, row.reward, row.terms_version):
            self.counters.add(of_stock(row.reward), -1)
        moments = self.taken.get((row.member_id, row.reward), []) if row.own_reward_id is None else []
        if row.occurred_at in moments:
            moments.remove(row.occurred_at)

    def expire_due(self, book: Book, account: AccountState, *, member_public_id: str) -> int:
        """End the account's holds whose time is over, in that order, however late the clock is; say how many."""
        due = [
            row
            for row in self.rows.values()
            if row.member_id == account.member_id
            and row.state == State.HELD
            and row.hold_expires_at is not None
            and row.hold_expires_at <= book.now
        ]
        for row in sorted(due, key=lambda row: (row.hold_expires_at, row.id)):
            assert row.hold_expires_at is not None
            self.release(
                book, account, row, state=State.EXPIRED, at=row.hold_expires_at, member_public_id=member_public_id
            )
        return len(due)

    def release_all(self, book: Book, account: AccountState, *, member_public_id: str) -> None:
        """Give back everything the account holds: what is overdue has timed out, the rest is released."""
        self.expire_due(book, account, member_public_id=member_public_id)
        for row in list(self.rows.values()):
            if row.state == State.HELD and row.member_id == account.member_id:
                self.release(
                    book, account, row, state=State.RELEASED, at=book.now, member_public_id=member_public_id
                )  # fmt: skip

    def _end(self, row: Redemption, state: str, *, at: datetime, captured: int) -> None:
        row.state = state
        row.points_captured = captured
        row.ended_at = at
        self.changed[row.id] = row

    def _cause(self, row: Redemption, occurred_at: datetime) -> Cause:
        return Cause(
            "redemption", row.id, occurred_at, rules=(row.reward,) if row.reward else (),
            terms_version=row.terms_version, location_id=row.location_id,
        )  # fmt: skip

    # -- going back, and writing ----------------------------------------------------------------------------------

    def mark(self, account: AccountState) -> SpendingMark:
        """Return what `go_back` needs to undo everything that follows, on this account and here."""
        rows = {
            row.id: {name: getattr(row, name) for name in _MUTABLE}
            for row in self.rows.values()
            if row.member_id == account.member_id
        }
        return SpendingMark(
            account=account.mark(), rows=rows, counters=self.counters.mark(),
            taken={key: list(moments) for key, moments in self.taken.items()}, new_ids=list(self.new_ids),
            new=len(self.new), captures=len(self.captures), events=len(self.events), changed=dict(self.changed),
            own=self.own.mark(),
        )  # fmt: skip

    def go_back(self, account: AccountState, mark: SpendingMark) -> None:
        """Undo, in memory, all that happened since the mark."""
        account.go_back(mark.account)
        for identity in [row.id for row in self.new[mark.new :]]:
            del self.rows[identity]
        for identity, values in mark.rows.items():
            for name, value in values.items():
                setattr(self.rows[identity], name, value)
        del self.new[mark.new :], self.captures[mark.captures :], self.events[mark.events :]
        self.counters.go_back(mark.counters)
        self.own.go_back(mark.own)
        self.taken, self.new_ids, self.changed = mark.taken, mark.new_ids, mark.changed

    def add_to(self, writing: Writing) -> None:
        """Let the documents and what became of holds go out; the ledger is the book's to write, counters their owner's."""
        model_rows.add_new(writing, "redemptions", self.new)
        model_rows.add_new(writing, "captures", self.captures)
        new = {row.id for row in self.new}
        old = [row for row in self.changed.values() if row.id not in new]
        model_rows.add_changed(writing, "redemptions_changed", old, names=_MUTABLE, also="xid = pg_current_xact_id()")

    def write(self, book: Book, *documents_too: Document, is_silent: bool = False) -> None:
        """Write all that with the ledger and further documents, and tell others.

        :raises RetryTransaction: somebody wrote one of the documents this very moment.
        """
        writing = Writing(merchant_id=book.merchant_id, actor=book.actor, now=book.now)
        self.add_to(writing)
        self.counters.add_to(writing)
        self.own.add_to(writing)
        for document in documents_too:
            model_rows.add_new(writing, type(document).__name__.lower(), [document])
        book.add_to(writing, events=[event for event in self.events if not is_silent or self.is_of_time(event)])
        with documents.retry_on_duplicate():
            writing.run()

    @staticmethod
    def is_of_time(event: Event) -> bool:
        """State whether it says that a hold's time was over: a silent journey tells it all the same, nobody else will."""
        return event.payload.get("reason") == State.EXPIRED


_MUTABLE = ("state", "purchase_id", "points_captured", "points_returned", "amount_minor", "ended_at")


@dataclass(frozen=True, slots=True)
class SpendingMark:
    account: AccountState
    rows: dict[int, dict[str, Any]]
    counters: Mapping[CounterKey, int]
    taken: dict[tuple[int, str], list[datetime]]
    new_ids: list[int]
    new: int
    captures: int
    events: int
    changed: dict[int, Redemption]
    own: Mapping[int, tuple[str, datetime | None]]


def _left(pins: Sequence[tuple[LotState, int]], points: int) -> list[tuple[LotState, int]]:
    """What is pinned still, once the first `points` of it were captured."""
    rest = []
    for lot, n in pins:
        gone = min(n, points)
        points -= gone
        if n > gone:
            rest.append((lot, n - gone))
    return rest
