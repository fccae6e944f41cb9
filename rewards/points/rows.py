"""What is written of accounts: their rows in JSON, and the part of a statement that takes each table's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from merchants.database.statements import Writing
from rewards.points.state import AccountState
from rewards.terms.expiry import sliding_to_text

_encode = msgspec.json.Encoder().encode
_Row = Mapping[str, Any]


def add_to(writing: Writing, changed: Sequence[AccountState]) -> None:
    """Let all that changed of these accounts go out: entries, lots, allocations, sums."""
    entries, lots, allocations, lot_changes = _rows(changed)
    writing.add("e", _INSERT_ENTRIES, entries=("jsonb", _json(entries)))
    writing.add("n", _INSERT_LOTS, lots=("jsonb", _json(lots)))
    if lot_changes or allocations:
        # Two shapes are enough for the connection to remember: points that only come, and all the rest.
        ids = [row["id"] for row in lot_changes]
        writing.add("u", _UPDATE_LOTS, lot_changes=("jsonb", _json(lot_changes)), lot_ids=("bigint[]", ids))
        writing.add("x", _INSERT_ALLOCATIONS, allocations=("jsonb", _json(allocations)))
    writing.add(
        "a",
        _UPDATE_ACCOUNTS,
        rows=len(changed),
        accounts=("jsonb", _json([_account_row(account) for account in changed])),
        account_ids=("bigint[]", [account.id for account in changed]),
    )


def _json(rows: Sequence[_Row]) -> str:
    return _encode(rows).decode()


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
                        "r": lot.remaining, "h": lot.held, "ac": lot.is_active, "sl": sliding_to_text(lot.sliding),
                        "e": lot.earned_at, "at": lot.active_at, "x": lot.expires_at,
                    }
                )  # fmt: skip
            elif lot.is_changed:
                lot_changes.append(
                    {"id": lot.id, "r": lot.remaining, "h": lot.held, "ac": lot.is_active, "x": lot.expires_at}
                )  # fmt: skip
    return entries, lots, allocations, lot_changes


def _account_row(account: AccountState) -> _Row:
    return {
        "id": account.id, "b": account.balance, "h": account.held, "p": account.pending, "d": account.debt,
        "s": account.seq, "c": account.chain.hex(), "x": account.closed_at,
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
        sliding, earned_at, active_at, expires_at)
    SELECT %(merchant)s, r.a, e.id, r.pu, r.am, r.r, r.h, r.ac, r.sl, r.e, r.at, r.x
    FROM jsonb_to_recordset(%(lots)s::jsonb) AS r(a bigint, s bigint, pu bigint, am bigint, r bigint, h bigint,
        ac boolean, sl text, e timestamptz, at timestamptz, x timestamptz)
    JOIN e ON e.account_id = r.a AND e.seq = r.s
    RETURNING id, entry_id
"""

# The planner takes a recordset for 100 rows: without the ids beside it, it reads every row of the merchant.
_UPDATE_LOTS = """
    UPDATE rewards_lot SET remaining = r.r, held = r.h, is_active = r.ac, expires_at = r.x
    FROM jsonb_to_recordset(%(lot_changes)s::jsonb)
        AS r(id bigint, r bigint, h bigint, ac boolean, x timestamptz)
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

_UPDATE_ACCOUNTS = """
    UPDATE rewards_account SET balance = r.b, held = r.h, pending = r.p, debt = r.d, seq = r.s,
        chain = decode(r.c, 'hex'), closed_at = r.x
    FROM jsonb_to_recordset(%(accounts)s::jsonb) AS r(id bigint, b bigint, h bigint, p bigint, d bigint, s bigint,
        c text, x timestamptz)
    WHERE rewards_account.merchant_id = %(merchant)s AND rewards_account.id = r.id
        AND rewards_account.id = ANY(%(account_ids)s)
    RETURNING 1
"""
