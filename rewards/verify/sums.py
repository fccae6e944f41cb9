"""What must agree, in SQL: each query names an account and what does not; one statement puts them together."""

ENTRIES = """
    SELECT a.id, a.seq, a.chain, e.seq, e.kind, e.balance_change, e.held_change, e.pending_change, e.debt_change,
        e.balance_after, e.document_kind, e.document_id, e.rules, e.terms_version, e.location_id, e.actor, e.reason,
        e.occurred_at, e.recorded_at, e.hash
    FROM rewards_account a LEFT JOIN rewards_entry e ON e.merchant_id = a.merchant_id AND e.account_id = a.id
    WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) ORDER BY a.id, e.seq
"""
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

_HOLDS = """
    SELECT a.id, 'held is ' || a.held || ' and its open holds come to ' || coalesce(h.points, 0)
    FROM rewards_account a LEFT JOIN (
        SELECT r.member_id, sum(r.points) AS points FROM rewards_redemption r JOIN rewards_account a
            ON a.merchant_id = r.merchant_id AND a.member_id = r.member_id
        WHERE r.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) AND r.state = 'held' GROUP BY 1
    ) AS h ON h.member_id = a.member_id
    WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) AND a.held <> coalesce(h.points, 0)
"""

# Entries are found by their account; what merges carried to another account, one after the other, is found there.
# A query of its own, whose answer the others are given.
FAMILY = """
    WITH RECURSIVE merged (member_id, other_id) AS MATERIALIZED (
        SELECT source_id, target_id FROM rewards_merge WHERE merchant_id = %(merchant)s
        UNION ALL SELECT target_id, source_id FROM rewards_merge WHERE merchant_id = %(merchant)s
    ), relative (member_id) AS (
        SELECT member_id FROM rewards_account WHERE merchant_id = %(merchant)s AND id = ANY(%(accounts)s)
        UNION SELECT g.other_id FROM relative r JOIN merged g ON g.member_id = r.member_id
    )
    SELECT a.id, a.member_id FROM relative r
    JOIN rewards_account a ON a.merchant_id = %(merchant)s AND a.member_id = r.member_id ORDER BY a.id
"""

# Of documents and their entries: both are put under one another and added up, never joined. How many entries a chunk has
# of a kind the planner cannot know, and where it guesses one, a join looks through all of them for each document.
_OF_FAMILY = "e.merchant_id = %(merchant)s AND e.account_id = ANY(%(family)s)"
_IN_CHUNK = "a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s)"
# What a purchase was to those it was taken from again: their entries stay, and are not its member's.
_WAS_THEIRS = """
    FROM rewards_unclaim u JOIN rewards_claim c ON c.merchant_id = u.merchant_id AND c.id = u.claim_id
    WHERE u.merchant_id = %(merchant)s AND c.member_id = ANY(%(relatives)s)
"""

_REDEMPTIONS = f"""
    SELECT max(x.account_id), max(x.name) || ' captured ' || sum(x.captured) || ', returned ' || sum(x.returned)
        || '; its entries say ' || sum(x.spent) || ', ' || sum(x.reversed)
    FROM (
        SELECT r.id AS document_id, a.id AS account_id, r.public_id AS name, r.points_captured AS captured,
            r.points_returned AS returned, 0 AS spent, 0 AS reversed
        FROM rewards_account a JOIN rewards_redemption r ON r.merchant_id = a.merchant_id AND r.member_id = a.member_id
        WHERE {_IN_CHUNK}
        UNION ALL SELECT e.document_id, NULL, NULL, 0, 0,
            CASE WHEN e.kind IN ('redeem', 'capture') THEN -e.balance_change ELSE 0 END,
            CASE WHEN e.kind = 'reverse' THEN e.balance_change ELSE 0 END
        FROM rewards_entry e WHERE {_OF_FAMILY} AND e.document_kind = 'redemption'
    ) AS x GROUP BY x.document_id
    HAVING max(x.account_id) IS NOT NULL AND (sum(x.captured) <> sum(x.spent) OR sum(x.returned) <> sum(x.reversed))
"""

