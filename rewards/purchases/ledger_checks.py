"""What must agree between purchases, their refunds and claims, and the ledger."""

from __future__ import annotations

from typing import Final

from rewards.ledger_checks import IN_CHUNK, OF_FAMILY, LedgerCheck

# What a purchase was to those it was taken from again: their entries stay, and are not its member's.
_WAS_THEIRS = """
    FROM rewards_unclaim u JOIN rewards_claim c ON c.merchant_id = u.merchant_id AND c.id = u.claim_id
    WHERE u.merchant_id = %(merchant)s AND c.member_id = ANY(%(relatives)s)
"""

_PURCHASES = f"""
    SELECT max(x.account_id), max(x.name) || ' earned ' || sum(x.earned) || ' and its entries say ' || sum(x.entered)
    FROM (
        SELECT p.id AS document_id, s.account_id, p.public_id AS name, p.points_earned AS earned, 0 AS entered
        FROM rewards_membership s JOIN rewards_purchase p ON p.merchant_id = s.merchant_id AND p.member_id = s.member_id
        WHERE {IN_CHUNK} AND p.state = 'recorded'
        UNION ALL SELECT e.document_id, NULL, NULL, 0, e.balance_change + e.pending_change - e.debt_change
        FROM rewards_entry e
        WHERE {OF_FAMILY} AND e.document_kind = 'purchase' AND e.kind IN ('accrue', 'claw_back')
        UNION ALL SELECT u.purchase_id, NULL, NULL, 0, -u.points_earned {_WAS_THEIRS}
    ) AS x GROUP BY x.document_id HAVING max(x.account_id) IS NOT NULL AND sum(x.earned) <> sum(x.entered)
"""

_TAKEN = "e.debt_change - e.balance_change - e.pending_change"
_REFUNDS = f"""
    SELECT max(x.account_id), max(x.name) || ' clawed back ' || sum(x.clawed) || '; its refunds say ' || sum(x.told)
        || ' and their entries ' || sum(x.entered)
    FROM (
        SELECT p.id AS purchase_id, s.account_id, p.public_id AS name, p.points_clawed_back AS clawed, 0 AS told,
            0 AS entered
        FROM rewards_membership s JOIN rewards_purchase p ON p.merchant_id = s.merchant_id AND p.member_id = s.member_id
        WHERE {IN_CHUNK} AND p.state = 'recorded'
        UNION ALL SELECT p.id, NULL, NULL, 0, r.points_clawed_back, 0
        FROM rewards_membership s JOIN rewards_purchase p ON p.merchant_id = s.merchant_id AND p.member_id = s.member_id
        JOIN rewards_refund r ON r.merchant_id = p.merchant_id AND r.purchase_id = p.id AND r.is_applied
        WHERE {IN_CHUNK}
        UNION ALL SELECT p.id, NULL, NULL, 0, -u.points_clawed_back, 0
        FROM rewards_membership s JOIN rewards_purchase p ON p.merchant_id = s.merchant_id AND p.member_id = s.member_id
        JOIN rewards_unclaim u ON u.merchant_id = p.merchant_id AND u.purchase_id = p.id
        WHERE {IN_CHUNK}
        UNION ALL SELECT r.purchase_id, NULL, NULL, 0, 0, {_TAKEN}
        FROM rewards_entry e JOIN rewards_refund r ON r.merchant_id = e.merchant_id AND r.id = e.document_id
        WHERE {OF_FAMILY} AND e.document_kind = 'refund' AND e.kind IN ('claw_back', 'accrue')
        UNION ALL SELECT u.purchase_id, NULL, NULL, 0, 0, -u.points_clawed_back {_WAS_THEIRS}
    ) AS x GROUP BY x.purchase_id
    HAVING max(x.account_id) IS NOT NULL AND (sum(x.clawed) <> sum(x.told) OR sum(x.clawed) <> sum(x.entered))
"""

_UNCLAIMS = f"""
    SELECT max(x.account_id), max(x.name) || ' took back ' || sum(x.taken) || ' and its entries say ' || sum(x.entered)
    FROM (
        SELECT u.id AS document_id, s.account_id, u.public_id AS name,
            u.points_earned - u.points_clawed_back AS taken, 0 AS entered
        FROM rewards_membership s JOIN rewards_unclaim u ON u.merchant_id = s.merchant_id AND u.member_id = s.member_id
        WHERE {IN_CHUNK}
        UNION ALL SELECT e.document_id, NULL, NULL, 0, {_TAKEN}
        FROM rewards_entry e
        WHERE {OF_FAMILY} AND e.document_kind = 'unclaim' AND e.kind IN ('claw_back', 'accrue')
    ) AS x GROUP BY x.document_id HAVING max(x.account_id) IS NOT NULL AND sum(x.taken) <> sum(x.entered)
"""

# Which purchases stand, and which numbers below the highest of them are free for the next.
_NUMBERS = f"""
    SELECT s.account_id, 'it counts ' || s.purchases_count || ' purchases and ' || cardinality(s.free_ordinals)
        || ' free numbers; ' || coalesce(p.standing, 0) || ' stand, numbered up to ' || coalesce(p.highest, 0)
    FROM rewards_membership s LEFT JOIN (
        SELECT p.member_id, count(*) AS standing, count(DISTINCT p.ordinal) AS numbers, max(p.ordinal) AS highest
        FROM rewards_membership s JOIN rewards_purchase p ON p.merchant_id = s.merchant_id AND p.member_id = s.member_id
        WHERE {IN_CHUNK} AND p.state = 'recorded'
            AND (p.refunded_minor < p.total_minor
                OR ((p.total_minor, p.refunded_minor) = (0, 0) AND NOT p.came_back_whole)) GROUP BY 1
    ) AS p ON p.member_id = s.member_id
    WHERE {IN_CHUNK}
        AND (s.purchases_count <> coalesce(p.standing, 0) OR coalesce(p.numbers, 0) <> coalesce(p.standing, 0)
            OR s.purchases_count + cardinality(s.free_ordinals) <> coalesce(p.highest, 0))
"""

CHECKS: Final = (
    LedgerCheck("purchase", _PURCHASES),
    LedgerCheck("refund", _REFUNDS),
    LedgerCheck("unclaim", _UNCLAIMS),
    LedgerCheck("numbers", _NUMBERS),
)
