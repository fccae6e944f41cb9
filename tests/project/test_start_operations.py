"""What an operator sees: health, readiness, metrics and logs that name nobody."""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from celery.signals import worker_ready
from django.core.cache import caches
from django.core.checks import run_checks
from django.db import DatabaseError, connection, connections
from django.test import Client, RequestFactory

from loyalty import VERSION
from loyalty.launch.directories import CHECKOUT
from loyalty.operations import health, heartbeat, logs, metrics
from merchants import keys, sending_health, tenancy
from merchants.actors import SYSTEM
from merchants.database import schema
from merchants.models.ticks import Tick
from rewards.models.accounts import Account, Inspection
from tests import builders, people
from tests.releases import texts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_healthz_answers_without_a_database(client: Client):
    answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
def test_an_installation_as_the_start_makes_it_is_ready(client: Client):
    caches["redis"].delete("heartbeat")
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "version": VERSION,
        "checks": {
            "database": "ok",
            "postgresql": "ok",
            "writable": "ok",
            "role": "ok",
            "durability": "ok",
            "tenancy": "ok",
            "migrations": "ok",
            "mail": "ok",
            "backup": "ok",
            "clock": "ok",
            "disk": "ok",
            "valkey": "ok",
            "worker": "absent",
        },
    }


@pytest.mark.django_db
def test_a_served_tick_shows_the_worker(client: Client):
    heartbeat.beat()

    assert client.get("/readyz").json()["checks"]["worker"] == "ok"
    assert heartbeat.age_seconds(datetime.now(UTC)) < 5
    caches["redis"].delete("heartbeat")
    assert heartbeat.age_seconds(NOW) is None
    worker_ready.send(sender=None)
    assert heartbeat.age_seconds(datetime.now(UTC)) < 5, "a worker that has just come"
    caches["redis"].delete("heartbeat")


@pytest.mark.django_db
def test_forgetful_settings_are_not_ready_and_refuse_the_start(client: Client, settings):
    settings.DATABASE_MAY_FORGET = False

    answer = client.get("/readyz")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["checks"]["durability"] == "failed"
    with pytest.raises(SystemExit, match="fsync, full_page_writes, synchronous_commit off and may lose"):
        health.refuse_unsafe_database()


@pytest.mark.django_db
def test_a_table_without_force_is_not_ready(client: Client, monkeypatch):
    monkeypatch.setattr(schema, "unforced_tables", lambda cursor: ["rewards_entry"])

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["tenancy"] == "failed"
    assert "rewards_entry" not in answer.content.decode()


@pytest.mark.django_db
def test_pending_migrations_are_not_ready(client: Client, monkeypatch):
    monkeypatch.setattr(health, "_newest_migrations", lambda: frozenset({("rewards", "9999_tomorrow")}))

    assert client.get("/readyz").json()["checks"]["migrations"] == "failed"


@pytest.mark.django_db
def test_a_mighty_role_is_found_out(monkeypatch):
    class Mighty:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def execute(self, query, parameters=None):
            self.rows = [("postgres", True)] if "rolsuper" in query else [(False,)] if "recovery" in query else []

        def fetchone(self):
            return self.rows[0]

        def fetchall(self):
            return self.rows

    monkeypatch.setattr(type(connection._connections[connection._alias]), "cursor", lambda self: Mighty())
    wrong = [one for one in health.database_findings() if not one.is_right]

    assert [one.name for one in wrong] == ["role"]
    assert wrong[0].sentence.startswith("DATABASE_URL connects as postgres")


def test_a_database_that_is_away_is_503_and_heals(client: Client, monkeypatch):
    def away() -> list[health.Finding]:
        raise DatabaseError("server closed the connection unexpectedly")

    monkeypatch.setattr(health, "database_findings", away)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "failed"
    health.refuse_unsafe_database()  # it may come back: no reason to refuse the start


@pytest.mark.django_db
def test_what_it_looked_at_is_told_to_the_operator_alone(client: Client, settings):
    assert client.get("/readyz", HTTP_X_FORWARDED_FOR="203.0.113.9").json() == {"ready": True}

    settings.METRICS_TOKEN = "scrape-me"
    assert client.get("/readyz").json() == {"ready": True}
    assert client.get("/readyz", HTTP_AUTHORIZATION="Bearer scrape-me").json()["checks"]["disk"] == "ok"


