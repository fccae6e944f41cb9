"""Webhooks: signed, repeated, bounded, and never sent into our own network."""

from __future__ import annotations

import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from merchants import outbox, sealing, tenancy
from merchants.actors import Actor
from merchants.errors import LoyaltyError
from merchants.models.audit import AuditRecord
from merchants.models.outbox import OutboxEvent
from merchants.models.webhooks import WebhookDelivery, WebhookEndpoint
from merchants.webhooks import addresses, delivering, endpoints, log, pruning, relay, retries, sending, signatures
from tests.people import open_shop
from tests.receiver import receiving

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
OWNER = Actor("staff", "seat_0123456789abcdef", role="owner")
MINA = "mem_0123456789abcdef"
PUBLIC = "93.184.215.14"


def at(*answers):
    """A name server that gives these answers, one a question, the last for ever."""
    left = list(answers)

    def resolver(host, port):
        return left.pop(0) if len(left) > 1 else left[0]

    return resolver


@pytest.fixture
def cafe(db):
    cafe = open_shop("cafe-haneul", name="Café Haneul", created_at=NOON)
    with tenancy.tenant(cafe):
        yield cafe


@pytest.fixture
def inside(settings):
    """Tests stand on this machine, where no webhook may go."""
    settings.WEBHOOK_ALLOW_PRIVATE = True


@pytest.fixture
def receiver(inside):
    with receiving() as receiver:
        yield receiver


def add(cafe, url, *, kinds=()):
    return endpoints.create(merchant=cafe, target=addresses.check(url), kinds=kinds, actor=OWNER, now=NOON)


def happens(cafe, *, member=MINA, now=NOON):
    return outbox.record(
        merchant_id=cafe.pk, kind="member.erased", payload={"member": member}, occurred_at=now, now=now
    )


def deliver(cafe, *, now=NOON):
    """Relay and make every attempt that is due, as the worker does; return the answers."""
    relay.relay(merchant_id=cafe.pk, now=now)
    answers = []
    while parcels := delivering.claim(merchant_id=cafe.pk, now=now):
        for parcel in parcels:
            answers.append(delivering.send(parcel, now=datetime.now(UTC)))
            delivering.settle([(parcel, answers[-1])], now=now)
    return answers


# -- Which addresses may be called (F55) ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200", "0.0.0.0", "255.255.255.255", "224.0.0.251", "239.1.1.1", "240.0.0.1", "192.0.2.1",
        "198.18.0.1", "192.0.0.9", "192.0.0.192", "3fff::1", "2001:1::1", "2001:20::1",
        "198.51.100.7", "203.0.113.9", "192.88.99.1", "168.63.129.16",
        "::", "::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
        "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:a00:1::", "2001:0:4136:e378::1",
        "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1",
        "not an address", "",
    ],
)  # fmt: skip
def test_an_address_of_our_own_network_is_refused_in_every_form(address):
    assert not addresses.is_public(address)
    with pytest.raises(addresses.AddressRefused, match=r"private network|cannot be found"):
        addresses.check("https://shop.example/hook", resolver=at([address]))


def test_ports_of_a_machines_own_services_are_refused():
    for port in (22, 25, 53, 80, 1023):
        with pytest.raises(addresses.AddressRefused, match="port 443"):
            addresses.check(f"https://1.1.1.1:{port}/hook", resolver=at(["1.1.1.1"]))
    for port in (443, 1024, 8443):
        assert addresses.check(f"https://1.1.1.1:{port}/hook", resolver=at(["1.1.1.1"])).port == port


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_an_address_of_the_open_internet_is_taken(address):
    target = addresses.check("https://shop.example/hook?a=1", resolver=at([address]))

    assert target == addresses.Target(
        "https://shop.example/hook?a=1", "https", "shop.example", 443, "/hook?a=1", (address,)
    )


def test_one_bad_address_among_good_ones_refuses_the_name():
    with pytest.raises(addresses.AddressRefused, match="private network"):
        addresses.check("https://shop.example/", resolver=at([PUBLIC, "10.0.0.1"]))


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/", "ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example/", "//shop.example/",
        "shop.example", "", "https://", "https:///x", "https://user@shop.example/", "https://user:pw@shop.example/",
        "https://shop.example/#part", "https://shop.example:0/", "https://shop.example:99999/",
        "https://shop.example:x/", "https://shop.example/a b", "https://shop.example/\r\nX: y", "https://shop.example\\@x/",
        "https://2130706433/", "https://0x7f000001/", "https://017700000001/", "https://127.1/", "https://0x7f.1/",
        "https://0177.0.0.1/", "https://10.0.0.1./", "https://[::1%25eth0]/", "https://[::1/", "https://münchen.example/",
        "https://shop.example/" + "a" * 500,
    ],
)  # fmt: skip
def test_what_is_not_plainly_an_https_address_is_refused_before_anybody_is_asked(url):
    def nobody(host, port):
        raise AssertionError("asked the network")

    with pytest.raises(addresses.AddressRefused) as refusal:
        addresses.check(url, resolver=nobody)
    assert refusal.value.pointer == "/url"


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://localhost/"]
)
def test_our_own_machine_is_refused_with_the_real_resolver(url):
    with pytest.raises(addresses.AddressRefused, match="private network"):
        addresses.check(url)


