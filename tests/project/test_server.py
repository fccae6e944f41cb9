"""The web process as it is started for real: half-sent requests, chunks, slow readers, and a database that hangs."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import psycopg2
import pytest

from loyalty.launch.urls import psycopg_from_url
from tests.drills import proxies
from tests.drills.half_sent import call, first_line, half_sent, kinds, sale, sell
from tests.drills.stack import standing

#: A busy machine's hiccup is no fault of ours: below this, a wait is not worth comparing.
_QUIET_SECONDS_MIN = 0.05
#: Half-sent requests slow every siege; whoever else uses the machine does not slow three in a row.
_SIEGES_MAX = 3


@pytest.fixture(scope="module")
def stack():
    with standing(variables={"WEB_API_SECONDS": "4"}) as standing_stack:
        standing_stack.shop = standing_stack.create_shop("http://127.0.0.1:1/nowhere", 5)
        standing_stack.launch_web()
        yield standing_stack


@pytest.fixture
def port(stack):
    return stack.port


@pytest.fixture
def key(stack):
    return stack.shop["key"]


def exchange(port, sent, *, seconds=15):
    """Send bytes, and return the answer's status, its lower-case headers and its body."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as line:
        line.sendall(sent)
        heard = b""
        while chunk := line.recv(65536):
            heard += chunk
    head, _, body = heard.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), dict(each.lower().split(": ", 1) for each in rest), body


def post(path, *headers, body=b""):
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode() + body


def test_two_hundred_half_sent_requests_do_not_slow_a_till(stack, port, key):
    """A till that lost its Wi-Fi, forty times over, and everybody who would do it on purpose."""
    members = stack.shop["members"]
    sell(port, key, members, seconds=1)  # warm

    slowed = []
    for _siege in range(_SIEGES_MAX):
        quiet = sell(port, key, members, seconds=3)
        with half_sent(port, key) as lines:
            # Long enough for the deadline to pass, and for two hundred answers to be given at once.
            besieged = sell(port, key, members, seconds=8)
            health, _ = call(port, "", "GET", "/healthz")
            answers = {kind: {first_line(line, 5) for line in lines[kind]} for kind in ("form", "json", "chunked")}
        again = sell(port, key, members, seconds=2)

        assert set(quiet.statuses) == set(besieged.statuses) == {201}
        assert health == 200
        assert answers == {kind: {"HTTP/1.1 408 Request Timeout"} for kind in ("form", "json", "chunked")}
        slowed.append(besieged.p99() / max(quiet.p99(), again.p99(), _QUIET_SECONDS_MIN))
        if slowed[-1] < 5:
            break
    assert slowed[-1] < 5, slowed


def test_a_body_that_does_not_come_is_answered_408_and_changes_nothing(port, key):
    begun = time.monotonic()
    status, headers, body = exchange(port, kinds(key)["json"])

    assert status == 408
    assert 4.5 < time.monotonic() - begun < 9
    assert headers["connection"] == "close"
    assert headers["content-type"] == "application/problem+json"
    problem = json.loads(body)
    assert problem["code"] == "request_timeout"
    assert problem["detail"] == "The body did not come in time. Send the whole request again."
    assert problem["request_id"] == headers["x-request-id"]


def test_the_same_sentence_in_the_callers_language(port, key):
    sent = post(
        "/api/v1/purchases", f"Authorization: Bearer {key}", "Content-Length: 9", "Accept-Language: ko", body=b"{"
    )

    assert json.loads(exchange(port, sent)[2])["detail"] == (
        "본문이 제시간에 도착하지 않았습니다. 요청 전체를 다시 보내세요."
    )


def test_a_call_without_a_key_is_refused_before_its_body(port):
    begun = time.monotonic()
    sent = post("/api/v1/purchases", "Content-Type: application/json", "Content-Length: 200", "Connection: close")

    status, _, body = exchange(port, sent)

    assert (status, json.loads(body)["code"]) == (401, "key_missing")
    assert time.monotonic() - begun < 4


