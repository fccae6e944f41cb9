"""How often each member bought in the 365 days up to a window's end.  Repeat and loyal rates are read from this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analytics.metrics.definition import Tally
from analytics.metrics.people import PERSON_DAYS_SQL
from analytics.windows import WINDOWS_SQL, YEAR_DAYS, Window

REPEAT_MIN: Final = 2
LOYAL_MIN: Final = 4


@dataclass(frozen=True, slots=True)
class Frequency:
    """Members who bought at all, twice or more, and four times or more."""

    buyers: int
    repeat: int
    loyal: int


_BOUGHT: Final = f"""
    bought AS (
        SELECT w.n, p.person, sum(p.purchases) AS purchases, sum(p.revenue_minor) AS revenue_minor,
            max(p.local_day) AS last_day
        FROM win w JOIN person_day p ON p.local_day >= w.end_day - {YEAR_DAYS} AND p.local_day < w.end_day
        GROUP BY w.n, p.person
    )
"""

_COUNT: Final = f"""
    WITH {WINDOWS_SQL}, {PERSON_DAYS_SQL}, {_BOUGHT}
    SELECT n, count(*) AS buyers, count(*) FILTER (WHERE purchases >= {REPEAT_MIN}) AS repeat,
        count(*) FILTER (WHERE purchases >= {LOYAL_MIN}) AS loyal
    FROM bought GROUP BY n
"""


def listing(condition: str) -> str:
    """This function will make the query for the members whose number of purchases meets a condition."""
    return f"""
        WITH {WINDOWS_SQL}, {PERSON_DAYS_SQL}, {_BOUGHT}
        SELECT person, purchases, revenue_minor, last_day FROM bought WHERE {condition}
    """


def frequencies(tally: Tally) -> list[Frequency]:
    """This function will count every window in one statement, once for all metrics; windows that end together once."""
    return tally.once("frequencies", lambda: _counted(tally))


def _counted(tally: Tally) -> list[Frequency]:
    ends = sorted({window.end for window in tally.windows})
    rows = tally.ask(_COUNT, [Window("month", end, end, end) for end in ends])
    by_end = {end: Frequency(**row) for end, row in zip(ends, rows, strict=True)}
    return [by_end[window.end] for window in tally.windows]