def test_a_name_that_does_not_exist_is_refused_and_says_so():
    def unknown(host, port):
        raise OSError("no such host")

    with pytest.raises(addresses.AddressRefused, match="cannot be found"):
        addresses.check("https://shop.example/", resolver=unknown)


def test_a_name_that_hangs_does_not_hang_us(monkeypatch):
    monkeypatch.setattr(addresses, "RESOLVE_SECONDS_MAX", 0.1)
    release = threading.Event()

    def hanging(host, port):
        release.wait(5)
        return [PUBLIC]

    started = time.monotonic()
    with pytest.raises(addresses.AddressRefused, match="cannot be found"):
        addresses.check("https://shop.example/", resolver=hanging)
    assert time.monotonic() - started < 1
    release.set()


def test_a_name_that_turns_inside_after_it_was_saved_is_not_called(cafe):
    """DNS rebinding: public when we look, 127.0.0.1 when we call."""
    rebinding = at([PUBLIC], ["127.0.0.1"])
    with_secret = endpoints.create(
        merchant=cafe, target=addresses.check("https://shop.example/", resolver=rebinding), actor=OWNER, now=NOON
    )
    assert with_secret.endpoint.url == "https://shop.example/"
    happens(cafe)
    relay.relay(merchant_id=cafe.pk, now=NOON)
    [parcel] = delivering.claim(merchant_id=cafe.pk, now=NOON)

    answer = delivering.send(parcel, now=NOON, resolver=rebinding)

    assert (answer.code, answer.text) == (None, "This address leads into a private network.")


def test_the_connection_goes_to_the_address_that_was_checked_and_names_the_host(receiver):
    """The name would never resolve here; the pinned address answers, and Host still says the name."""
    answer = sending.post(
        f"http://shop.example:{receiver.port}/ok", body=b"{}", headers={}, resolver=at(["127.0.0.1"], ["192.0.2.1"])
    )

    assert answer.code == 200
    assert receiver.at("/ok")[0].headers["host"] == f"shop.example:{receiver.port}"


def test_tls_proves_the_name_and_not_the_number(receiver, monkeypatch):
    """SNI carries the name even though the socket was dialled by number."""
    named = []

    class Context(ssl.SSLContext):
        def wrap_socket(self, sock, *args, server_hostname=None, **kwargs):
            named.append(server_hostname)
            raise ssl.SSLCertVerificationError("not today")

    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr(sending, "_tls", lambda: context)
    answer = sending.post(
        f"https://shop.example:{receiver.port}/ok", body=b"{}", headers={}, resolver=at(["127.0.0.1"])
    )

    assert named == ["shop.example"]
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert answer.text == "the certificate is not valid for this address"


