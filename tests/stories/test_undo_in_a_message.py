"""What Hana just did stands in a message with a button that undoes it: pressed as the page drew it, without script."""

from __future__ import annotations

import re

import pytest

from members.models import Member
from merchants import ids, tenancy
from tests import builders
from tests.people import join, open_shop, staff_browser
from tests.stamp_history import publish, stands

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return builders.cafe()


@pytest.fixture
def hana(cafe):
    return staff_browser(cafe.merchant, "owner")


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina Park", phone="+821023456789")


def at(cafe, page=""):
    return f"/console/{cafe.merchant.slug}/members/{page}"


def messages(answer):
    """What the page says beside an Undo button."""
    return re.findall(r'<p class="undo__said"[^>]*>([^<]*)</p>', answer.content.decode())


def press_undo(browser, answer):
    """Send the message's form as it stands on the page."""
    form = re.search(r'<div class="undo".*?</div>', answer.content.decode(), re.S)[0]
    assert 'method="post"' in form
    assert 'name="csrfmiddlewaretoken"' in form
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    return browser.post(re.search(r'action="([^"]+)"', form)[1], fields, follow=True)


def kept(cafe, person):
    with tenancy.tenant(cafe.merchant):
        return Member.objects.get(merchant=cafe.merchant, pk=person.id)


def test_points_given_by_mistake_are_taken_back(cafe, hana, mina):
    mina.is_given(40)
    form = {"external_id": ids.mint("adj"), "way": "give", "points": "500", "reason": "Birthday"}
    done = hana.post(at(cafe, f"{mina.public_id}/adjust"), form, follow=True)
    assert messages(done) == ["+500 points. New balance 540."]

    undone = press_undo(hana, done)

    assert (mina.points()[0], messages(undone)) == (40, [])
    assert "−500 points. New balance 40." in undone.content.decode()
    assert "has been undone already" in press_undo(hana, done).content.decode()
    assert mina.points()[0] == 40
    assert messages(hana.get(at(cafe, mina.public_id))) == []


def test_points_for_several_are_taken_back_from_all(cafe, hana, mina):
    jun = cafe.member("Jun")
    form = {
        "member": [mina.public_id, jun.public_id],
        "bulk": ids.mint("adj"),
        "points": "50",
        "reason": "Party",
        "act": "give",
    }
    done = hana.post(at(cafe, "points"), form, follow=True)
    assert messages(done) == ["+50 points each for 2 members."]
    assert (mina.points()[0], jun.points()[0]) == (50, 50)

    press_undo(hana, done)

    assert (mina.points()[0], jun.points()[0]) == (0, 0)


def test_stamps_given_to_the_wrong_member_go_off_the_card_once(db):
    shop = open_shop("cafe-haneul")
    publish(shop)
    hana, mina = staff_browser(shop, "owner"), join(shop, name="Mina Park")
    form = {"external_id": ids.mint("sta"), "card": "coffee", "way": "give", "stamps": "3", "reason": "Fair"}
    done = hana.post(f"/console/{shop.slug}/members/{mina.public_id}/stamps", form, follow=True)
    assert messages(done) == ["3 stamps given. On the card: 3."]

    undone = press_undo(hana, done)

    assert "3 stamps taken. On the card: 0." in undone.content.decode()
    assert stands(shop, mina) == (0, 0)
    assert "These stamps went the other way before." in press_undo(hana, done).content.decode()
    assert stands(shop, mina) == (0, 0)


def test_a_block_and_its_undoing(cafe, hana, mina):
    turn = at(cafe, f"{mina.public_id}/turn")
    blocked = hana.post(turn, {"act": "block", "reason": "Sold points"}, follow=True)
    assert kept(cafe, mina).state == "blocked"
    opened = press_undo(hana, blocked)
    assert kept(cafe, mina).state == "active"
    press_undo(hana, opened)
    assert kept(cafe, mina).state == "blocked"
    assert [line[11:] for line in kept(cafe, mina).note.splitlines()] == ["Sold points", "Opened by mistake"]


def test_a_refusal_offers_no_undo(cafe, hana, mina):
    refused = hana.post(at(cafe, f"{mina.public_id}/turn"), {"act": "block", "reason": ""}, follow=True)
    assert ("Say why" in refused.content.decode(), messages(refused)) == (True, [])


def test_spending_is_stopped_and_allowed_again(cafe, hana, mina):
    stopped = hana.post(at(cafe, f"{mina.public_id}/turn"), {"act": "stop_spending"}, follow=True)
    assert "Spending is stopped" in messages(stopped)[0]
    allowed = press_undo(hana, stopped)
    assert messages(allowed) == ["Points can be spent again."]
    assert kept(cafe, mina).spending_stopped_at is None


def test_two_memberships_come_apart_as_they_were(cafe, hana, mina):
    double = cafe.member("Mina P.")
    mina.is_given(40)
    double.is_given(60)
    merged = hana.post(at(cafe, f"{mina.public_id}/merge"), {"other": double.public_id}, follow=True)
    assert messages(merged) == ["Mina P. was merged into this member."]
    assert mina.points()[0] == 100

    press_undo(hana, merged)

    assert (mina.points()[0], double.points()[0]) == (40, 60)


def test_a_blocked_card_works_again(cafe, hana, mina):
    turn = at(cafe, f"{mina.public_id}/turn")
    hana.post(turn, {"act": "give_card", "number": "CARD-0042"})
    blocked = hana.post(turn, {"act": "block_card", "number": "CARD-0042", "reason": "Lost"}, follow=True)
    assert "The card works again." in press_undo(hana, blocked).content.decode()


def test_an_analyst_may_not_send_what_undoes(cafe, hana, mina):
    form = {"external_id": ids.mint("adj"), "way": "give", "points": "500", "reason": "Birthday"}
    done = hana.post(at(cafe, f"{mina.public_id}/adjust"), form, follow=True)
    analyst = staff_browser(cafe.merchant, "analyst")
    assert press_undo(analyst, done).status_code == 403
    assert mina.points()[0] == 500
