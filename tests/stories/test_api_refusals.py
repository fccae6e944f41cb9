"""What the API refuses before any verb is asked, and how it says so.  F-numbers name the faults they answer."""

from __future__ import annotations

import json
import re

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError
from django.test import Client

from loyalty.api.framework import limits
from merchants import keys, tenancy
from merchants.actors import SYSTEM
from tests.till import Till, issue_key, open_shop, till_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe():
    return open_shop("cafe")


@pytest.fixture
def till(cafe):
    return till_at(cafe)


def members_of(till):
    return till.get("members").json()["data"]


def refused(answer, status, code):
    """The answer is a problem document as the catalogue has it; returns it."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    problem = answer.json()
    assert problem["code"] == code, problem
    assert problem["status"] == status
    assert problem["type"].endswith(f"/api/docs/problems/{code}")
    assert problem["request_id"] == answer["X-Request-Id"]
    assert problem["title"]
    assert problem["detail"]
    return problem


# Who asks


def test_without_a_key_nothing_opens(cafe):
    answer = Client().get("/api/v1/members")

    refused(answer, 401, "key_missing")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_key_in_the_address_is_no_key(till):
    """F44: keys in addresses end up in logs."""
    refused(Client().get(f"/api/v1/members?api_key={till.secret}"), 401, "key_missing")
    refused(till.get(f"members?api_key={till.secret}"), 400, "invalid_query")


def test_a_signed_in_browser_opens_nothing(till, django_user_model):
    """F48: no cookie counts here, so no page elsewhere can call in somebody's name."""
    browser = Client()
    browser.force_login(
        django_user_model.objects.create_superuser(email="ola@example.org"),
        backend="django.contrib.auth.backends.ModelBackend",
    )

    refused(browser.get("/api/v1/members"), 401, "key_missing")
    refused(browser.post("/api/v1/members", b"{}", content_type="application/json"), 401, "key_missing")


def test_a_revoked_key_is_refused_at_its_next_call(cafe, till):
    """F43."""
    issued = issue_key(cafe)
    assert Till(cafe, issued.secret).get("members").status_code == 200

    with tenancy.tenant(cafe):
        keys.revoke(merchant=cafe, public_id=issued.key.public_id, actor=SYSTEM, now=issued.key.created_at)

    refused(Till(cafe, issued.secret).get("members"), 401, "key_revoked")


def test_a_key_without_the_scope_is_told_which_one_it_needs(cafe):
    """F42."""
    reader = till_at(cafe, "members:read")

    problem = refused(reader.post("members", {"name": "Mina"}), 403, "scope_missing")

    assert problem["scope"] == "members:write"
    assert members_of(reader) == []


def test_a_neighbours_member_is_as_unknown_as_nobody(till):
    """F39: the same status and the same body, but for the id of the request."""
    mina = till_at(open_shop("bookshop")).post("members", {"name": "Mina", "external_id": "mina"}).json()["id"]

    theirs = refused(till.get(f"members/{mina}"), 404, "member_not_found")
    nobodys = refused(till.get("members/mem_0123456789abcdef"), 404, "member_not_found")

    assert {**theirs, "request_id": ""} == {**nobodys, "request_id": ""}


