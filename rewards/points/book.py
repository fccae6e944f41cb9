"""Opening accounts under their lock, settling what time has done to them, and writing everything at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from merchants import outbox
from merchants.actors import Actor
from merchants.outbox import Event
from merchants.statements import Writing
from merchants.tenancy import Again
from rewards.points import telling
from rewards.points.state import AccountState, LotState

_ACCOUNT = (
    "a.id, a.member_id, a.balance, a.held, a.pending, a.debt, a.seq, a.chain, a.purchases_count, a.tier, "
    "a.tier_since, a.requalifies_at, a.last_activity_at, a.frozen_at, a.standing, a.rated_version, "
    "a.closed_at"
)
_LOT = (
    "l.account_id, l.id, l.amount, l.remaining, l.held, l.is_active, l.is_sliding, l.earned_at, l.active_at, "
    "l.expires_at, l.purchase_id"
)
_DUE = "(l.expires_at <= %(now)s OR (NOT l.is_active AND l.active_at <= %(now)s) OR (%(sliding)s AND l.is_sliding))"
_OPEN_LOTS = (
    f"SELECT {_LOT} FROM rewards_lot l WHERE l.merchant_id = %(merchant)s AND l.account_id = ANY(%(accounts)s) "
    "AND l.remaining > 0"
)
_encode = msgspec.json.Encoder().encode
_Row = Mapping[str, Any]


class Book:
    """The open accounts of one transaction.  Everything is computed in memory, then written by `write()`."""

    def __init__(self, merchant_id: int, *, now: datetime, actor: Actor | str, is_silent: bool = False) -> None:
        self.merchant_id = merchant_id
        self.now = now
        self.actor = str(actor)
        #: A backfill's: others hear of what time did, and not of the journey's own entries.
        self.is_silent = is_silent
        self.accounts: dict[int, AccountState] = {}
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
                f"SELECT {_ACCOUNT} FROM rewards_account a WHERE a.merchant_id = %s "
                "AND (a.member_id = ANY(%s) OR a.id = ANY(%s)) ORDER BY a.id FOR UPDATE",
                [self.merchant_id, list(member_ids), list(account_ids)],
            )
            for row in cursor.fetchall():
                self.admit(row)

    def lock_more(self, account_ids: Sequence[int]) -> None:
        """Lock accounts that turned out to be needed as well, without waiting, and read what time did to them.

        They may come before, in id order, those already locked: waiting here could deadlock. A lock that is not free
        raises SQLSTATE 55P03, and the whole verb runs again.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {_ACCOUNT} FROM rewards_account a WHERE a.merchant_id = %s AND a.id = ANY(%s) "
                "ORDER BY a.id FOR UPDATE NOWAIT",
                [self.merchant_id, list(account_ids)],
            )
            for row in cursor.fetchall():
                if self.admit(row).closed_at is not None:
                    raise Again
            cursor.execute(f"{_OPEN_LOTS} AND {_DUE}", {**self.lot_parameters(), "accounts": list(account_ids)})
            self.take_lots(cursor.fetchall(), everything=False, of=account_ids)

    def admit(self, row: Sequence[Any]) -> AccountState:
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
            cursor.execute(
                _OPEN_LOTS if everything else f"{_OPEN_LOTS} AND {_DUE}", self.lot_parameters(sliding=sliding)
            )
            self.take_lots(cursor.fetchall(), everything=everything)

    def lot_parameters(self, *, sliding: bool = False) -> dict[str, Any]:
        return {
            "merchant": self.merchant_id,
            "accounts": list(self.accounts),
            "now": self.now,
            "sliding": sliding,
        }

    def take_lots(self, rows: Iterable[Sequence[Any]], *, everything: bool, of: Iterable[int] | None = None) -> None:
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
                    amount=amount, remaining=remaining, held=held, is_active=active, is_sliding=sliding,
                    earned_at=earned, active_at=active_at, expires_at=expires_at, purchase_id=purchase, id=lot_id,
                )
            )  # fmt: skip
        for account in self.accounts.values() if of is None else [self.accounts[i] for i in of]:
            account.has_all_lots = everything
            if account.lots:
                account.settle_time(now=self.now, actor=self.actor)

    def read_rest(self, account: AccountState) -> None:
        """Read the open lots of an account that were not due, and so not read with the others."""
        if account.has_all_lots:
            return
        known = [lot.id for lot in account.lots if lot.id is not None]
        with connection.cursor() as cursor:
            cursor.execute(
                f"{_OPEN_LOTS} AND NOT l.id = ANY(%(known)s)",
                {"merchant": self.merchant_id, "accounts": [account.id], "known": known},
            )
            self.take_lots(cursor.fetchall(), everything=True, of=[account.id])

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
                    amount=amount, remaining=remaining, held=held, is_active=active, is_sliding=sliding,
                    earned_at=earned, active_at=active_at, expires_at=expires, purchase_id=bought, id=lot_id,
                )
                for _a, lot_id, amount, remaining, held, active, sliding, earned, active_at, expires, bought in cursor
            }  # fmt: skip

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
        if not changed:
            return
        if self._is_written:
            # New lots do not know their ids: a second time would write them twice.
            raise AssertionError("a book is written once")
        self._is_written = True
        entries, lots, allocations, lot_changes = _rows(changed)
        writing.add("e", _INSERT_ENTRIES, entries=("jsonb", _json(entries)))
        if lots:
            writing.add("n", _INSERT_LOTS, lots=("jsonb", _json(lots)))
        if lot_changes:
            ids = [row["id"] for row in lot_changes]
            writing.add("u", _UPDATE_LOTS, lot_changes=("jsonb", _json(lot_changes)), lot_ids=("bigint[]", ids))
        if allocations:
            sql = _INSERT_ALLOCATIONS if lots else _INSERT_ALLOCATIONS_OLD_LOTS
            writing.add("x", sql, allocations=("jsonb", _json(allocations)))
        writing.add(
            "a",
            _UPDATE_ACCOUNTS,
            rows=len(changed),
            accounts=("jsonb", _json([_account_row(account) for account in changed])),
            account_ids=("bigint[]", [account.id for account in changed]),
        )
        for account in changed:
            account.written = []
            account.is_changed = False

    def _told(self, changed: Sequence[AccountState]) -> list[Event]:
        told = telling.entries_to_tell(changed, is_silent=self.is_silent)
        if not told:
            return []
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, public_id FROM members_member WHERE merchant_id = %s AND id = ANY(%s)",
                [self.merchant_id, list({account.member_id for account, _entry in told})],
            )
            return telling.events(told, dict(cursor.fetchall()))