def test_a_body_in_chunks_is_a_body(stack, port, key):
    """Streaming clients send no length."""
    body = json.dumps({**sale(stack.shop["members"][0]), "external_id": "in-chunks"}).encode()
    halves = [body[:20], body[20:]]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(half), half) for half in halves) + b"0\r\n\r\n"
    headers = [f"Authorization: Bearer {key}", "Content-Type: application/json", "Transfer-Encoding: chunked"]

    status, _, answer = exchange(port, post("/api/v1/purchases", *headers, "Connection: close", body=chunks))

    assert status == 201
    assert json.loads(answer)["receipt"]["external_id"] == "in-chunks"
    # ₩4,800 spent: the same sale with its length is the same sale.
    status, again = call(port, key, "POST", "/api/v1/purchases", json.loads(body))
    assert (status, again["receipt"]) == (201, json.loads(answer)["receipt"])


def test_a_body_in_chunks_has_the_same_limit(port, key):
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    sent = post("/api/v1/purchases", f"Authorization: Bearer {key}", "Content-Type: application/json",
                "Transfer-Encoding: chunked", "Connection: close", body=chunk * 17 + b"0\r\n\r\n")  # fmt: skip

    status, _, body = exchange(port, sent)

    assert (status, json.loads(body)["code"]) == (413, "body_too_large")


def test_a_form_in_chunks_is_asked_for_its_length(port):
    sent = post("/m/drill/sign-in", "Transfer-Encoding: chunked", "Connection: close", body=b"0\r\n\r\n")

    status, headers, body = exchange(port, sent)

    assert (status, body) == (411, b"Send the body with a Content-Length.\n")
    assert headers["content-type"] == "text/plain; charset=utf-8"


def test_a_strangers_form_may_be_small_only(port):
    sent = post("/m/drill/sign-in", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 70000",
                "Connection: close")  # fmt: skip

    status, _, body = exchange(port, sent)

    assert status == 413
    assert "64.0\xa0KB" in body.decode()


def test_a_compressed_body_is_refused_by_its_name(port, key):
    headers = [f"Authorization: Bearer {key}", "Content-Type: application/json", "Content-Encoding: gzip"]

    status, _, body = exchange(
        port, post("/api/v1/purchases", *headers, "Content-Length: 2", "Connection: close", body=b"{}")
    )

    assert (status, json.loads(body)["code"]) == (415, "unsupported_content_encoding")


def test_a_head_request_has_no_body_and_a_missing_page_is_one(port):
    line = HTTPConnection("127.0.0.1", port, timeout=10)
    line.request("HEAD", "/healthz", headers={"Host": "localhost"})
    answer = line.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    line.request("GET", "/%ff%fe/%2e%2e", headers={"Host": "localhost"})
    answer = line.getresponse()
    assert answer.status == 404
    answer.read()
    line.close()


def test_a_header_with_an_underscore_is_not_the_proxys(port):
    """nginx drops them; whoever comes past it must not be able to say it was https."""
    sent = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nX_Request_Id: forged\r\nConnection: close\r\n\r\n"

    _, headers, _ = exchange(port, sent)

    assert headers["x-request-id"] != "forged"


# A database that hangs, and a disk that is full


def timed(*arguments, **options):
    begun = time.monotonic()
    return call(*arguments, **options)[0], time.monotonic() - begun


def test_a_stopped_postgres_is_an_answer_and_not_a_silence(stack, port, key):
    """Every thread hangs in the database; tills are told, and what they sent is recorded once, whichever way it went."""
    sales = [sale(member) for member in stack.shop["members"] for _again in range(2)]
    with stack.stopped_postgres(), ThreadPoolExecutor(len(sales)) as tills:
        heard = list(tills.map(lambda each: timed(port, key, "POST", "/api/v1/purchases", each), sales))
        health = timed(port, "", "GET", "/healthz")
        ready = timed(port, "", "GET", "/readyz")

    assert {status for status, _seconds in heard} == {503}
    assert max(seconds for _status, seconds in heard) < 15
    assert health[0] == 200
    assert (ready[0], ready[1] < 10) == (503, True)
    stack.wait_serving()
    answers = [call(port, key, "POST", "/api/v1/purchases", each) for each in sales]
    assert {status for status, _answer in answers} == {201}
    with stack.superuser() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT external_id) FROM rewards_purchase WHERE external_id = ANY(%s)",
            [[each["external_id"] for each in sales]],
        )
        assert cursor.fetchone() == (10, 10)


