"""Net Promoter Score: the share of promoters (9-10) less the share of detractors (0-6), from -100 to 100."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.utils.translation import gettext_lazy as _

from analytics.metrics import intervals
from analytics.metrics.definition import Count, Group, Metric, Tally
from analytics.windows import WINDOWS_SQL
from engagement.surveys import DETRACTOR_MAX, PROMOTER_MIN

_ANSWERS: Final = f"""
    {WINDOWS_SQL}, answer AS (
        SELECT w.n, r.score, r.local_day, coalesce(gone.merged_into_id, r.member_id) AS person,
            row_number() OVER (
                PARTITION BY w.n, coalesce(gone.merged_into_id, r.member_id) ORDER BY r.answered_at DESC, r.id DESC
            ) AS newest
        FROM win w
        JOIN survey_answers r ON r.merchant_id = %(merchant)s
            AND r.local_day >= w.first_day AND r.local_day < w.end_day
        LEFT JOIN member_of_today gone ON gone.merchant_id = %(merchant)s AND gone.id = r.member_id
            AND gone.merged_into_id IS NOT NULL
    ), voice AS (SELECT * FROM answer WHERE person IS NULL OR newest = 1)
"""

COUNT: Final = f"""
    WITH {_ANSWERS}
    SELECT n, count(*) AS answers, count(*) FILTER (WHERE score >= {PROMOTER_MIN}) AS promoters,
        count(*) FILTER (WHERE score <= {DETRACTOR_MAX}) AS detractors
    FROM voice GROUP BY n
"""


def _listing(condition: str) -> str:
    return f"""
        WITH {_ANSWERS}
        SELECT person, NULL::bigint AS purchases, NULL::bigint AS revenue_minor, local_day AS last_day FROM voice
        WHERE person IS NOT NULL AND {condition}
    """


def count(tally: Tally) -> list[Count]:
    rows = tally.ask(COUNT)
    return [
        Count(
            numerator=Decimal(r["promoters"] - r["detractors"]),
            denominator=Decimal(r["answers"]),
            n=r["answers"],
            parts={**r, "passives": r["answers"] - r["promoters"] - r["detractors"]},
        )
        for r in rows
    ]


METRIC = Metric(
    key="nps",
    version=1,
    title=_("Net Promoter Score"),
    unit="score",
    window=_("Answers given in the period"),
    formula=_("% promoters (9–10) − % detractors (0–6). A member counts once, with the newest answer; answers without a "
              "member count each."),
    explanation=_("How likely members are to recommend you, from −100 to +100. The range beside it holds the true "
                  "score with 95 % certainty: with few answers it is wide. Below the number of answers in your settings "
                  "there is no score."),
    source="https://en.wikipedia.org/wiki/Net_promoter_score",
    good="up",
    count=count,
    interval=lambda c: intervals.nps_margin(c.parts["promoters"], c.parts["detractors"], c.n),
    is_always_computed=True,
    too_few=_("too few answers"),
    groups=(
        Group("promoters", _("Promoters (9–10)"), _listing(f"score >= {PROMOTER_MIN}"), ""),
        Group("passives", _("Passives (7–8)"), _listing(f"score BETWEEN {DETRACTOR_MAX + 1} AND {PROMOTER_MIN - 1}"), ""),
        Group("detractors", _("Detractors (0–6)"), _listing(f"score <= {DETRACTOR_MAX}"), ""),
    ),
    tile=6,
)  # fmt: skip
