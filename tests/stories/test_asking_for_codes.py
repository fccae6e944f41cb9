"""A stranger asks for codes to Mina's address, from everywhere; she gets hers all the same, and guessing gets nobody far."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client

from merchants import code_requests, contacts, ids
from merchants.code_requests import Asker, JustSent
from merchants.limits import TooMany
from tests.people import code_in_last_mail, join, open_shop, seat_at

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def step(django_capture_on_commit_callbacks):
    def step(client, url, **fields):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(url, fields)

    return step


def browser_at(ip):
    return Client(REMOTE_ADDR=ip)


def sign_in(cafe):
    return f"/m/{cafe.slug}/sign-in"


def test_five_strangers_from_five_addresses_do_not_keep_mina_out(cafe, step):
    join(cafe, email="mina@example.org", signed_in_at=datetime.now(UTC))
    for number in range(1, 5):
        assert step(browser_at(f"192.0.2.{number}"), sign_in(cafe), contact="mina@example.org").status_code == 302
    for _ in range(5):
        step(browser_at("192.0.2.5"), sign_in(cafe), contact="mina@example.org")
    mail.outbox.clear()

    phone = browser_at("198.51.100.7")
    answer = step(phone, sign_in(cafe), contact="mina@example.org")

    assert answer["Location"] == f"/m/{cafe.slug}/code"
    assert step(phone, f"/m/{cafe.slug}/code", code=code_in_last_mail())["Location"] == f"/m/{cafe.slug}/"


def test_a_browser_that_signed_in_before_has_its_own_quota(cafe, step, monkeypatch):
    join(cafe, email="mina@example.org", signed_in_at=datetime.now(UTC))
    phone = browser_at("198.51.100.7")
    step(phone, sign_in(cafe), contact="mina@example.org")
    step(phone, f"/m/{cafe.slug}/code", code=code_in_last_mail())
    step(phone, f"/m/{cafe.slug}/sign-out")
    for number in range(1, 24):
        step(browser_at(f"192.0.2.{number}"), sign_in(cafe), contact="mina@example.org")
    mail.outbox.clear()

    answer = step(phone, sign_in(cafe), contact="mina@example.org")

    assert answer["Location"] == f"/m/{cafe.slug}/code"
    assert len(mail.outbox) == 1
    assert step(phone, f"/m/{cafe.slug}/code", code=code_in_last_mail())["Location"] == f"/m/{cafe.slug}/"


def test_within_the_minute_a_strangers_request_is_no_code_of_hers(cafe, step):
    step(browser_at("192.0.2.1"), sign_in(cafe), contact="mina@example.org")
    mail.outbox.clear()

    phone = browser_at("198.51.100.7")
    answer = step(phone, sign_in(cafe), contact="mina@example.org")

    assert answer["Location"] == f"/m/{cafe.slug}/code"
    assert len(mail.outbox) == 1, "her own, and not the one that opens in the stranger's browser only"
    page = phone.get(f"/m/{cafe.slug}/code").content.decode()
    assert "less than a minute ago" not in page
    assert step(phone, f"/m/{cafe.slug}/code", code=code_in_last_mail()).status_code == 302


def test_staff_are_kept_out_by_nobody_either(cafe, step, settings):
    seat_at(cafe, "cashier", "jun@example.org")
    tablet = browser_at("198.51.100.7")
    confirm = step(tablet, "/accounts/login/", contact="jun@example.org")["Location"]
    assert step(tablet, confirm, code=code_in_last_mail())["Location"] == "/console/"
    step(tablet, "/accounts/logout/")
    for number in range(1, 30):
        step(browser_at(f"192.0.2.{number}"), "/accounts/login/", contact="jun@example.org")
    mail.outbox.clear()

    confirm = step(tablet, "/accounts/login/", contact="jun@example.org")["Location"]

    assert step(tablet, confirm, code=code_in_last_mail())["Location"] == "/console/"


def test_a_cookie_of_one_shop_or_one_contact_is_nothing_for_another(cafe, step):
    bookshop = open_shop("bookshop")
    join(cafe, email="mina@example.org", signed_in_at=datetime.now(UTC))
    phone = browser_at("198.51.100.7")
    step(phone, sign_in(cafe), contact="mina@example.org")
    step(phone, f"/m/{cafe.slug}/code", code=code_in_last_mail())
    (cookie,) = [each for name, each in phone.cookies.items() if name.startswith("known_")]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (f"/m/{cafe.slug}/", True, "Lax")
    assert "mina" not in cookie.value
    phone.cookies[f"known_{bookshop.public_id}"] = cookie.value

    for number in range(1, 30):
        step(browser_at(f"192.0.2.{number}"), f"/m/{bookshop.slug}/sign-in", contact="mina@example.org")
    answer = step(phone, f"/m/{bookshop.slug}/sign-in", contact="mina@example.org")

    assert answer.status_code == 429


# -- what the numbers are -----------------------------------------------------------------------------------------------


def ask(contact, ip, now, browser=""):
    """Ask once; return how many digits the code has, or None when it is refused."""
    try:
        return code_requests.take(contact=contact, place="test", asker=Asker(ip, browser), now=now)
    except TooMany:
        return None


@pytest.fixture
def mina():
    return contacts.read_email(f"{ids.mint('mem')[4:]}@example.org")


def test_no_wait_is_longer_than_an_hour(mina):
    for number in range(30):
        ask(mina, f"2001:db8::{number:x}", NOON)
    with pytest.raises(TooMany) as refusal:
        code_requests.take(contact=mina, place="test", asker=Asker("198.51.100.7"), now=NOON + MINUTE)
    assert refusal.value.retry_after_seconds <= 3600
    assert ask(mina, "198.51.100.7", NOON + 61 * MINUTE) is not None


def test_who_asks_again_and_again_uses_up_nothing_of_who_asks_first(mina):
    """One stranger at three addresses, every few minutes; Mina's new telephone gets its code at any of them."""
    for minute in range(0, 60, 3):
        for number in range(3):
            ask(mina, f"192.0.2.{number}", NOON + minute * MINUTE)
    assert ask(mina, "198.51.100.7", NOON + 60 * MINUTE) is not None


def test_all_strangers_of_a_day_have_less_than_six_chances_in_a_hundred_thousand(mina):
    chance, sent = 0.0, 0
    for hour in range(24):
        # All that an hour lets through, and as soon as the next begins all of that.
        now = NOON + hour * 60 * MINUTE
        asking = [f"2001:db8::{hour:x}:{number:x}" for number in range(21)] + [f"192.0.2.{n}" for n in range(7)]
        for digits in filter(None, (ask(mina, ip, now) for ip in asking)):
            chance, sent = chance + 5 / 10**digits, sent + 1
    assert sent <= 25 * 24 + 25
    assert chance < 6e-5


def test_a_known_browser_waits_a_minute_and_has_five_a_day(mina):
    assert ask(mina, "192.0.2.1", NOON, "phone") == 6
    with pytest.raises(JustSent):
        code_requests.take(contact=mina, place="test", asker=Asker("192.0.2.1", "phone"), now=NOON)
    assert [ask(mina, "192.0.2.1", NOON + number * MINUTE, "phone") for number in range(1, 5)] == [6] * 4
    assert ask(mina, "192.0.2.1", NOON + 5 * MINUTE, "phone") is None
    assert ask(mina, "192.0.2.1", NOON + 5 * MINUTE, "tablet") == 6
