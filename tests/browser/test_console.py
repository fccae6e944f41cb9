"""The console's pages in a browser: accessible, fitting, quiet, on a phone and at a desk, light and dark."""

from __future__ import annotations

import itertools

import pytest

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


#: Pages by their address within the console; the looks take turns.
PAGES = ["dashboard", "dashboard?period=last_365&chart=revenue", "dashboard/members?metric=insight"]
_TURNS = itertools.cycle(itertools.product(("light", "dark"), ("en", "ko")))
_LOOKS = [(page, width, *next(_TURNS)) for page in PAGES for width in (PHONE, DESK, PHONE)]


@pytest.mark.parametrize(("page", "width", "scheme", "language"), _LOOKS)
def test_it_is_accessible_and_fits(cafe, owner, open_page, assert_sound, shot, page, width, scheme, language):
    opened = open_page(f"/console/{cafe.slug}/{page}", client=owner, width=width, scheme=scheme, language=language)

    assert opened.locator("h1").count() == 1
    shot(opened, f"console-{page.replace('/', '-').replace('?', '-')}-{width}-{scheme}-{language}")
    assert_sound(opened)


def test_a_new_merchant_is_led_to_the_next_step(open_page, assert_sound, shot, committed):
    shop = open_shop("new-shop")
    opened = open_page(f"/console/{shop.slug}/dashboard", client=staff_browser(shop, "owner"), width=PHONE)

    shot(opened, "console-beginning")
    assert opened.locator("[aria-current=step]").inner_text().startswith("1")
    assert_sound(opened)