def test_proxies_of_the_environment_are_not_asked(receiver, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert sending.post(receiver.url(), body=b"{}", headers={}).code == 200


# -- Receivers with bad habits (F56) -------------------------------------------------------------------------------


def test_a_redirect_is_a_no_and_is_not_followed(receiver):
    answer = sending.post(receiver.url("/redirects"), body=b"{}", headers={})

    assert (answer.code, answer.is_accepted) == (302, False)
    assert receiver.at("/inside") == []


@pytest.mark.parametrize("path", ["/slow", "/drips"])
def test_a_receiver_that_takes_its_time_is_cut_off(receiver, path):
    started = time.monotonic()
    answer = sending.post(receiver.url(path), body=b"{}", headers={}, seconds_max=0.5)

    assert (answer.code, answer.text, answer.was_slow) == (None, "no answer in time", True)
    assert time.monotonic() - started < 1.5


def test_an_answer_without_end_is_read_to_64_kb_and_kept_to_1000_letters(receiver):
    answer = sending.post(receiver.url("/endless"), body=b"{}", headers={})

    assert answer.code == 200
    assert len(answer.text) == 1000


def test_nobody_at_home_is_said_in_words(inside):
    answer = sending.post("http://127.0.0.1:1/", body=b"{}", headers={})

    assert (answer.code, answer.text, answer.was_slow) == (None, "the connection was refused", False)


# -- Signatures (F57) ----------------------------------------------------------------------------------------------


def test_a_receiver_can_verify_a_delivery_with_the_standards_library(cafe, receiver):
    made = add(cafe, receiver.url())
    event_id = happens(cafe)

    [answer] = deliver(cafe)

    [received] = receiver.at("/ok")
    assert answer.code == 200
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-id"] == event_id
    assert received.verified(made.secret) == {
        "id": event_id,
        "type": "member.erased",
        "timestamp": "2026-03-04T12:00:00Z",
        "data": {"member": MINA},
    }


def test_a_forged_or_old_delivery_does_not_verify(cafe, receiver):
    made = add(cafe, receiver.url())
    happens(cafe)
    deliver(cafe)
    [received] = receiver.at("/ok")

    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(received.body.replace(b"mem_0", b"mem_1"), received.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(signatures.mint_secret()).verify(received.body, received.headers)
    old = signatures.headers(
        message_id="evt_x", at=datetime.now(UTC) - timedelta(minutes=6), body=received.body, secrets=[made.secret]
    )
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(made.secret).verify(received.body, old)


def test_both_secrets_sign_while_a_receiver_changes_over(cafe, receiver):
    old = add(cafe, receiver.url())
    new = endpoints.rotate_secret(
        merchant=cafe, endpoint_id=old.endpoint.id, actor=OWNER, now=NOON, overlap=timedelta(hours=1)
    )
    assert new.secret != old.secret
    happens(cafe)
    deliver(cafe)
    happens(cafe)
    deliver(cafe, now=NOON + timedelta(hours=1))

    during, after = receiver.at("/ok")
    assert during.verified(old.secret) == during.verified(new.secret)
    assert after.verified(new.secret)["type"] == "member.erased"
    with pytest.raises(WebhookVerificationError):
        after.verified(old.secret)


def test_a_secret_is_shown_when_it_is_made_and_never_again(cafe, inside):
    made = add(cafe, "http://127.0.0.1:9/")

    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(endpoints.get(merchant=cafe, endpoint_id=made.endpoint.id))
    assert made.secret not in repr(endpoints.listed(merchant=cafe))
    assert made.secret not in repr(list(AuditRecord.objects.values()))


def test_the_table_alone_does_not_tell_a_secret_nor_lend_it_to_another(cafe, receiver):
    mine, other = add(cafe, receiver.url()), add(cafe, receiver.url("/other"), kinds=["tier.changed"])
    new = endpoints.rotate_secret(merchant=cafe, endpoint_id=mine.endpoint.id, actor=OWNER, now=NOON)
    rows = {row.public_id: row for row in WebhookEndpoint.objects.all()}

    kept = repr([list(vars(row).values()) for row in rows.values()])
    for secret in (mine.secret, new.secret, other.secret):
        assert secret.removeprefix("whsec_") not in kept

    # Whoever can write to the table puts the other endpoint's secret into mine: it does not open there.
    stolen = rows[mine.endpoint.id]
    stolen.sealed_secret = rows[other.endpoint.id].sealed_secret
    stolen.save()
    happens(cafe)
    deliver(cafe)
    assert receiver.received == []
    [waiting] = log.deliveries(merchant=cafe, endpoint_id=mine.endpoint.id)
    assert (waiting.state, waiting.attempts, waiting.last_answer) == ("due", 1, delivering.CANNOT_SIGN)


def test_a_new_secret_key_opens_the_old_ones_until_they_are_sealed_anew(cafe, receiver, settings):
    made = add(cafe, receiver.url())
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the second key of this installation", [settings.SECRET_KEY]
    happens(cafe)
    deliver(cafe)
    assert receiver.at("/ok")[0].verified(made.secret)["type"] == "member.erased"

    assert endpoints.reseal(merchant=cafe) == 1
    assert endpoints.reseal(merchant=cafe) == 0
    settings.SECRET_KEY_FALLBACKS = []
    happens(cafe)
    deliver(cafe)
    assert receiver.at("/ok")[1].verified(made.secret)["type"] == "member.erased"


def test_without_the_old_key_nothing_leaves_unsigned_and_a_new_secret_heals_it(cafe, receiver, settings):
    made = add(cafe, receiver.url())
    settings.SECRET_KEY = "another key, and the old one is lost"
    happens(cafe)
    deliver(cafe)
    assert receiver.received == []
    with pytest.raises(sealing.CannotUnseal):
        endpoints.reseal(merchant=cafe)

    new = endpoints.rotate_secret(merchant=cafe, endpoint_id=made.endpoint.id, actor=OWNER, now=NOON)
    deliver(cafe, now=NOON + timedelta(hours=1))
    assert [r.verified(new.secret)["type"] for r in receiver.at("/ok")] == ["member.erased"]


# -- Who gets what -------------------------------------------------------------------------------------------------


def test_an_endpoint_gets_the_kinds_it_asked_for_and_none_means_all(cafe, receiver):
    add(cafe, receiver.url("/all"))
    add(cafe, receiver.url("/tiers"), kinds=["tier.changed"])
    erased = happens(cafe)
    rose = outbox.record(
        merchant_id=cafe.pk,
        kind="tier.changed",
        payload={
            "member": MINA,
            "tier_before": None,
            "tier_after": "gold",
            "reason": "upgrade",
            "held_from": "2026-03-04T03:00:00Z",
            "requalifies_at": None,
            "value": 500,
        },
        occurred_at=NOON,
        now=NOON,
    )
    deliver(cafe)

    assert sorted(receiver.ids("/all")) == sorted([erased, rose])
    assert receiver.ids("/tiers") == [rose]


def test_an_event_is_relayed_once_however_often_the_relay_runs(cafe, inside):
    add(cafe, "http://127.0.0.1:9/")
    for _ in range(3):
        happens(cafe)

    assert [relay.relay(merchant_id=cafe.pk, now=NOON, limit=2) for _ in range(3)] == [2, 1, 0]
    assert WebhookDelivery.objects.count() == 3
    assert OutboxEvent.objects.filter(relayed_at__isnull=True).count() == 0


def test_a_trial_goes_to_the_one_endpoint_that_asked(cafe, receiver):
    add(cafe, receiver.url("/other"))
    mine = add(cafe, receiver.url("/mine"))

    delivery_id = endpoints.ping(merchant=cafe, endpoint_id=mine.endpoint.id, now=NOON)
    deliver(cafe)

    assert receiver.at("/other") == []
    assert receiver.at("/mine")[0].verified(mine.secret)["data"] == {"endpoint": mine.endpoint.id}
    shown = log.delivery(merchant=cafe, delivery_id=delivery_id)
    assert (shown.state, shown.kind, shown.last_answer_code, shown.last_answer) == (
        "delivered", "webhook.ping", 200, "thank you",
    )  # fmt: skip


def test_an_unknown_kind_is_refused_where_it_stands(cafe, inside):
    with pytest.raises(endpoints.UnknownEventKind, match=r"points\.lost") as refusal:
        add(cafe, "http://127.0.0.1:9/", kinds=["tier.changed", "points.lost"])

    assert refusal.value.pointer == "/kinds/1"
    assert WebhookEndpoint.objects.count() == 0


def test_there_are_at_most_twenty_endpoints(cafe, inside):
    made = [add(cafe, f"http://127.0.0.1:9/{n}") for n in range(20)]
    with pytest.raises(endpoints.TooManyEndpoints):
        add(cafe, "http://127.0.0.1:9/")

    endpoints.delete(merchant=cafe, endpoint_id=made[0].endpoint.id, actor=OWNER, now=NOON)
    add(cafe, "http://127.0.0.1:9/")


# -- Trying again --------------------------------------------------------------------------------------------------


def test_eight_tries_within_three_days_and_then_it_is_given_up(cafe, receiver):
    receiver.answers["/sick"] = [500]
    add(cafe, receiver.url("/sick"))
    happens(cafe)
    now, tries = NOON, []
    while True:
        deliver(cafe, now=now)
        row = WebhookDelivery.objects.get()
        tries.append(now)
        if row.state != "due":
            break
        now = row.due_at + timedelta(seconds=300)  # after the endpoint's rest

    assert (row.state, row.attempts, row.last_answer_code) == ("given_up", 8, 500)
    assert len(receiver.at("/sick")) == len(tries) == 8
    assert len(set(receiver.ids("/sick"))) == 1
    assert timedelta(days=3) < tries[-1] - tries[0] < timedelta(days=3.5)


def test_the_waits_grow_and_are_spread():
    waits = [retries.wait(attempts=n, jitter=0, retry_after_seconds=None) for n in range(1, 9)]

    assert [w and w.total_seconds() for w in waits] == [5, 60, 600, 3600, 18_000, 64_800, 172_800, None]
    assert retries.wait(attempts=1, jitter=1, retry_after_seconds=None) == timedelta(seconds=5.5)


def test_a_busy_receiver_may_ask_for_time_within_reason(cafe, receiver):
    receiver.answers["/busy"] = [503]
    add(cafe, receiver.url("/busy"))
    happens(cafe)
    deliver(cafe)

    assert WebhookDelivery.objects.get().due_at == NOON + timedelta(seconds=120)
    assert retries.wait(attempts=1, jitter=0, retry_after_seconds=10**9) == timedelta(hours=1)


def test_after_a_failure_the_same_event_arrives_with_the_same_id_and_a_new_timestamp(cafe, receiver):
    receiver.answers["/moody"] = [500, 200]
    made = add(cafe, receiver.url("/moody"))
    event_id = happens(cafe)
    deliver(cafe)
    deliver(cafe, now=NOON + timedelta(seconds=10))

    assert receiver.ids("/moody") == [event_id, event_id]
    assert [r.verified(made.secret)["id"] for r in receiver.at("/moody")] == [event_id, event_id]
    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts) == ("delivered", 2)


def test_gone_disables_the_endpoint_and_gives_up_what_was_on_its_way(cafe, receiver):
    made = add(cafe, receiver.url("/gone"))
    for _ in range(3):
        happens(cafe)
    deliver(cafe)

    endpoint = endpoints.get(merchant=cafe, endpoint_id=made.endpoint.id)
    assert endpoint.disabled_reason == "the receiver answered 410: gone"
    assert {d.state for d in log.deliveries(merchant=cafe)} == {"given_up"}
    assert AuditRecord.objects.filter(action="webhook.disabled", actor="system:clock").count() == 1


def test_five_days_without_a_good_answer_disable_the_endpoint_and_one_good_answer_forgives(cafe, receiver):
    receiver.answers["/sick"] = [500, 500, 200, 500]
    made = add(cafe, receiver.url("/sick"))
    start = NOON
    for days in (0, 4.9, 4.95, 5.1, 10.0, 10.2):
        happens(cafe, now=start + timedelta(days=days))
        relay.relay(merchant_id=cafe.pk, now=start + timedelta(days=days))
        # one attempt a visit: the newest event only
        WebhookDelivery.objects.filter(attempts__gt=0, state="due").update(state="given_up")
        deliver(cafe, now=start + timedelta(days=days))
        endpoint = endpoints.get(merchant=cafe, endpoint_id=made.endpoint.id)
        assert (endpoint.disabled_at is not None) == (days == 10.2), days

    assert endpoint.disabled_reason == "nothing was accepted for 5 days"


# -- The breaker ---------------------------------------------------------------------------------------------------


def test_an_endpoint_that_fails_rests_longer_each_time_and_then_gets_one_delivery_as_a_probe(cafe, receiver):
    receiver.answers["/sick"] = [500]
    add(cafe, receiver.url("/sick"))
    for _ in range(20):
        happens(cafe)

    deliver(cafe)
    endpoint = WebhookEndpoint.objects.get()
    assert len(receiver.at("/sick")) == 4  # what was already claimed when it began to fail
    assert endpoint.resting_until == NOON + timedelta(seconds=10)
    assert endpoint.last_failure.startswith("HTTP 500")

    deliver(cafe, now=NOON + timedelta(seconds=9))
    assert len(receiver.at("/sick")) == 4

    deliver(cafe, now=NOON + timedelta(seconds=11))
    assert len(receiver.at("/sick")) == 5

    receiver.answers["/sick"] = [200]
    deliver(cafe, now=NOON + timedelta(minutes=15))
    assert WebhookDelivery.objects.exclude(state="delivered").count() == 0
    endpoint.refresh_from_db()
    assert (endpoint.failing_since, endpoint.last_failure) == (None, "")


def test_rests_are_bounded_and_a_slow_endpoint_rests_at_once():
    quick = [retries.rest(failures_in_row=n, was_slow=False) for n in range(1, 12)]
    slow = retries.rest(failures_in_row=1, was_slow=True)

    assert [r and r.total_seconds() for r in quick] == [None, None, 5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert slow == timedelta(seconds=5)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 409, 413, 415, 422, 451])
