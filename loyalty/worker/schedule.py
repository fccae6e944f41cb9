"""The clock's table: what happens how often.  Two beats at once do no harm, and a missed tick is made up by the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from engagement import due_work as engagement
from members import due_work as members
from merchants import due_work as merchants
from merchants.due import DueWork, Trouble, Turn, WaitingRows
from rewards import due_work as rewards

#: What each app says of itself, in its `due_work.py`.
DUE_WORK: Final[tuple[DueWork, ...]] = (*merchants.DUE_WORK, *rewards.DUE_WORK, *engagement.DUE_WORK)
PRUNED: Final[tuple[Turn, ...]] = (*merchants.PRUNED, *members.PRUNED, *rewards.PRUNED)
WAITING: Final[tuple[WaitingRows, ...]] = (*merchants.WAITING, *rewards.WAITING)
TROUBLES: Final[tuple[Trouble, ...]] = (*merchants.TROUBLES, *rewards.TROUBLES)


@dataclass(frozen=True, slots=True)
class ScheduleEntry:
    """`task` comes every so many seconds; the name is also that of its row in merchants/ticks."""

    task: str
    seconds: int

    def is_late(self, age: float | None) -> bool:
        """State whether three turns and a minute have passed since the last good run, or there was none."""
        return age is None or age > 3 * self.seconds + 60


def tick_of(work: DueWork) -> str:
    """Return the name of the task that looks for this work."""
    return f"tick.{work.name}"


SCHEDULE: Final = (
    *(ScheduleEntry(tick_of(work), work.seconds) for work in DUE_WORK),
    ScheduleEntry("tick.deliver", 2),
    ScheduleEntry("tick.metrics", 5 * 60),
    ScheduleEntry("tick.verify", 15 * 60),
    ScheduleEntry("tick.prune", 60 * 60),
)


def beat_entries() -> dict[str, dict[str, Any]]:
    """Put the table into Celery's words; a tick nobody took before the next is dropped."""
    return {
        line.task: {"task": line.task, "schedule": float(line.seconds), "options": {"expires": line.seconds}}
        for line in SCHEDULE
    }