@pytest.mark.django_db
def test_a_full_disk_is_503(client: Client, monkeypatch):
    """PostgreSQL's own error when what it sorts finds no room: 53100."""
    monkeypatch.setattr(health, "_disk_seen", (-1e9, True))
    monkeypatch.setattr(health.sql_errors, "sqlstate", lambda error: "53100")
    monkeypatch.setattr(health, "_SORT", "SELECT pg_cancel_backend(pg_backend_pid())")

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["checks"]["disk"]) == (503, "failed")


@pytest.mark.django_db
@pytest.mark.parametrize("hours", [2, -24])
def test_a_clock_that_is_off_is_503(client: Client, monkeypatch, hours):
    monkeypatch.setattr(health.clocks, "offset_seconds", lambda alias="default": hours * 3600.0)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["checks"]["clock"]) == (503, "failed")


def test_losing_valkey_leaves_it_ready(client: Client, settings, db):
    settings.DJANGO_REDIS_URL = "unix:///nowhere.sock"

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["checks"]["valkey"]) == (200, "absent")


# Metrics


@pytest.mark.django_db(databases=["default", "system"])
def test_metrics_count_by_route_and_see_the_database(client: Client):
    client.get("/healthz")

    text = client.get("/metrics").content.decode()

    assert 'loyalty_requests_total{method="GET",outcome="2xx",route="healthz"}' in text
    assert 'loyalty_request_seconds_bucket{le="0.05",route="healthz"}' in text
    assert "loyalty_database_up 1.0" in text
    assert 'loyalty_waiting{what="outbox_events"}' in text
    assert 'loyalty_troubles{what="webhooks_given_up"}' in text
    (offset,) = re.findall(r"^loyalty_clock_offset_seconds (\S+)$", text, re.MULTILINE)
    assert abs(float(offset)) < 5


