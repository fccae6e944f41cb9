"""Who bought when: the rollup seen by person, merged memberships counted as the one they became."""

from __future__ import annotations

from typing import Final

#: Days on which somebody bought have `purchases` above 0; one with none holds only a return within an exchange, which
#: is revenue less and no visit.  A merge leaves `merged_into` on the earlier membership, always one hop; undoing it takes it away, and the next
#: run counts two people again.
PERSON_DAYS_SQL: Final = """
    person_day AS (
        SELECT coalesce(gone.merged_into_id, d.member_id) AS person, d.local_day, d.purchases, d.revenue_minor
        FROM analytics_memberday d
        LEFT JOIN member_of_today gone ON gone.merchant_id = %(merchant)s AND gone.id = d.member_id
            AND gone.merged_into_id IS NOT NULL
        WHERE d.merchant_id = %(merchant)s AND d.member_id > 0
    )
"""