@pytest.fixture
def small_disk():
    """A file system of 600 MB that PostgreSQL's account can enter; root only."""
    place = Path(tempfile.mkdtemp(prefix="loyalty-small-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=600m,mode=711", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, check=False).returncode:
        place.rmdir()
        pytest.skip("no file system of our own can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)
    place.rmdir()


@pytest.mark.drill
def test_a_full_disk_is_not_ready_and_heals(small_disk):
    with standing(inside=small_disk, postgres_settings={"max_wal_size": "64MB", "min_wal_size": "32MB"}) as stack:
        shop = stack.create_shop("http://127.0.0.1:1/nowhere", 2)
        stack.launch_web()
        assert call(stack.port, "", "GET", "/readyz")[0] == 200

        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 65536)
        time.sleep(6)  # what was seen is believed for five seconds
        assert call(stack.port, "", "GET", "/readyz")[0] == 503
        assert call(stack.port, shop["key"], "POST", "/api/v1/purchases", sale(shop["members"][0]))[0] in (201, 503)

        filler.unlink()
        time.sleep(6)
        stack.wait_serving()
        assert call(stack.port, "", "GET", "/readyz")[0] == 200
        assert call(stack.port, shop["key"], "POST", "/api/v1/purchases", sale(shop["members"][0]))[0] == 201


# What PostgreSQL writes down


def test_postgres_writes_nobody_into_its_log(stack, port, key):
    """The e-mail address of somebody else is refused, and neither the refusal nor the statement names them."""
    person = {"name": "Private Person", "email": "minji@cafe.example", "note": "allergic to nuts"}
    assert call(port, key, "POST", "/api/v1/members", {"external_id": "one", **person})[0] == 201
    status, problem = call(port, key, "POST", "/api/v1/members", {"external_id": "two", **person})
    assert (status, problem["code"]) == (409, "contact_taken")
    with (
        psycopg2.connect(**psycopg_from_url(stack.environment["DATABASE_URL"])) as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.Error),
    ):
        cursor.execute("SELECT 'minji@cafe.example'::bigint")

    log = stack.places.logs / "postgres.log"
    for name in ("Private Person", "minji", "allergic", "STATEMENT", "DETAIL", "CONTEXT"):
        assert name not in log.read_text(errors="replace")
    assert log.stat().st_mode & 0o777 == 0o600
    assert stack.places.logs.stat().st_mode & 0o777 == 0o700


# Behind a proxy


@pytest.mark.parametrize("name", proxies.PROXIES)
def test_the_proxies_of_the_documentation(stack, port, key, name):
    """Tried, not only written: who asks is told, what a client claims is not, and half a request stays outside."""
    if not proxies.is_installed(name):
        pytest.skip(f"no {name} on this machine")
    with proxies.proxy(name, port) as outside:
        status, _, _ = exchange(outside, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert status == 404
        status, answer = call(outside, key, "POST", "/api/v1/purchases", sale(stack.shop["members"][0]))
        assert status == 201, answer
        status, headers, _ = exchange(
            outside,
            b"GET /api/schema HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
        )
        assert (status, headers["content-encoding"]) == (200, "gzip")
        status, _, _ = exchange(
            outside,
            post("/api/v1/purchases", f"Authorization: Bearer {key}", "Content-Length: 9000000", "Connection: close"),
        )
        assert status == 413
        body = json.dumps(sale(stack.shop["members"][1])).encode()
        chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        bearer = (f"Authorization: Bearer {key}", "Content-Type: application/json")
        chunked = post("/api/v1/purchases", *bearer, "Transfer-Encoding: chunked", "Connection: close", body=chunks)
        assert exchange(outside, chunked)[0] == 201