@pytest.mark.django_db(databases=["default", "system"])
def test_metrics_tell_what_the_supervisor_had_to_start_again(client: Client, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    (tmp_path / "restarts.json").write_text('{"worker": 7}')

    assert 'loyalty_process_restarts_total{process="worker"} 7.0' in client.get("/metrics").content.decode()


def test_metrics_are_for_this_machine_alone():
    def may_read(**headers: str) -> bool:
        return metrics.may_read(RequestFactory().get("/metrics", **headers))

    assert may_read(REMOTE_ADDR="127.0.0.1")
    assert may_read(REMOTE_ADDR="::1")
    assert not may_read(REMOTE_ADDR="10.0.0.7")
    assert not may_read(REMOTE_ADDR="")
    assert not may_read(REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert not may_read(REMOTE_ADDR="127.0.0.1", HTTP_FORWARDED="for=203.0.113.9")


def test_behind_a_proxy_nobody_is_this_machine(settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    assert not metrics.may_read(RequestFactory().get("/metrics", REMOTE_ADDR="127.0.0.1"))


def test_a_token_opens_the_metrics_from_anywhere_and_nothing_else_does(client: Client, settings):
    settings.METRICS_TOKEN = "scrape-me"

    def may_read(authorization: str) -> bool:
        request = RequestFactory().get("/metrics", REMOTE_ADDR="10.0.0.7", HTTP_AUTHORIZATION=authorization)
        return metrics.may_read(request)

    assert may_read("Bearer scrape-me")
    assert not may_read("Bearer scrape-you")
    assert not may_read("Bearer schlüssel")
    assert client.get("/metrics").status_code == 404  # 127.0.0.1, but without the token


# Logs


def test_one_line_per_request_with_its_id_and_route(client: Client, lines):
    answer = client.get("/healthz?phone=01012345678", headers={"X-Request-Id": "till-7.a"})

    (line,) = [line for line in lines() if line["logger"] == "loyalty.request"]
    assert answer["X-Request-Id"] == "till-7.a"
    assert line["request_id"] == "till-7.a"
    assert (line["method"], line["route"], line["status"]) == ("GET", "healthz", 200)
    assert line["duration_ms"] >= 0
    assert "01012345678" not in json.dumps(lines())


@pytest.mark.parametrize("given", ["", "x" * 65, "two words", 'a"b', "é"])
def test_an_id_that_is_not_plain_is_replaced(client: Client, given):
    answer = client.get("/healthz", headers={"X-Request-Id": given})

    assert answer["X-Request-Id"] != given
    assert len(answer["X-Request-Id"]) == 32


def test_no_personal_data_reaches_a_line(client: Client, lines, db):
    client.get("/join/mina@example.com/010-1234-5678")
    log = structlog.stdlib.get_logger("test")
    log.warning("could not reach", contact="+82 10-1234-5678", key="lk_live_abcd1234_secretsecret")
    logging.getLogger("test").error("mail to %s bounced", "mina@example.com")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'mina@example.com'::int")
    except DatabaseError:
        log.exception("broken")
    try:
        raise ValueError("no member 010-1234-5678")
    except ValueError:
        logging.getLogger("test").exception("failed")

    whole = json.dumps(lines(), ensure_ascii=False)

    for canary in ("mina", "1234-5678", "secretsecret"):
        assert canary not in whole
    broken = next(line for line in lines() if line["event"] == "broken")
    assert broken["exception"]["type"] == "DataError"
    assert any("test_start_operations.py" in frame for frame in broken["exception"]["frames"])


def test_what_is_struck_out_and_what_stays():
    clean = logs.without_personal_data

    assert clean("write to a.b+c@shop.example, please") == "write to <address>, please"
    assert clean("call +82 10-1234-5678 now") == "call <number> now"
    assert clean("lk_test_abcd1234_XYZ is revoked") == "<lk_test key> is revoked"
    assert clean("pur_01J8ZK3T2 took 1,240 points in 35 ms") == "pur_01J8ZK3T2 took 1,240 points in 35 ms"
    assert (
        clean('duplicate key violates "member_phone_unique"\nDETAIL:  Key (phone)=(Mina) already exists.\n')
        == 'duplicate key violates "member_phone_unique"'
    )


# Checks


def test_the_deploy_checks_name_what_is_only_for_tests(settings, monkeypatch):
    settings.DATABASE_MAY_FORGET = True
    settings.PUBLIC_URL = "http://localhost:8000"
    for alias in ("default", "owner", "system"):
        monkeypatch.setitem(settings.DATABASES[alias], "USER", "postgres")

    found = {message.id for message in run_checks(tags=["security"], include_deployment_checks=True)}

    assert {"loyalty.E001", "loyalty.E002", "loyalty.W001"} <= found


@pytest.mark.django_db
def test_the_deploy_checks_ask_the_database_when_told_to(settings):
    settings.DATABASE_MAY_FORGET = False

    found = run_checks(tags=["database"], include_deployment_checks=True, databases=["default"])

    assert "loyalty.durability" in {message.id for message in found}
    assert connections["default"].alias == "default"


def samples(text: str) -> dict[str, float]:
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[:1] != "#"}


@pytest.mark.django_db(databases=["default", "system"])
def test_the_metrics_say_what_needs_somebody_to_look(client: Client):
    cafe = people.open_shop("metered")
    now = datetime.now(UTC)
    Tick.objects.create(name="tick.relay", started_at=now, finished_at=now)
    Tick.objects.create(name="tick.lots", started_at=now, finished_at=now - timedelta(hours=1), failed_at=now)
    Tick.objects.create(name=f"verify:{cafe.pk}", started_at=now, failed_at=now)
    sending_health.note_failure("email", ConnectionRefusedError(), now=now)

    found = samples(client.get("/metrics").content.decode())

    assert found[f'loyalty_build_info{{version="{VERSION}"}}'] == 1
    for what in ("frozen_accounts", "ledger_faults", "webhooks_given_up", "messages_given_up"):
        assert found[f'loyalty_troubles{{what="{what}"}}'] >= 0
    assert [found[f'loyalty_ticks_failing{{tick="{name}"}}'] for name in ("tick.relay", "tick.lots", "verify")] == [
        0,
        1,
        1,
    ]
    assert [found[f'loyalty_ticks_late{{tick="{name}"}}'] for name in ("tick.relay", "tick.lots", "tick.prune")] == [
        0,
        1,
        1,
    ]
    assert found['loyalty_sending_failing{channel="email"}'] == 1
    assert found['loyalty_sending_failing{channel="sms"}'] == 0


def test_a_frozen_account_and_its_faults_are_counted(client: Client, committed):
    cafe = builders.cafe()
    (mina,) = cafe.cast("Mina")
    mina.is_given(100)

    def read():
        return samples(client.get("/metrics").content.decode())

    before = read()
    with tenancy.tenant(cafe.merchant):
        Account.objects.filter(merchant=cafe.merchant).update(frozen_at=NOW)
        Inspection.objects.create(merchant=cafe.merchant, begun_at=NOW, faults=2)
    after = read()

    added = {name: after[name] - before[name] for name in after if name.startswith("loyalty_troubles")}
    assert added['loyalty_troubles{what="frozen_accounts"}'] == 1
    assert added['loyalty_troubles{what="ledger_faults"}'] == 2


def test_two_web_processes_of_one_server_count_together(tmp_path):
    """Without a directory in common each answers with its own half."""
    code = (
        "from loyalty.operations import shared_counters; shared_counters.prepare()\n"
        "from prometheus_client import Counter, CollectorRegistry, generate_latest\n"
        "from prometheus_client.multiprocess import MultiProcessCollector\n"
        "Counter('sales', 'Sales').inc()\n"
        "whole = CollectorRegistry(); MultiProcessCollector(whole)\n"
        "print(generate_latest(whole).decode().split()[-1])"
    )
    clean = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    run = functools.partial(
        subprocess.run, [sys.executable, "-c", code], cwd=CHECKOUT, check=True, capture_output=True, text=True,
        env={**clean, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    gone = tmp_path / f"loyalty-metrics-{os.getuid()}-4194999"
    gone.mkdir()

    assert [run().stdout.strip() for _ in range(2)] == ["1.0", "2.0"]
    (place,) = tmp_path.iterdir()
    assert place.name.endswith(f"-{os.getpid()}"), "what a server that is gone left is removed"


@pytest.mark.django_db
def test_the_release_is_said_where_an_operator_looks(client: Client):
    assert client.get("/readyz").json()["version"] == VERSION
    cafe = people.open_shop("metered")
    page = people.staff_browser(cafe, "owner").get(f"/console/{cafe.slug}/dashboard").content.decode()
    assert f'<footer class="console-foot">Loyalty {VERSION}</footer>' in page
    with tenancy.tenant(cafe):
        issued = keys.issue(merchant=cafe, name="POS", scopes=["members:read"], actor=SYSTEM, now=NOW)
    bearer = {"Authorization": f"Bearer {issued.secret}"}
    refused = client.get("/api/v1/refunds", headers=bearer)
    assert (refused.status_code, refused["Loyalty-Version"]) == (403, VERSION), "whoever has a key is no stranger"
    assert client.get("/api/v1/key", headers=bearer)["Loyalty-Version"] == VERSION


@pytest.mark.django_db
@pytest.mark.parametrize(
    "page",
    ["/healthz", "/readyz", "/metrics", "/api/v1/key", "/api/v1/nothing", "/api/docs", "/api/docs/quickstart",
     "/api/schema", "/accounts/login/", "/m/{slug}/join", "/m/{slug}/sign-in", "/nothing", "/console/{slug}/dashboard"],
)  # fmt: skip
def test_the_release_is_not_said_to_strangers(client: Client, monkeypatch, page: str):
    """Under a name that stands nowhere else: the docs may tell which release changed a call."""
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] == "loyalty"]:
        if getattr(module, "VERSION", None) == VERSION:
            monkeypatch.setattr(module, "VERSION", "99.88.77")
    assert client.get("/readyz").json()["version"] == "99.88.77"
    cafe = people.open_shop("metered")

    answer = client.get(page.format(slug=cafe.slug), REMOTE_ADDR="203.0.113.9")

    assert answer.status_code in {200, 302, 401, 404}
    assert b"99.88.77" not in b"".join(answer) + repr(dict(answer.headers)).encode()


@pytest.mark.parametrize("asked", ["version", "--version"])
def test_the_release_is_said_at_the_command_line_without_any_package(asked: str):
    """With nothing of the environment and none of its packages: `-I` leaves only what Python brings."""
    told = subprocess.run(
        [sys.executable, "-S", "-I", CHECKOUT / "manage.py", asked], capture_output=True, text=True, check=True
    )
    assert told.stdout == f"{VERSION}\n"


def test_one_place_holds_the_version_and_the_image_is_labelled_with_it():
    assert texts.versions() == {VERSION}
    packaging = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    assert packaging["project"]["dynamic"] == ["version"]
    assert packaging["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "loyalty.VERSION"}


@pytest.mark.django_db
def test_the_request_log_names_the_key_by_its_prefix_and_never_its_secret(client: Client, lines):
    cafe = people.open_shop("metered")
    with tenancy.tenant(cafe):
        issued = keys.issue(merchant=cafe, name="POS", scopes=["members:read"], actor=SYSTEM, now=NOW)
    client.get("/api/v1/key", headers={"Authorization": f"Bearer {issued.secret}"})

    (line,) = [line for line in lines() if line["logger"] == "loyalty.request"]
    assert (line["status"], line["key"]) == (200, issued.secret.rpartition("_")[0])
    assert issued.secret not in json.dumps(line)
