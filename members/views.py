"""What higher layers may read of members in SQL: a view, so that the table can change behind it.

The view runs with the rights of whoever reads it (row-level security included); queries name `merchant_id`.
"""

from __future__ import annotations

from typing import Final

from merchants.database.views import SqlView

MEMBER_OF_TODAY: Final = "member_of_today"

VIEWS: Final = (
    # Every membership, those merged into another as well: `person_id` is whom each counts as today, always one hop away.
    SqlView(
        MEMBER_OF_TODAY,
        """
    SELECT m.merchant_id, m.id, m.public_id, m.name, m.email, m.phone, m.state, m.joined_at, m.merged_into_id,
        m.birth_month, m.birth_day, coalesce(m.merged_into_id, m.id) AS person_id
    FROM members_member m
    """,
    ),
)