def _json(rows: Sequence[_Row]) -> str:
    return _encode(rows).decode()


ACCOUNT_COLUMNS = _ACCOUNT
ACCOUNT_WIDTH = _ACCOUNT.count(",") + 1
OPEN_LOTS_SQL = _OPEN_LOTS
DUE_LOTS_SQL = f"{_OPEN_LOTS} AND {_DUE}"


def account_of(row: Sequence[Any]) -> AccountState:
    """Return the account a row begins with; its first columns are those of `ACCOUNT_COLUMNS`."""
    values = list(row[:ACCOUNT_WIDTH])
    values[7] = bytes(values[7])
    return AccountState(*values)


def _rows(changed: Sequence[AccountState]) -> tuple[list[_Row], list[_Row], list[_Row], list[_Row]]:
    entries: list[_Row] = []
    lots: list[_Row] = []
    allocations: list[_Row] = []
    lot_changes: list[_Row] = []
    for account in changed:
        for entry in account.written:
            entries.append(
                {
                    "a": account.id, "s": entry.seq, "k": entry.kind, "b": entry.changes[0], "h": entry.changes[1],
                    "p": entry.changes[2], "d": entry.changes[3], "ba": entry.balance_after,
                    "dk": entry.cause.document_kind, "di": entry.cause.document_id, "r": entry.cause.rules,
                    "tv": entry.cause.terms_version, "l": entry.cause.location_id, "re": entry.cause.reason,
                    "o": entry.cause.occurred_at, "hash": entry.hash.hex(),
                }
            )  # fmt: skip
            for lot, remaining_change, held_change in entry.allocations:
                allocations.append(
                    {"a": account.id, "s": entry.seq, "lot": lot.id, "made": lot.entry_seq,
                     "r": remaining_change, "h": held_change}
                )  # fmt: skip
        for lot in account.lots:
            if lot.id is None:
                lots.append(
                    {
                        "a": account.id, "s": lot.entry_seq, "pu": lot.purchase_id, "am": lot.amount,
                        "r": lot.remaining, "h": lot.held, "ac": lot.is_active, "sl": lot.is_sliding,
                        "e": lot.earned_at, "at": lot.active_at, "x": lot.expires_at,
                    }
                )  # fmt: skip
            elif lot.is_changed:
                lot_changes.append(
                    {"id": lot.id, "r": lot.remaining, "h": lot.held, "ac": lot.is_active,
                     "sl": lot.is_sliding, "x": lot.expires_at}
                )  # fmt: skip
    return entries, lots, allocations, lot_changes


