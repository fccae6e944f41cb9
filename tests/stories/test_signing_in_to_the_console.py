"""Hana owns a café: a code lets her in, a second factor opens the console, and who leaves the team is out at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core import mail
from django.core.management import CommandError, call_command
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from loyalty.accounts.forms import SecondFactorCodeForm, SignInCodeForm
from merchants import audit, code_requests, counter_devices, dev_outbox, seats, tenancy, users
from merchants.actors import SYSTEM
from merchants.models.people import Seat, User
from rewards.models.accounts import Account
from tests import builders
from tests.people import browser_of, cashier_browser, code_in_last_mail, open_shop, seat_at, staff_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


@pytest.fixture
def step(django_capture_on_commit_callbacks):
    def step(client, url, **fields):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(url, fields)

    return step


def app_code(secret):
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def signed_in(step, email, **more):
    browser = Client()
    answer = step(browser, "/accounts/login/", contact=email, **more)
    assert answer["Location"].startswith("/accounts/login/code/confirm/"), answer.content.decode()
    return browser, step(browser, answer["Location"], code=code_in_last_mail())


def test_an_owner_signs_in_by_code_sets_up_an_app_and_sees_the_team(cafe, step):
    seat_at(cafe, "owner", "hana@example.org")
    team = f"/console/{cafe.slug}/team"

    browser, answer = signed_in(step, "hana@example.org", next=team)
    assert answer["Location"] == team
    answer = browser.get(team)
    assert answer["Location"] == f"/accounts/second-factor/setup/?next=/console/{cafe.slug}/team".replace("/console", "%2Fconsole").replace(f"{cafe.slug}/team", f"{cafe.slug}%2Fteam").replace(f"console/{cafe.slug}", f"console%2F{cafe.slug}")  # fmt: skip
    assert browser.get(answer["Location"]).status_code == 200
    page = browser.get("/accounts/second-factor/app/")
    secret = browser.session["mfa.totp.secret"]
    assert page.status_code == 200
    answer = step(browser, "/accounts/second-factor/app/", code=app_code(secret))
    assert answer["Location"] == "/accounts/second-factor/codes/"
    assert browser.get(answer["Location"]).status_code == 200

    assert browser.get("/accounts/second-factor/setup/")["Location"] == team
    assert browser.get(team).status_code == 200


def test_next_time_the_app_is_asked_for_before_she_is_in(cafe, step):
    hana = seat_at(cafe, "owner", "hana@example.org").user
    TOTP.activate(hana, "JBSWY3DPEHPK3PXP")

    browser, answer = signed_in(step, "hana@example.org")

    assert answer["Location"] == "/accounts/second-factor/authenticate/"
    assert browser.get(f"/console/{cafe.slug}/team")["Location"].startswith("/accounts/login/")
    assert isinstance(browser.get(answer["Location"]).context["form"], SecondFactorCodeForm)
    answer = step(browser, answer["Location"], code=app_code("JBSWY3DPEHPK3PXP"))
    assert answer["Location"] == "/console/"
    assert browser.get(f"/console/{cafe.slug}/team").status_code == 200


def test_the_table_does_not_tell_the_apps_secret_and_a_new_secret_key_still_opens_it(cafe, step, settings):
    hana = seat_at(cafe, "owner", "hana@example.org").user
    TOTP.activate(hana, "JBSWY3DPEHPK3PXP")
    assert "JBSWY3DPEHPK3PXP" not in str(list(Authenticator.objects.values_list("data", flat=True)))

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the second key of this installation", [settings.SECRET_KEY]
    said = StringIO()
    call_command("reseal", stdout=said)
    # The webhook endpoints are those of other tests in this database.
    assert said.getvalue().endswith(", authenticators: 1.\n")
    settings.SECRET_KEY_FALLBACKS = []

    browser, answer = signed_in(step, "hana@example.org")
    answer = step(browser, answer["Location"], code=app_code("JBSWY3DPEHPK3PXP"))
    assert answer["Location"] == "/console/"


def test_a_session_without_the_second_factor_is_sent_to_show_it(cafe):
    hana = seat_at(cafe, "owner").user
    TOTP.activate(hana, "JBSWY3DPEHPK3PXP")
    browser = browser_of(hana, second_factor=False)
    answer = browser.get(f"/console/{cafe.slug}/team")
    assert answer["Location"].startswith("/accounts/second-factor/again/?next=")


def test_an_htmx_corner_is_not_filled_with_a_sign_in_page(cafe):
    answer = Client().get(f"/console/{cafe.slug}/team", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer["HX-Redirect"].startswith("/accounts/login/")


def test_a_demo_may_do_without_setting_up_but_not_without_showing(cafe, settings):
    settings.CONSOLE_SECOND_FACTOR_REQUIRED = False
    hana = seat_at(cafe, "owner").user
    browser = browser_of(hana, second_factor=False)
    assert browser.get(f"/console/{cafe.slug}/team").status_code == 200
    TOTP.activate(hana, "JBSWY3DPEHPK3PXP")
    assert browser.get(f"/console/{cafe.slug}/team").status_code == 302


@pytest.fixture
def many_minutes(settings, monkeypatch):
    """Codes are asked for in one second here, as they would be in some minutes."""
    settings.CODES_PER_CONTACT_AND_DAY = 3
    monkeypatch.setattr(code_requests, "RESEND_AFTER_SECONDS", 0)


def test_whom_the_code_did_not_reach_asks_for_another_and_only_the_newest_counts(cafe, step, many_minutes):
    seat_at(cafe, "owner", "hana@example.org")
    team = f"/console/{cafe.slug}/team"
    browser = Client()
    page = step(browser, "/accounts/login/", contact="hana@example.org", next=team)["Location"]
    first = code_in_last_mail()
    assert "Send another code" in browser.get(page).content.decode()

    answer = step(browser, page, action="resend", next=team)

    assert answer["Location"] == page
    assert "A new code is on its way. Only the newest one counts." in browser.get(page).content.decode()
    assert len(mail.outbox) == 2
    second = code_in_last_mail()
    if first != second:
        assert step(browser, page, code=first, next=team).status_code == 200
    assert step(browser, page, code=second, next=team)["Location"] == team


def test_another_code_within_the_minute_is_refused_in_words_and_the_first_still_opens(cafe, step):
    seat_at(cafe, "owner", "hana@example.org")
    browser = Client()
    page = step(browser, "/accounts/login/", contact="hana@example.org")["Location"]

    answer = step(browser, page, action="resend")

    assert answer.status_code == 429
    text = answer.content.decode()
    assert "Another code can be sent in " in text
    assert "This field is required" not in text
    assert len(mail.outbox) == 1
    assert step(browser, page, code=code_in_last_mail())["Location"] == "/console/"


def test_other_codes_give_nobody_more_guesses_than_new_sign_ins_would(cafe, step, many_minutes):
    """Three codes an hour here, five tries each, whichever way they were asked for."""
    seat_at(cafe, "owner", "hana@example.org")
    browser = Client()
    page = step(browser, "/accounts/login/", contact="hana@example.org")["Location"]
    for _ in range(4):
        assert step(browser, page, code="wrong!").status_code == 200
    assert step(browser, page, action="resend").status_code == 302
    assert step(browser, page, action="resend").status_code == 302
    assert step(browser, page, action="resend").status_code == 429
    assert len(mail.outbox) == 3
    for _ in range(4):
        assert step(browser, page, code="wrong!").status_code == 200
    assert step(browser, page, code="wrong!")["Location"].startswith("/accounts/login/")
    assert step(browser, page, code=code_in_last_mail()).status_code == 302
    assert "_auth_user_id" not in browser.session


@pytest.mark.parametrize("nobody", ["nobody@example.org", "010-9999-0000"])
def test_whom_nobody_knows_sees_the_same_and_gets_nothing(cafe, step, settings, many_minutes, nobody):
    settings.COUNTRY = "KR"
    browser = Client()
    page = step(browser, "/accounts/login/", contact=nobody)["Location"]

    answer = step(browser, page, action="resend")

    assert answer.status_code == 302
    assert "A new code is on its way. Only the newest one counts." in browser.get(page).content.decode()
    assert mail.outbox == []


def test_staff_with_a_phone_and_no_mail_sign_in_too(cafe, step, settings, tmp_path):
    settings.DEV_OUTBOX, settings.DATA_DIR, settings.COUNTRY = True, tmp_path, "KR"
    with tenancy.tenant(cafe):
        user = User.objects.create_user(email=None, phone="+821012345678")
    browser = Client()

    answer = step(browser, "/accounts/login/", contact="010-1234-5678")
    (sent,) = dev_outbox.newest()
    answer = step(browser, answer["Location"], code=re.search(r"\d{6}", sent.text).group())

    assert answer["Location"] == "/console/"
    user.refresh_from_db()
    assert user.phone_verified_at is not None


def test_a_stranger_gets_the_same_answer_and_no_mail(cafe, step):
    answer = step(Client(), "/accounts/login/", contact="stranger@example.org")
    assert answer["Location"].startswith("/accounts/login/code/confirm/")
    assert mail.outbox == []


def test_there_is_no_sign_up_and_no_password_anywhere():
    for path in ("signup/", "password/reset/", "password/change/", "email/", "3rdparty/signup/"):
        assert Client().get(f"/accounts/{path}").status_code == 404


def test_five_wrong_codes_end_the_sign_in(cafe, step):
    seat_at(cafe, "cashier", "jun@example.org")
    browser = Client()
    confirm = step(browser, "/accounts/login/", contact="jun@example.org")["Location"]
    right = code_in_last_mail()
    wrong = "000000" if right != "000000" else "000001"
    for _ in range(5):
        step(browser, confirm, code=wrong)
    answer = step(browser, confirm, code=right)
    assert answer["Location"] == "/accounts/login/code/"
    assert "_auth_user_id" not in browser.session


def test_codes_for_staff_are_one_a_minute(cafe, step):
    seat_at(cafe, "cashier", "jun@example.org")
    for _ in range(20):
        answer = step(Client(), "/accounts/login/", contact="jun@example.org")
    assert len(mail.outbox) == 1
    # Jun has failed at nothing: he only asked twice.
    assert "Another code can be sent in " in answer.content.decode()


def test_the_hosts_bare_name_leads_to_the_console(cafe, step):
    assert Client().get("/")["Location"] == "/console/"

    seat_at(cafe, "cashier", "jun@example.org")
    browser, _answer = signed_in(step, "jun@example.org")
    assert browser.get("/")["Location"] == "/console/"


def test_the_page_that_asks_for_the_code_says_once_where_it_was_sent(cafe, step):
    seat_at(cafe, "cashier", "jun@example.org")
    browser = Client()
    confirm = step(browser, "/accounts/login/", contact="jun@example.org")["Location"]

    shown = browser.get(confirm)
    assert isinstance(shown.context["form"], SignInCodeForm)
    page = shown.content.decode()

    assert page.count("jun@example.org") == 1
    assert "We have sent a code to jun@example.org. It is valid for 10 minutes." in page
    assert 'inputmode="numeric"' in page
    other = step(browser, "/accounts/logout/", next="/accounts/login/")
    assert other["Location"] == "/accounts/login/"
    assert browser.get(confirm).status_code == 302


def test_signing_in_gives_a_new_session_and_signing_out_ends_it(cafe, step):
    seat_at(cafe, "cashier", "jun@example.org")
    browser = Client()
    confirm = step(browser, "/accounts/login/", contact="jun@example.org")["Location"]
    before = browser.cookies["sessionid"].value
    step(browser, confirm, code=code_in_last_mail())
    after = browser.cookies["sessionid"].value
    assert before != after

    step(browser, "/accounts/logout/")

    thief = Client()
    thief.cookies["sessionid"] = after
    assert thief.get(f"/console/{cafe.slug}/me").status_code == 302


def test_signed_out_on_every_other_device_stays_in_on_this_one(cafe):
    hana = seat_at(cafe, "owner").user
    here, elsewhere = browser_of(hana), browser_of(hana)
    here.post("/accounts/security/")
    assert here.get(f"/console/{cafe.slug}/me").status_code == 200
    assert elsewhere.get(f"/console/{cafe.slug}/me").status_code == 302


def test_a_seat_taken_away_counts_with_the_next_click(cafe):
    held = seat_at(cafe, "manager")
    browser = browser_of(held.user)
    assert browser.get(f"/console/{cafe.slug}/team").status_code == 200
    with tenancy.tenant(cafe):
        seats.revoke(merchant=cafe, seat_id=held.public_id, now=datetime.now(UTC), actor=SYSTEM)
    assert browser.get(f"/console/{cafe.slug}/team").status_code == 404


def test_to_other_staff_a_merchant_looks_like_one_that_does_not_exist(cafe):
    browser = staff_browser(open_shop("bookshop"), "owner")

    def page(slug):
        answer = browser.get(f"/console/{slug}/team")
        words = answer.content.decode().replace(slug, "…")
        return answer.status_code, re.sub(r"\w{64}", "token", words)

    assert page(cafe.slug) == page("no-such-shop")
    assert page(cafe.slug)[0] == 404


def test_who_arrives_is_greeted_by_our_own_sentence():
    """allauth's has two full stops in the middle in Chinese."""
    for language in ("en", "ko", "zh-hant"):
        with translation.override(language):
            said = render_to_string("account/messages/logged_in.txt", {"user": "hana@example.org"})
        assert ("hana" in said, ".." in said) == (False, False)


