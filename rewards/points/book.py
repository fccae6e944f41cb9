"""Opening accounts under their lock, settling what time has done to them, and writing everything at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from merchants import outbox
from merchants.actors import Actor
from merchants.database.statements import Writing
from merchants.outbox import Event
from rewards import membership
from rewards.membership import MEMBERSHIP_COLUMNS, MembershipState
from rewards.points import events, rows
from rewards.points.lots import LotState
from rewards.points.state import AccountState
from rewards.terms.expiry import sliding_from_text

_SUMS = "a.id, s.member_id, a.balance, a.held, a.pending, a.debt, a.seq, a.chain, a.frozen_at, a.closed_at"
_SUMS_WIDTH = _SUMS.count(",") + 1
ACCOUNT_COLUMNS = f"{_SUMS}, {MEMBERSHIP_COLUMNS}"
ACCOUNT_WIDTH = ACCOUNT_COLUMNS.count(",") + 1
#: Points accounts and the memberships of those whose they are: who locks, locks both (`FOR UPDATE OF a, s`), since what
#: was waited for is read anew of locked rows only.
ACCOUNTS = "rewards_account a JOIN rewards_membership s ON s.merchant_id = a.merchant_id AND s.account_id = a.id"
_LOT = (
    "l.account_id, l.id, l.amount, l.remaining, l.held, l.is_active, l.sliding, l.earned_at, l.active_at, "
    "l.expires_at, l.purchase_id"
)
_DUE = "(l.expires_at <= %(now)s OR (NOT l.is_active AND l.active_at <= %(now)s) OR (%(sliding)s AND l.sliding <> ''))"
OPEN_LOTS_SQL = (
    f"SELECT {_LOT} FROM rewards_lot l WHERE l.merchant_id = %(merchant)s AND l.account_id = ANY(%(accounts)s) "
    "AND l.remaining > 0"
)
DUE_LOTS_SQL = f"{OPEN_LOTS_SQL} AND {_DUE}"


# What was free of each lot, from one of its entries to the next; of entries at one instant the last counts.
_FREE_SINCE = """
    SELECT h.id, min(h.free)::bigint FROM (
        SELECT l.id, l.amount + coalesce(sum(x.remaining_change - x.held_change) OVER happened, 0) AS free,
            e.occurred_at AS since, lead(e.occurred_at) OVER happened AS until
        FROM rewards_lot l
        JOIN rewards_entry made ON made.merchant_id = l.merchant_id AND made.id = l.entry_id
        LEFT JOIN rewards_allocation x ON x.merchant_id = l.merchant_id AND x.lot_id = l.id
        LEFT JOIN rewards_entry e ON e.merchant_id = x.merchant_id AND e.id = x.entry_id
        WHERE l.merchant_id = %(merchant)s AND l.account_id = %(account)s AND l.remaining > 0 AND l.active_at <= %(at)s
            AND made.occurred_at <= %(at)s
        WINDOW happened AS (PARTITION BY l.id ORDER BY e.occurred_at, e.seq)
    ) AS h WHERE h.until IS NULL OR h.until > greatest(h.since, %(at)s) GROUP BY 1