_PURCHASES = f"""
    SELECT max(x.account_id), max(x.name) || ' earned ' || sum(x.earned) || ' and its entries say ' || sum(x.entered)
    FROM (
        SELECT p.id AS document_id, a.id AS account_id, p.public_id AS name, p.points_earned AS earned, 0 AS entered
        FROM rewards_account a JOIN rewards_purchase p ON p.merchant_id = a.merchant_id AND p.member_id = a.member_id
        WHERE {_IN_CHUNK} AND p.state = 'recorded'
        UNION ALL SELECT e.document_id, NULL, NULL, 0, e.balance_change + e.pending_change
        FROM rewards_entry e WHERE {_OF_FAMILY} AND e.document_kind = 'purchase' AND e.kind = 'accrue'
        UNION ALL SELECT u.purchase_id, NULL, NULL, 0, -u.points_earned {_WAS_THEIRS}
    ) AS x GROUP BY x.document_id HAVING max(x.account_id) IS NOT NULL AND sum(x.earned) <> sum(x.entered)
"""

_TAKEN = "e.debt_change - e.balance_change - e.pending_change"
_REFUNDS = f"""
    SELECT max(x.account_id), max(x.name) || ' clawed back ' || sum(x.clawed) || '; its refunds say ' || sum(x.told)
        || ' and their entries ' || sum(x.entered)
    FROM (
        SELECT p.id AS purchase_id, a.id AS account_id, p.public_id AS name, p.points_clawed_back AS clawed, 0 AS told,
            0 AS entered
        FROM rewards_account a JOIN rewards_purchase p ON p.merchant_id = a.merchant_id AND p.member_id = a.member_id
        WHERE {_IN_CHUNK} AND p.state = 'recorded'
        UNION ALL SELECT p.id, NULL, NULL, 0, r.points_clawed_back, 0
        FROM rewards_account a JOIN rewards_purchase p ON p.merchant_id = a.merchant_id AND p.member_id = a.member_id
        JOIN rewards_refund r ON r.merchant_id = p.merchant_id AND r.purchase_id = p.id AND r.is_applied
        WHERE {_IN_CHUNK}
        UNION ALL SELECT p.id, NULL, NULL, 0, -u.points_clawed_back, 0
        FROM rewards_account a JOIN rewards_purchase p ON p.merchant_id = a.merchant_id AND p.member_id = a.member_id
        JOIN rewards_unclaim u ON u.merchant_id = p.merchant_id AND u.purchase_id = p.id
        WHERE {_IN_CHUNK}
        UNION ALL SELECT r.purchase_id, NULL, NULL, 0, 0, {_TAKEN}
        FROM rewards_entry e JOIN rewards_refund r ON r.merchant_id = e.merchant_id AND r.id = e.document_id
        WHERE {_OF_FAMILY} AND e.document_kind = 'refund' AND e.kind = 'claw_back'
        UNION ALL SELECT u.purchase_id, NULL, NULL, 0, 0, -u.points_clawed_back {_WAS_THEIRS}
    ) AS x GROUP BY x.purchase_id
    HAVING max(x.account_id) IS NOT NULL AND (sum(x.clawed) <> sum(x.told) OR sum(x.clawed) <> sum(x.entered))
"""

_UNCLAIMS = f"""
    SELECT max(x.account_id), max(x.name) || ' took back ' || sum(x.taken) || ' and its entries say ' || sum(x.entered)
    FROM (
        SELECT u.id AS document_id, a.id AS account_id, u.public_id AS name,
            u.points_earned - u.points_clawed_back AS taken, 0 AS entered
        FROM rewards_account a JOIN rewards_unclaim u ON u.merchant_id = a.merchant_id AND u.member_id = a.member_id
        WHERE {_IN_CHUNK}
        UNION ALL SELECT e.document_id, NULL, NULL, 0, {_TAKEN}
        FROM rewards_entry e WHERE {_OF_FAMILY} AND e.document_kind = 'unclaim'
    ) AS x GROUP BY x.document_id HAVING max(x.account_id) IS NOT NULL AND sum(x.taken) <> sum(x.entered)
"""

_CHECKS = {
    "entries": _ENTRY_SUMS,
    "lots": _LOT_SUMS,
    "lot": _LOT_HISTORY,
    "entry": _ENTRY_PARTS,
    "holds": _HOLDS,
    "redemption": _REDEMPTIONS,
    "purchase": _PURCHASES,
    "refund": _REFUNDS,
    "unclaim": _UNCLAIMS,
}

SUMS_AGREE = " UNION ALL ".join(
    f"SELECT '{check}', f.account_id, f.detail FROM ({query}) AS f(account_id, detail)"
    for check, query in _CHECKS.items()
)
