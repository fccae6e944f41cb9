"""Hana finds anything from the field above every page: a member, a rule by its name in any language, a page."""

from __future__ import annotations

import pytest

from tests import builders
from tests.people import staff_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return builders.cafe()


def found(browser, cafe, typed):
    """What is found, by kind: labels only."""
    page = browser.get(f"/console/{cafe.merchant.slug}/find", {"q": typed})
    assert page.status_code == 200
    return {kind: [hit.label for hit in page.context[kind]] for kind in ("people", "parts", "pages")}


def test_a_member_is_found_and_their_contacts_stay_masked(cafe):
    mina = cafe.member("Mina Park", phone="+821023456789", email="mina@example.org")
    hana = staff_browser(cafe.merchant, "owner")

    assert found(hana, cafe, "mina")["people"] == ["Mina Park"]
    page = hana.get(f"/console/{cafe.merchant.slug}/find", {"q": "mina"})
    assert f"/members/{mina.public_id}" in page.content.decode()
    assert "+821023456789" not in page.content.decode()
    assert "mina@example.org" not in page.content.decode()


def test_parts_of_the_programme_are_found_by_their_name_in_any_language(cafe):
    cafe.publish(builders.programme(earning={"rules": [
        {"kind": "per_order", "code": "own-cup", "name": {"en": "Your own cup", "ko": "개인 컵"}, "points": 5},
    ]}))  # fmt: skip
    hana = staff_browser(cafe.merchant, "owner")

    assert found(hana, cafe, "OWN CUP")["parts"] == ["Your own cup"]
    assert found(hana, cafe, "개인")["parts"] == ["Your own cup"]
    assert found(hana, cafe, "no such thing") == {"people": [], "parts": [], "pages": []}
    assert "Enrol a member" in hana.get(f"/console/{cafe.merchant.slug}/find", {"q": "no such thing"}).content.decode()


def test_without_a_text_the_pages_of_ones_role_are_listed(cafe):
    hana, priya = staff_browser(cafe.merchant, "owner"), staff_browser(cafe.merchant, "analyst")

    assert {"Dashboard", "Members", "API keys", "Settings"} <= set(found(hana, cafe, "")["pages"])
    read = found(priya, cafe, "")["pages"]
    assert {"Dashboard", "Members", "Programme"} <= set(read)
    assert not {"API keys", "Settings", "Counter", "Enrol a member"} & set(read)


def test_accents_and_case_do_not_matter(cafe):
    hana = staff_browser(cafe.merchant, "owner")
    assert found(hana, cafe, "ＡＰＩ ｋéys")["pages"] == ["API keys"]


def test_as_one_types_only_the_lines_are_answered(cafe):
    hana = staff_browser(cafe.merchant, "owner")
    answer = hana.get(f"/console/{cafe.merchant.slug}/find", {"q": "sett"}, headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert "<html" not in text
    assert f"/console/{cafe.merchant.slug}/settings" in text
