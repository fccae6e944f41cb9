"""The night's run over one merchant: take in what changed, compute the numbers, show them all at once.

Every piece of work is one transaction under the merchant's own advisory lock, and moves the run's marks with it; the
last one writes all figures and `finished_at` together.  A run killed anywhere is continued by the next, nothing is
skipped and nothing counted twice; two runs at once do not fight: the second finds the lock taken and leaves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, TypeVar

from django.db import connection, connections
from django.db.models import Min

from analytics import alerts, figures, member_figures, rollups, values
from analytics.models import MetricRun
from merchants import directory, periods, tenancy
from merchants.database import sql_errors
from merchants.models.merchants import Merchant

T = TypeVar("T")

#: Half an hour after the merchant's midnight: the day's last sales of most tills have arrived.
NIGHT_BEGINS: Final = timedelta(minutes=30)
#: After a failure, before the next try.
REST: Final = timedelta(minutes=15)
#: The heaviest statements sum a merchant's whole history on the first night.
STATEMENT_TIMEOUT: Final = "15min"
#: So many pieces in one, when nothing was taken in before.
FIRST_TIME: Final = 5
RUNS_KEPT: Final = timedelta(days=400)


class AnotherRun(Exception):
    """Another run over this merchant is at work; it will take in everything this one would have."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run did: the member-days it recomputed, the ledger entries it added, the values it wrote."""

    run_id: int
    member_days: int
    entries: int
    values: int


def run(
    merchant: Merchant, *, now: datetime, rebuild: bool = False, chunk: int = rollups.CHUNK, is_as_of: bool = False
) -> Result:
    """Bring all numbers of a merchant up to date.  Opens its own tenants: call it outside of one.

    With `rebuild` the rollups are emptied first and filled from the first purchase on.  `is_as_of` says that `now` is an
    earlier day: its months, quarters and years are kept; a run of today afterwards brings the last days back.

    :raises Busy: another run over this merchant is at work.
    """
    began = time.monotonic()

    def passed() -> datetime:
        # The caller's clock plus what has gone by: tests and replays live at other times than the machine.
        return now + timedelta(seconds=time.monotonic() - began)

    run_id = _piece(merchant, lambda: _begin(merchant, now, rebuild=rebuild, is_as_of=is_as_of))
    try:
        member_days = _take_in_purchases(merchant, run_id, chunk)
        entries = _take_in_ledger(merchant, chunk)
        _take_in_members(merchant, chunk)
        written = _piece(merchant, lambda: _publish(merchant, run_id, now, passed))
    except AnotherRun:
        raise
    except Exception as error:
        _note_failure(merchant, run_id, error, passed())
        raise
    return Result(run_id, member_days, entries, written)


def due(merchant: Merchant, now: datetime) -> bool:
    """State whether the merchant's night has begun and no run has finished in it, or ever before.

    After an outage the first tick finds the night missed and runs at once.  The tenant is open.
    """
    runs = MetricRun.objects.filter(merchant=merchant)
    finished = runs.filter(finished_at__isnull=False).order_by("-id").first()
    failed = runs.filter(failed_at__isnull=False).order_by("-id").first()
    return _is_due(merchant, now, finished.started_at if finished else None, failed.failed_at if failed else None)


def due_merchants(now: datetime) -> list[int]:
    """Find, as the system role, the merchants whose run is due; one query for all of them."""
    with connections["system"].cursor() as cursor:
        cursor.execute(
            "SELECT merchant_id, max(started_at) FILTER (WHERE finished_at IS NOT NULL), max(failed_at) "
            "FROM analytics_metricrun GROUP BY 1"
        )
        last = {merchant_id: (finished, failed) for merchant_id, finished, failed in cursor.fetchall()}
    open_merchants = Merchant.objects.filter(closed_at__isnull=True).order_by("pk")
    return [m.pk for m in open_merchants if _is_due(m, now, *last.get(m.pk, (None, None)))]


def run_by_id(merchant_id: int, *, now: datetime) -> Result | None:
    """Run for a merchant found by `due_merchants`; None when another run is at work."""
    try:
        return run(directory.get(merchant_id), now=now)
    except AnotherRun:
        return None