# What was sent


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "body_missing"),
        (b"   ", "malformed_json"),
        (b"{", "malformed_json"),
        (b'{"name": "Mina",}', "malformed_json"),
        (b"{'name': 'Mina'}", "malformed_json"),
        (b'{"name": "\xff"}', "malformed_json"),
        ('{"name": "Mina"}'.encode("utf-16"), "malformed_json"),
        (b'\xef\xbb\xbf{"name": "Mina"}', "malformed_json"),
        (b'{"attributes": {"n": NaN}}', "malformed_json"),
        (b'{"attributes": {"n": Infinity}}', "malformed_json"),
        (b'{"attributes": {"n": -Infinity}}', "malformed_json"),
        (b'{"attributes": {"n": 1e400}}', "invalid_request"),
        (b'{"attributes": {"n": 1e4000}}', "malformed_json"),
        (b'{"attributes": {"n": ' + b"9" * 5000 + b"}}", "malformed_json"),
        (b'{"attributes": {"n": 1_000}}', "malformed_json"),
        (b'{"attributes": {"n": 01}}', "malformed_json"),
        (b'{"name": "a\nb"}', "malformed_json"),
        (b'{"name": "a", "name": "b"}', "duplicate_key"),
        (b'{"attributes": {"a": 1, "a": 2}}', "duplicate_key"),
        (b'{"attributes": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}", "too_deep"),
        (b'{"attributes": ' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"}", "too_deep"),
        (b"[" * 100_000, "too_deep"),
        (b"[]", "invalid_request"),
        (b'"Mina"', "invalid_request"),
        (b"null", "invalid_request"),
        (b'{"name": "\\u0000"}', "invalid_request"),
        (b'{"name": "\\ud800"}', "invalid_request"),
        (b'{"\\u0000": 1}', "invalid_request"),
    ],
)
def test_what_is_not_plain_json_is_refused_and_nothing_happens(till, body, code):
    """F16, F18, F50, F51."""
    refused(till.post("members", raw=body), 400, code)
    assert members_of(till) == []


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"nmae": "Mina"}, "/nmae", "unknown_field"),
        ({"merchant_id": 1}, "/merchant_id", "unknown_field"),
        ({"points": 10_000}, "/points", "unknown_field"),
        ({"state": "active"}, "/state", "unknown_field"),
        ({"name": 5}, "/name", "wrong_type"),
        ({"name": None}, "/name", "wrong_type"),
        ({"name": ["Mina"]}, "/name", "wrong_type"),
        ({"name": "x" * 201}, "/name", "wrong_length"),
        ({"attributes": {"age": 1.0}}, "/attributes/age", "wrong_type"),
        ({"attributes": {"Age": 1}}, "/attributes", "bad_form"),
        ({"birthday": "29 Feb"}, "/birthday", "bad_form"),
        ({"birthday": "\u0661\u0662-01"}, "/birthday", "bad_form"),
        ({"joined_at": "2026-03-04T10:00:00"}, "/joined_at", "bad_form"),
        ({"joined_at": "yesterday"}, "/joined_at", "bad_form"),
        ({"external_id": "caf\u00e9"}, "/external_id", "bad_form"),
        ({"external_id": "crm-1\n"}, "/external_id", "bad_form"),
    ],
)
def test_each_fault_is_named_at_its_place(till, body, pointer, code):
    """F17, F41: nothing is converted, nothing unknown is dropped in silence."""
    problem = refused(till.post("members", body), 400, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert problem["errors"][0]["detail"]
    assert members_of(till) == []


def test_all_faults_are_named_at_once(till):
    problem = refused(till.post("members", {"name": 5, "birthday": "x", "a/b~c": 1}), 400, "invalid_request")

    assert {(error["pointer"], error["code"]) for error in problem["errors"]} == {
        ("/name", "wrong_type"),
        ("/birthday", "bad_form"),
        ("/a~1b~0c", "unknown_field"),
    }


@pytest.mark.parametrize("megabytes", [1, 10, 40])
def test_a_body_too_large_is_refused_with_a_problem(till, megabytes):
    """F50."""
    refused(till.post("members", raw=b'{"name": "' + b"x" * megabytes * 2**20 + b'"}'), 413, "body_too_large")


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=euc-kr", ""]
)
def test_only_json_in_utf8_is_read(till, media_type):
    answer = till.client.generic(
        "POST", "/api/v1/members", b"{}", content_type=media_type, headers={"Authorization": f"Bearer {till.secret}"}
    )
    refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=abc", "/limit"),
        ("limit=1_0", "/limit"),
        ("limit=%D9%A1", "/limit"),
        ("limit=1.0", "/limit"),
        ("limit=1e1", "/limit"),
        ("limit=+1", "/limit"),
        ("limit=", "/limit"),
        ("limit=5&limit=6", "/limit"),
        ("page=2", "/page"),
        ("card=%00%00%00%00", "/card"),
        ("order=name;DROP TABLE members_member", "/order"),
    ],
)
def test_query_parameters_are_read_as_strictly(till, query, pointer):
    """F53 and the limit that DRF would silently ignore."""
    problem = refused(till.get(f"members?{query}"), 400, "invalid_query")
    assert problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("cursor", ["x", "AAAA", "W10", "bnVsbA", "%F0%9F%92%A5", "WyIyMDI2IiwxXQ", "a" * 300])
def test_a_cursor_of_ones_own_making_is_refused(till, cursor):
    assert till.get(f"members?cursor={cursor}").status_code == 400