def test_who_works_at_one_shop_goes_there_and_who_works_at_two_chooses(cafe):
    held = seat_at(cafe, "manager")
    browser = browser_of(held.user)
    assert browser.get("/console/")["Location"] == f"/console/{cafe.slug}/"
    bookshop = open_shop("bookshop")
    seat_at(bookshop, "analyst", held.user.email)
    page = browser.get("/console/").content.decode()
    assert "Cafe Haneul" in page
    assert "Bookshop" in page


def test_an_owner_invites_and_the_invited_is_written_to(cafe, step):
    browser = staff_browser(cafe, "owner")
    answer = step(
        browser, f"/console/{cafe.slug}/team/invite", role="manager", contact="Jun@example.org", name="Jun", pin=""
    )
    assert answer["Location"] == f"/console/{cafe.slug}/team"
    assert mail.outbox[-1].to == ["jun@example.org"]
    assert f"/console/{cafe.slug}/" in mail.outbox[-1].body
    assert seats.find(merchant=cafe, user=User.objects.get(email="jun@example.org")).role == "manager"


def test_a_manager_gives_seats_to_cashiers_only(cafe, step):
    browser = staff_browser(cafe, "manager")
    url = f"/console/{cafe.slug}/team/invite"
    assert step(browser, url, role="owner", contact="jun@example.org", name="", pin="").status_code == 422
    assert step(browser, url, role="cashier", contact="", name="Jun", pin="2468").status_code == 302
    owner = seat_at(cafe, "owner")
    step(browser, f"/console/{cafe.slug}/team/{owner.public_id}", act="revoke")
    with tenancy.tenant(cafe):
        assert seats.get(merchant=cafe, seat_id=owner.public_id).revoked_at is None


