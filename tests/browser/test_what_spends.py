"""Invitations, lost phones and what spends points, in a browser: on a phone, in three languages, readable and quiet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from merchants import ids, tenancy
from merchants.models.merchants import Merchant
from rewards import safeguards
from tests import cafe_history
from tests.people import MANAGER, cashier_browser, join, member_browser, staff_browser

PHONE = 390
LOOKS = [("en", "light"), ("ko", "dark"), ("zh-TW", "light")]


@pytest.fixture(scope="module")
def cafe(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        cafe = cafe_history.cafe(slug="cafe-nabi", sales=40)
        Merchant.objects.filter(pk=cafe.pk).update(spending_rule_seen_at=None)
        return cafe


@pytest.fixture(scope="module")
def mina(cafe, django_db_blocker):
    with django_db_blocker.unblock():
        return join(cafe, name="박미나")


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_the_pages_a_friend_and_a_member_see(cafe, mina, open_page, assert_sound, shot, language, scheme):
    look = {"width": PHONE, "language": language, "scheme": scheme}
    pages = {
        "join-by-link": (f"/m/{cafe.slug}/join?ref={ids.grouped(mina.referral_code)}", None),
        "join-wrong": (f"/m/{cafe.slug}/join?ref=JOIN-2222-222", None),
        "join-plain": (f"/m/{cafe.slug}/join", None),
        "friends": (f"/m/{cafe.slug}/friends", member_browser(cafe, mina)),
        "card": (f"/m/{cafe.slug}/card", member_browser(cafe, mina)),
        "me": (f"/m/{cafe.slug}/me", member_browser(cafe, mina)),
        "counter-enrol": (f"/console/{cafe.slug}/counter/enrol", cashier_browser(cafe)),
        "settings": (f"/console/{cafe.slug}/settings", staff_browser(cafe, "owner")),
    }
    for name, (path, client) in pages.items():
        page = open_page(path, client=client, **look)
        assert_sound(page)
        shot(page, f"{name}-{language}-{scheme}")


def test_spending_is_stopped_and_allowed_again_on_the_phone(cafe, open_page, assert_sound, shot):
    jun = join(cafe, name="Jun")
    page = open_page(f"/m/{cafe.slug}/me", client=member_browser(cafe, jun), width=PHONE)
    page.get_by_role("button", name="Stop spending").click()
    expect(page.get_by_text("Spending is stopped", exact=True).first).to_be_visible()
    shot(page, "me-stopped")
    page.get_by_role("link", name="Allow spending again …").click()
    expect(page.get_by_role("heading", name="Allow spending again")).to_be_visible()
    assert_sound(page)
    shot(page, "allow-spending")


def test_staff_see_that_spending_is_stopped_and_give_a_new_code(cafe, open_page, assert_sound, shot):
    ara = join(cafe, name="Ara")
    with tenancy.tenant(cafe):
        safeguards.stop_spending(merchant=cafe, member=ara, now=datetime.now(UTC), actor=MANAGER)
    office = open_page(
        f"/console/{cafe.slug}/members/{ara.public_id}?show=person", client=staff_browser(cafe, "manager"), width=PHONE
    )
    assert_sound(office)
    shot(office, "console-member-stopped")
    office.get_by_label("More to do").click()
    shot(office, "console-member-menu", whole=False)
    office.get_by_role("link", name="New member code …").click()
    office.get_by_role("button", name="New code", exact=True).click()
    expect(office.get_by_text("The member has a new code.")).to_be_visible()
    counter = open_page(
        f"/console/{cafe.slug}/counter/members/{ara.public_id}", client=cashier_browser(cafe), width=PHONE
    )
    assert_sound(counter)
    shot(counter, "counter-stopped")
