"""The console's pages in a browser: accessible, fitting, quiet, on a phone and at a desk, light and dark."""

from __future__ import annotations

import itertools
import re

import pytest
from playwright.sync_api import expect

from members.models import Member
from merchants import tenancy
from tests import living
from tests.people import open_shop, staff_browser

PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def cafe(django_db_setup, django_db_blocker):
    """Built once for this file; committed."""
    with django_db_blocker.unblock():
        yield living.cafe()


@pytest.fixture(scope="module")
def owner(cafe, django_db_blocker):
    with django_db_blocker.unblock():
        return staff_browser(cafe, "owner")


@pytest.fixture(scope="module")
def people(cafe, django_db_blocker):
    """The two best customers, by public id."""
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        return [member.public_id for member in Member.objects.filter(merchant=cafe).order_by("id")[:2]]


#: Pages by their address within the console; the looks take turns.
PAGES = [
    "dashboard", "dashboard?period=last_365&chart=revenue", "dashboard/members?metric=insight",
    "programme/", "programme/rule?code=morning", "programme/rule?kind=per_item", "programme/part?part=points",
    "programme/part?part=tiers", "programme/part?part=joining", "programme/part?part=paying", "programme/source",
    "programme/review", "programme/versions", "programme/version",
    "rewards", "rewards/edit?code=latte-art", "rewards/edit?kind=percentage", "rewards/claims",
    "members/", "members/enrol", "members/{member}", "members/{member}?show=purchases",
    "members/{member}?show=redemptions", "members/{member}?show=points", "members/{member}?show=person",
    "members/{member}/adjust", "members/{member}/change", "members/{member}/merge?other={other}",
    "developers/keys", "developers/till", "developers/webhooks", "settings", "settings/record", "team", "me",
]  # fmt: skip
_TURNS = itertools.cycle(itertools.product(("light", "dark"), ("en", "ko")))
_LOOKS = [(page, width, *next(_TURNS)) for page in PAGES for width in (PHONE, DESK)]


@pytest.mark.parametrize(("page", "width", "scheme", "language"), _LOOKS)
def test_it_is_accessible_and_fits(cafe, owner, people, open_page, assert_sound, shot, page, width, scheme, language):
    page = page.format(member=people[0], other=people[1])
    opened = open_page(f"/console/{cafe.slug}/{page}", client=owner, width=width, scheme=scheme, language=language)

    expect(opened.locator("h1")).to_have_count(1)
    name = re.sub("[^a-z_]+", "-", re.sub("mem_[0-9a-z]+", "member", page))
    shot(opened, f"console-{name}-{width}-{scheme}-{language}")
    assert_sound(opened)


def test_a_new_merchant_is_led_to_the_next_step(open_page, assert_sound, shot, committed):
    shop = open_shop("new-shop")
    opened = open_page(f"/console/{shop.slug}/dashboard", client=staff_browser(shop, "owner"), width=PHONE)

    shot(opened, "console-beginning")
    expect(opened.locator("[aria-current=step]")).to_have_text(re.compile(r"^\s*1"))
    assert_sound(opened)
