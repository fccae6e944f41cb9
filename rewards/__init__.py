"""Programmes, purchases, the points ledger, tiers, redemptions and referrals.

Journeys (enrolment, purchases, refunds, redemptions, adjustments, transfers, expiry) import the rules (terms, earning,
tiers, referrals), and those import the ledger (points), which alone writes ledger entries.
"""
