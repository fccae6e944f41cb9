"""The stamp cards of everybody in one transaction: what is earned fills them, what comes back empties them again.

A full card becomes a reward of the member's own.  When more comes back than is on the open card, such a reward is revoked
as long as nobody has taken it, and its stamps are on the card again; else stamps are owed, and the next ones pay them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from merchants import periods
from merchants.database.statements import Writing
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards import own_rewards
from rewards.earning import stamps as earning
from rewards.models.own_rewards import OwnReward
from rewards.models.stamps import StampBook, StampEntry
from rewards.own_rewards import OwnRewards
from rewards.parties import Party
from rewards.stamps import rows
from rewards.terms import StampCard

Kind = StampEntry.Kind


class Promised(NamedTuple):
    """What a card promises, and the version of the terms that says so."""

    card: StampCard
    version: int


@dataclass(frozen=True, slots=True)
class StampMovement:
    """What is put on a card, or taken off it, and why; `purchase` is its internal and public id."""

    kind: str
    occurred_at: datetime
    stamps: int = 0
    rest: int = 0
    purchase: tuple[int, str] | None = None
    reason: str = ""


@dataclass(slots=True)
class StampChange:
    """What a movement came to: on the card afterwards, rewards issued and revoked, and what others are told."""

    card: str
    stamps: int
    on_card: int = 0
    size: int | None = None
    issued: list[OwnReward] = field(default_factory=list)
    revoked: list[OwnReward] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Write it for a receipt."""
        return {
            "stamp_card": self.card, "stamps": self.stamps, "on_card": self.on_card, "size": self.size,
            "issued": [row.public_id for row in self.issued], "revoked": [row.public_id for row in self.revoked],
        }  # fmt: skip


