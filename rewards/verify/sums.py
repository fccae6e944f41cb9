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

# Entries are found by their account; what a merge carried to another account is found there.
_FAMILY = """
    SELECT id, member_id FROM rewards_account WHERE merchant_id = %(merchant)s AND id = ANY(%(accounts)s)
    UNION SELECT o.id, o.member_id FROM rewards_account a JOIN rewards_merge g ON g.merchant_id = a.merchant_id
        AND (g.source_id = a.member_id OR g.target_id = a.member_id)
    JOIN rewards_account o ON o.merchant_id = a.merchant_id AND o.member_id IN (g.source_id, g.target_id)
    WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s)
"""
_MOVED_BY_DOCUMENT = f"""
    SELECT e.document_id, {{sums}} FROM rewards_entry e
    WHERE e.merchant_id = %(merchant)s AND e.document_kind = '{{kind}}'
        AND e.account_id IN (SELECT f.id FROM ({_FAMILY}) AS f)
    GROUP BY 1
"""
# What a purchase was to those it was taken from again: their entries stay, and are not its member's.
_UNDONE = f"""
    SELECT u.purchase_id, sum(u.points_earned) AS earned, sum(u.points_clawed_back) AS clawed FROM rewards_unclaim u
    JOIN rewards_claim c ON c.merchant_id = u.merchant_id AND c.id = u.claim_id
    WHERE u.merchant_id = %(merchant)s AND c.member_id IN (SELECT f.member_id FROM ({_FAMILY}) AS f) GROUP BY 1
"""

_SPENT = """
    sum(-e.balance_change) FILTER (WHERE e.kind IN ('redeem', 'capture')) AS captured,
    sum(e.balance_change) FILTER (WHERE e.kind = 'reverse') AS returned
"""
_REDEMPTIONS = f"""
    WITH moved AS ({_MOVED_BY_DOCUMENT.format(kind="redemption", sums=_SPENT)})
    SELECT a.id, r.public_id || ' captured ' || r.points_captured || ', returned ' || r.points_returned
        || '; its entries say ' || coalesce(e.captured, 0) || ', ' || coalesce(e.returned, 0)
    FROM rewards_redemption r
    JOIN rewards_account a ON a.merchant_id = r.merchant_id AND a.member_id = r.member_id
    LEFT JOIN moved e ON e.document_id = r.id
    WHERE r.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s)
        AND (r.points_captured, r.points_returned) <> (coalesce(e.captured, 0), coalesce(e.returned, 0))
"""

_EARNED = "sum(e.balance_change + e.pending_change) FILTER (WHERE e.kind = 'accrue') AS earned"
_PURCHASES = f"""
    WITH moved AS ({_MOVED_BY_DOCUMENT.format(kind="purchase", sums=_EARNED)}), undone AS ({_UNDONE})
    SELECT a.id, p.public_id || ' earned ' || p.points_earned || ' and its entries say '
        || coalesce(e.earned, 0) - coalesce(u.earned, 0)
    FROM rewards_purchase p JOIN rewards_account a ON a.merchant_id = p.merchant_id AND a.member_id = p.member_id
    LEFT JOIN moved e ON e.document_id = p.id LEFT JOIN undone u ON u.purchase_id = p.id
    WHERE p.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) AND p.state = 'recorded'
        AND p.points_earned <> coalesce(e.earned, 0) - coalesce(u.earned, 0)
"""

_TAKEN = "sum(e.debt_change - e.balance_change - e.pending_change) FILTER (WHERE e.kind = 'claw_back') AS taken"
_REFUNDS = f"""
    WITH moved AS ({_MOVED_BY_DOCUMENT.format(kind="refund", sums=_TAKEN)}), undone AS ({_UNDONE}), before AS (
        SELECT u.purchase_id, sum(u.points_clawed_back) AS clawed FROM rewards_account a
        JOIN rewards_purchase p ON p.merchant_id = a.merchant_id AND p.member_id = a.member_id
        JOIN rewards_unclaim u ON u.merchant_id = p.merchant_id AND u.purchase_id = p.id
        WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) GROUP BY 1
    )
    SELECT a.id, p.public_id || ' clawed back ' || p.points_clawed_back || '; its refunds say '
        || coalesce(r.clawed, 0) - coalesce(b.clawed, 0) || ' and their entries ' || coalesce(r.taken, 0) - coalesce(u.clawed, 0)
    FROM rewards_purchase p JOIN rewards_account a ON a.merchant_id = p.merchant_id AND a.member_id = p.member_id
    LEFT JOIN (
        SELECT r.purchase_id, sum(r.points_clawed_back) AS clawed, sum(coalesce(e.taken, 0)) AS taken
        FROM rewards_account a
        JOIN rewards_purchase p ON p.merchant_id = a.merchant_id AND p.member_id = a.member_id
        JOIN rewards_refund r ON r.merchant_id = p.merchant_id AND r.purchase_id = p.id AND r.is_applied
        LEFT JOIN moved e ON e.document_id = r.id
        WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) GROUP BY 1
    ) AS r ON r.purchase_id = p.id
    LEFT JOIN before b ON b.purchase_id = p.id LEFT JOIN undone u ON u.purchase_id = p.id
    WHERE p.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) AND p.state = 'recorded'
        AND (p.points_clawed_back <> coalesce(r.clawed, 0) - coalesce(b.clawed, 0)
            OR p.points_clawed_back <> coalesce(r.taken, 0) - coalesce(u.clawed, 0))
"""

_UNCLAIMS = f"""
    WITH moved AS ({_MOVED_BY_DOCUMENT.format(kind="unclaim", sums=_TAKEN)})
    SELECT a.id, u.public_id || ' took back ' || u.points_earned - u.points_clawed_back || ' and its entries say '
        || coalesce(e.taken, 0)
    FROM rewards_unclaim u JOIN rewards_account a ON a.merchant_id = u.merchant_id AND a.member_id = u.member_id
    LEFT JOIN moved e ON e.document_id = u.id
    WHERE u.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s)
        AND u.points_earned - u.points_clawed_back <> coalesce(e.taken, 0)
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
