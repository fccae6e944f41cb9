"""Hana's telephone number is given out again, and Juno proves it: he is asked before he sees a name, a balance, a history.

supabase/auth-js#1086, element-hq/element-meta#1614
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client

from members import cards
from members.models import ContactChange, Member
from merchants import code_requests, dev_outbox, tenancy
from merchants.models.messages import OutgoingMessage
from merchants.models.people import Passport
from rewards import balances, purchases
from rewards.parties import MemberRef
from tests.builders import PROGRAMME, Shop
from tests.people import MANAGER, cashier_browser, code_in_last_mail, join, open_shop, staff_browser
from tests.till import till_at

pytestmark = pytest.mark.django_db

LONG_AGO = datetime.now(UTC) - timedelta(days=366)
NUMBER = "+821012345678"


@pytest.fixture
def cafe(db, settings, tmp_path):
    settings.DEV_OUTBOX, settings.DATA_DIR = True, tmp_path
    shop = open_shop("cafe-haneul")
    Shop(shop).publish(PROGRAMME)
    return shop


@pytest.fixture
def hana(cafe):
    """Signed in last more than a year ago, with her e-mail address too; 230 points."""
    member = join(
        cafe, name="Hana Choi", email="hana@example.org", phone=NUMBER, birthday="02-29", card="9000-1234",
        signed_in_at=LONG_AGO,
    )  # fmt: skip
    sold = purchases.PurchaseInput(
        external_id="breakfast", occurred_at=datetime.now(UTC), currency="KRW", total_minor=23_000,
        member=MemberRef(id=member.public_id),
    )  # fmt: skip
    with tenancy.tenant(cafe):
        purchases.record(merchant=cafe, items=[sold], now=datetime.now(UTC), actor=MANAGER)
    mail.outbox.clear()
    return member


@pytest.fixture
def step(django_capture_on_commit_callbacks):
    def step(client, url, **fields):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(url, fields)

    return step


def m(shop, path=""):
    return f"/m/{shop.slug}/{path}"


def proves(step, cafe, browser, contact=NUMBER, path="sign-in", **fields):
    """Ask for a code and type it; return the answer."""
    step(browser, m(cafe, path), contact=contact, **fields)
    code = re.search(r"\d{6}", dev_outbox.newest()[0].text).group()
    return step(browser, m(cafe, "code"), code=code)


def known(cafe, member):
    with tenancy.tenant(cafe):
        return Member.objects.get(merchant=cafe, pk=member.pk)


def members_of(cafe):
    with tenancy.tenant(cafe):
        return Member.objects.filter(merchant=cafe).count()


def spendable(cafe, member):
    with tenancy.tenant(cafe):
        return balances.of_member(merchant=cafe, member_id=member.pk, now=datetime.now(UTC)).spendable


@pytest.mark.parametrize("path", ["sign-in", "join"])
def test_juno_is_asked_and_sees_nothing_of_her(cafe, hana, step, path):
    juno = Client()

    answer = proves(step, cafe, juno, path=path, terms="on", privacy="on")

    assert answer["Location"] == m(cafe, "code/you")
    page = juno.get(m(cafe, "code/you")).content.decode()
    assert "Is this you?" in page
    for secret in ("Hana", "230", "hana@", "9000", '02-29"', NUMBER):
        assert secret not in page
    for closed in ("", "me", "activity", "card", "me/data", "me/leave"):
        assert juno.get(m(cafe, closed))["Location"].startswith(m(cafe, "sign-in"))
    assert (known(cafe, hana).phone, members_of(cafe)) == (NUMBER, 1)


def test_no_opens_a_membership_of_his_own_and_she_keeps_her_points(cafe, hana, step):
    juno = Client()
    proves(step, cafe, juno)

    assert step(juno, m(cafe, "code/you"), answer="no")["Location"] == m(cafe, "join")
    assert known(cafe, hana).phone == NUMBER, "nothing is taken off her before he has joined"
    assert step(juno, m(cafe, "join"), terms="on", privacy="on")["Location"] == m(cafe)

    with tenancy.tenant(cafe):
        his = Member.objects.get(merchant=cafe, phone=NUMBER)
        assert not ContactChange.objects.filter(merchant=cafe).exists()
    assert (his.pk != hana.pk, his.name, spendable(cafe, his)) == (True, "", 0)
    assert his.phone_proved_at is not None
    assert his.user.phone == NUMBER
    assert "Hana" not in juno.get(m(cafe, "me")).content.decode()
    hers = known(cafe, hana)
    assert (hers.phone, hers.email, hers.state) == (None, "hana@example.org", "active")
    assert spendable(cafe, hana) == 230
    # She reads of it where she still can be reached; the number reaches him, and is told nothing of her.
    assert [letter.to for letter in mail.outbox if "was changed" in letter.subject] == [["hana@example.org"]]
    with tenancy.tenant(cafe):
        letters = OutgoingMessage.objects.filter(merchant=cafe, kind="contact_changed")
        assert [letter.recipient for letter in letters] == ["hana@example.org"]
    # The old membership is there for staff, who may merge it.
    assert "taken off" not in juno.get(m(cafe, "me")).content.decode()
    console = staff_browser(cafe, "manager").get(f"/console/{cafe.slug}/members/{hana.public_id}").content.decode()
    assert "Hana Choi" in console
    assert "no sign-in for a year" in console


def test_no_with_the_boxes_ticked_before_needs_no_second_page(cafe, hana, step):
    juno = Client()
    proves(step, cafe, juno, path="join", terms="on", privacy="on")
    assert step(juno, m(cafe, "code/you"), answer="no")["Location"] == m(cafe)
    assert (known(cafe, hana).phone, members_of(cafe)) == (None, 2)


@pytest.mark.parametrize("told", ["9000-1234", " 9000-1234 ", "02-29", "0229", "{code}", "{spoken}"])
def test_hana_says_something_only_she_knows(cafe, hana, step, told, monkeypatch):
    phone, code = Client(), known(cafe, hana).code
    proves(step, cafe, phone)

    told = told.format(code=code, spoken=f"{code[:4].lower()}-{code[4:].lower()}")
    assert step(phone, m(cafe, "code/you"), answer="yes", told=told)["Location"] == m(cafe)

    assert "Hello, Hana Choi" in phone.get(m(cafe)).content.decode()
    assert datetime.now(UTC) - known(cafe, hana).phone_proved_at < timedelta(minutes=1)
    assert Passport.objects.filter(user=known(cafe, hana).user, merchant=cafe).count() == 1
    # Next time she is not asked, in whatever browser.
    monkeypatch.setattr(code_requests, "RESEND_AFTER_SECONDS", 0)
    assert proves(step, cafe, Client())["Location"] == m(cafe)


def test_yes_alone_is_not_enough_where_more_is_known(cafe, hana, step):
    juno = Client()
    proves(step, cafe, juno)
    answer = step(juno, m(cafe, "code/you"), answer="yes", told="")
    assert (answer.status_code, "For this one more is needed" in answer.content.decode()) == (422, True)
    assert juno.get(m(cafe)).status_code == 302


def test_juno_guesses_five_times_a_day(cafe, hana, step):
    juno = Client()
    proves(step, cafe, juno)
    answers = [step(juno, m(cafe, "code/you"), answer="yes", told=f"01-0{day}") for day in range(1, 6)]
    assert [answer.status_code for answer in answers] == [422] * 5
    right = step(juno, m(cafe, "code/you"), answer="yes", told="02-29")
    assert (right.status_code, "Too many attempts" in right.content.decode()) == (429, True)
    assert juno.get(m(cafe)).status_code == 302


def test_a_lost_card_is_nobodys_proof(cafe, hana, step):
    with tenancy.tenant(cafe):
        cards.block(merchant=cafe, member=hana, number="9000-1234", reason="lost", actor=MANAGER, now=datetime.now(UTC))
    juno = Client()
    proves(step, cafe, juno)
    assert step(juno, m(cafe, "code/you"), answer="yes", told="9000-1234").status_code == 422


def test_who_was_enrolled_with_a_number_and_nothing_else_says_yes(cafe, step):
    mina = join(cafe, phone=NUMBER)
    phone = Client()
    assert proves(step, cafe, phone)["Location"] == m(cafe, "code/you")
    assert step(phone, m(cafe, "code/you"), answer="yes", told="")["Location"] == m(cafe)
    assert known(cafe, mina).user.phone == NUMBER


def test_a_browser_that_signed_in_before_is_not_asked(cafe, step, monkeypatch):
    phone = Client()
    proves(step, cafe, phone, path="join", terms="on", privacy="on")
    with tenancy.tenant(cafe):
        mina = Member.objects.get(merchant=cafe, phone=NUMBER)
        Member.objects.filter(pk=mina.pk).update(phone_proved_at=LONG_AGO)
    step(phone, m(cafe, "sign-out"))
    # A cookie that was tampered with says nothing.
    forged = Client()
    for name in [name for name in phone.cookies if name.startswith("known_")]:
        forged.cookies[name] = phone.cookies[name].value + "x"
    monkeypatch.setattr(code_requests, "RESEND_AFTER_SECONDS", 0)

    assert proves(step, cafe, forged)["Location"] == m(cafe, "code/you")
    assert proves(step, cafe, phone)["Location"] == m(cafe)


def test_a_contact_that_staff_gave_her_is_asked_about_once(cafe, hana, step):
    """Whoever talks a cashier into changing an address has proved that address, and not that they are Hana."""
    manager = staff_browser(cafe, "manager")
    step(
        manager, f"/console/{cafe.slug}/members/{hana.public_id}/change", name="Hana Choi", email="juno@example.org",
        phone="", birthday="02-29", language="", external_id="", note="",
    )  # fmt: skip
    assert known(cafe, hana).email == "juno@example.org"
    juno = Client()
    step(juno, m(cafe, "sign-in"), contact="juno@example.org")
    assert step(juno, m(cafe, "code"), code=code_in_last_mail())["Location"] == m(cafe, "code/you")


def test_at_the_counter_the_number_is_freed_for_whoever_stands_there(cafe, hana, step):
    jun, counter = cashier_browser(cafe), f"/console/{cafe.slug}/counter/members/{hana.public_id}"
    assert "Somebody else has this number or address now" in jun.get(counter).content.decode()

    answer = step(jun, f"{counter}/release", kind="phone")

    assert answer["Location"] == f"/console/{cafe.slug}/counter/enrol?contact=%2B821012345678"
    assert (known(cafe, hana).phone, spendable(cafe, hana)) == (None, 230)
    step(jun, f"/console/{cafe.slug}/counter/enrol", contact=NUMBER, name="Juno", terms="on", privacy="on")
    with tenancy.tenant(cafe):
        assert Member.objects.get(merchant=cafe, phone=NUMBER).name == "Juno"


def test_at_the_counter_nobody_frees_a_number_that_somebody_signs_in_with(cafe, step):
    mina = join(cafe, phone=NUMBER, signed_in_at=datetime.now(UTC))
    jun, counter = cashier_browser(cafe), f"/console/{cafe.slug}/counter/members/{mina.public_id}"
    assert "Somebody else has this number" not in jun.get(counter).content.decode()

    assert step(jun, f"{counter}/release", kind="phone")["Location"] == counter

    assert known(cafe, mina).phone == NUMBER


def test_a_till_reads_whether_somebody_signs_in(cafe, hana):
    till = till_at(cafe)
    mina = join(cafe, name="Mina")
    jisoo = join(cafe, name="Jisoo", signed_in_at=datetime.now(UTC))
    states = [till.get(f"members/{each.public_id}").json()["claim_state"] for each in (hana, mina, jisoo)]
    assert states == ["dormant", "unclaimed", "claimed"]
