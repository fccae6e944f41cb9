"""Whether an address is known is told by nothing: not by the answer, and not by the work that goes before it.  F45.

Time itself is noise on a busy machine, so the work is counted: every statement the database gets, by its form, and
every time something is hashed or enciphered, before the answer leaves.  What is sent to a known address is sent after.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test import Client

from merchants import code_requests
from tests.people import join, open_shop, seat_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    shop = open_shop("cafe-haneul")
    seat_at(shop, "owner", "hana@example.org")
    join(shop, email="mina@example.org", phone="010-1234-5678")
    return shop


@contextmanager
def counted(monkeypatch):
    """Count what is done inside: statements by their form, hashes by their kind."""
    work: Counter[str] = Counter()

    def count(execute, sql, params, many, context):
        form = re.sub(r"'[^']*'|\b\d+\b|\"s\d+_x\d+\"", "?", sql)
        work[re.sub(r"\s+", " ", form)[:200]] += 1
        return execute(sql, params, many, context)

    def counting(kind, original):
        def call(*arguments, **options):
            work[kind] += 1
            return original(*arguments, **options)

        return call

    with monkeypatch.context() as patch, connection.execute_wrapper(count):
        for kind in ("pbkdf2_hmac", "scrypt"):
            patch.setattr(hashlib, kind, counting(kind, getattr(hashlib, kind)))
        patch.setattr(hmac, "new", counting("hmac", hmac.new))
        patch.setattr(hmac, "compare_digest", counting("compare", hmac.compare_digest))
        yield work


def asked(monkeypatch, path, contact):
    """The work of one request for a code in a browser of its own, up to its answer."""
    # What is looked up once a process or counted once an address of the net is not what is compared.
    Client().post(path, {"contact": "somebody-else@example.org"})
    browser = Client()
    browser.get(path)
    with counted(monkeypatch) as work:
        answer = browser.post(path, {"contact": contact})
    assert answer.status_code == 302, answer.content.decode()
    return work


@pytest.mark.parametrize(
    ("known", "unknown"), [("mina@example.org", "milo@example.org"), ("010-1234-5678", "010-1234-5679")]
)
def test_members(cafe, settings, monkeypatch, known, unknown):
    settings.SMS_WEBHOOK_URL = "https://sms.example/send"
    path = f"/m/{cafe.slug}/sign-in"

    assert asked(monkeypatch, path, known) == asked(monkeypatch, path, unknown)


def test_staff(cafe, monkeypatch):
    known, unknown = (
        asked(monkeypatch, "/accounts/login/", contact) for contact in ("hana@example.org", "hugo@example.org")
    )
    assert known == unknown


@pytest.mark.parametrize("sent", [None, {"action": "resend"}, {"code": "wrong!"}])
def test_staff_on_the_page_that_asks_for_the_code(cafe, monkeypatch, settings, sent):
    monkeypatch.setattr(code_requests, "RESEND_AFTER_SECONDS", 0)

    def there(contact):
        browser = Client()
        page = browser.post("/accounts/login/", {"contact": contact})["Location"]
        browser.get(page)
        with counted(monkeypatch) as work:
            answer = browser.post(page, sent) if sent else browser.get(page)
        assert answer.status_code == (302 if sent and "action" in sent else 200)
        return work

    there("somebody-else@example.org")
    assert there("hana@example.org") == there("hugo@example.org")


def test_the_count_sees_work_that_is_done_for_one_of_them_only(monkeypatch):
    """The guard is proved by breaking it."""
    with counted(monkeypatch) as work, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        hashlib.pbkdf2_hmac("sha256", b"a", b"b", 1)
        hmac.new(b"a", b"b", "sha256")
    assert work == {"SELECT ?": 1, "pbkdf2_hmac": 1, "hmac": 1}
