"""The clock: every line of its table has a task, runs alone, and may be lost, late or repeated."""

from __future__ import annotations

import contextlib
import inspect
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from celery.signals import task_revoked
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import ProgrammingError, connection, connections

from loyalty.celery import app
from loyalty.operations import heartbeat
from loyalty.worker import merchant_runs, schedule, tasks
from merchants import directory, due, ids, limits, outbox, tenancy, ticks
from merchants.actors import Actor
from merchants.database import clocks, expired_rows
from merchants.models.limits import RateLimit
from merchants.models.merchants import Merchant
from merchants.models.webhooks import OutboxEvent, WebhookDelivery
from merchants.webhooks import addresses, endpoints, log
from tests.people import open_shop
from tests.receiver import receiving

ROOT = Path(__file__).resolve().parents[2]
#: These only start work of their own, a task per merchant.
STARTERS = {"tick.metrics", "tick.verify"}
OWNER = Actor("staff", "seat_0123456789abcdef", role="owner")


def open_cafe():
    return open_shop("cafe-haneul", name="Café Haneul", created_at=datetime.now(UTC))


def erased(cafe):
    now = datetime.now(UTC)
    with tenancy.tenant(cafe):
        return outbox.record(
            merchant_id=cafe.pk, kind="member.erased", payload={"member": ids.mint("mem")}, occurred_at=now, now=now
        )


@pytest.mark.parametrize("line", schedule.SCHEDULE, ids=lambda line: line.task)
def test_every_line_has_a_task_that_takes_what_later_callers_may_add(line):
    app.loader.import_default_modules()
    task = app.tasks[line.task]

    assert isinstance(task, merchant_runs.ScheduledTask)
    assert app.conf.beat_schedule[line.task]["schedule"] == line.seconds
    assert app.conf.beat_schedule[line.task]["options"]["expires"] == line.seconds
    assert any(each.kind is each.VAR_KEYWORD for each in inspect.signature(task.run).parameters.values())


def test_beat_can_send_every_line():
    """Celery compares arguments with the body's signature when a task is sent, not only when it runs."""
    app.loader.import_default_modules()
    app.control.purge()
    for line in schedule.SCHEDULE:
        app.tasks[line.task].apply_async(**app.conf.beat_schedule[line.task]["options"])
    assert app.control.purge() == len(schedule.SCHEDULE)


def test_every_tick_is_on_the_schedule():
    app.loader.import_default_modules()
    ticks_there_are = {name for name in app.tasks if name.startswith("tick.")}
    assert ticks_there_are == {line.task for line in schedule.SCHEDULE}


def test_what_an_app_says_of_its_due_work_is_on_the_schedule():
    """A module `due_work` of an app counts for nothing until loyalty/worker/schedule.py names what it holds."""
    for name in ("DUE_WORK", "PRUNED", "WAITING", "TROUBLES"):
        said = [
            each
            for path in sorted(ROOT.glob("*/due_work.py"))
            for each in getattr(import_module(f"{path.parent.name}.due_work"), name, ())
        ]
        taken = getattr(schedule, name)
        assert len(said) == len(taken) > 0
        assert {id(each) for each in said} == {id(each) for each in taken}


def test_each_due_work_has_a_name_of_its_own():
    names = [line.task for line in schedule.SCHEDULE]
    assert len(set(names)) == len(names)


@pytest.mark.django_db(databases=["default", "system"])
@pytest.mark.parametrize("asked", [*schedule.WAITING, *schedule.TROUBLES], ids=lambda asked: asked.name)
def test_the_system_role_may_ask_what_waits_and_what_is_wrong(asked):
    with connections["system"].cursor() as cursor:
        cursor.execute(asked.query)
        # Of how many shops other tests have left something, nobody knows.
        assert cursor.fetchone()[0] >= 0


