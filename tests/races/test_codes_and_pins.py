"""Guesses and requests sent all at once get no further than guesses and requests one after another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.test import Client

from members import codes
from members.models import ContactCode
from merchants import contacts, ids, limits, seats, tenancy
from merchants.actors import SYSTEM
from merchants.code_requests import Asker
from merchants.limits import Limit, TooMany
from merchants.models.messages import OutgoingMessage
from merchants.models.people import Seat, User
from tests import threads
from tests.people import code_in_last_mail, open_shop, seat_at

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def cafe(committed):
    return open_shop("cafe-haneul")


def address():
    return contacts.read_email(f"{ids.mint('mem')[4:]}@example.org")


def at_once(count, work):
    """Run the work so many times at one instant, each with its place; return what each returned or raised."""
    return threads.outcomes(*(partial(work, place) for place in range(count)))


def send(cafe, contact, session="s", ip="192.0.2.1", now=NOON):
    return codes.send(merchant=cafe, contact=contact, purpose="sign_in", session=session, asker=Asker(ip), now=now)


def test_of_fifty_guesses_at_once_at_most_five_are_looked_at(cafe, monkeypatch):
    mina = address()
    tenancy.attempt(cafe, lambda: send(cafe, mina))
    looked_at = []
    compare = codes.hmac.compare_digest
    monkeypatch.setattr(codes.hmac, "compare_digest", lambda a, b: looked_at.append(a) or compare(a, b))

    def guess(place):
        return tenancy.attempt(
            cafe,
            lambda: codes.check(
                merchant=cafe, contact=mina, purpose="sign_in", session="s", code=f"{place:06d}", now=NOON
            ),
        )

    at_once(50, guess)

    # Misses are compared too, to a hash of nothing, so that they take as long.
    assert len([known for known in looked_at if known != "0" * 64]) <= 5
    with tenancy.tenant(cafe):
        assert ContactCode.objects.get(merchant=cafe).attempts == 5


def test_the_right_code_sent_twenty_times_at_once_is_right_once(cafe):
    mina, now = address(), datetime.now(UTC)
    tenancy.attempt(cafe, lambda: send(cafe, mina, now=now))
    code = code_in_last_mail()

    def use(_place):
        return tenancy.attempt(
            cafe, lambda: codes.check(merchant=cafe, contact=mina, purpose="sign_in", session="s", code=code, now=now)
        )

    outcomes = at_once(20, use)

    assert sum(outcome.proof is not None for outcome in outcomes) == 1


@pytest.mark.parametrize(
    ("addresses", "mails"),
    # Whoever asks from one address waits a minute; strangers from ever new ones are held to twenty an hour together.
    [(1, 1), (30, 20)],
)
def test_thirty_requests_at_once_are_as_many_mails_as_may_be(cafe, addresses, mails):
    mina = address()

    def ask(place):
        return tenancy.attempt(cafe, lambda: send(cafe, mina, session=f"s{place}", ip=f"192.0.2.{place % addresses}"))

    answers = at_once(30, ask)

    with tenancy.tenant(cafe):
        assert OutgoingMessage.objects.filter(merchant=cafe, recipient=mina.value).count() == mails
    assert sum(isinstance(answer, datetime) for answer in answers) == mails


def test_a_limit_lets_exactly_so_many_through(committed):
    limit = Limit("race", 7, 60)
    subject = ids.mint("seat")

    outcomes = at_once(30, lambda _place: limits.take(limits=[limit], subject=subject, now=NOON))

    assert sum(outcome is None for outcome in outcomes) == 7
    assert sum(isinstance(outcome, TooMany) for outcome in outcomes) == 23


def test_a_limit_opens_again_when_the_oldest_use_has_left_the_window(committed):
    limit, subject = Limit("window", 2, 60), ids.mint("seat")

    def take(seconds):
        limits.take(limits=[limit], subject=subject, now=NOON + timedelta(seconds=seconds))

    take(0)
    take(30)
    with pytest.raises(TooMany) as refusal:
        take(45)
    assert refusal.value.retry_after_seconds == 15
    take(60)
    with pytest.raises(TooMany):
        take(61)


def test_of_fifty_pins_at_once_at_most_five_are_looked_at(cafe, monkeypatch):
    jun = seat_at(cafe, "cashier", name="Jun", pin="2468")
    looked_at = []
    monkeypatch.setattr(seats, "check_password", lambda pin, known: looked_at.append(known) and False)

    at_once(
        50,
        lambda place: tenancy.attempt(
            cafe, lambda: seats.check_pin(merchant=cafe, seat_id=jun.public_id, pin=f"{place:04d}", now=NOON)
        ),
    )

    assert len([known for known in looked_at if known != "!"]) <= 5
    assert Seat.objects.get(pk=jun.pk).pin_failures == 5


@pytest.mark.parametrize("_time", range(5))
def test_two_owners_who_resign_at_once_leave_one(cafe, _time):
    owners = [seat_at(cafe, "owner") for _ in range(2)]

    def resign(place):
        return tenancy.attempt(
            cafe,
            lambda: seats.revoke(merchant=cafe, seat_id=owners[place].public_id, now=NOON, actor=SYSTEM),
        )

    outcomes = at_once(2, resign)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastOwner", "NoneType"]
    assert [seat.role for seat in seats.of_merchant(cafe)] == ["owner"]


def test_staff_codes_guessed_fifty_times_at_once_are_looked_at_five_times(committed, monkeypatch):
    """allauth counts wrong tries in the session: without our lock, fifty parallel guesses all read the same number."""
    user = User.objects.create_user(email=address().value)
    browser = Client()
    confirm = browser.post("/accounts/login/", {"contact": user.email})["Location"]
    session = browser.cookies["sessionid"].value
    held = code_in_last_mail()
    looked_at = []
    compare = "allauth.account.forms.compare_user_code"
    monkeypatch.setattr(compare, lambda actual, expected: looked_at.append(expected) and False)

    def guess(place):
        thief = Client()
        thief.cookies["sessionid"] = session
        return thief.post(confirm, {"code": f"{place:06d}"}).status_code

    at_once(50, guess)

    assert 1 <= looked_at.count(held) <= 5
    assert "_auth_user_id" not in browser.session
