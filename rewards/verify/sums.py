"""What must agree, in SQL: the checks that packages contribute, in one statement."""

from __future__ import annotations

from typing import Final

from rewards.ledger_checks import LedgerCheck
from rewards.mechanics import MECHANICS
from rewards.points import ledger_checks as points
from rewards.purchases import ledger_checks as purchases

#: The ledger's own, those of purchases, and what each mechanic says of its rows.
CHECKS: Final[tuple[LedgerCheck, ...]] = (
    *points.CHECKS,
    *purchases.CHECKS,
    *(check for mechanic in MECHANICS for check in mechanic.checks),
)

ENTRIES = """
    SELECT a.id, a.seq, a.chain, e.seq, e.kind, e.balance_change, e.held_change, e.pending_change, e.debt_change,
        e.balance_after, e.document_kind, e.document_id, e.rules, e.terms_version, e.location_id, e.actor, e.reason,
        e.occurred_at, e.recorded_at, e.hash
    FROM rewards_account a LEFT JOIN rewards_entry e ON e.merchant_id = a.merchant_id AND e.account_id = a.id
    WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) ORDER BY a.id, e.seq
"""

# Entries are found by their account; what merges carried to another account, one after the other, is found there.
# A query of its own, whose answer the others are given.
FAMILY = """
    WITH RECURSIVE merged (member_id, other_id) AS MATERIALIZED (
        SELECT source_id, target_id FROM rewards_merge WHERE merchant_id = %(merchant)s
        UNION ALL SELECT target_id, source_id FROM rewards_merge WHERE merchant_id = %(merchant)s
    ), relative (member_id) AS (
        SELECT member_id FROM rewards_membership WHERE merchant_id = %(merchant)s AND account_id = ANY(%(accounts)s)
        UNION SELECT g.other_id FROM relative r JOIN merged g ON g.member_id = r.member_id
    )
    SELECT s.account_id, s.member_id FROM relative r
    JOIN rewards_membership s ON s.merchant_id = %(merchant)s AND s.member_id = r.member_id ORDER BY s.account_id
"""

SUMS_AGREE: Final = " UNION ALL ".join(
    f"SELECT '{check.name}', f.account_id, f.detail FROM ({check.query}) AS f(account_id, detail)" for check in CHECKS
)