def test_a_refusal_of_an_event_is_that_events_alone(cafe, receiver, code):  # airyhq/airy#1043
    """Five events are refused, one after the other: the sixth is sent at once, and the five are due again later."""
    receiver.answers["/picky"] = [code] * 5 + [204]
    add(cafe, receiver.url("/picky"))
    made = [happens(cafe) for _ in range(6)]

    answers = deliver(cafe)

    assert [answer.code for answer in answers] == [code] * 5 + [204]
    assert receiver.ids("/picky") == made
    rows = list(WebhookDelivery.objects.order_by("pk"))
    assert [row.state for row in rows] == ["due"] * 5 + ["delivered"]
    assert all(timedelta(seconds=5) <= row.due_at - NOON <= timedelta(seconds=5.5) for row in rows[:5])
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.failing_since, endpoint.failures_in_row, endpoint.resting_until) == (None, 0, None)


@pytest.mark.parametrize("code", [301, 302, 408, 425, 429, 500, 502, 503, 504])
def test_trouble_of_the_receiver_lets_the_endpoint_rest(cafe, receiver, code):
    receiver.answers["/sick"] = [code]
    add(cafe, receiver.url("/sick"))
    for _ in range(6):
        happens(cafe)

    deliver(cafe)

    assert len(receiver.at("/sick")) == 4
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.failing_since, endpoint.failures_in_row) == (NOON, 4)
    assert endpoint.resting_until == NOON + timedelta(seconds=10)


