"""Who came back and who did not, between a window and the one before it.  Retention and churn are read from this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analytics.metrics.definition import Tally
from analytics.metrics.people import PERSON_DAYS_SQL
from analytics.windows import WINDOWS_SQL


@dataclass(frozen=True, slots=True)
class Movement:
    """`start` bought in the window before (S), `end` in this one (E), `new` in this one and not before (N)."""

    start: int
    end: int
    new: int
    lost: int

    @property
    def retained(self) -> int:
        return self.end - self.new


_SEEN: Final = """
    seen AS (
        SELECT w.n, p.person, bool_or(p.local_day < w.first_day AND p.purchases > 0) AS was,
            bool_or(p.local_day >= w.first_day AND p.purchases > 0) AS came,
            coalesce(sum(p.purchases) FILTER (WHERE p.local_day >= w.first_day), 0) AS purchases,
            coalesce(sum(p.revenue_minor) FILTER (WHERE p.local_day >= w.first_day), 0) AS revenue_minor,
            max(p.local_day) FILTER (WHERE p.purchases > 0) AS last_day
        FROM win w JOIN person_day p ON p.local_day >= w.before AND p.local_day < w.end_day GROUP BY w.n, p.person
    )
"""

COUNT: Final = f"""
    WITH {WINDOWS_SQL}, {PERSON_DAYS_SQL}, {_SEEN}
    SELECT n, count(*) FILTER (WHERE was) AS start, count(*) FILTER (WHERE came) AS "end",
        count(*) FILTER (WHERE came AND NOT was) AS new, count(*) FILTER (WHERE was AND NOT came) AS lost
    FROM seen GROUP BY n
"""


def listing(condition: str) -> str:
    """Make the query for the members who moved in one way (`was`, `came`)."""
    return f"""
        WITH {WINDOWS_SQL}, {PERSON_DAYS_SQL}, {_SEEN}
        SELECT person, purchases, revenue_minor, last_day FROM seen WHERE {condition}
    """


def movements(tally: Tally) -> list[Movement]:
    """Count every window in one statement, once for all metrics.

    The two definitions of the field, churn = lost / start and churn = 1 - retention, must say the same of each.
    """
    return tally.once("movements", lambda: _counted(tally))


def _counted(tally: Tally) -> list[Movement]:
    found = [Movement(**row) for row in tally.ask(COUNT)]
    for window, movement in zip(tally.windows, found, strict=True):
        if movement.lost != movement.start - movement.retained:
            raise AssertionError(f"churn is not 1 - retention in {window.label}: {movement}")
    return found
