"""The clock's table: what happens how often.  Two beats at once do no harm, and a missed tick is made up by the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Line:
    """`task` comes every so many seconds; the name is also that of its row in merchants/ticks."""

    task: str
    seconds: int


SCHEDULE: Final = (
    Line("tick.relay", 2),
    Line("tick.deliver", 2),
    Line("tick.messages", 5),
    Line("tick.holds", 15),
    Line("tick.lots", 30),
    Line("tick.ending", 15 * 60),
    Line("tick.tiers", 5 * 60),
    Line("tick.metrics", 5 * 60),
    Line("tick.verify", 15 * 60),
    Line("tick.prune", 60 * 60),
)


def beat_entries() -> dict[str, dict[str, Any]]:
    """This function will put the table into Celery's words; a tick nobody took before the next is dropped."""
    return {
        line.task: {"task": line.task, "schedule": float(line.seconds), "options": {"expires": line.seconds}}
        for line in SCHEDULE
    }
