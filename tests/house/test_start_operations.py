"""What an operator sees: health, readiness, metrics and logs that name nobody."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest
import structlog
from celery.signals import worker_ready
from django.core.cache import caches
from django.core.checks import run_checks
from django.db import DatabaseError, connection, connections
from django.test import Client, RequestFactory

from loyalty.operations import health, heartbeat, logs, metrics
from merchants import schema

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
        "checks": {
            "database": "ok",
            "role": "ok",
            "durability": "ok",
            "tenancy": "ok",
            "migrations": "ok",
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
            self.rows = [("postgres", True)] if "rolsuper" in query else []

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


def test_metrics_are_for_this_machine_alone():
    def may_read(**headers: str) -> bool:
        return metrics._may_read(RequestFactory().get("/metrics", **headers))

    assert may_read(REMOTE_ADDR="127.0.0.1")
    assert may_read(REMOTE_ADDR="::1")
    assert not may_read(REMOTE_ADDR="10.0.0.7")
    assert not may_read(REMOTE_ADDR="")
    assert not may_read(REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert not may_read(REMOTE_ADDR="127.0.0.1", HTTP_FORWARDED="for=203.0.113.9")


def test_behind_a_proxy_nobody_is_this_machine(settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    assert not metrics._may_read(RequestFactory().get("/metrics", REMOTE_ADDR="127.0.0.1"))


def test_a_token_opens_the_metrics_from_anywhere_and_nothing_else_does(client: Client, settings):
    settings.METRICS_TOKEN = "scrape-me"

    def may_read(authorization: str) -> bool:
        request = RequestFactory().get("/metrics", REMOTE_ADDR="10.0.0.7", HTTP_AUTHORIZATION=authorization)
        return metrics._may_read(request)

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