def test_a_receiver_that_refuses_the_probe_is_there_and_gets_the_others(cafe, receiver):
    receiver.answers["/sick"] = [500, 500, 500, 500, 422, 200]
    add(cafe, receiver.url("/sick"))
    for _ in range(8):
        happens(cafe)
    deliver(cafe)

    deliver(cafe, now=NOON + timedelta(seconds=11))

    # Four failures, the probe that was refused, and seven that were accepted: three of the first four, and the rest.
    assert len(receiver.at("/sick")) == 12
    assert sorted(row.state for row in WebhookDelivery.objects.all()) == ["delivered"] * 7 + ["due"]


def test_refusals_alone_never_disable_an_endpoint_and_are_no_part_of_five_days_of_trouble(cafe, receiver):
    """A quiet shop: only an enrolment now and then, which the till refuses; after six days one 500."""
    receiver.answers["/picky"] = [400, 400, 500, 200]
    made = add(cafe, receiver.url("/picky"))
    seen = []
    for days in (0, 5.5, 6, 6.5):
        now = NOON + timedelta(days=days)
        WebhookDelivery.objects.filter(attempts__gt=0, state="due").update(state="given_up")
        happens(cafe, now=now)
        deliver(cafe, now=now)
        endpoint = endpoints.get(merchant=cafe, endpoint_id=made.endpoint.id)
        seen.append((endpoint.disabled_at, endpoint.failing_since, endpoint.last_failure[:8]))

    assert seen == [
        (None, None, "HTTP 400"), (None, None, "HTTP 400"), (None, NOON + timedelta(days=6), "HTTP 500"), (None, None, ""),
    ]  # fmt: skip