def test_a_tablet_becomes_the_counter_and_the_manager_is_signed_out_of_it(cafe, step):
    seat_at(cafe, "cashier", name="Jun", pin="2468")
    browser = staff_browser(cafe, "manager")
    counter = f"/console/{cafe.slug}/counter/sign-on"
    assert browser.get(counter).status_code == 404

    answer = step(browser, f"/console/{cafe.slug}/devices/open", name="Tablet", location="main")

    assert answer["Location"] == counter
    cookie = answer.cookies[f"counter_{cafe.public_id}"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", f"/console/{cafe.slug}/")
    assert "Jun" in browser.get(counter).content.decode()
    assert browser.get(f"/console/{cafe.slug}/team")["Location"] == counter


def test_a_pin_opens_the_counter_and_nothing_else(cafe):
    browser = cashier_browser(cafe)
    assert browser.get(f"/console/{cafe.slug}/me").status_code == 200
    assert browser.get(f"/console/{cafe.slug}/team")["Location"].endswith("/counter/sign-on")


def test_after_five_wrong_pins_a_manager_helps_at_once(cafe, step):
    jun = seat_at(cafe, "cashier", name="Jun", pin="2468")
    browser = cashier_browser(cafe, pin="1357")
    url = f"/console/{cafe.slug}/counter/sign-on"
    for _ in range(5):
        assert step(browser, url, seat=jun.public_id, pin="9999").status_code == 422
    assert step(browser, url, seat=jun.public_id, pin="2468").status_code == 422

    manager = staff_browser(cafe, "manager")
    step(manager, f"/console/{cafe.slug}/team/{jun.public_id}", act="pin", pin="8642")

    assert step(browser, url, seat=jun.public_id, pin="8642").status_code == 302


def test_five_wrong_pins_lock_it_for_minutes_and_longer_each_time(cafe):
    jun, noon = seat_at(cafe, "cashier", name="Jun", pin="2468"), datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

    def types(pin, minutes):
        with tenancy.tenant(cafe):
            return seats.check_pin(merchant=cafe, seat_id=jun.public_id, pin=pin, now=noon + timedelta(minutes=minutes))

    assert [types("9999", 0) for _ in range(5)] == [None] * 5
    assert types("2468", 4.9) is None, "locked, and the right one is not looked at"
    assert [types("9999", 5) for _ in range(5)] == [None] * 5
    assert types("2468", 14.9) is None, "ten minutes the second time"
    assert types("2468", 15) == jun
    # Signed on, Jun has five tries again, and five minutes after them.
    assert [types("9999", 16) for _ in range(5)] == [None] * 5
    assert types("2468", 20.9) is None
    assert types("2468", 21) == jun


def test_whoever_guesses_all_day_tries_fifty_five_pins(cafe):
    jun, noon = seat_at(cafe, "cashier", name="Jun", pin="2468"), datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
    now, tried = noon, 0
    with tenancy.tenant(cafe):
        while now < noon + timedelta(days=1):
            for _ in range(5):
                assert seats.check_pin(merchant=cafe, seat_id=jun.public_id, pin="9999", now=now) is None
            held = Seat.objects.get(pk=jun.pk)
            tried, now = held.pin_failures, held.pin_locked_until
    assert tried == 55


def test_a_closed_device_is_out_with_the_next_click(cafe, step):
    browser = cashier_browser(cafe)
    with tenancy.tenant(cafe):
        (device,) = counter_devices.of_merchant(cafe)
    step(staff_browser(cafe, "manager"), f"/console/{cafe.slug}/devices/{device.public_id}/close")
    assert browser.get(f"/console/{cafe.slug}/me")["Location"].startswith("/accounts/login/")


def test_the_outbox_is_for_a_newcomer_at_this_machine(cafe, step, settings, tmp_path):
    settings.DEV_OUTBOX, settings.DATA_DIR = True, tmp_path
    settings.EMAIL_BACKEND = "merchants.dev_outbox.OutboxEmailBackend"
    seat_at(cafe, "cashier", "jun@example.org")
    step(Client(), "/accounts/login/", contact="jun@example.org")
    assert "jun@example.org" in Client().get("/dev/outbox").content.decode()
    assert Client(REMOTE_ADDR="192.0.2.1").get("/dev/outbox").status_code == 404
    assert Client().get("/dev/outbox", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404
    settings.DEV_OUTBOX = False
    assert Client().get("/dev/outbox").status_code == 404


def test_the_back_office_is_for_superusers_with_a_second_factor(cafe, step):
    kim = User.objects.create_superuser(email="kim@example.org", password=None)
    hana = seat_at(cafe, "owner").user

    assert browser_of(kim).get("/backoffice/").status_code == 200
    assert browser_of(kim).get("/backoffice/merchants/apikey/").status_code == 200
    assert (
        browser_of(kim, second_factor=False)
        .get("/backoffice/", follow=True)
        .redirect_chain[-1][0]
        .startswith("/accounts/second-factor/setup/")
    )
    assert browser_of(hana).get("/backoffice/", follow=True).status_code == 403
    assert Client().get("/backoffice/", follow=True).redirect_chain[-1][0].startswith("/accounts/login/")
    assert browser_of(kim).get(f"/console/{cafe.slug}/team").status_code == 404


def test_who_lost_everything_is_let_in_by_the_operator_and_sets_up_anew(cafe):
    owner = seat_at(cafe, "owner").user
    browser = browser_of(owner)
    Authenticator.objects.create(user=owner, type=Authenticator.Type.TOTP, data={"secret": "x"})
    Authenticator.objects.create(user=owner, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x"})
    said = StringIO()

    call_command("forget_second_factor", owner.email, stdout=said)

    assert said.getvalue() == "1 forgotten. The next sign-in sets up a new one.\n"
    assert not Authenticator.objects.filter(user=owner).exists()
    assert browser.get(f"/console/{cafe.slug}/settings")["Location"].startswith("/accounts/login/")
    with pytest.raises(CommandError, match="Nobody signs in"):
        call_command("forget_second_factor", "nobody@example.org")


def test_who_mistypes_the_pin_need_not_say_again_who_they_are(cafe):
    tablet = cashier_browser(cafe)
    url = f"/console/{cafe.slug}/counter/sign-on"
    tablet.post(f"/console/{cafe.slug}/counter/sign-off")
    # One cashier is not a choice.
    assert tablet.get(url).content.decode().count(" checked") == 1
    ara = seat_at(cafe, "cashier", name="Ara", pin="1357")
    assert tablet.get(url).content.decode().count(" checked") == 0

    page = tablet.post(url, {"seat": ara.public_id, "pin": "0000"})

    assert page.status_code == 422
    assert f'value="{ara.public_id}" checked' in page.content.decode()


def test_while_no_mail_leaves_the_operator_hands_hana_a_link_that_is_good_once(cafe, capsys):
    hana = seat_at(cafe, "owner").user
    call_command("sign_in_link", hana.email.upper())
    path = "/" + capsys.readouterr().out.strip().split("/", 3)[3]
    browser = Client()

    page = browser.get(path)
    assert (page.status_code, hana.email in page.content.decode()) == (200, True)
    assert "_auth_user_id" not in browser.session, "looking at it uses nothing up"
    browser.post(path)
    assert browser.session["_auth_user_id"] == str(hana.pk)
    hana.refresh_from_db()
    assert hana.email_verified_at is None, "the operator's word proves no mailbox"

    second = Client()
    assert (second.post(path).status_code, second.get(path).status_code) == (410, 410)
    assert "_auth_user_id" not in second.session
    with pytest.raises(CommandError, match="Nobody signs in with this address"):
        call_command("sign_in_link", "nobody@example.org")


def test_ending_all_sessions_ends_a_link_too(cafe, capsys):
    hana = seat_at(cafe, "owner").user
    call_command("sign_in_link", hana.email)
    path = "/" + capsys.readouterr().out.strip().split("/", 3)[3]
    users.end_sessions(hana)

    assert Client().post(path).status_code == 410


def test_the_operator_thaws_an_account_in_the_back_office_and_sees_no_name(db):
    cafe = builders.cafe()
    (mina,) = cafe.cast("Mina")
    mina.is_given(100)
    with tenancy.tenant(cafe.merchant):
        Account.objects.filter(merchant=cafe.merchant).update(frozen_at=datetime(2026, 3, 1, tzinfo=UTC))
    kim = browser_of(User.objects.create_superuser(email="kim@example.org", password=None))
    place = f"/backoffice/merchants/merchant/{cafe.merchant.pk}/frozen/"

    page = kim.get(place).content.decode()
    assert mina.public_id in page
    assert "Mina" not in page
    assert place in kim.get(f"/backoffice/merchants/merchant/{cafe.merchant.pk}/change/").content.decode()

    said = kim.post(place, {"member": mina.public_id, "reason": ""}, follow=True).content.decode()
    assert "1 to 200 characters" in said
    said = kim.post(place, {"member": mina.public_id, "reason": "lot 7 mended"}, follow=True).content.decode()
    assert "No account is frozen." in said
    with tenancy.tenant(cafe.merchant):
        assert audit.newest(merchant=cafe.merchant)[0].details["reason"] == "lot 7 mended"
    hana = browser_of(seat_at(cafe.merchant, "owner").user)
    assert hana.post(place, {"member": mina.public_id, "reason": "x"}).status_code in {302, 403}