@pytest.mark.parametrize("hours", [2, -24])
@pytest.mark.django_db(databases=["default", "system"])
def test_a_worker_whose_clock_is_off_does_nothing_and_says_so(monkeypatch, hours):
    """Two hours ahead it would let points end too early; a day behind, receivers refuse what it signs."""
    app.loader.import_default_modules()
    monkeypatch.setattr(clocks, "offset_seconds", lambda alias="default": hours * 3600.0)
    done = []
    monkeypatch.setattr(app.tasks["tick.lots"], "run", lambda **_: done.append(1))

    with pytest.raises(clocks.ClockDiffers, match="s off the database's: synchronise it"):
        app.tasks["tick.lots"]()

    assert done == []
    (report,) = [each for each in ticks.report() if each.name == "tick.lots"]
    assert report.failure == "ClockDiffers"
    assert abs((report.failed_at - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.django_db(databases=["default", "system"])
def test_a_tick_that_came_too_late_is_not_dropped_in_silence(monkeypatch, caplog):
    """A worker that is ahead finds every tick expired; nothing of ours runs then but this."""
    monkeypatch.setattr(heartbeat, "_dropped_at", -1e9)
    monkeypatch.setattr(clocks, "offset_seconds", lambda alias="default": 7200.0)

    for _tick in range(3):
        task_revoked.send(sender=None, request=None, terminated=False, signum=None, expired=True)

    said = [record.getMessage() for record in caplog.records if "dropped" in record.getMessage()]
    assert len(said) == 1
    assert "this machine's clock differs from the database's" in said[0]


def test_the_queue_is_set_up_to_lose_nothing():
    conf = app.conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.task_ignore_result
    assert conf.broker_transport_options["visibility_timeout"] > conf.task_time_limit


@pytest.mark.parametrize(
    "line", [each for each in schedule.SCHEDULE if each.task not in STARTERS], ids=lambda x: x.task
)
def test_every_tick_runs_on_an_installation_with_work_and_leaves_a_note(line, committed, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    cafe = open_cafe()
    erased(cafe)
    app.loader.import_default_modules()

    assert app.tasks[line.task](later_argument=1) is not None

    [note] = [each for each in ticks.report() if each.name == line.task]
    assert note.finished_at is not None
    assert note.age_seconds(datetime.now(UTC)) < 60
    assert not connections["default"].in_atomic_block
    assert not connections["system"].in_atomic_block


def test_an_event_goes_from_the_outbox_to_its_receiver_in_two_ticks(committed, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    cafe = open_cafe()
    with receiving() as receiver:
        with tenancy.tenant(cafe):
            made = endpoints.create(
                merchant=cafe, target=addresses.check(receiver.url()), actor=OWNER, now=datetime.now(UTC)
            )
        event_id = erased(cafe)
        tasks.DUE["relay"]()
        tasks.deliver_events()

        assert receiver.ids("/ok") == [event_id]
        assert receiver.at("/ok")[0].verified(made.secret)["type"] == "member.erased"
    with tenancy.tenant(cafe):
        assert [each.state for each in log.deliveries(merchant=cafe)] == ["delivered"]


def test_a_tick_that_finds_itself_at_work_elsewhere_leaves(committed):
    cafe = open_cafe()
    erased(cafe)
    with due.alone("tick:tick.holds"):
        assert _in_another_thread(tasks.DUE["holds"]) is None
        assert _in_another_thread(tasks.DUE["relay"]) >= 1
    assert _in_another_thread(tasks.DUE["holds"]) == 0


@pytest.mark.parametrize("name", ["tick.relay", "tick.deliver"])
def test_events_are_relayed_and_delivered_by_two_processes_at_once_and_not_by_three(committed, name):
    task = {"tick.relay": tasks.DUE["relay"], "tick.deliver": tasks.deliver_events}[name]
    with due.alone(f"tick:{name}", places=2) as first:
        assert first
        assert _in_another_thread(task) is not None
        with due.alone(f"tick:{name}#1") as second:
            assert second
            assert _in_another_thread(task) is None


def _in_another_thread(work):
    def run():
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def test_a_nightly_job_is_done_once_a_night_and_made_up_for_when_it_was_missed(committed):
    cafe = open_cafe()  # in Seoul: nine hours ahead
    job = ids.mint("evt")
    noon = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)
    night = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)

    def is_due(now):
        return cafe.pk in merchant_runs.due_tonight(job, now=now)

    assert is_due(noon)  # never done before: at once, whatever the hour
    ticks.run(f"{job}:{cafe.pk}", lambda: 1, clock=lambda: noon)
    assert [is_due(noon + timedelta(hours=hours)) for hours in (0, 6, 11)] == [False, False, False]
    assert is_due(night)
    ticks.run(f"{job}:{cafe.pk}", lambda: 1, clock=lambda: night)
    assert not is_due(night + timedelta(hours=2))
    assert not is_due(night + timedelta(hours=18))
    assert is_due(night + timedelta(hours=31))


def test_the_nightly_reconciliation_runs_for_one_merchant_and_is_noted(committed):
    cafe = open_cafe()
    now = datetime.now(UTC)
    assert cafe.pk in merchant_runs.due_tonight("verify", now=now)

    tasks.verify_ledger_of(merchant_id=cafe.pk)

    assert cafe.pk not in merchant_runs.due_tonight("verify", now=now)


def test_trouble_at_one_merchant_is_not_trouble_at_the_next(committed):
    first, second, third = (open_cafe() for _ in range(3))
    seen = []

    def work(merchant):
        seen.append(merchant.pk)
        if merchant == second:
            raise ZeroDivisionError
        return 0

    with pytest.raises(merchant_runs.RunFailed, match="ZeroDivisionError"):
        merchant_runs.each([first.pk, second.pk, third.pk], work)
    assert seen == [first.pk, second.pk, third.pk]


def test_a_failure_that_somebody_swallowed_is_that_merchants_alone(committed):
    """PostgreSQL had rolled it back; nobody may call that a lost connection and end the round."""
    first, second = open_cafe(), open_cafe()
    seen = []

    def work(merchant):
        seen.append(merchant.pk)
        if merchant == first:
            with connections["default"].cursor() as cursor, contextlib.suppress(ProgrammingError):
                cursor.execute("SELECT nonsense")
        return 0

    with pytest.raises(merchant_runs.RunFailed, match="InternalError"):
        merchant_runs.each([first.pk, second.pk], work)
    assert seen == [first.pk, second.pk]


def test_work_is_done_in_chunks_each_in_its_own_transaction_until_nothing_is_left(committed):
    cafe = open_cafe()
    left = [3, 2, 0]
    transactions = []

    def work(merchant):
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()::text, current_setting('app.merchant_id')::bigint")
            transactions.append(cursor.fetchone())
        return left.pop(0)

    assert merchant_runs.each([cafe.pk], work) == 5
    assert len({xid for xid, _merchant in transactions}) == 3
    assert {merchant for _xid, merchant in transactions} == {cafe.pk}


def test_a_round_ends_in_time_for_the_next(committed):
    cafe = open_cafe()
    started = datetime.now(UTC)
    assert merchant_runs.each([cafe.pk], lambda merchant: 1, seconds_max=0.2) > 1
    assert datetime.now(UTC) - started < timedelta(seconds=2)


def test_what_a_tick_does_it_does_in_the_merchants_own_tenant(committed, settings):
    """Two merchants, one event each: each endpoint hears of its own only."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    haneul, bookshop = open_cafe(), open_cafe()
    with receiving() as receiver:
        for cafe, path in ((haneul, "/haneul"), (bookshop, "/bookshop")):
            with tenancy.tenant(cafe):
                endpoints.create(
                    merchant=cafe, target=addresses.check(receiver.url(path)), actor=OWNER, now=datetime.now(UTC)
                )
        theirs = [erased(haneul), erased(bookshop)]
        tasks.DUE["relay"]()
        tasks.deliver_events()
        assert [receiver.ids("/haneul"), receiver.ids("/bookshop")] == [[theirs[0]], [theirs[1]]]
    with tenancy.tenant(haneul):
        assert WebhookDelivery.objects.count() == 1
    assert directory.get(haneul.pk) == haneul


@pytest.mark.parametrize("night", ["2026-10-25", "2026-03-29"])
def test_f27_the_night_an_hour_comes_twice_or_never_a_nightly_job_is_done_once(committed, night, monkeypatch):
    """Berlin: at three it is two again in October, and in March two is three at once."""
    shop = open_shop(
        "backerei", name="Bäckerei", currency="EUR", zone="Europe/Berlin", country="DE", created_at=datetime.now(UTC)
    )
    midnight = datetime.fromisoformat(f"{night}T00:00").replace(tzinfo=shop.tzinfo).astimezone(UTC)
    done = []
    # The night before it was done as on any other night.
    rounds_at(monkeypatch, midnight - timedelta(hours=21))
    merchant_runs.once_a_night("verify", shop.pk, lambda merchant: len(merchant.name))

    for minutes in range(0, 24 * 60, 20):
        now = rounds_at(monkeypatch, midnight + timedelta(minutes=minutes))
        if shop.pk in merchant_runs.due_tonight("verify", now=now):
            merchant_runs.once_a_night("verify", shop.pk, lambda merchant: len(merchant.name))
            done.append(now.astimezone(shop.tzinfo).hour)

    assert len(done) == 1
    assert done[0] in merchant_runs.NIGHT_HOURS


def rounds_at(monkeypatch, now):
    monkeypatch.setattr(merchant_runs, "clock", lambda: now)
    return now


def test_a_closed_merchant_is_verified_and_pruned_like_any_other(committed):
    cafe = open_cafe()
    erased(cafe)
    now = datetime.now(UTC)
    with tenancy.tenant(cafe):
        OutboxEvent.objects.filter(merchant=cafe).update(relayed_at=now)
    Merchant.objects.filter(pk=cafe.pk).update(closed_at=now)

    assert cafe.pk in merchant_runs.due_tonight("verify", now=now)
    tasks.prune.run(now=now + timedelta(days=60))
    with tenancy.tenant(cafe):
        assert not OutboxEvent.objects.filter(merchant=cafe).exists()


def test_ended_sessions_uses_that_count_no_more_and_expired_cache_entries_are_removed(db):
    now = datetime.now(UTC)
    for key, days in (("ended", -1), ("open", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(days=days))
    cache.set("short", 1, 60)
    cache.set("long", 1, 10 * 86400)
    for name, seconds in (("asked-lately", 60), ("asked-today", 86400)):
        limits.take(limits=[limits.Limit(name, 3, seconds)], subject="203.0.113.9", now=now)

    assert expired_rows.prune(now=now + timedelta(hours=1)) >= 3

    assert [each.session_key for each in Session.objects.filter(session_key__in=["ended", "open"])] == ["open"]
    assert (cache.get("short"), cache.get("long")) == (None, 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_cache WHERE cache_key LIKE '%%short'")
        assert cursor.fetchone() == (0,)
    kept = RateLimit.objects.filter(key__contains="asked-").values_list("key", flat=True)
    assert [key.split(":")[1] for key in kept] == ["asked-today"]
