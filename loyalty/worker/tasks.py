"""The tasks of the schedule: one for each kind of due work, and those that are no work at single merchants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.conf import settings

from analytics import runs
from loyalty.celery import app
from loyalty.worker import merchant_runs, schedule
from loyalty.worker.merchant_runs import ScheduledTask
from merchants import due
from merchants.database import expired_rows
from merchants.due import DueWork, Turn
from merchants.due_work import SECONDS_OF_WEBHOOKS
from merchants.webhooks import delivering
from rewards import verify


def _task_of(work: DueWork) -> ScheduledTask:
    @app.task(base=ScheduledTask, name=schedule.tick_of(work), places=work.places)  # type: ignore[untyped-decorator]
    def look(*, now: datetime, **_: Any) -> int:
        return merchant_runs.do(work, now=now)

    task: ScheduledTask = look
    return task


#: The tasks of the due work, by its name.
DUE: Final = {work.name: _task_of(work) for work in schedule.DUE_WORK}


@app.task(base=ScheduledTask, name="tick.deliver", places=settings.WEBHOOK_DELIVERERS)  # type: ignore[untyped-decorator]
def deliver_events(*, now: datetime, **_: Any) -> int:
    """Make the deliveries whose time has come."""
    return delivering.deliver(clock=merchant_runs.clock, seconds_max=SECONDS_OF_WEBHOOKS)


@app.task(base=ScheduledTask, name="tick.metrics")  # type: ignore[untyped-decorator]
def compute_metrics(*, now: datetime, **_: Any) -> int:
    """Start the night's run at every merchant whose night has begun, or whose night was missed."""
    merchant_ids = runs.due_merchants(now)
    for merchant_id in merchant_ids:
        compute_metrics_of.delay(merchant_id=merchant_id)
    return len(merchant_ids)


@app.task(name="work.metrics")  # type: ignore[untyped-decorator]
def compute_metrics_of(*, merchant_id: int, **_: Any) -> None:
    """Compute one merchant's numbers; a second run at once finds the first at work and leaves."""
    runs.run_by_id(merchant_id, now=merchant_runs.clock())


@app.task(base=ScheduledTask, name="tick.verify")  # type: ignore[untyped-decorator]
def verify_ledgers(*, now: datetime, **_: Any) -> int:
    """Start the nightly reconciliation where it has not been done tonight."""
    merchant_ids = merchant_runs.due_tonight("verify", now=now)
    for merchant_id in merchant_ids:
        verify_ledger_of.delay(merchant_id=merchant_id)
    return len(merchant_ids)


@app.task(name="work.verify")  # type: ignore[untyped-decorator]
def verify_ledger_of(*, merchant_id: int, **_: Any) -> None:
    """Reconcile one merchant's ledger; an account with a fault may not be spent from until somebody looked."""
    merchant_runs.once_a_night(
        "verify", merchant_id, lambda merchant: verify.inspect(merchant=merchant, now=merchant_runs.clock())
    )


@app.task(base=ScheduledTask, name="tick.prune")  # type: ignore[untyped-decorator]
def prune(*, now: datetime, **_: Any) -> int:
    """Forget delivered events, sent messages, spent codes, notices, ended sessions: all that is old enough."""
    everybody = due.all_merchants()
    return sum(_forget(turn, everybody, now) for turn in schedule.PRUNED) + expired_rows.prune(now=now)


def _forget(turn: Turn, merchant_ids: Sequence[int], now: datetime) -> int:
    return merchant_runs.each(merchant_ids, lambda merchant: turn(merchant=merchant, now=now), seconds_max=120)


app.conf.beat_schedule.update(schedule.beat_entries())
