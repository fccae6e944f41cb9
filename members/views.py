"""What higher layers may read of members in SQL: views, so that the tables can change behind them.

A view runs with the rights of whoever reads it (row-level security included); queries name `merchant_id`.
"""

from __future__ import annotations

from typing import Final

from merchants.database.views import SqlView

MEMBER_OF_TODAY: Final = "member_of_today"
CONSENTS: Final = "reading_consents"
CONTACT_CHANGES: Final = "reading_contact_changes"

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
    SqlView(
        CONSENTS,
        """
    SELECT c.merchant_id, c.id, c.member_id, c.purpose, c.channel, c.is_granted, c.source, c.actor, c.at
    FROM members_consent c
    """,
    ),
    SqlView(
        CONTACT_CHANGES,
        """
    SELECT c.merchant_id, c.id, c.member_id, c.kind, c.old, c.new, c.actor, c.changed_at, c.undone_at
    FROM members_contactchange c
    """,
    ),
)
