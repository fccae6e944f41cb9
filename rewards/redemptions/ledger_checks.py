"""What must agree between redemptions and the ledger."""

from __future__ import annotations

from typing import Final

from rewards.ledger_checks import IN_CHUNK, OF_FAMILY, LedgerCheck
from rewards.points.book import ACCOUNTS

_HOLDS = f"""
    SELECT a.id, 'held is ' || a.held || ' and its open holds come to ' || coalesce(h.points, 0)
    FROM {ACCOUNTS} LEFT JOIN (
        SELECT r.member_id, sum(r.points) AS points FROM rewards_membership s JOIN rewards_redemption r
            ON r.merchant_id = s.merchant_id AND r.member_id = s.member_id
        WHERE {IN_CHUNK} AND r.state = 'held' GROUP BY 1
    ) AS h ON h.member_id = s.member_id
    WHERE {IN_CHUNK} AND a.held <> coalesce(h.points, 0)
"""

_REDEMPTIONS = f"""
    SELECT max(x.account_id), max(x.name) || ' captured ' || sum(x.captured) || ', returned ' || sum(x.returned)
        || '; its entries say ' || sum(x.spent) || ', ' || sum(x.reversed)
    FROM (
        SELECT r.id AS document_id, s.account_id, r.public_id AS name, r.points_captured AS captured,
            r.points_returned AS returned, 0 AS spent, 0 AS reversed
        FROM rewards_membership s JOIN rewards_redemption r ON r.merchant_id = s.merchant_id AND r.member_id = s.member_id
        WHERE {IN_CHUNK}
        UNION ALL SELECT e.document_id, NULL, NULL, 0, 0,
            CASE WHEN e.kind IN ('redeem', 'capture') THEN -e.balance_change ELSE 0 END,
            CASE WHEN e.kind = 'reverse' THEN e.balance_change ELSE 0 END
        FROM rewards_entry e WHERE {OF_FAMILY} AND e.document_kind = 'redemption'
    ) AS x GROUP BY x.document_id
    HAVING max(x.account_id) IS NOT NULL AND (sum(x.captured) <> sum(x.spent) OR sum(x.returned) <> sum(x.reversed))
"""

CHECKS: Final = (LedgerCheck("holds", _HOLDS), LedgerCheck("redemption", _REDEMPTIONS))
