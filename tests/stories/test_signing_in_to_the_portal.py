"""Mina joins a café with her phone in her hand, comes back, and leaves; nobody else gets in with what she left behind."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client

from members import consent
from members.models import Consent, Member
from merchants import code_requests, dev_outbox, tenancy
from merchants.models.messages import OutgoingMessage
from merchants.models.people import Passport, User
from tests.people import code_in_last_mail, join, member_browser, open_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def bookshop(db):
    return open_shop("bookshop", country="US")


@pytest.fixture
def step(django_capture_on_commit_callbacks):
    """Post a form as a browser does, and let what waits for the commit happen."""

    def step(client, url, **fields):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(url, fields)

    return step


def m(shop, path):
    return f"/m/{shop.slug}/{path}"


def joined(step, shop, contact="mina@example.org", **boxes):
    browser = Client()
    step(browser, m(shop, "join"), contact=contact, **({"terms": "on", "privacy": "on"} | boxes))
    answer = step(browser, m(shop, "code"), code=code_in_last_mail())
    assert answer.status_code == 302, answer.content.decode()
    return browser


def test_from_a_page_that_is_gone_a_member_goes_home_and_not_to_the_console(cafe, step):
    browser = joined(step, cafe)

    gone = browser.get(m(cafe, "rewards/mine/rdm_0000000000000000"))

    assert gone.status_code == 404
    assert f'<a class="button button--primary" href="{m(cafe, "")}">To the start page</a>' in gone.content.decode()


def test_one_field_two_boxes_and_one_code_make_a_member(cafe, step):
    browser = Client()

    page = browser.get(m(cafe, "join"))
    assert page.status_code == 200
    assert "checked" not in page.content.decode()
    answer = step(browser, m(cafe, "join"), contact=" Mina@Example.org ", terms="on", privacy="on")
    assert answer["Location"] == m(cafe, "code")
    assert [letter.to for letter in mail.outbox] == [["mina@example.org"]]
    answer = step(browser, m(cafe, "code"), code=code_in_last_mail())

    assert answer["Location"] == m(cafe, "")
    assert browser.get(m(cafe, "me")).status_code == 200
    with tenancy.tenant(cafe):
        mina = Member.objects.get(merchant=cafe, email="mina@example.org")
        assert {event.purpose for event in Consent.objects.filter(member=mina)} == {"terms", "privacy"}
    assert mina.user.email == "mina@example.org"
    assert mina.user.email_verified_at is not None
    assert Passport.objects.filter(user=mina.user, merchant=cafe).exists()


def test_a_phone_number_is_enough(cafe, step, settings, tmp_path):
    settings.DEV_OUTBOX, settings.DATA_DIR = True, tmp_path
    browser = Client()

    step(browser, m(cafe, "join"), contact="010-1234-5678", terms="on", privacy="on")
    (sent,) = dev_outbox.newest()
    assert (sent.channel, sent.to) == ("sms", "+821012345678")
    answer = step(browser, m(cafe, "code"), code=re.search(r"\d{6}", sent.text).group())

    assert answer["Location"] == m(cafe, "")
    with tenancy.tenant(cafe):
        assert Member.objects.get(merchant=cafe, phone="+821012345678").email is None


def test_without_a_gateway_a_phone_is_told_to_use_mail(cafe, step, settings):
    settings.DEV_OUTBOX, settings.SMS_WEBHOOK_URL = False, ""
    answer = step(Client(), m(cafe, "join"), contact="010-1234-5678", terms="on", privacy="on")
    assert answer.status_code == 422
    assert "Text messages are not set up here" in answer.content.decode()


def test_nobody_joins_without_terms_and_notice_and_anybody_without_the_rest(cafe, step):
    browser = Client()
    answer = step(browser, m(cafe, "join"), contact="mina@example.org", terms="on", marketing_email="on")

    assert answer.status_code == 422
    assert mail.outbox == []
    assert "To join, please agree to this." in answer.content.decode()


def test_each_box_ticked_is_one_event_with_its_words(cafe, step):
    joined(step, cafe, terms="on", privacy="on", marketing_email="on", night_marketing="on")

    with tenancy.tenant(cafe):
        mina = Member.objects.get(merchant=cafe, email="mina@example.org")
        said = consent.standing(merchant=cafe, member=mina)
    assert {key: word.is_granted for key, word in said.items()} == {
        "terms": True, "privacy": True, "marketing_email": True, "night_marketing": True,
    }  # fmt: skip
    assert said["marketing_email"].wording == (
        "May Cafe Haneul send you offers and news? You can stop this at any time. Yes, by e-mail"
    )
    assert said["privacy"].document == "privacy:standard-2026-11"


def test_night_has_its_own_box_where_the_law_asks_for_one(cafe, bookshop):
    assert "21:00" in Client().get(m(cafe, "join")).content.decode()
    assert "21:00" not in Client().get(m(bookshop, "join")).content.decode()


def test_what_was_agreed_to_is_withdrawn_with_one_button(cafe, step):
    browser = joined(step, cafe, marketing_email="on")

    step(browser, m(cafe, "me/consents/marketing_email"), wish="withdraw")
    step(browser, m(cafe, "me/consents/terms"), wish="withdraw")

    with tenancy.tenant(cafe):
        mina = Member.objects.get(merchant=cafe, email="mina@example.org")
        assert not consent.is_granted(merchant=cafe, member=mina, code="marketing_email")
        assert consent.is_granted(merchant=cafe, member=mina, code="terms")
        assert Consent.objects.filter(member=mina, purpose="marketing").count() == 2


def test_a_member_enrolled_at_the_counter_claims_the_membership_by_signing_in(cafe, step):
    mina = join(cafe, email="mina@example.org")
    browser = Client()

    step(browser, m(cafe, "sign-in"), contact="mina@example.org")
    answer = step(browser, m(cafe, "code"), code=code_in_last_mail())
    assert answer["Location"] == m(cafe, "code/you")
    assert step(browser, m(cafe, "code/you"), answer="yes")["Location"] == m(cafe, "")

    assert browser.get(m(cafe, "me")).status_code == 200
    with tenancy.tenant(cafe):
        mina.refresh_from_db()
    assert mina.user.email == "mina@example.org"


def test_asking_for_a_code_tells_nothing_about_who_is_a_member(cafe, step):
    join(cafe, email="mina@example.org")

    def ask(contact):
        browser = Client()
        mail.outbox.clear()
        answer = step(browser, m(cafe, "sign-in"), contact=contact)
        page = browser.get(answer["Location"]).content.decode()
        page = re.sub(r'value="[^"]{20,}"|\{"X-CSRFToken": "[^"]+"\}', "", page)
        return answer.status_code, answer["Location"], len(mail.outbox), page

    assert ask("mina@example.org") == ask("milo@example.org")


def test_a_stranger_who_signs_in_is_led_to_the_boxes_and_asked_for_no_second_code(cafe, step):
    browser = Client()
    step(browser, m(cafe, "sign-in"), contact="nina@example.org")
    answer = step(browser, m(cafe, "code"), code=code_in_last_mail())
    assert answer["Location"] == m(cafe, "join")
    assert "n…@example.org" in browser.get(m(cafe, "join")).content.decode()

    answer = step(browser, m(cafe, "join"), terms="on", privacy="on")

    assert answer["Location"] == m(cafe, "")
    assert len(mail.outbox) == 1


def test_the_session_of_one_shop_is_refused_at_another(cafe, bookshop, step):
    browser = joined(step, cafe)
    answer = browser.get(m(bookshop, "me"))
    assert answer["Location"].startswith(m(bookshop, "sign-in"))


def test_a_code_works_in_the_browser_that_asked_and_in_no_other(cafe, step):
    step(Client(), m(cafe, "sign-in"), contact="mina@example.org")
    thief = Client()
    assert step(thief, m(cafe, "code"), code=code_in_last_mail())["Location"] == m(cafe, "sign-in")


def test_after_five_wrong_codes_the_right_one_is_wrong_too(cafe, step):
    join(cafe, email="mina@example.org")
    browser = Client()
    step(browser, m(cafe, "sign-in"), contact="mina@example.org")
    right = code_in_last_mail()
    wrong = "000000" if right != "000000" else "000001"

    answers = [step(browser, m(cafe, "code"), code=wrong) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [422] * 5
    assert "used up" in answers[-1].content.decode()
    assert step(browser, m(cafe, "code"), code=right).status_code == 422


def test_signing_in_gives_the_browser_a_new_session(cafe, step):
    join(cafe, email="mina@example.org")
    browser = Client()
    step(browser, m(cafe, "sign-in"), contact="mina@example.org")
    before = browser.cookies["sessionid"].value
    step(browser, m(cafe, "code"), code=code_in_last_mail())
    step(browser, m(cafe, "code/you"), answer="yes")
    assert browser.cookies["sessionid"].value != before

    stolen = Client()
    stolen.cookies["sessionid"] = before
    assert stolen.get(m(cafe, "me")).status_code == 302


def test_signed_out_everywhere_ends_the_other_phone_too(cafe, step):
    first = joined(step, cafe)
    with tenancy.tenant(cafe):
        mina = Member.objects.get(merchant=cafe, email="mina@example.org")
    second = member_browser(cafe, mina)
    assert second.get(m(cafe, "me")).status_code == 200

    step(first, m(cafe, "me/sign-out-everywhere"))

    assert first.get(m(cafe, "me")).status_code == 302
    assert second.get(m(cafe, "me")).status_code == 302


def test_a_blocked_member_is_sent_to_the_counter(cafe, step):
    mina = join(cafe, email="mina@example.org")
    with tenancy.tenant(cafe):
        Member.objects.filter(pk=mina.pk).update(state="blocked")
    browser = Client()
    step(browser, m(cafe, "sign-in"), contact="mina@example.org")
    assert step(browser, m(cafe, "code"), code=code_in_last_mail())["Location"] == m(cafe, "code/you")
    answer = step(browser, m(cafe, "code/you"), answer="yes")
    assert answer.status_code == 403
    assert "Please ask at the counter of Cafe Haneul." in answer.content.decode()
    assert browser.get(m(cafe, "me")).status_code == 302


def test_a_hundred_requests_for_a_code_are_one_mail(cafe, step):
    answers = [step(Client(), m(cafe, "sign-in"), contact="mina@example.org").status_code for _ in range(100)]
    assert len(mail.outbox) == 1
    assert answers == [302] + [429] * 99


def test_who_asks_twice_in_a_minute_is_led_to_the_code_that_is_on_its_way(cafe, step):
    browser = Client()
    step(browser, m(cafe, "join"), contact="mina@example.org", terms="on", privacy="on", marketing_email="on")
    code = code_in_last_mail()

    again = step(browser, m(cafe, "join"), contact="mina@example.org", terms="on", privacy="on")

    assert again["Location"] == m(cafe, "code")
    page = browser.get(m(cafe, "code")).content.decode()
    assert "We sent a code less than a minute ago: look for that one." in page
    assert "Too many attempts" not in page
    # Whoever mistyped goes back to where they came from, with the boxes still to tick.
    assert f'<a href="{m(cafe, "join")}">Use another phone or e-mail</a>' in page
    assert len(mail.outbox) == 1
    assert step(browser, m(cafe, "code"), code=code)["Location"] == m(cafe, "")
    with tenancy.tenant(cafe):
        agreed = Consent.objects.filter(merchant=cafe, is_granted=True).values_list("purpose", flat=True)
        assert list(agreed) == ["terms", "privacy"]


def test_a_second_code_after_a_minute_says_that_it_is_new(cafe, step, monkeypatch):
    browser = Client()
    step(browser, m(cafe, "sign-in"), contact="mina@example.org")
    assert "A new code is on its way" not in browser.get(m(cafe, "code")).content.decode()
    step(browser, m(cafe, "code/again"))
    assert len(mail.outbox) == 1

    monkeypatch.setattr(code_requests, "RESEND_AFTER_SECONDS", 0)
    step(browser, m(cafe, "code/again"))

    assert len(mail.outbox) == 2
    page = browser.get(m(cafe, "code")).content.decode()
    assert "A new code is on its way. Only the newest one counts." in page


def test_another_browser_reads_when_the_next_code_can_be_had(cafe, step):
    step(Client(), m(cafe, "sign-in"), contact="mina@example.org")

    refused = step(Client(), m(cafe, "sign-in"), contact="mina@example.org")

    assert refused.status_code == 429
    page = refused.content.decode()
    assert "Another code can be sent in " in page
    # The code that is on its way works in the other browser only, so nobody is sent to look for it here.
    assert "look for that one" not in page
    assert len(mail.outbox) == 1


def test_a_friends_misread_code_is_said_and_turns_nobody_away(cafe, step):
    browser = Client()
    said = step(browser, m(cafe, "join"), contact="mina@example.org", terms="on", privacy="on", referrer="ZZZZ-ZZZZ")
    assert said.status_code == 422
    assert "This code is not known. Check it, or leave it out." in said.content.decode()
    assert not mail.outbox

    step(browser, m(cafe, "join"), contact="mina@example.org", terms="on", privacy="on", referrer="")
    assert step(browser, m(cafe, "code"), code=code_in_last_mail())["Location"] == m(cafe, "")


def test_a_letter_that_left_keeps_no_words(cafe, step):
    step(Client(), m(cafe, "sign-in"), contact="mina@example.org")
    with tenancy.tenant(cafe):
        (letter,) = OutgoingMessage.objects.filter(merchant=cafe)
    assert (letter.state, letter.subject, letter.text) == ("sent", "", "")


def test_portal_and_console_sign_in_apart(cafe, step):
    browser = joined(step, cafe)
    assert browser.get(f"/console/{cafe.slug}/team")["Location"].startswith("/accounts/login/")
    assert "_auth_user_id" not in browser.session
    assert User.objects.filter(email="mina@example.org", is_superuser=False).exists()
