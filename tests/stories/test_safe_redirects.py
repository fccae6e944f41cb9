"""Mina and Hana reload what they have just sent, or open it from the history: they land on its page, and nothing is done."""

from __future__ import annotations

import pytest

from tests import builders
from tests.people import join, member_browser, open_shop, staff_browser

pytestmark = pytest.mark.django_db

A_PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
MEMBER = "mem_0000000000000001"


@pytest.fixture
def cafe(db):
    shop = open_shop("cafe-haneul")
    builders.Shop(shop).publish(builders.PROGRAMME)
    return shop


@pytest.mark.parametrize(
    ("opened", "page"),
    [
        ("me/details", "me"),
        ("me/consents/marketing_email", "me/consents"),
        ("me/sign-out-everywhere", "me"),
        ("rewards/take", "rewards"),
        ("rewards/mine/rdm_0000000000000001/cancel", "rewards/mine/rdm_0000000000000001"),
        ("code/again", "code"),
        ("sign-out", ""),
    ],
)
def test_a_member_lands_on_the_page_the_form_was_on(cafe, opened, page):
    phone = member_browser(cafe, join(cafe, name="Mina"))
    answer = phone.get(f"/m/{cafe.slug}/{opened}", headers=A_PAGE)

    assert (answer.status_code, answer["Location"]) == (302, f"/m/{cafe.slug}/{page}")
    assert phone.get(f"/m/{cafe.slug}/me").status_code == 200, "she is still signed in"


@pytest.mark.parametrize(
    ("opened", "page"),
    [
        ("programme/rules", "programme/"),
        ("programme/discard", "programme/"),
        ("rewards/remove", "rewards"),
        (f"members/{MEMBER}/turn", f"members/{MEMBER}"),
        ("members/missing-points/settle", "members/missing-points"),
        ("developers/keys/change", "developers/keys"),
        ("developers/sandbox", ""),
        ("developers/webhooks/deliveries/dlv_1/retry", "developers/webhooks/deliveries/dlv_1"),
        ("settings/logo", "settings"),
        ("team/invite", "team"),
        ("counter/place", "counter/"),
        ("counter/sales/pur_1/undo", "counter/sales/pur_1"),
    ],
)
def test_staff_land_on_the_page_the_form_was_on(cafe, opened, page):
    answer = staff_browser(cafe, "owner").get(f"/console/{cafe.slug}/{opened}", headers=A_PAGE)

    assert (answer.status_code, answer["Location"]) == (302, f"/console/{cafe.slug}/{page}")


def test_a_program_hears_that_it_is_not_allowed(cafe):
    assert member_browser(cafe, join(cafe, name="Mina")).get(f"/m/{cafe.slug}/me/details").status_code == 405
