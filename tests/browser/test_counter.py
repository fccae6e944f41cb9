"""The counter in a browser: a cashier's phone, with one hand, also without script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from merchants import ids
from tests import living
from tests.people import browser_of, cashier_browser, join, seat_at, staff_browser

PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def cafe(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield living.cafe(slug="cafe-mapo", sales=60)


@pytest.fixture
def counter(cafe, open_page, django_db_blocker):
    with django_db_blocker.unblock():
        client = cashier_browser(cafe)

    def counter(path: str = "", **look):
        return open_page(f"/console/{cafe.slug}/counter/{path}", client=client, **{"width": PHONE, **look})

    return counter


@pytest.fixture
def jisoo(cafe, django_db_blocker):
    with django_db_blocker.unblock():
        return join(cafe, name="한지수")


def test_a_sale_from_the_first_letter_to_undo(cafe, jisoo, counter, assert_sound, shot):
    page = counter()
    shot(page, "counter-desk")
    assert_sound(page)
    page.get_by_role("searchbox").fill(jisoo.code)
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/members/**")
    shot(page, "counter-member")
    assert_sound(page)
    page.get_by_label("Amount of the sale").fill("12,400")
    page.get_by_role("button", name="Record the sale").click()

    page.wait_for_url("**/counter/sales/**")
    expect(page.get_by_text(re.compile(r"^\+144 beans$"))).to_be_visible()
    shot(page, "counter-sale")
    assert_sound(page)
    page.get_by_role("button", name="Undo this sale").click()
    expect(page.get_by_text("The sale is taken back")).to_be_visible()
    shot(page, "counter-undone")
    assert_sound(page)
    page.get_by_role("link", name="Next member").first.click()
    expect(page.get_by_text("₩12,400 · undone")).to_be_visible()
    shot(page, "counter-recent")
    assert_sound(page)


@pytest.mark.parametrize("script", [True, False])
def test_a_reward_is_handed_over_and_undone(cafe, jisoo, counter, assert_sound, shot, script):
    page = counter(f"members/{jisoo.public_id}", script=script, scheme="dark" if script else "light")
    page.get_by_label("Amount of the sale").fill("60000")
    page.get_by_role("button", name="Record the sale").click()
    page.get_by_role("link", name="Back to this member").click()
    page.get_by_role("link", name="Redeem a reward").click()
    shot(page, "counter-rewards-dark")
    page.get_by_role("link", name=re.compile("Redeem.*Americano")).click()
    page.locator("dialog[open], dialog:target").get_by_role("button", name="Redeem now").click()

    page.wait_for_url("**/counter/rewards/rdm_*")
    expect(page.get_by_text("Hand it over")).to_be_visible()
    shot(page, "counter-reward-dark")
    if script:
        assert_sound(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Do not hand it over")).to_be_visible()


def test_somebody_new_joins_in_two_fields(counter, assert_sound, shot):
    page = counter("?q=01055551234")
    shot(page, "counter-nobody")
    assert_sound(page)
    page.get_by_role("link", name="Enrol somebody new").click()
    page.get_by_label("Name").fill("Ara")
    page.get_by_role("button", name="Enrol").click()
    expect(page.get_by_text("Show them the terms first: nobody joins without agreeing.", exact=True)).to_be_visible()
    shot(page, "counter-enrol")
    # Chromium notes every 4xx; this one was meant.
    page.complaints.lines.clear()
    assert_sound(page)
    page.locator("label", has_text="They have read the terms and agree").click()
    page.get_by_role("button", name="Enrol").click()

    page.wait_for_url("**/counter/members/**")
    expect(page.get_by_text("30 beans given for joining")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme", "language"), [(DESK, "light", "ko"), (PHONE, "dark", "zh-hant")])
def test_an_owner_uses_it_too(cafe, jisoo, open_page, assert_sound, shot, django_db_blocker, width, scheme, language):
    with django_db_blocker.unblock():
        client = staff_browser(cafe, "owner")
    look = {"client": client, "width": width, "scheme": scheme, "language": language}
    page = open_page(f"/console/{cafe.slug}/counter/members/{jisoo.public_id}", **look)

    shot(page, f"counter-member-{width}-{scheme}-{language}")
    assert_sound(page)


@pytest.mark.parametrize(
    ("width", "scheme", "language"), [(PHONE, "light", "en"), (PHONE, "dark", "ko"), (DESK, "light", "zh-hant")]
)
def test_what_a_sale_would_give_is_said_while_it_is_typed(
    cafe, jisoo, counter, assert_sound, shot, width, scheme, language
):  # fmt: skip
    page = counter(f"members/{jisoo.public_id}", width=width, scheme=scheme, language=language)
    page.locator("input[name=amount]").fill("12,400")

    page.locator(".counter-preview__points").wait_for()
    expect(page.locator(".counter-preview__points")).to_contain_text("144")
    shot(page, f"counter-preview-{width}-{scheme}-{language}")
    assert_sound(page)


def test_a_long_address_does_not_widen_the_head(cafe, open_page, assert_sound, shot, django_db_blocker):
    with django_db_blocker.unblock():
        user = seat_at(
            cafe, "cashier", f"a.very.long.address.of.somebody-{'x' * 20}-{ids.mint('usr')[4:]}@cafe-mapo.example.org"
        ).user
        client = browser_of(user)
    page = open_page(f"/console/{cafe.slug}/counter/", client=client, width=320)
    shot(page, "counter-long-address")
    assert_sound(page)
