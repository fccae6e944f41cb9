"""What the upper floors may read of rewards: SQL views, so that tables can change behind them.

The views run with the rights of whoever reads them (row-level security included); queries name `merchant_id`.
Nothing is imported from the tables: only their SQL is known here.
"""

from __future__ import annotations

from merchants import schema

PURCHASES = "reading_purchases"
REFUNDS = "reading_refunds"
LEDGER = "reading_ledger"
ACCOUNTS = "reading_accounts"
LOTS = "reading_lots"
TERMS = "reading_terms"
MERGES = "reading_merges"
UNCLAIMS = "reading_unclaims"

# A wholly refunded purchase is no purchase any more; one that cost nothing from the start (a free coffee) is one.
schema.add_view(
    PURCHASES,
    """
    SELECT p.merchant_id, p.id, p.public_id, p.member_id, p.location_id, p.local_day, p.occurred_at, p.recorded_at,
        p.channel, p.currency, p.total_minor, p.refunded_minor, p.total_minor - p.refunded_minor AS net_minor,
        NOT (p.total_minor > 0 AND p.refunded_minor = p.total_minor) AS is_kept,
        p.tax_minor, p.cost_minor, p.points_earned - p.points_clawed_back AS points_kept, p.xid
    FROM rewards_purchase p WHERE p.state = 'recorded'
    """,
)
schema.add_view(
    REFUNDS,
    """
    SELECT r.merchant_id, r.id, r.public_id, r.purchase_id, r.amount_minor, r.is_applied, r.occurred_at, r.recorded_at,
        r.xid
    FROM rewards_refund r
    """,
)
schema.add_view(
    LEDGER,
    """
    SELECT e.merchant_id, e.id, e.account_id, e.seq, e.kind, e.balance_change, e.held_change, e.pending_change,
        e.debt_change, e.document_kind, e.document_id, e.terms_version, e.location_id, e.occurred_at, e.recorded_at
    FROM rewards_entry e
    """,
)
schema.add_view(
    ACCOUNTS,
    """
    SELECT a.merchant_id, a.id, a.member_id, a.balance, a.held, a.pending, a.debt, a.seq, a.tier, a.tier_since,
        a.last_activity_at
    FROM rewards_account a
    """,
)
schema.add_view(
    LOTS,
    """
    SELECT l.merchant_id, l.id, l.account_id, l.amount, l.remaining, l.held, l.remaining - l.held AS free, l.is_active,
        l.earned_at, l.active_at, l.expires_at
    FROM rewards_lot l WHERE l.remaining > 0
    """,
)
schema.add_view(
    TERMS,
    """
    SELECT t.merchant_id, t.number, t.document, t.effective_from FROM rewards_termsversion t
    """,
)
# Of a merge and of its undoing alike: `xid` is the later one's.
schema.add_view(
    MERGES,
    """
    SELECT m.merchant_id, m.id, m.source_id, m.target_id, m.merged_at, m.unmerged_at, m.xid FROM rewards_merge m
    """,
)
# A purchase that is nobody's again does not say whom it left; this does.
schema.add_view(
    UNCLAIMS,
    """
    SELECT u.merchant_id, u.id, u.purchase_id, u.member_id, u.xid FROM rewards_unclaim u
    """,
)