def test_an_endpoint_that_fails_is_probed_by_one_process_and_by_nobody_else_until_its_lease_ends(cafe, receiver):
    add(cafe, receiver.url())
    for _ in range(3):
        happens(cafe)
    relay.relay(merchant_id=cafe.pk, now=NOON)
    [first, *_others] = delivering.claim(merchant_id=cafe.pk, now=NOON)
    delivering.settle([(first, sending.ReceiverAnswer(500, "ill", 5))], now=NOON)
    later = NOON + timedelta(seconds=30)

    assert len(delivering.claim(merchant_id=cafe.pk, now=later)) == 1
    assert delivering.claim(merchant_id=cafe.pk, now=later + timedelta(seconds=19)) == []
    assert len(delivering.claim(merchant_id=cafe.pk, now=later + timedelta(seconds=20))) == 1


# -- Kept connections ----------------------------------------------------------------------------------------------


def test_connections_are_kept_and_one_the_receiver_closed_is_no_failure(inside):
    with receiving(keeps=True) as receiver:
        kept = sending.KeptConnections()
        answers = [sending.post(receiver.url(), body=b"{}", headers={}, kept=kept) for _ in range(20)]
        kept.close()

    assert [(answer.code, answer.text) for answer in answers] == [(200, "thank you")] * 20
    assert (len(receiver.at("/ok")), receiver.connections) == (20, 4)


def test_a_name_is_looked_up_for_each_connection_and_again_after_half_a_minute(inside, settings, monkeypatch):
    """DNS rebinding: a kept connection goes where it was checked to go; the next one is checked anew."""
    with receiving(keeps=True) as receiver:
        kept, resolver = sending.KeptConnections(), at(["127.0.0.1"], ["192.0.2.1"])
        address = f"http://shop.example:{receiver.port}/ok"
        for _ in range(2):
            assert sending.post(address, body=b"{}", headers={}, resolver=resolver, kept=kept).code == 200
        monkeypatch.setattr(sending, "CONNECTION_SECONDS_MAX", 0.0)
        settings.WEBHOOK_ALLOW_PRIVATE = False

        answer = sending.post(address.replace("http:", "https:"), body=b"{}", headers={}, resolver=resolver, kept=kept)

    assert (answer.code, answer.text) == (None, "This address leads into a private network.")
    assert receiver.connections == 1


