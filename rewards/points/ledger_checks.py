"""What must agree between an account, its entries, its lots and their allocations."""

from __future__ import annotations

from typing import Final

from rewards.ledger_checks import LedgerCheck

_SUMS = ("balance", "held", "pending", "debt")

_ENTRY_SUMS = f"""
    SELECT a.id, concat_ws(', ', {
    ", ".join(
        f"CASE WHEN a.{name} <> coalesce(e.{name}, 0) THEN '{name} is ' || a.{name} || ' and its entries come to ' "
        f"|| coalesce(e.{name}, 0) END"
        for name in _SUMS
    )
})
    FROM rewards_account a LEFT JOIN (
        SELECT account_id, {", ".join(f"sum({name}_change) AS {name}" for name in _SUMS)} FROM rewards_entry
        WHERE merchant_id = %(merchant)s AND account_id = ANY(%(accounts)s) GROUP BY 1
    ) AS e ON e.account_id = a.id
    WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s)
        AND ({" OR ".join(f"a.{name} <> coalesce(e.{name}, 0)" for name in _SUMS)})
"""

_LOT_SUMS = """
    SELECT a.id, 'balance ' || a.balance || ', pending ' || a.pending || ', held ' || a.held || '; its lots come to '
        || coalesce(l.balance, 0) || ', ' || coalesce(l.pending, 0) || ', ' || coalesce(l.held, 0)
    FROM rewards_account a LEFT JOIN (
        SELECT account_id, sum(remaining) FILTER (WHERE is_active) AS balance,
            sum(remaining) FILTER (WHERE NOT is_active) AS pending, sum(held) AS held FROM rewards_lot
        WHERE merchant_id = %(merchant)s AND account_id = ANY(%(accounts)s) GROUP BY 1
    ) AS l ON l.account_id = a.id
    WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s)
        AND (a.balance, a.pending, a.held) <> (coalesce(l.balance, 0), coalesce(l.pending, 0), coalesce(l.held, 0))
"""

_LOT_HISTORY = """
    SELECT l.account_id, 'lot ' || l.id || ' has ' || l.remaining || ' left, ' || l.held || ' held; its history says '
        || l.amount + coalesce(x.remaining, 0) || ', ' || coalesce(x.held, 0)
    FROM rewards_lot l LEFT JOIN (
        SELECT x.lot_id, sum(x.remaining_change) AS remaining, sum(x.held_change) AS held
        FROM rewards_lot l JOIN rewards_allocation x ON x.merchant_id = l.merchant_id AND x.lot_id = l.id
        WHERE l.merchant_id = %(merchant)s AND l.account_id = ANY(%(accounts)s) GROUP BY 1
    ) AS x ON x.lot_id = l.id
    WHERE l.merchant_id = %(merchant)s AND l.account_id = ANY(%(accounts)s)
        AND (l.remaining, l.held) <> (l.amount + coalesce(x.remaining, 0), coalesce(x.held, 0))
"""

_ENTRY_PARTS = """
    SELECT e.account_id, 'entry ' || e.seq || ' (' || e.kind || ') moved ' || e.balance_change + e.pending_change || ' and '
        || e.held_change || ' held; its lots say ' || coalesce(x.remaining, 0) + coalesce(l.amount, 0) || ' and '
        || coalesce(x.held, 0)
    FROM rewards_entry e
    LEFT JOIN (
        SELECT x.entry_id, sum(x.remaining_change) AS remaining, sum(x.held_change) AS held,
            bool_and(l.account_id = e.account_id) AS is_own
        FROM rewards_entry e JOIN rewards_allocation x ON x.merchant_id = e.merchant_id AND x.entry_id = e.id
        JOIN rewards_lot l ON l.merchant_id = x.merchant_id AND l.id = x.lot_id
        WHERE e.merchant_id = %(merchant)s AND e.account_id = ANY(%(accounts)s) GROUP BY 1
    ) AS x ON x.entry_id = e.id
    LEFT JOIN (
        SELECT entry_id, sum(amount) AS amount FROM rewards_lot
        WHERE merchant_id = %(merchant)s AND account_id = ANY(%(accounts)s) GROUP BY 1
    ) AS l ON l.entry_id = e.id
    WHERE e.merchant_id = %(merchant)s AND e.account_id = ANY(%(accounts)s)
        AND (e.balance_change + e.pending_change <> coalesce(x.remaining, 0) + coalesce(l.amount, 0)
            OR e.held_change <> coalesce(x.held, 0) OR NOT coalesce(x.is_own, true))
"""

CHECKS: Final = (
    LedgerCheck("entries", _ENTRY_SUMS),
    LedgerCheck("lots", _LOT_SUMS),
    LedgerCheck("lot", _LOT_HISTORY),
    LedgerCheck("entry", _ENTRY_PARTS),
)