@pytest.mark.parametrize("member_id", ["1", "mem_", "mem_%00", "%2e%2e", "mem_0123456789ABCDEF", "m" * 500, "'; --"])
def test_what_cannot_be_an_id_is_nobodys(till, member_id):
    assert till.get(f"members/{member_id}").status_code == 404


def test_an_unknown_call_and_a_wrong_method_are_problems_too(till):
    refused(till.get("nothing/here"), 404, "route_not_found")
    refused(till.get("members/"), 404, "route_not_found")
    answer = till.call("PUT", "members", {})
    refused(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "GET, POST, HEAD"
    refused(till.call("OPTIONS", "members"), 405, "method_not_allowed")


# How it is said


def test_refusals_are_said_in_the_callers_language(till):
    korean = refused(till.get("members?limit=0", Accept_Language="ko"), 400, "invalid_query")
    english = refused(till.get("members?limit=0"), 400, "invalid_query")

    assert korean["code"] == english["code"]


def test_answers_are_not_kept_by_anybody_on_the_way(till):
    assert till.get("members")["Cache-Control"] == "no-store"
    assert till.get("members/x")["Cache-Control"] == "no-store"


def test_a_plain_request_id_is_kept_and_a_strange_one_replaced(till):
    assert till.get("members", X_Request_Id="till-1.42")["X-Request-Id"] == "till-1.42"
    assert re.fullmatch(r"[0-9a-f]{32}", till.get("members", X_Request_Id="a b<script>")["X-Request-Id"])


@pytest.mark.parametrize(
    "trouble",
    [
        OperationalError("server closed the connection unexpectedly"),
        DatabaseError("server closed the connection unexpectedly"),
        InterfaceError("connection already closed"),
        tenancy.RetryTransaction(),
    ],
)
def test_while_the_database_is_away_the_till_is_asked_to_wait(till, monkeypatch, trouble):
    """F32, F33: never an answer that says more than we know."""

    def away(**_):
        raise trouble

    monkeypatch.setattr("members.directory.page", away)

    answer = till.get("members")

    refused(answer, 503, "unavailable")
    assert int(answer["Retry-After"]) >= 1


def test_a_defect_answers_500_without_telling_anything(till, monkeypatch):
    monkeypatch.setattr("members.directory.page", lambda **_: 1 / 0)

    problem = refused(till.get("members"), 500, "internal_error")

    assert "division" not in json.dumps(problem)


def test_a_key_that_asks_too_often_waits_and_others_do_not(cafe, till, monkeypatch, settings):
    counter = limits.Limiter(settings.DJANGO_REDIS_URL, limit=3, window_seconds=3600)
    monkeypatch.setattr(limits, "limiter", lambda: counter)
    other = till_at(cafe)

    answers = [till.get("members") for _call in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer["RateLimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert answers[0]["RateLimit-Policy"] == '"key";q=3;w=3600'
    refused(answers[3], 429, "rate_limited")
    assert 1 <= int(answers[3]["Retry-After"]) <= 3600
    assert other.get("members").status_code == 200


def test_without_redis_everybody_passes(till, monkeypatch):
    """F37."""
    counter = limits.Limiter("unix:///nowhere.sock", limit=1, window_seconds=3600)
    monkeypatch.setattr(limits, "limiter", lambda: counter)

    answers = [till.get("members") for _call in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert "RateLimit" not in answers[0]


def test_a_batch_counts_as_its_sales(settings):
    """A hundred a minute: two batches of forty and twenty sales, and not a hundred batches."""
    counter = limits.Limiter(settings.DJANGO_REDIS_URL, limit=100, window_seconds=3600)
    at = 1_800_000_000.0

    assert [counter.take("batches", at=at, count=40).is_allowed for _batch in range(3)] == [True, True, False]
    assert [counter.take("batches", at=at).is_allowed for _sale in range(21)] == [True] * 20 + [False]
    # One larger than the limit passes too, at the price of half of it.
    assert counter.take("an import", at=at, count=1_000).remaining == 50


def test_two_processes_share_a_limit_and_never_exceed_it(settings):
    one, two = (limits.Limiter(settings.DJANGO_REDIS_URL, limit=250, window_seconds=3600) for _process in range(2))

    passed = sum(
        counter.take("shared", at=1_800_000_000.0).is_allowed for _call in range(200) for counter in (one, two)
    )

    assert passed == 250