def test_an_answer_that_is_too_long_or_late_ends_the_connection(receiver):
    kept = sending.KeptConnections()
    assert sending.post(receiver.url("/endless"), body=b"{}", headers={}, kept=kept).code == 200
    assert sending.post(receiver.url("/drips"), body=b"{}", headers={}, seconds_max=0.3, kept=kept).was_slow
    assert kept.take() is None


# -- Leases --------------------------------------------------------------------------------------------------------


def test_what_is_claimed_is_not_claimed_again_until_the_lease_ends(cafe, receiver):
    add(cafe, receiver.url())
    happens(cafe)
    relay.relay(merchant_id=cafe.pk, now=NOON)

    [first] = delivering.claim(merchant_id=cafe.pk, now=NOON)
    assert delivering.claim(merchant_id=cafe.pk, now=NOON + timedelta(seconds=19)) == []
    [second] = delivering.claim(merchant_id=cafe.pk, now=NOON + timedelta(seconds=20))

    assert (first.message_id, first.body) == (second.message_id, second.body)


def test_a_late_failure_does_not_undo_what_somebody_else_delivered(cafe, receiver):
    add(cafe, receiver.url())
    happens(cafe)
    relay.relay(merchant_id=cafe.pk, now=NOON)
    [slept] = delivering.claim(merchant_id=cafe.pk, now=NOON)
    later = NOON + timedelta(minutes=1)
    [took_over] = delivering.claim(merchant_id=cafe.pk, now=later)
    delivering.settle([(took_over, sending.ReceiverAnswer(200, "", 5))], now=later)

    delivering.settle([(slept, sending.ReceiverAnswer(500, "late", 5))], now=later)

    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts, row.last_answer_code) == ("delivered", 1, 200)


def test_a_late_success_counts_even_after_the_lease(cafe, receiver):
    add(cafe, receiver.url())
    happens(cafe)
    relay.relay(merchant_id=cafe.pk, now=NOON)
    [slept] = delivering.claim(merchant_id=cafe.pk, now=NOON)
    later = NOON + timedelta(minutes=1)
    [took_over] = delivering.claim(merchant_id=cafe.pk, now=later)

    delivering.settle([(slept, sending.ReceiverAnswer(200, "", 5))], now=later)
    delivering.settle([(took_over, sending.ReceiverAnswer(500, "", 5))], now=later)

    assert WebhookDelivery.objects.get().state == "delivered"


# -- Endpoints out of service --------------------------------------------------------------------------------------


def test_a_disabled_endpoint_gets_nothing_and_a_replay_brings_what_it_missed(cafe, receiver):
    made = add(cafe, receiver.url())
    before = happens(cafe)
    endpoints.disable(merchant=cafe, endpoint_id=made.endpoint.id, reason="move", actor=OWNER, now=NOON)
    meanwhile = happens(cafe, now=NOON + timedelta(minutes=5))
    deliver(cafe, now=NOON + timedelta(minutes=6))
    assert receiver.at("/ok") == []

    endpoints.enable(merchant=cafe, endpoint_id=made.endpoint.id, actor=OWNER, now=NOON + timedelta(hours=1))
    deliver(cafe, now=NOON + timedelta(hours=1))
    assert receiver.at("/ok") == []

    count = log.replay_since(
        merchant=cafe, endpoint_id=made.endpoint.id, since=NOON, actor=OWNER, now=NOON + timedelta(hours=1)
    )
    deliver(cafe, now=NOON + timedelta(hours=1))
    assert count == 2
    assert sorted(receiver.ids("/ok")) == sorted([before, meanwhile])


def test_one_delivery_can_be_sent_again_with_the_same_id(cafe, receiver):
    add(cafe, receiver.url())
    event_id = happens(cafe)
    deliver(cafe)
    [first] = log.deliveries(merchant=cafe)

    again = log.replay(merchant=cafe, delivery_id=first.id, actor=OWNER, now=NOON)
    deliver(cafe)

    assert (again.is_replay, again.event_id) == (True, event_id)
    assert receiver.ids("/ok") == [event_id, event_id]
    assert [d.state for d in log.deliveries(merchant=cafe)] == ["delivered", "delivered"]


