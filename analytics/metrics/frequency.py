"""How often each member bought in the 365 days up to a window's end.  Repeat and loyal rates are read from this.

Often is counted in two ways, which stand side by side: by receipts, and by days.  Two receipts of one evening are a
second purchase by the first and none by the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from analytics.metrics.definition import Tally
from analytics.metrics.people import PERSON_DAYS_SQL
from analytics.windows import WINDOWS_SQL, YEAR_DAYS, Window

REPEAT_MIN: Final = 2
LOYAL_MIN: Final = 4


@dataclass(frozen=True, slots=True)
class Frequency:
    """Members who bought at all; twice or more, four times or more; on two days or more, on four days or more."""

    buyers: int
    repeat: int
    loyal: int
    repeat_by_days: int
    loyal_by_days: int


_BOUGHT: Final = f"""
    bought AS (
        SELECT w.n, p.person, sum(p.purchases) AS purchases, sum(p.revenue_minor) AS revenue_minor,
            count(DISTINCT p.local_day) FILTER (WHERE p.purchases > 0) AS days,
            max(p.local_day) FILTER (WHERE p.purchases > 0) AS last_day
        FROM win w JOIN person_day p ON p.local_day >= w.end_day - {YEAR_DAYS} AND p.local_day < w.end_day
        GROUP BY w.n, p.person HAVING sum(p.purchases) > 0
    )
"""

COUNT: Final = f"""
    WITH {WINDOWS_SQL}, {PERSON_DAYS_SQL}, {_BOUGHT}
    SELECT n, count(*) AS buyers, count(*) FILTER (WHERE purchases >= {REPEAT_MIN}) AS repeat,
        count(*) FILTER (WHERE purchases >= {LOYAL_MIN}) AS loyal,
        count(*) FILTER (WHERE days >= {REPEAT_MIN}) AS repeat_by_days,
        count(*) FILTER (WHERE days >= {LOYAL_MIN}) AS loyal_by_days
    FROM bought GROUP BY n
"""


def looks_back_to(window: Window) -> date:
    """State the first of the 365 days."""
    return window.until - timedelta(days=YEAR_DAYS)


def listing(condition: str) -> str:
    """Make the query for the members whose number of purchases meets a condition."""
    return f"""
        WITH {WINDOWS_SQL}, {PERSON_DAYS_SQL}, {_BOUGHT}
        SELECT person, purchases, revenue_minor, last_day FROM bought WHERE {condition}
    """


def frequencies(tally: Tally) -> list[Frequency]:
    """Count every window in one statement, once for all metrics; windows that end together once."""
    return tally.once("frequencies", lambda: _counted(tally))


def _counted(tally: Tally) -> list[Frequency]:
    ends = sorted({window.until for window in tally.windows})
    rows = tally.ask(COUNT, [Window("month", end, end, end, end) for end in ends])
    by_end = {end: Frequency(**row) for end, row in zip(ends, rows, strict=True)}
    return [by_end[window.until] for window in tally.windows]
