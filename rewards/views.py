"""What the apps above may read of rewards: SQL views, so that tables can change behind them.

The views run with the rights of whoever reads them (row-level security included); queries name `merchant_id`.
Nothing is imported from the tables: only their SQL is known here.
"""

from __future__ import annotations

from typing import Final

from merchants.database.views import SqlView

PURCHASES = "reading_purchases"
REFUNDS = "reading_refunds"
LEDGER = "reading_ledger"
ACCOUNTS = "reading_accounts"
LOTS = "reading_lots"
REDEMPTIONS = "reading_redemptions"
TERMS = "reading_terms"
MERGES = "reading_merges"
UNCLAIMS = "reading_unclaims"
STAMP_CHANGES = "reading_stamp_changes"
TIERS_HELD = "reading_tiers_held"

VIEWS: Final = (
    # A wholly refunded purchase is no purchase any more; one that came to nothing from the start (a free coffee, an
    # even exchange) is one until all of it has come back.  A
    # total below zero is a return within an exchange: it takes from what was sold, and is no purchase.  What points paid
    # comes back with a refund as the points themselves do: in proportion, rounded down, all of it with the last.
    SqlView(
        PURCHASES,
        """
    SELECT p.merchant_id, p.id, p.public_id, p.member_id, p.location_id, p.local_day, p.occurred_at, p.recorded_at,
        p.channel, p.currency, p.total_minor, p.refunded_minor, p.total_minor - p.refunded_minor AS net_minor,
        p.refunded_minor < p.total_minor
            OR ((p.total_minor, p.refunded_minor) = (0, 0) AND NOT p.came_back_whole) AS is_kept,
        p.came_back_whole, p.total_minor = 0 AS is_free, p.points_paid_minor,
        p.points_paid_minor - CASE WHEN p.total_minor > 0
            THEN div(p.points_paid_minor::numeric * least(p.refunded_minor, p.total_minor), p.total_minor)::bigint ELSE 0
        END AS points_paid_left_minor,
        p.tax_minor, p.cost_minor, p.points_earned - p.points_clawed_back AS points_kept, p.xid
    FROM rewards_purchase p WHERE p.state = 'recorded'
    """,
    ),
    SqlView(
        REFUNDS,
        """
    SELECT r.merchant_id, r.id, r.public_id, r.purchase_id, r.amount_minor, r.is_applied, r.occurred_at, r.recorded_at,
        r.xid
    FROM rewards_refund r
    """,
    ),
    SqlView(
        LEDGER,
        """
    SELECT e.merchant_id, e.id, e.account_id, e.seq, e.kind, e.balance_change, e.held_change, e.pending_change,
        e.debt_change, e.document_kind, e.document_id, e.terms_version, e.location_id, e.occurred_at, e.recorded_at
    FROM rewards_entry e
    """,
    ),
    SqlView(
        ACCOUNTS,
        """
    SELECT a.merchant_id, a.id, s.member_id, a.balance, a.held, a.pending, a.debt, a.seq, s.tier, s.tier_since,
        s.last_activity_at
    FROM rewards_account a JOIN rewards_membership s ON s.merchant_id = a.merchant_id AND s.account_id = a.id
    """,
    ),
    SqlView(
        LOTS,
        """
    SELECT l.merchant_id, l.id, l.account_id, l.amount, l.remaining, l.held, l.remaining - l.held AS free, l.is_active,
        l.earned_at, l.active_at, l.expires_at
    FROM rewards_lot l WHERE l.remaining > 0
    """,
    ),
    SqlView(
        REDEMPTIONS,
        """
    SELECT r.merchant_id, r.id, r.public_id, r.member_id, r.purchase_id, r.reward, r.state, r.points_captured,
        r.points_returned, r.amount_minor, r.occurred_at, r.recorded_at, r.ended_at, r.location_id, r.terms_version,
        r.own_reward_id IS NOT NULL AS is_own, r.xid
    FROM rewards_redemption r
    """,
    ),
    SqlView(
        TERMS,
        """
    SELECT t.merchant_id, t.number, t.document, t.effective_from FROM rewards_termsversion t
    """,
    ),
    # Of a merge and of its undoing alike: `xid` is the later one's.
    SqlView(
        MERGES,
        """
    SELECT m.merchant_id, m.id, m.source_id, m.target_id, m.merged_at, m.unmerged_at, m.xid FROM rewards_merge m
    """,
    ),
    # A purchase that is nobody's again does not say whom it left; this does.
    SqlView(
        UNCLAIMS,
        """
    SELECT u.merchant_id, u.id, u.purchase_id, u.member_id, u.xid FROM rewards_unclaim u
    """,
    ),
    # What only carried something over changed nothing on the card. Where it happened, the sale knows.
    SqlView(
        STAMP_CHANGES,
        """
    SELECT s.merchant_id, s.id, s.member_id, s.card, s.kind, s.stamps, s.stamps_after, s.reason, s.actor, s.occurred_at,
        p.location_id
    FROM rewards_stampentry s
    LEFT JOIN rewards_purchase p ON p.merchant_id = s.merchant_id AND p.id = s.purchase_id
    WHERE s.stamps <> 0
    """,
    ),
    SqlView(
        TIERS_HELD,
        """
    SELECT t.merchant_id, t.id, t.member_id, t.tier, t.held_from, t.reason FROM rewards_tierperiod t
    """,
    ),
)
