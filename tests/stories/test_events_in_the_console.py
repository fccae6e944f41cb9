"""Jun reads in the console what his till's events say, without writing a receiver first."""

from __future__ import annotations

import pytest

from merchants import cursors
from tests import builders
from tests.people import staff_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return builders.cafe()


def kinds(page):
    return [row["event"].kind for row in page.context["events"]]


def test_each_event_shows_its_payload_and_whose_it_is(cafe):
    mina = cafe.member("Mina Park")
    mina.buys(10_000, external_id="sale-1")
    page = staff_browser(cafe.merchant, "owner").get(f"/console/{cafe.merchant.slug}/developers/events")

    (row,) = [row for row in page.context["events"] if row["event"].kind == "purchase.recorded"]
    assert row["name"] == "Mina Park"
    assert '"external_id": "sale-1"' in row["payload"]
    assert f"/members/{mina.public_id}" in page.content.decode()


def test_one_kind_is_chosen_and_one_nobody_knows_shows_all(cafe):
    cafe.member("Mina Park").buys(10_000)
    owner, address = staff_browser(cafe.merchant, "owner"), f"/console/{cafe.merchant.slug}/developers/events"

    assert set(kinds(owner.get(address, {"kind": "purchase.recorded"}))) == {"purchase.recorded"}
    assert kinds(owner.get(address, {"kind": "made.up"})) == kinds(owner.get(address))
    assert kinds(owner.get(address, {"kind": "member.erased"})) == []


def test_pages_go_on_where_the_one_before_ended_and_a_place_that_is_gone_begins_anew(cafe):
    mina = cafe.member("Mina Park")
    for _sale in range(30):
        mina.buys(1_000)
    owner, address = staff_browser(cafe.merchant, "owner"), f"/console/{cafe.merchant.slug}/developers/events"

    first = owner.get(address, {"kind": "purchase.recorded"})
    second = owner.get(address, {"kind": "purchase.recorded", "cursor": first.context["cursor"]})
    ids = [row["event"].id for page in (first, second) for row in page.context["events"]]
    assert (len(first.context["events"]), len(second.context["events"]), len(set(ids))) == (25, 5, 30)
    gone = cursors.write("evt_0000000000000000")
    assert kinds(owner.get(address, {"cursor": gone})) == kinds(owner.get(address))


def test_an_analyst_reads_no_events(cafe):
    priya = staff_browser(cafe.merchant, "analyst")
    assert priya.get(f"/console/{cafe.merchant.slug}/developers/events").status_code == 403