def test_a_deleted_endpoint_keeps_no_secret_and_gets_nothing(cafe, receiver):
    made = add(cafe, receiver.url())
    happens(cafe)
    deliver(cafe)
    [delivered] = log.deliveries(merchant=cafe)
    endpoints.delete(merchant=cafe, endpoint_id=made.endpoint.id, actor=OWNER, now=NOON)
    happens(cafe)
    deliver(cafe)

    assert len(receiver.at("/ok")) == 1
    assert WebhookEndpoint.objects.get().sealed_secret == ""
    assert endpoints.listed(merchant=cafe) == []
    for call in (
        lambda: endpoints.get(merchant=cafe, endpoint_id=made.endpoint.id),
        lambda: endpoints.ping(merchant=cafe, endpoint_id=made.endpoint.id, now=NOON),
        lambda: log.replay(merchant=cafe, delivery_id=delivered.id, actor=OWNER, now=NOON),
        lambda: log.replay_since(merchant=cafe, endpoint_id=made.endpoint.id, since=NOON, actor=OWNER, now=NOON),
    ):
        with pytest.raises(endpoints.NoSuchEndpoint):
            call()


def test_a_new_address_is_checked_like_the_first_and_starts_with_a_clean_sheet(cafe, receiver, settings):
    receiver.answers["/sick"] = [500]
    made = add(cafe, receiver.url("/sick"))
    happens(cafe)
    deliver(cafe)

    changed = endpoints.update(
        merchant=cafe, endpoint_id=made.endpoint.id, target=addresses.check(receiver.url()), actor=OWNER, now=NOON
    )
    assert (changed.url, changed.failing_since) == (receiver.url(), None)

    settings.WEBHOOK_ALLOW_PRIVATE = False
    settings.WEBHOOK_NETWORKS = []
    with pytest.raises(addresses.AddressRefused):
        addresses.check("https://127.0.0.1/")
    assert endpoints.get(merchant=cafe, endpoint_id=made.endpoint.id).url == receiver.url()


def test_what_is_not_there_is_not_found(cafe):
    for call in (
        lambda: endpoints.get(merchant=cafe, endpoint_id="whk_0000000000000000"),
        lambda: log.event(merchant=cafe, event_id="evt_0000000000000000"),
        lambda: log.delivery(merchant=cafe, delivery_id="dlv_0000000000000000"),
        lambda: log.deliveries(merchant=cafe, before_id="dlv_0000000000000000"),
    ):
        with pytest.raises(LoyaltyError) as refusal:
            call()
        assert refusal.value.http == 404


# -- The log and its end -------------------------------------------------------------------------------------------


def test_the_log_is_read_page_by_page_newest_first(cafe, receiver):
    add(cafe, receiver.url())
    made = [happens(cafe) for _ in range(5)]
    deliver(cafe)

    first = log.events(merchant=cafe, limit=2)
    second = log.events(merchant=cafe, limit=3, before_id=first[-1].id)
    assert [e.id for e in first + second] == made[::-1]

    page = log.deliveries(merchant=cafe, limit=2)
    rest = log.deliveries(merchant=cafe, limit=9, before_id=page[-1].id)
    assert [d.event_id for d in page + rest] == made[::-1]
    assert [d.event_id for d in log.deliveries(merchant=cafe, event_id=made[0])] == made[:1]
    assert log.events(merchant=cafe, kinds=["tier.changed"]) == []


def test_what_is_delivered_is_forgotten_after_30_days_and_what_is_not_is_kept(cafe, receiver):
    receiver.answers["/moody"] = [200, 500]
    add(cafe, receiver.url("/moody"))
    happens(cafe)
    deliver(cafe)
    undelivered = happens(cafe)
    deliver(cafe)

    day_30 = NOON + timedelta(days=30)
    not_yet_relayed = outbox.record(
        merchant_id=cafe.pk, kind="member.erased", payload={"member": MINA}, occurred_at=NOON, now=NOON
    )
    assert pruning.prune(merchant=cafe, now=day_30) == 0
    assert pruning.prune(merchant=cafe, now=day_30 + timedelta(seconds=1)) == 2
    assert pruning.prune(merchant=cafe, now=day_30 + timedelta(seconds=1)) == 0
    assert [e.id for e in log.events(merchant=cafe)] == [not_yet_relayed, undelivered]


def test_a_network_the_operator_named_may_be_called(settings):
    settings.WEBHOOK_ALLOW_PRIVATE = False
    settings.WEBHOOK_NETWORKS = [ip_network("10.20.0.0/16")]

    assert addresses.check("https://erp.example/hook", resolver=lambda *_: ["10.20.3.4"]).addresses == ("10.20.3.4",)
    for inside in (["10.21.0.1"], ["10.20.3.4", "192.168.0.1"], ["127.0.0.1"]):
        with pytest.raises(addresses.AddressRefused):
            addresses.check("https://erp.example/hook", resolver=lambda *_, found=inside: found)
    with pytest.raises(addresses.AddressRefused):
        addresses.check("http://erp.example/hook", resolver=lambda *_: ["10.20.3.4"])
