"""What higher layers may read of answers to surveys in SQL: a view, so that the table can change behind it.

The view runs with the rights of whoever reads it (row-level security included); queries name `merchant_id`.
"""

from __future__ import annotations

from typing import Final

from merchants.database.views import SqlView

SURVEY_ANSWERS: Final = "survey_answers"

VIEWS: Final = (
    SqlView(
        SURVEY_ANSWERS,
        """
    SELECT r.merchant_id, r.id, r.member_id, r.score, r.local_day, r.answered_at, r.followed_up_at
    FROM engagement_surveyresponse r
    """,
    ),
)