class Cards:
    """The books of members, as each change leaves them to the next."""

    def __init__(self, merchant: Merchant, own: OwnRewards, *, now: datetime, actor: str) -> None:
        self.merchant, self.own, self.now, self.actor = merchant, own, now, actor
        self._books: dict[tuple[int, str], StampBook] = {}
        self._read: set[int] = set()
        self._changed: dict[tuple[int, str], StampBook] = {}
        self._entries: list[StampEntry] = []

    # -- reading ------------------------------------------------------------------------------------------------------

    def load(self, found: Iterable[Sequence[Any]], member_ids: Iterable[int]) -> None:
        """Take in the books of members, as `rows.READ_SQL` finds them."""
        self._add(rows.books(self.merchant.pk, found), member_ids)

    def read(self, member_ids: Iterable[int]) -> None:
        """Read the books of members whose accounts are locked, as far as they are not known."""
        missing = [member_id for member_id in member_ids if member_id not in self._read]
        if missing:
            self._add(rows.read(self.merchant.pk, missing), missing)

    def _add(self, books: Iterable[StampBook], member_ids: Iterable[int]) -> None:
        for book in books:
            self._books[book.member_id, book.card] = book
        self._read |= set(member_ids)

    def of(self, member_id: int) -> list[StampBook]:
        """Return a member's books, by card."""
        return [book for (owner, _card), book in sorted(self._books.items()) if owner == member_id]

    def book(self, member_id: int, card: str) -> StampBook:
        """Return a member's book of a card; an empty one where there is none yet."""
        book = self._books.get((member_id, card))
        if book is None:
            book = StampBook(merchant_id=self.merchant.pk, member_id=member_id, card=card)
            self._books[member_id, card] = book
        return book

    # -- changing -----------------------------------------------------------------------------------------------------

    def change(self, member: Party, card: str, promised: Promised | None, moved: StampMovement) -> StampChange:
        """Put stamps on a member's card or take them off, and let happen what follows; never refuses."""
        book, done = self.book(member.id, card), StampChange(card, moved.stamps)
        self._enter(book, moved.kind, moved, stamps=moved.stamps, rest=moved.rest)
        if moved.stamps > 0 or moved.rest > 0:
            book.latest_at = max(book.latest_at or moved.occurred_at, moved.occurred_at)
        if moved.stamps < 0 and moved.purchase is not None:
            self._use_lost(book, moved)
        if book.stamps < 0:
            self._revoke(member, book, moved, done)
        if promised is not None:
            self._fill(member, book, promised, moved, done)
            done.size = earning.size_of(promised.card, book.filled)
        self._set_end(book, promised.card if promised is not None else None)
        done.on_card = book.stamps
        if moved.stamps:
            # What is carried over is nobody's business until it is a stamp.
            done.events.insert(0, self._event(member, book, done, moved))
        done.events += self.end_due(member)
        return done

    def _enter(
        self, book: StampBook, kind: str, moved: StampMovement, *, stamps: int, rest: int = 0, own_reward: str = ""
    ) -> None:
        book.stamps += stamps
        book.rest += rest
        self._changed[book.member_id, book.card] = book
        self._entries.append(
            StampEntry(
                merchant_id=self.merchant.pk, member_id=book.member_id, card=book.card, kind=kind, stamps=stamps,
                rest=rest, stamps_after=book.stamps, purchase_id=moved.purchase[0] if moved.purchase else None,
                own_reward=own_reward, actor=self.actor, reason=moved.reason, occurred_at=moved.occurred_at, recorded_at=self.now,
            )
        )  # fmt: skip

    def _use_lost(self, book: StampBook, moved: StampMovement) -> None:
        """Of a purchase that had more stamps than the card took, those go first that were lost."""
        assert moved.purchase is not None
        for row in self.own.read_brought_by(book.member_id, moved.purchase[0]):
            if row.card == book.card and row.lost:
                used = min(row.lost, -moved.stamps)
                row.lost -= used
                self.own.note(row)
                self._enter(book, Kind.REVOKED, moved, stamps=used, own_reward=row.public_id)
                return

    def _revoke(
        self, member: Party, book: StampBook, moved: StampMovement, done: StampChange, *, least: int = 0
    ) -> None:
        """Revoke rewards that nobody has taken, the latest first, until so many stamps are on the card."""
        self.own.read([book.member_id])
        while book.stamps < least and (row := self.own.latest_open(book.member_id, book.card)) is not None:
            self.own.become(row, OwnReward.State.REVOKED)
            book.filled = max(0, book.filled - 1)
            self._enter(book, Kind.REVOKED, moved, stamps=row.stamps + row.lost, own_reward=row.public_id)
            done.revoked.append(row)
            done.events.append(own_rewards.changed(row, member=member.public_id, at=moved.occurred_at))

    def _fill(
        self, member: Party, book: StampBook, promised: Promised, moved: StampMovement, done: StampChange
    ) -> None:
        card = promised.card
        for fill in earning.fills(card, book.stamps, filled_before=book.filled):
            last_day = earning.last_day_of_reward(card, periods.local_day(moved.occurred_at, self.merchant.tzinfo))
            row = OwnReward(
                member_id=book.member_id, reward=card.reward, card=card.code, terms_version=promised.version,
                purchase_id=moved.purchase[0] if moved.purchase else None, stamps=fill.size, lost=fill.lost,
                issued_at=moved.occurred_at,
                ends_at=None if last_day is None else self._after(last_day),
            )  # fmt: skip
            self.own.issue(row)
            book.filled += 1
            self._enter(book, Kind.FILLED, moved, stamps=-sum(fill), own_reward=row.public_id)
            done.issued.append(row)
            purchase = moved.purchase[1] if moved.purchase else None
            done.events.append(own_rewards.issued(row, member=member.public_id, purchase=purchase))

    def _set_end(self, book: StampBook, card: StampCard | None) -> None:
        """Set when what is on the card ends; where no terms have it any more, that stays as it was promised."""
        if book.latest_at is None or (book.stamps <= 0 and book.rest <= 0):
            book.ends_at = None
            return
        if card is None:
            return
        last_day = earning.last_day_of_stamps(card, periods.local_day(book.latest_at, self.merchant.tzinfo))
        book.ends_at = None if last_day is None else self._after(last_day)

    def _after(self, last_day: date) -> datetime:
        return periods.start_of_day(last_day + timedelta(days=1), self.merchant.tzinfo)

    def end_due(self, member: Party) -> list[Event]:
        """End a member's stamps that had no new one for so long; return what others are told."""
        told = []
        for book in self.of(member.id):
            if book.ends_at is None or book.ends_at > self.now:
                continue
            moved = StampMovement(Kind.ENDED, book.ends_at, -max(0, book.stamps), -max(0, book.rest))
            book.ends_at = None
            self._enter(book, Kind.ENDED, moved, stamps=moved.stamps, rest=moved.rest)
            told.append(self._event(member, book, StampChange(book.card, moved.stamps), moved))
        return told

    def end_rewards(self, member: Party, *, everything: bool = False) -> list[Event]:
        """End a member's rewards whose last day is over, or all of them; return what others are told."""
        self.own.read([member.id])
        told = []
        for row in self.own.of(member.id):
            if everything or (row.state == OwnReward.State.OPEN and not self.own.is_open(row)):
                self.own.become(row, OwnReward.State.ENDED)
                told.append(own_rewards.changed(row, member=member.public_id, at=self.now))
        return told

    def _event(self, member: Party, book: StampBook, done: StampChange, moved: StampMovement) -> Event:
        payload = {
            "member": member.public_id, "stamp_card": book.card, "change": moved.stamps, "stamps": book.stamps,
            "size": done.size, "filled": len(done.issued), "reason": str(moved.kind),
            "purchase": moved.purchase[1] if moved.purchase else None, "ends_at": book.ends_at,
        }  # fmt: skip
        return Event("stamps.changed", payload, moved.occurred_at)

    # -- members who merge or leave -----------------------------------------------------------------------------------

    def merge(
        self, source: Party, target: Party, promised: Mapping[str, Promised]
    ) -> tuple[dict[str, Any], list[Event]]:
        """Let what the source has be the target's; return what moved, and what others are told."""
        self.read([source.id, target.id])
        self.own.read([source.id, target.id])
        moved: dict[str, Any] = {}
        told: list[Event] = []
        for row in self.own.of(source.id):
            row.member_id = target.id
            self.own.note(row)
            moved.setdefault("own_rewards", []).append(row.pk)
        for book in self.of(source.id):
            if not (book.stamps or book.rest or book.filled):
                continue
            moved.setdefault("stamps", {})[book.card] = [book.stamps, book.rest, book.filled]
            there = StampMovement(Kind.MERGE, book.latest_at or self.now, book.stamps, book.rest)
            self.book(target.id, book.card).filled += book.filled
            self._enter(book, Kind.MERGE, there, stamps=-book.stamps, rest=-book.rest)
            book.filled, book.ends_at = 0, None
            told += self.change(target, book.card, promised.get(book.card), there).events
        return moved, told

    def unmerge(
        self, source: Party, target: Party, moved: Mapping[str, Any], promised: Mapping[str, Promised]
    ) -> list[Event]:
        """Let what moved be the source's again, as far as it is still there; return what others are told."""
        self.read([source.id, target.id])
        self.own.read([source.id, target.id])
        back = moved.get("own_rewards", [])
        for row in self.own.of(target.id):
            if row.pk in back:
                row.member_id = source.id
                self.own.note(row)
        told: list[Event] = []
        for card, (stamps, rest, filled) in moved.get("stamps", {}).items():
            book, done = self.book(target.id, card), StampChange(card, 0)
            taken = StampMovement(Kind.MERGE, self.now, -stamps, -rest)
            # A card that was full only with both: its reward is revoked, if nobody has taken it.
            self._revoke(target, book, taken, done, least=stamps)
            told += done.events
            gone, gone_rest = _there(stamps, book.stamps), _there(rest, book.rest)
            gone_filled = min(filled, book.filled)
            book.filled -= gone_filled
            self.book(source.id, card).filled += gone_filled
            at = book.latest_at or self.now
            for member, sign in ((target, -1), (source, 1)):
                there = StampMovement(Kind.MERGE, at, sign * gone, sign * gone_rest)
                told += self.change(member, card, promised.get(card), there).events
        return told

    def leave(self, member: Party) -> list[Event]:
        """Give up stamps and rewards of a member who leaves; return what others are told."""
        self.read([member.id])
        for book in self.of(member.id):
            if book.stamps > 0 or book.rest > 0:
                moved = StampMovement(Kind.LEFT, self.now, -max(0, book.stamps), -max(0, book.rest))
                self._enter(book, Kind.LEFT, moved, stamps=moved.stamps, rest=moved.rest)
                book.ends_at = None
        return self.end_rewards(member, everything=True)

    def add_to(self, writing: Writing) -> None:
        """Let what changed go out."""
        rows.add_to(writing, list(self._changed.values()), self._entries)


def _there(moved: int, now: int) -> int:
    """How much of what was moved is still there: stamps were spent on a card meanwhile, or a debt was paid."""
    return min(moved, max(0, now)) if moved > 0 else max(moved, min(0, now))