def night_of(merchant: Merchant, now: datetime) -> datetime:
    """Find the instant at which the merchant's latest night began."""
    today = periods.local_day(now, merchant.tzinfo)
    tonight = periods.start_of_day(today, merchant.tzinfo) + NIGHT_BEGINS
    if tonight <= now:
        return tonight
    return periods.start_of_day(today - timedelta(days=1), merchant.tzinfo) + NIGHT_BEGINS


def _is_due(merchant: Merchant, now: datetime, finished: datetime | None, failed: datetime | None) -> bool:
    if failed is not None and failed > now - REST:
        return False
    return finished is None or finished < night_of(merchant, now)


def _piece(merchant: Merchant, work: Callable[[], T], *, wait: bool = False) -> T:
    """One transaction of the run, under the merchant's lock.  The first leaves when another run has it."""

    def locked() -> T:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
            key = "hashtextextended('analytics.runs', %s)"
            if wait:
                cursor.execute("SET LOCAL lock_timeout = '5min'")
                cursor.execute(f"SELECT pg_advisory_xact_lock({key})", [merchant.pk])
            else:
                cursor.execute(f"SELECT pg_try_advisory_xact_lock({key})", [merchant.pk])
                if not cursor.fetchone()[0]:
                    raise AnotherRun(merchant.slug)
        return work()

    return tenancy.attempt(merchant, locked)


def _begin(merchant: Merchant, now: datetime, *, rebuild: bool, is_as_of: bool) -> int:
    """Write the run's row, with the marks it goes on from."""
    last = _last(merchant)
    seen = rollups.horizon()
    forwards = _forwards(merchant)
    # Ids of another cluster say nothing here (a dump was restored), and a release before this one filled fewer tables:
    # all over again, from the purchases.
    if rebuild or (last is not None and (last.cluster, last.layout) != (seen.cluster, rollups.LAYOUT)):
        rollups.forget(merchant=merchant)
        last = None
    run = MetricRun(
        merchant=merchant, started_at=now, cluster=seen.cluster, layout=rollups.LAYOUT, forwards=forwards,
        is_as_of=is_as_of,
    )  # fmt: skip
    if last is None:
        # What is not yet settled may not be seen by the refill, and is looked for by its transaction afterwards.
        run.seen_through, run.refilled_through = seen.settled, 0
    else:
        run.seen_through, run.refilled_through = last.seen_through, last.refilled_through
    # Merging or undoing a merge makes other people of old days; both are rare, so all windows are computed again.
    if last is None or last.forwards != forwards:
        run.changed_from = figures.THE_BEGINNING
    run.save()
    MetricRun.objects.filter(merchant=merchant, started_at__lt=now - RUNS_KEPT, pk__lt=run.pk).delete()
    return run.pk


def _last(merchant: Merchant) -> MetricRun | None:
    return MetricRun.objects.filter(merchant=merchant, seen_through__isnull=False).order_by("-id").first()


def _forwards(merchant: Merchant) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT md5(string_agg(id || '>' || merged_into_id, ',' ORDER BY id)) FROM member_of_today "
            "WHERE merchant_id = %s AND merged_into_id IS NOT NULL",
            [merchant.pk],
        )
        return cursor.fetchone()[0] or ""


def _take_in_purchases(merchant: Merchant, run_id: int, chunk: int) -> int:
    """Piece by piece up to what was to be seen when it began; what was still in flight then is seen again next time."""
    total = _refill(merchant, run_id, chunk)
    seen: rollups.Horizon | None = None
    start: int | None = None
    while True:

        def piece(
            seen: rollups.Horizon | None = seen, start: int | None = start
        ) -> tuple[rollups.Horizon, rollups.RollupStep]:
            run = MetricRun.objects.get(merchant=merchant, pk=run_id)
            seen = seen or rollups.horizon()
            begin = run.seen_through or 0 if start is None else start
            step = rollups.refresh_purchases(merchant=merchant, start=begin, end=seen.open, chunk=chunk)
            run.seen_through = max(run.seen_through or 0, min(step.next or seen.open, seen.settled))
            _note_step(run, step)
            return seen, step

        seen, step = _piece(merchant, piece, wait=True)
        total += step.rows
        if step.next is None:
            return total
        start = step.next


