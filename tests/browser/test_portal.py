"""The member's pages in a browser: accessible, fitting, quiet, on a phone and at a desk, in three languages."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from playwright.sync_api import expect

from members.models import Member
from merchants import tenancy
from merchants.actors import SYSTEM
from rewards import purchases
from tests import cafe_history
from tests.people import join, member_browser

PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def cafe(django_db_setup, django_db_blocker):
    """Built once for this file; committed."""
    with django_db_blocker.unblock():
        yield cafe_history.cafe(slug="cafe-onul", sales=400)


@pytest.fixture(scope="module")
def mina(cafe, django_db_blocker):
    """Somebody with a history, a fresh purchase, points for some rewards and short of others."""
    with django_db_blocker.unblock():
        member, now = join(cafe, name="박미나"), datetime.now(UTC)
        with tenancy.tenant(cafe):
            sold = [
                purchases.PurchaseInput(
                    external_id=f"mina-{days}-{member.code}",
                    occurred_at=now - timedelta(days=days),
                    currency="KRW",
                    total_minor=amount,
                    member=purchases.MemberRef(id=member.public_id),
                    location="main",
                    lines=(purchases.LineInput(sku="LATTE", category="coffee", amount_minor=amount),),
                )
                for days, amount in ((355, 30000), (40, 23000), (12, 18500), (1, 9800))
            ]
            purchases.record(
                merchant=cafe, items=sold, now=now, actor=SYSTEM,
                source=purchases.SaleSource(may_backfill=True, is_silent=True),
            )  # fmt: skip
        return member


@pytest.fixture
def phone(cafe, mina, open_page, django_db_blocker):
    with django_db_blocker.unblock():
        client = member_browser(cafe, mina)

    def phone(path: str = "", **look):
        return open_page(f"/m/{cafe.slug}/{path}", client=client, **{"width": PHONE, **look})

    return phone


PAGES = [
    "",
    "rewards",
    "card",
    "activity",
    "activity/ending",
    "tiers",
    "friends",
    "me",
    "terms",
    "me/leave",
    "me/data",
    "rewards/mine",
    "missing",
    "me/contact/email",
]
_TURNS = itertools.cycle(itertools.product(("light", "dark"), ("en", "ko", "zh-hant")))
_LOOKS = [(page, width, *next(_TURNS)) for page in PAGES for width in (PHONE, DESK)]


@pytest.mark.parametrize(("page", "width", "scheme", "language"), _LOOKS)
def test_it_is_accessible_and_fits(phone, assert_sound, shot, page, width, scheme, language):
    opened = phone(page, width=width, scheme=scheme, language=language)

    expect(opened.locator("h1")).to_have_count(1)
    shot(opened, f"portal-{page.replace('/', '-') or 'home'}-{width}-{scheme}-{language}")
    assert_sound(opened)


@pytest.fixture
def asked_who_it_is(cafe, django_db_blocker):
    """A browser that has proved an address nobody has signed in with yet."""
    with django_db_blocker.unblock():
        member, client = join(cafe, name="Hana", birthday="02-29"), Client()
        session = client.session
        session["portal_contact_proved"] = {
            "merchant": cafe.public_id, "contact": member.email, "at": datetime.now(UTC).isoformat(), "referrer": "",
        }  # fmt: skip
        session.save()
        client.cookies["sessionid"] = session.session_key or ""
        return client


_THREE = [(PHONE, "light", "en"), (DESK, "dark", "ko"), (PHONE, "dark", "zh-hant"), (PHONE, "light", "ko")]


@pytest.mark.parametrize(("width", "scheme", "language"), _THREE)
def test_is_this_you_is_accessible_and_fits(
    asked_who_it_is, cafe, open_page, assert_sound, shot, width, scheme, language
):
    look = {"width": width, "scheme": scheme, "language": language}
    opened = open_page(f"/m/{cafe.slug}/code/you", client=asked_who_it_is, **look)
    assert_sound(opened)
    shot(opened, f"portal-is-it-you-{width}-{scheme}-{language}")
    opened.locator("#id_told").fill("01-01")
    opened.locator("form:has(#id_told) button").click()
    expect(opened.locator(".field__error")).to_have_count(1)
    opened.complaints.meant.append("status of 422")  # the browser notes the 422 it was answered
    shot(opened, f"portal-is-it-you-wrong-{width}-{scheme}-{language}")
    assert_sound(opened)


@pytest.mark.parametrize(("width", "scheme", "language"), _THREE)
def test_leaving_is_accessible_and_fits(
    cafe, open_page, assert_sound, shot, django_db_blocker, width, scheme, language
):
    with django_db_blocker.unblock():
        member = join(cafe, name="Jun")
        client = member_browser(cafe, member)
        client.post(f"/m/{cafe.slug}/me/leave", {"sure": "yes"})
    look = {"width": width, "scheme": scheme, "language": language}
    opened = open_page(f"/m/{cafe.slug}/me/leave/code", client=client, **look)
    shot(opened, f"portal-leave-code-{width}-{scheme}-{language}")
    assert_sound(opened)
    opened.get_by_role("main").locator("form button").first.click()
    opened.locator("#id_code").fill("123")
    opened.locator("form:has(#id_code) button").click()
    expect(opened.locator(".field__error")).to_have_count(1)
    opened.complaints.meant.append("status of 422")  # the browser notes the 422 it was answered
    shot(opened, f"portal-leave-code-wrong-{width}-{scheme}-{language}")
    assert_sound(opened)
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        Member.objects.filter(pk=member.pk).update(leaves_at=datetime.now(UTC) + timedelta(days=7))
    for page in ("", "me/leave"):
        opened.goto(f"{opened.url.split('/m/')[0]}/m/{cafe.slug}/{page}")
        shot(opened, f"portal-leaving-{page.replace('/', '-') or 'home'}-{width}-{scheme}-{language}")
        assert_sound(opened)


def test_a_reward_is_taken_shown_and_given_back(phone, assert_sound, shot):
    opened = phone("rewards")
    opened.get_by_role("link", name="Redeem").first.click()
    shot(opened, "portal-confirm", whole=False)
    opened.get_by_role("button", name="Redeem now").click()

    opened.wait_for_url("**/rewards/mine/rdm_*")
    expect(opened.get_by_role("img", name="Your code as a QR code")).to_be_visible()
    expect(opened.get_by_role("timer")).to_contain_text(":")
    shot(opened, "portal-redemption")
    assert_sound(opened)
    opened.get_by_role("button", name="Cancel and get the points back").click()
    opened.wait_for_url("**/rewards")
    expect(opened.get_by_text("Cancelled. Your points are back.")).to_be_visible()


def test_it_works_without_script(phone):
    opened = phone("rewards", script=False)
    opened.get_by_role("link", name="Redeem").first.click()
    opened.locator("dialog:target").get_by_role("button", name="Redeem now").click()

    opened.wait_for_url("**/rewards/mine/rdm_*")
    opened.get_by_role("button", name="Cancel and get the points back").click()
    expect(opened.get_by_text("Cancelled. Your points are back.")).to_be_visible()


def test_a_purchase_is_asked_about_once(phone, assert_sound, shot, cafe, mina, django_db_blocker):
    opened = phone()
    opened.get_by_role("link", name="Tell us").click()
    expect(opened.get_by_role("button", name="Send")).to_be_visible()
    shot(opened, "portal-survey")
    assert_sound(opened)
    opened.get_by_text("9", exact=True).click()
    opened.get_by_role("button", name="Send").click()

    expect(opened.get_by_text("Your answer is kept")).to_be_visible()
    shot(opened, "portal-survey-done")
    opened.goto(f"/m/{cafe.slug}/")
    expect(opened.get_by_role("link", name="Tell us")).to_have_count(0)


def test_somebody_new_is_shown_the_way(cafe, open_page, assert_sound, shot, django_db_blocker):
    with django_db_blocker.unblock():
        client = member_browser(cafe, join(cafe, name=""))
    opened = open_page(f"/m/{cafe.slug}/", client=client, width=PHONE)

    shot(opened, "portal-new")
    assert_sound(opened)


def test_the_terms_are_open_to_everybody(cafe, open_page, assert_sound, shot):
    opened = open_page(f"/m/{cafe.slug}/terms", width=PHONE)

    expect(opened.get_by_role("link", name="Join")).to_be_visible()
    shot(opened, "portal-terms-guest")
    assert_sound(opened)
