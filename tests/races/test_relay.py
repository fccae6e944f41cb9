"""Several relays and deliverers at once, killed at the worst moment: every event arrives, and none is lost or stuck."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connection, connections

from merchants import due, ids, outbox, tenancy, ticks
from merchants.actors import Actor
from merchants.models.outbox import OutboxEvent
from merchants.models.webhooks import WebhookDelivery
from merchants.outbox import Event
from merchants.webhooks import addresses, delivering, endpoints, relay, sending
from tests import postgres_admin
from tests.people import open_shop
from tests.receiver import receiving
from tests.threads import returned

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
OWNER = Actor("staff", "seat_0123456789abcdef", role="owner")
MINA = "mem_0123456789abcdef"


@pytest.fixture
def cafe(committed):
    return open_shop("cafe-haneul", name="Café Haneul", created_at=NOON)


@pytest.fixture
def receiver(settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiving() as receiver:
        yield receiver


def add(cafe, *urls):
    with tenancy.tenant(cafe):
        return [
            endpoints.create(merchant=cafe, target=addresses.check(url), actor=OWNER, now=NOON).endpoint.id
            for url in urls
        ]


def happen(cafe, count):
    events = [Event("member.erased", {"member": MINA}, NOON) for _ in range(count)]
    with tenancy.tenant(cafe):
        return outbox.record_many(merchant_id=cafe.pk, events=events, now=NOON)


def test_eight_relays_hand_every_event_on_exactly_once(cafe, receiver):
    add(cafe, receiver.url("/a"), receiver.url("/b"))
    happen(cafe, 400)

    def until_empty():
        total = 0
        while done := tenancy.attempt(cafe, partial(relay.relay, merchant_id=cafe.pk, now=NOON, limit=7)):
            total += done
        return total

    assert sum(returned(*[until_empty] * 8)) == 400
    with tenancy.tenant(cafe):
        assert WebhookDelivery.objects.count() == 800
        assert OutboxEvent.objects.filter(relayed_at=None).count() == 0


def test_four_deliverers_bring_everything_once(cafe, receiver):
    add(cafe, receiver.url("/a"), receiver.url("/b"))
    made = happen(cafe, 100)
    with tenancy.tenant(cafe):
        relay.relay(merchant_id=cafe.pk, now=NOON)

    returned(*[lambda: delivering.deliver(find=lambda now: [cafe.pk], clock=lambda: NOON, seconds_max=20)] * 4)
    # A deliverer ends when the others hold the locks at that moment; the next tick brings the rest.
    delivering.deliver(find=lambda now: [cafe.pk], clock=lambda: NOON, seconds_max=20)

    assert Counter(receiver.ids("/a")) == Counter(receiver.ids("/b")) == Counter(made)


def test_a_relay_that_dies_before_its_commit_has_done_nothing(cafe, receiver):
    add(cafe, receiver.url())
    made = happen(cafe, 3)
    with pytest.raises(KeyboardInterrupt), tenancy.tenant(cafe):
        assert relay.relay(merchant_id=cafe.pk, now=NOON) == 3
        raise KeyboardInterrupt

    with tenancy.tenant(cafe):
        assert relay.relay(merchant_id=cafe.pk, now=NOON) == 3
    delivering.deliver(find=lambda now: [cafe.pk], clock=lambda: NOON)
    assert sorted(receiver.ids("/ok")) == sorted(made)


def test_a_deliverer_that_dies_after_sending_sends_again_and_loses_nothing(cafe, receiver):
    add(cafe, receiver.url())
    [event_id] = happen(cafe, 1)
    with tenancy.tenant(cafe):
        relay.relay(merchant_id=cafe.pk, now=NOON)
    with tenancy.tenant(cafe):
        [parcel] = delivering.claim(merchant_id=cafe.pk, now=NOON)
    delivering.send(parcel, now=NOON)  # … and here it is killed

    find = partial(_only, cafe.pk)
    assert delivering.deliver(find=find, clock=lambda: NOON + timedelta(seconds=19)) == 0
    assert delivering.deliver(find=find, clock=lambda: NOON + timedelta(seconds=21)) == 1
    assert receiver.ids("/ok") == [event_id, event_id]


def test_a_receiver_that_refuses_one_kind_gets_all_others_without_delay(cafe, receiver):  # airyhq/airy#1043
    """Six members join and twenty leave.  The till wants no enrolments and says 400: who left is told at once."""
    receiver.refuses = {"member.enrolled"}
    add(cafe, receiver.url())
    enrolled = Event("member.enrolled", {"member": MINA}, NOON)
    left = Event("member.erased", {"member": MINA}, NOON)
    with tenancy.tenant(cafe):
        outbox.record_many(merchant_id=cafe.pk, events=[enrolled] * 6 + [left] * 10, now=NOON)
        relay.relay(merchant_id=cafe.pk, now=NOON)
    bring = lambda now: delivering.deliver(find=partial(_only, cafe.pk), clock=lambda: now)  # noqa: E731

    assert bring(NOON) == 16
    a_minute_later = NOON + timedelta(minutes=1)
    with tenancy.tenant(cafe):
        assert _states() == {("member.enrolled", "due", 1): 6, ("member.erased", "delivered", 1): 10}
        outbox.record_many(merchant_id=cafe.pk, events=[left] * 10, now=a_minute_later)
        relay.relay(merchant_id=cafe.pk, now=a_minute_later)

    assert bring(a_minute_later) == 16
    with tenancy.tenant(cafe):
        assert _states() == {("member.enrolled", "due", 2): 6, ("member.erased", "delivered", 1): 20}

    for hours in (1, 3, 10, 30, 80, 160):  # somebody leaves before each, so that the endpoint is not thought dead
        now = NOON + timedelta(hours=hours)
        with tenancy.tenant(cafe):
            outbox.record_many(merchant_id=cafe.pk, events=[left], now=now)
            relay.relay(merchant_id=cafe.pk, now=now)
        assert bring(now) == 7
    with tenancy.tenant(cafe):
        assert _states() == {("member.enrolled", "given_up", 8): 6, ("member.erased", "delivered", 1): 26}


def _states():
    rows = WebhookDelivery.objects.values_list("event__kind", "state", "attempts")
    return dict(Counter(rows))


def test_what_a_process_claimed_and_will_not_send_is_free_at_once(cafe, receiver):
    """The endpoint takes forty and then falls ill: what had been claimed ahead waits for it, and for no lease."""
    receiver.answers["/ok"] = [200] * 40 + [500]
    add(cafe, receiver.url())
    happen(cafe, 200)
    with tenancy.tenant(cafe):
        relay.relay(merchant_id=cafe.pk, now=NOON)

    delivering.deliver(find=lambda now: [cafe.pk], clock=lambda: NOON)

    with tenancy.tenant(cafe):
        assert WebhookDelivery.objects.filter(state="delivered").count() == 40
        waiting = WebhookDelivery.objects.filter(state="due")
        assert (waiting.count(), waiting.exclude(claimed_until=None).count()) == (160, 0)
        assert len(receiver.at("/ok")) == 40 + waiting.filter(attempts=1).count()
        # At most as many as were on their way; and one more where the fortieth answer came after the first failure, and
        # said that the endpoint is well.
        assert 1 <= waiting.filter(attempts=1).count() <= delivering.PER_ENDPOINT + 1


def test_many_endpoints_that_hang_leave_places_for_the_good_one(cafe, receiver, monkeypatch):
    """Nineteen endpoints never answer.  Each is given one request, and only half of the places are given to them."""
    monkeypatch.setitem(sending.post.__kwdefaults__, "seconds_max", 1.5)
    add(cafe, *(receiver.url("/slow") for _ in range(19)), receiver.url("/ok"))
    with tenancy.tenant(cafe):
        made = outbox.record_many(
            merchant_id=cafe.pk, events=[Event("member.erased", {"member": MINA}, NOON)] * 30, now=NOON
        )
        relay.relay(merchant_id=cafe.pk, now=NOON)

    delivering.deliver(find=lambda now: [cafe.pk], clock=lambda: NOON, seconds_max=6)

    assert sorted(receiver.ids("/ok")) == sorted(made)
    assert len(receiver.at("/slow")) == 19


def test_after_its_time_a_good_endpoint_is_served_while_a_hanging_one_is_waited_for(cafe, receiver, monkeypatch):
    monkeypatch.setitem(sending.post.__kwdefaults__, "seconds_max", 2.0)
    add(cafe, receiver.url("/slow"), receiver.url("/ok"))
    made = happen(cafe, 300)
    with tenancy.tenant(cafe):
        relay.relay(merchant_id=cafe.pk, now=NOON)

    delivering.deliver(find=lambda now: [cafe.pk], clock=lambda: NOON, seconds_max=0.2)

    assert sorted(receiver.ids("/ok")) == sorted(made)
    assert len(receiver.at("/slow")) == 1


def _only(merchant_id, now):
    return [each for each in delivering.merchants_due(now) if each == merchant_id]


def test_events_still_being_written_are_not_overtaken_for_ever(cafe, receiver):
    """A lower number that commits later than a higher one is found all the same."""
    add(cafe, receiver.url())
    first_is_written, second_is_relayed = threading.Event(), threading.Event()
    made = []

    def slow():
        try:
            with tenancy.tenant(cafe):
                made.append(
                    outbox.record(
                        merchant_id=cafe.pk, kind="member.erased", payload={"member": MINA}, occurred_at=NOON, now=NOON
                    )
                )
                first_is_written.set()
                second_is_relayed.wait(5)
        finally:
            connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    first_is_written.wait(5)
    made += happen(cafe, 1)
    with tenancy.tenant(cafe):
        assert relay.relay(merchant_id=cafe.pk, now=NOON) == 1
    second_is_relayed.set()
    thread.join()
    with tenancy.tenant(cafe):
        assert relay.relay(merchant_id=cafe.pk, now=NOON) == 1
        ids_in_order = list(OutboxEvent.objects.order_by("pk").values_list("public_id", flat=True))
        assert ids_in_order == made


def test_a_good_endpoint_is_not_delayed_by_bad_ones(cafe, receiver, monkeypatch):
    """Three endpoints hang, drip and fail; every event reaches the good one while they are being waited for."""
    monkeypatch.setitem(sending.post.__kwdefaults__, "seconds_max", 3.0)
    receiver.answers["/sick"] = [500]
    add(cafe, *(receiver.url(path) for path in ("/slow", "/drips", "/sick", "/ok")))
    happen(cafe, 40)
    with tenancy.tenant(cafe):
        relay.relay(merchant_id=cafe.pk, now=NOON)

    started = time.time()
    delivering.deliver(find=lambda now: [cafe.pk], clock=lambda: NOON, seconds_max=4)

    arrived = [received.at - started for received in receiver.at("/ok")]
    assert len(arrived) == 40
    assert max(arrived) < 2
    assert len(receiver.at("/slow")) <= delivering.PER_ENDPOINT
    assert len(receiver.at("/drips")) <= delivering.PER_ENDPOINT


def test_nothing_is_sent_while_a_transaction_is_open(cafe, receiver, monkeypatch):
    add(cafe, receiver.url())
    happen(cafe, 3)
    with tenancy.tenant(cafe):
        relay.relay(merchant_id=cafe.pk, now=NOON)
    open_ones = []
    real = sending.post

    def watching(*args, **kwargs):
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%'")
            open_ones.append(cursor.fetchone()[0])
        connections.close_all()
        return real(*args, **kwargs)

    monkeypatch.setattr(sending, "post", watching)
    delivering.deliver(find=lambda now: [cafe.pk], clock=lambda: NOON)

    assert open_ones == [0, 0, 0]


def test_the_system_role_finds_the_merchants_and_reads_nothing_else(cafe, receiver):
    add(cafe, receiver.url())
    happen(cafe, 1)
    assert cafe.pk in relay.merchants_due()
    assert cafe.pk not in delivering.merchants_due(NOON)

    with tenancy.tenant(cafe):
        relay.relay(merchant_id=cafe.pk, now=NOON)
    assert cafe.pk not in relay.merchants_due()
    assert cafe.pk in delivering.merchants_due(NOON)
    assert cafe.pk not in delivering.merchants_due(NOON - timedelta(seconds=1))

    with connections["system"].cursor() as cursor, pytest.raises(Exception, match="permission denied"):
        cursor.execute("SELECT sealed_secret FROM merchants_webhookendpoint")


def test_a_tick_is_done_by_one_at_a_time_and_a_death_gives_the_place_up(committed):
    name = ids.mint("evt")
    with due.alone(name) as first:
        assert first
        assert returned(lambda: _try(name)) == [False]
    assert returned(lambda: _try(name)) == [True]

    with pytest.raises(Exception, match=r"terminat|closed"), due.alone(name):
        with connections["system"].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [pid] = cursor.fetchone()
        postgres_admin.end_backend(pid)
        assert returned(lambda: _try(name)) == [True]
    connections["system"].close()


def _try(name):
    with due.alone(name) as mine:
        return mine


def test_a_tick_writes_down_how_it_went(committed):
    name = f"test-{ids.mint('evt')}"
    times = iter([NOON, NOON + timedelta(seconds=2), NOON + timedelta(minutes=1), NOON + timedelta(minutes=1)])

    assert ticks.run(name, lambda: 7, clock=lambda: next(times)) == 7
    with pytest.raises(ZeroDivisionError):
        ticks.run(name, lambda: 1 // 0, clock=lambda: next(times))

    [mine] = [each for each in ticks.report() if each.name == name]
    assert (mine.started_at, mine.finished_at) == (NOON + timedelta(minutes=1), NOON + timedelta(seconds=2))
    assert (mine.duration_ms, mine.done) == (2000, 7)
    assert (mine.failed_at, mine.failure) == (NOON + timedelta(minutes=1), "ZeroDivisionError")
    assert mine.age_seconds(NOON + timedelta(seconds=62)) == 60
    assert not connection.in_atomic_block
