"""The second floor: what we owe.

Journeys (enrolment, purchases, refunds, redemptions, adjustments, transfers, expiry) stand over
rules (terms, earning, standing, tiers, referrals), and those over the bookkeeper (points), who alone
writes the ledger.
"""