"""


class Book:
    """The open accounts of one transaction.  Everything is computed in memory, then written by `write()`."""

    def __init__(self, merchant_id: int, *, now: datetime, actor: Actor | str, is_silent: bool = False) -> None:
        self.merchant_id = merchant_id
        self.now = now
        self.actor = str(actor)
        #: A backfill's: others hear of what time did, and not of the journey's own entries.
        self.is_silent = is_silent
        self.accounts: dict[int, AccountState] = {}
        #: Of the members whose accounts these are, as far as somebody has read them.
        self.public_ids: dict[int, str] = {}
        self._by_member: dict[int, AccountState] = {}
        self._is_written = False

    # -- opening --------------------------------------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        merchant_id: int,
        *,
        member_ids: Sequence[int] = (),
        account_ids: Sequence[int] = (),
        now: datetime,
        actor: Actor | str,
        for_spending: bool = True,
    ) -> Book:
        """Lock the accounts in id order, read their lots, and settle what time has done to them.

        `for_spending=False` reads only the lots that are due: enough to accrue, too few to spend or claw back.
        """
        book = cls(merchant_id, now=now, actor=actor)
        book.lock(member_ids=member_ids, account_ids=account_ids)
        book.read_lots(everything=for_spending)
        return book

    def lock(self, *, member_ids: Sequence[int] = (), account_ids: Sequence[int] = ()) -> None:
        """Lock accounts, in id order, for the rest of the transaction.  Lock all of them in one call."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {ACCOUNT_COLUMNS} FROM {ACCOUNTS} WHERE a.merchant_id = %s "
                "AND (s.member_id = ANY(%s) OR a.id = ANY(%s)) ORDER BY a.id FOR UPDATE OF a, s",
                [self.merchant_id, list(member_ids), list(account_ids)],
            )
            for row in cursor.fetchall():
                self.add_account(row)

    def read_due_lots(self, account_ids: Sequence[int]) -> None:
        """Read, of accounts locked after the others, the lots that time has touched, and settle them."""
        with connection.cursor() as cursor:
            cursor.execute(DUE_LOTS_SQL, {**self.lot_parameters(), "accounts": list(account_ids)})
            self.load_lots(cursor.fetchall(), everything=False, of=account_ids)

    def add_account(self, row: Sequence[Any]) -> AccountState:
        """Take in an account another statement has locked; the columns are those of `ACCOUNT_COLUMNS`."""
        account = account_of(row)
        self.accounts[account.id] = account
        self._by_member[account.member_id] = account
        return account

    def of_member(self, member_id: int) -> AccountState:
        return self._by_member[member_id]

    def read_lots(self, *, everything: bool, sliding: bool = False) -> None:
        """Read open lots after the lock (all; or those time has touched, and sliding ones if wanted); settle them."""
        if not self.accounts:
            return
        with connection.cursor() as cursor:
            cursor.execute(OPEN_LOTS_SQL if everything else DUE_LOTS_SQL, self.lot_parameters(sliding=sliding))
            self.load_lots(cursor.fetchall(), everything=everything)

    def lot_parameters(self, *, sliding: bool = False) -> dict[str, Any]:
        return {
            "merchant": self.merchant_id,
            "accounts": list(self.accounts),
            "now": self.now,
            "sliding": sliding,
        }

    def load_lots(self, rows: Iterable[Sequence[Any]], *, everything: bool, of: Iterable[int] | None = None) -> None:
        for (
            account_id,
            lot_id,
            amount,
            remaining,
            held,
            active,
            sliding,
            earned,
            active_at,
            expires_at,
            purchase,
        ) in rows:
            self.accounts[account_id].lots.append(
                LotState(
                    amount=amount, remaining=remaining, held=held, is_active=active, sliding=sliding_from_text(sliding),
                    earned_at=earned, active_at=active_at, expires_at=expires_at, purchase_id=purchase, id=lot_id,
                )
            )  # fmt: skip
        for account in self.accounts.values() if of is None else [self.accounts[i] for i in of]:
            account.has_all_lots = everything
            if account.lots:
                account.settle_time(now=self.now, actor=self.actor)

    def load_remaining_lots(self, account: AccountState) -> None:
        """Read the open lots of an account that were not due, and so not read with the others."""
        if account.has_all_lots:
            return
        known = [lot.id for lot in account.lots if lot.id is not None]
        with connection.cursor() as cursor:
            cursor.execute(
                f"{OPEN_LOTS_SQL} AND NOT l.id = ANY(%(known)s)",
                {"merchant": self.merchant_id, "accounts": [account.id], "known": known},
            )
            self.load_lots(cursor.fetchall(), everything=True, of=[account.id])

    def read_spent_lots(self, account: AccountState, lot_ids: Iterable[int]) -> dict[int, LotState]:
        """Return the named lots of the account, reading those that are used up and therefore not open."""
        known = {lot.id: lot for lot in account.lots if lot.id is not None}
        missing = [lot_id for lot_id in lot_ids if lot_id not in known]
        if missing:
            spent = self.read_lots_of(account.id, missing)
            account.lots.extend(spent.values())
            known |= spent
        return known

    def read_lots_of(self, account_id: int, lot_ids: Iterable[int]) -> dict[int, LotState]:
        """Return named lots of any account as they stand, to be looked at only."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {_LOT} FROM rewards_lot l WHERE l.merchant_id = %s AND l.account_id = %s AND l.id = ANY(%s)",
                [self.merchant_id, account_id, list(lot_ids)],
            )
            return {
                lot_id: LotState(
                    amount=amount, remaining=remaining, held=held, is_active=active, sliding=sliding_from_text(sliding),
                    earned_at=earned, active_at=active_at, expires_at=expires, purchase_id=bought, id=lot_id,
                )
                for _a, lot_id, amount, remaining, held, active, sliding, earned, active_at, expires, bought in cursor
            }  # fmt: skip

    def spendable_since(self, account: AccountState, at: datetime) -> dict[int, int]:
        """Return how many points of each open lot could be spent at an instant and at every one since, by business time.

        A lot counts that was made by then and active; what holds, spending or debt had of it meanwhile is left out, what
        came back of that too. Told in the order in which things happened, taking so much leaves no lot below zero.
        """
        with connection.cursor() as cursor:
            cursor.execute(_FREE_SINCE, {"merchant": self.merchant_id, "account": account.id, "at": at})
            least: dict[int, int] = dict(cursor.fetchall())
        return {lot.id: min(lot.free, max(0, least[lot.id])) for lot in account.lots if lot.id in least}

    def lots_made_at(self, account: AccountState, seqs: Iterable[int]) -> dict[int, LotState]:
        """Return the account's open lots by the number of the entry that made them; all open lots are read."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT e.seq, l.id FROM rewards_entry e JOIN rewards_lot l ON l.merchant_id = e.merchant_id "
                "AND l.account_id = e.account_id AND l.entry_id = e.id AND l.remaining > 0 WHERE e.merchant_id = %s "
                "AND e.account_id = %s AND e.seq = ANY(%s)",
                [self.merchant_id, account.id, list(seqs)],
            )
            made = {lot_id: seq for seq, lot_id in cursor.fetchall()}
        return {made[lot.id]: lot for lot in account.lots if lot.id in made}

    def lots_made_by(self, account: AccountState, document_kind: str, document_id: int) -> list[LotState]:
        """Return the account's open lots that a document's entries made; all open lots are read."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT l.id FROM rewards_entry e JOIN rewards_lot l ON l.merchant_id = e.merchant_id "
                "AND l.account_id = e.account_id AND l.entry_id = e.id AND l.remaining > 0 WHERE e.merchant_id = %s "
                "AND e.account_id = %s AND e.document_kind = %s AND e.document_id = %s",
                [self.merchant_id, account.id, document_kind, document_id],
            )
            made = {row[0] for row in cursor.fetchall()}
        return [lot for lot in account.lots if lot.id in made]

    def moved_by(
        self, account_ids: Sequence[int], document_kind: str, document_ids: Sequence[int]
    ) -> dict[int, dict[int, tuple[int, int]]]:
        """Return, by document and lot, what documents' entries changed so far: (remaining change, held change).

        What only time did to the same lots (expiry, activation) and what paid a debt is not the document's doing.
        The accounts are named because entries are kept in the order of their account.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT e.document_id, x.lot_id, sum(x.remaining_change)::bigint, sum(x.held_change)::bigint "
                "FROM rewards_entry e JOIN rewards_allocation x ON x.merchant_id = e.merchant_id AND x.entry_id = e.id "
                "WHERE e.merchant_id = %s AND e.account_id = ANY(%s) AND e.document_kind = %s "
                "AND e.document_id = ANY(%s) AND e.kind IN ('redeem', 'hold', 'capture', 'release', 'reverse') "
                "GROUP BY 1, 2 ORDER BY 1, 2",
                [self.merchant_id, list(account_ids), document_kind, list(document_ids)],
            )
            found: dict[int, dict[int, tuple[int, int]]] = {}
            for document, lot, remaining, held in cursor.fetchall():
                found.setdefault(document, {})[lot] = remaining, held
            return found

    # -- writing --------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write every entry, lot, allocation and account changed, in one statement, and tell others what `telling` picks."""
        writing = Writing(merchant_id=self.merchant_id, actor=self.actor, now=self.now)
        self.add_to(writing)
        writing.run()

    def add_to(self, writing: Writing, *, events: Sequence[Event] = ()) -> None:
        """Let all of that go out with what the journey writes besides; `events` after what the book tells."""
        changed = [account for account in self.accounts.values() if account.is_changed]
        outbox.add_to(writing, [*self._told(changed), *events])
        memberships = [
            (account.member_id, account.membership)
            for account in self.accounts.values()
            if account.membership.is_changed
        ]
        if not changed and not memberships:
            return
        if self._is_written:
            # New lots do not know their ids: a second time would write them twice.
            raise AssertionError("a book is written once")
        self._is_written = True
        if changed:
            rows.add_to(writing, changed)
        membership.add_to(writing, memberships)
        for account in changed:
            account.written = []
            account.is_changed = False
        for _member_id, each in memberships:
            each.is_changed = False

    def _told(self, changed: Sequence[AccountState]) -> list[Event]:
        told = events.entries_to_tell(changed, is_silent=self.is_silent)
        if not told:
            return []
        missing = list({account.member_id for account, _entry in told} - self.public_ids.keys())
        if missing:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT id, public_id FROM members_member WHERE merchant_id = %s AND id = ANY(%s)",
                    [self.merchant_id, missing],
                )
                self.public_ids.update(cursor.fetchall())
        return events.events(told, self.public_ids)


def account_of(row: Sequence[Any]) -> AccountState:
    """Return the account a row begins with; its first columns are those of `ACCOUNT_COLUMNS`."""
    values = list(row[:_SUMS_WIDTH])
    values[7] = bytes(values[7])
    account = AccountState(*values)
    account.membership = MembershipState.of_row(row[_SUMS_WIDTH:ACCOUNT_WIDTH])
    return account
