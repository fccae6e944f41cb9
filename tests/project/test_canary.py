"""A canary is put through every entry point; it may sing on the page that asked, and nowhere in logs or metrics.  F66.

Mina's address, number and name, a key, a code and a webhook's secret are all made recognisable, sent in every place a
caller can put them, and to endpoints that break while they hold them.
"""

from __future__ import annotations

import json
import re
import smtplib
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.mail.backends import locmem
from django.db import connection
from django.test import Client, TestCase

from members.models import Member
from merchants import tenancy
from tests.people import member_browser
from tests.project import matrix
from tests.project.matrix_data import Stage, routes, set_up, undone

NAME = "Kanarienvogel"
EMAIL = "kanari.mina@kanari.example"
PHONE = "010-9753-1864"
CARD = "97531864975318"
KEY = "lk_live_kanari12_kanarikanarikanarikanari"
SECRET = "whsec_S2FuYXJpZW52b2dlbEthbmFyaWVudm9nZWw="
CODE = "975318"
#: As they are sent, as they are kept, and without what a form adds.
CANARIES = ("anari", "97531864", "9753-1864", "9753 1864", CODE, "S2FuYXJp")
#: What a form of ours may call the things people type.
FORM = {
    "name": NAME, "contact": EMAIL, "email": EMAIL, "phone": PHONE, "code": CODE, "pin": CODE, "card": CARD,
    "number": CARD, "note": f"{NAME} {PHONE}", "reason": NAME, "comment": f"{NAME} {EMAIL}", "q": NAME, "text": NAME,
    "member": CARD, "lookup": EMAIL, "url": f"https://{NAME}.example/{SECRET}", "wording": NAME, "title": NAME,
    "new_email": EMAIL, "search": PHONE, "query": PHONE, "recipient": EMAIL, "terms": "on", "privacy": "on",
}  # fmt: skip
PEOPLE = {"public": "anonymous", "account": "owner", "portal": "member", "console": "owner", "api": "key"}


@pytest.fixture(scope="module")
def stage(django_db_setup, django_db_blocker):
    """Mina, who owns the samples, is the canary."""
    with django_db_blocker.unblock(), undone():
        stage = set_up()
        with tenancy.tenant(stage.shop):
            member = Member.objects.get(merchant=stage.shop, public_id=stage.samples["member_id"])
            member.name, member.email, member.phone = NAME, EMAIL, "+821097531864"
            member.save()
        stage.cookies["member"] = member_browser(stage.shop, member).cookies
        yield stage


def canary_in(value: Any, name: str = "") -> Any:
    """An example of the API's reference with the canary wherever it names a person or a secret."""
    if isinstance(value, dict):
        return {key: canary_in(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [canary_in(each, name) for each in value]
    return FORM.get(name, value) if isinstance(value, str) else value


def put_through(stage: Stage, route) -> None:
    """Ask an address with the canary in its query, its form and its body, as somebody who may."""
    kind = matrix.row_of(route.name)
    person, path = PEOPLE[kind], stage.path(route)
    stage.ask(person, "GET", f"{path}?q={NAME}&email={EMAIL}&phone={PHONE}&cursor={CARD}&next=/{EMAIL}")
    client = Client(raise_request_exception=False)
    if kind != "api":
        client.cookies = stage.cookies[person].copy() if person in stage.cookies else client.cookies
        with undone():
            client.post(path, FORM)
        return
    with undone():
        client.get(path, headers={"Authorization": f"Bearer {KEY}"})
    for method in matrix.API[route.name]:
        operation = getattr(route.view.cls, method.lower()).operation
        for body in [*operation.examples.values(), FORM]:
            headers = {"Authorization": f"Bearer {stage.secrets['key']}", "Idempotency-Key": CARD}
            with undone():
                client.generic(
                    method, path, json.dumps(canary_in(body)), content_type="application/json", headers=headers
                )


ROUTES = [route for route in routes() if matrix.row_of(route.name) in PEOPLE]


#: A request's id and the like: our digits are in one of many by chance.
_RANDOM = re.compile(r"\b(?=[0-9]*[a-f])[0-9a-f]{24,}\b")


def is_heard(text: str) -> bool:
    return any(canary in _RANDOM.sub("", text) for canary in CANARIES)


def sung(lines) -> list[str]:
    """Every canary heard in a line of the log, with the line."""
    texts = [json.dumps(line, ensure_ascii=False) for line in lines()]
    return [text for text in texts if is_heard(text)]


def test_a_canary_is_told_from_an_id_that_holds_its_digits_by_chance():
    heard = [f"code {CODE}.", "phone=+821097531864", CARD, f"key_{CODE}"]
    assert [text for text in heard if not is_heard(text)] == []
    assert not is_heard(f"request_id=159b7f407d{CODE}4bdb8137dd")


def test_every_entry_point_keeps_what_it_is_told_to_itself(stage, client, lines):
    for route in ROUTES:
        put_through(stage, route)
    metrics = client.get("/metrics").content.decode()

    assert sum(line["logger"] == "loyalty.request" for line in lines()) > 2 * len(ROUTES)
    assert sung(lines) == []
    assert "_total" in metrics
    assert [canary for canary in CANARIES if canary in metrics] == []


@contextmanager
def broken_by(*values: str):
    """Every change of a member's rows fails, and PostgreSQL repeats the value it choked on."""

    def break_it(execute, sql, params, many, context):
        if "members_" in sql and context["connection"].in_atomic_block:
            for value in values:
                return execute("SELECT %s::int", [value], False, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(break_it):
        yield


@pytest.mark.one_a_run
@pytest.mark.parametrize("value", [EMAIL, PHONE, f"{NAME} Mina", KEY])
def test_an_entry_point_that_breaks_says_where_and_not_with_whom(stage, lines, value):
    for route in ROUTES:
        if matrix.row_of(route.name) in {"portal", "api"}:
            with broken_by(value):
                put_through(stage, route)

    broken = [line for line in lines() if "exception" in line]
    assert broken
    assert sung(lines) == []


def test_a_letter_that_cannot_be_sent_names_nobody(stage, lines, monkeypatch):
    refused = []

    def refuse(self, letters):
        refused.extend(letters)
        raise smtplib.SMTPRecipientsRefused({EMAIL: (550, f"no such user {EMAIL} {NAME}".encode())})

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", refuse)
    with undone(), TestCase.captureOnCommitCallbacks(execute=True):
        Client(raise_request_exception=False).post(f"/m/{stage.shop.slug}/sign-in", {"contact": EMAIL})

    assert [letter.to for letter in refused] == [[EMAIL]]
    assert sung(lines) == []


def test_an_address_that_does_not_exist_is_not_written_down(client, lines):
    for path in (f"/join/{EMAIL}/{PHONE}", f"/api/v1/members/{EMAIL}", f"/m/{NAME}/sign-in", f"/console/{NAME}/"):
        client.get(path, {"phone": PHONE}, headers={"Referer": f"https://shop.example/{EMAIL}", "User-Agent": NAME})

    assert sung(lines) == []