def _refill(merchant: Merchant, run_id: int, chunk: int) -> int:
    """Fill empty rollups from all purchases, or go on where a killed run left off."""
    total = 0
    while True:

        def piece() -> rollups.RollupStep | None:
            run = MetricRun.objects.get(merchant=merchant, pk=run_id)
            if run.refilled_through is None:
                return None
            # Everything is new, in no order of days: fewer, bigger pieces read less twice.
            step = rollups.refill_purchases(merchant=merchant, after=run.refilled_through, chunk=chunk * FIRST_TIME)
            run.refilled_through = step.next
            _note_step(run, step)
            return step

        step = _piece(merchant, piece, wait=True)
        if step is None:
            return total
        total += step.rows


def _note_step(run: MetricRun, step: rollups.RollupStep) -> None:
    """Move the run's marks with what a piece took in, in its transaction."""
    run.changed_from = _earlier(run.changed_from, step.first_day)
    run.changed_rows += step.rows
    run.save(update_fields=["seen_through", "refilled_through", "changed_from", "changed_rows"])


def _take_in_ledger(merchant: Merchant, chunk: int) -> int:
    total = 0
    after: int | None = 0
    while after is not None:

        def piece(after: int = after) -> rollups.RollupStep:
            return rollups.take_in_ledger(merchant=merchant, after=after, chunk=chunk)

        step = _piece(merchant, piece, wait=True)
        total += step.rows
        after = step.next
    return total


def _take_in_members(merchant: Merchant, chunk: int) -> None:
    """Who joined since, and has neither bought nor earned anything, is in the list as well."""
    after: int | None = 0
    while after is not None:

        def piece(after: int = after) -> int | None:
            return member_figures.fill(merchant=merchant, after=after, chunk=chunk)

        after = _piece(merchant, piece, wait=True)


def _publish(merchant: Merchant, run_id: int, now: datetime, passed: Callable[[], datetime]) -> int:
    """Compute everything that shows, in one transaction: no reader sees half of it."""
    with connection.cursor() as cursor:
        # As in the refresh: a merchant just imported is unknown to the planner, and sets are joined whole here.
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute("SET LOCAL work_mem = '64MB'")
    run = MetricRun.objects.get(merchant=merchant, pk=run_id)
    finished = MetricRun.objects.filter(merchant=merchant, finished_at__isnull=False).order_by("-id").values("pk")[:1]
    last_finished = finished[0]["pk"] if finished else 0
    # Runs since the last finished one took changes in and were killed before they computed.
    earliest = MetricRun.objects.filter(merchant=merchant, pk__gt=last_finished, pk__lte=run.pk).aggregate(
        day=Min("changed_from")
    )["day"]
    today = periods.local_day(now, merchant.tzinfo)
    changed_from: date = min(earliest or today, today)
    changed_from = figures.refresh(merchant=merchant, now=now, changed_from=changed_from)
    first_day = figures.first_day_of_anything(merchant) or today
    written = values.refresh(merchant=merchant, now=now, first_day=min(first_day, today), changed_from=changed_from)
    alerts.refresh(merchant=merchant, now=now)
    run.finished_at = passed()
    run.save(update_fields=["finished_at"])
    return written


def _note_failure(merchant: Merchant, run_id: int, error: Exception, at: datetime) -> None:
    """Keep the kind of error and never its text, which may hold a member's data."""
    state = sql_errors.sqlstate(error)
    failure = type(error).__name__ + (f" {state}" if state else "")
    with tenancy.tenant(merchant):
        MetricRun.objects.filter(merchant=merchant, pk=run_id).update(failed_at=at, failure=failure)


def _earlier(one: date | None, other: date | None) -> date | None:
    return min((day for day in (one, other) if day is not None), default=None)