def _account_row(account: AccountState) -> _Row:
    return {
        "id": account.id, "b": account.balance, "h": account.held, "p": account.pending, "d": account.debt,
        "s": account.seq, "c": account.chain.hex(), "n": account.purchases_count, "t": account.tier,
        "ts": account.tier_since, "rq": account.requalifies_at, "la": account.last_activity_at,
        "st": account.standing, "rv": account.rated_version, "ma": account.closed_at,
    }  # fmt: skip


_INSERT_ENTRIES = """
    INSERT INTO rewards_entry (merchant_id, account_id, seq, kind, balance_change, held_change, pending_change,
        debt_change, balance_after, document_kind, document_id, rules, terms_version, location_id, actor, reason,
        occurred_at, recorded_at, hash)
    SELECT %(merchant)s, r.a, r.s, r.k, r.b, r.h, r.p, r.d, r.ba, r.dk, r.di, r.r, r.tv, r.l, %(actor)s, r.re,
        r.o, %(now)s, decode(r.hash, 'hex')
    FROM jsonb_to_recordset(%(entries)s::jsonb) AS r(a bigint, s bigint, k text, b bigint, h bigint, p bigint,
        d bigint, ba bigint, dk text, di bigint, r text[], tv int, l bigint, re text, o timestamptz, hash text)
    RETURNING id, account_id, seq
"""

_INSERT_LOTS = """
    INSERT INTO rewards_lot (merchant_id, account_id, entry_id, purchase_id, amount, remaining, held, is_active,
        is_sliding, earned_at, active_at, expires_at)
    SELECT %(merchant)s, r.a, e.id, r.pu, r.am, r.r, r.h, r.ac, r.sl, r.e, r.at, r.x
    FROM jsonb_to_recordset(%(lots)s::jsonb) AS r(a bigint, s bigint, pu bigint, am bigint, r bigint, h bigint,
        ac boolean, sl boolean, e timestamptz, at timestamptz, x timestamptz)
    JOIN e ON e.account_id = r.a AND e.seq = r.s
    RETURNING id, entry_id
"""

# The planner takes a recordset for 100 rows: without the ids beside it, it reads every row of the merchant.
_UPDATE_LOTS = """
    UPDATE rewards_lot SET remaining = r.r, held = r.h, is_active = r.ac, is_sliding = r.sl, expires_at = r.x
    FROM jsonb_to_recordset(%(lot_changes)s::jsonb)
        AS r(id bigint, r bigint, h bigint, ac boolean, sl boolean, x timestamptz)
    WHERE rewards_lot.merchant_id = %(merchant)s AND rewards_lot.id = r.id AND rewards_lot.id = ANY(%(lot_ids)s)
"""

_ALLOCATION_ROWS = (
    "jsonb_to_recordset(%(allocations)s::jsonb) AS r(a bigint, s bigint, lot bigint, made bigint, r bigint, h bigint)"
)

# A lot made in this very statement has no id yet: it is found by the entry that made it.
_INSERT_ALLOCATIONS = f"""
    INSERT INTO rewards_allocation (merchant_id, entry_id, lot_id, remaining_change, held_change)
    SELECT %(merchant)s, e.id, coalesce(r.lot, n.id), r.r, r.h
    FROM {_ALLOCATION_ROWS}
    JOIN e ON e.account_id = r.a AND e.seq = r.s
    LEFT JOIN e AS maker ON maker.account_id = r.a AND maker.seq = r.made
    LEFT JOIN n ON n.entry_id = maker.id
"""

_INSERT_ALLOCATIONS_OLD_LOTS = f"""
    INSERT INTO rewards_allocation (merchant_id, entry_id, lot_id, remaining_change, held_change)
    SELECT %(merchant)s, e.id, r.lot, r.r, r.h FROM {_ALLOCATION_ROWS}
    JOIN e ON e.account_id = r.a AND e.seq = r.s
"""

_UPDATE_ACCOUNTS = """
    UPDATE rewards_account SET balance = r.b, held = r.h, pending = r.p, debt = r.d, seq = r.s,
        chain = decode(r.c, 'hex'), purchases_count = r.n, tier = r.t, tier_since = r.ts, requalifies_at = r.rq,
        last_activity_at = r.la, standing = r.st::jsonb, rated_version = r.rv, closed_at = r.ma
    FROM jsonb_to_recordset(%(accounts)s::jsonb) AS r(id bigint, b bigint, h bigint, p bigint, d bigint, s bigint,
        c text, n bigint, t text, ts timestamptz, rq timestamptz, la timestamptz, st text, rv int, ma timestamptz)
    WHERE rewards_account.merchant_id = %(merchant)s AND rewards_account.id = r.id
        AND rewards_account.id = ANY(%(account_ids)s)
    RETURNING 1
"""
