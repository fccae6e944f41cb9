"""Mina's own list: what she can show at the till stands first, the soonest to expire on top; what is over after it."""

from __future__ import annotations

import pytest

from rewards import redemptions
from rewards.documents import Refused
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return builders.cafe()


@pytest.fixture
def mina(cafe):
    mina = cafe.member("Mina")
    mina.is_given(2_000)
    return mina


def usable(cafe, member):
    found = cafe.does(lambda: redemptions.usable(merchant=cafe.merchant, member_id=member.id, now=cafe.now))
    return [(view.reward, view.state) for view in found]


def over(cafe, member, **page):
    found = cafe.does(lambda: redemptions.over(merchant=cafe.merchant, member_id=member.id, now=cafe.now, **page))
    return [(view.reward, view.state) for view in found]


def test_the_soonest_to_expire_stands_first_however_it_was_taken(cafe, mina):
    mina.holds(reward="off", order_total_minor=10_000)  # for 60 minutes
    mina.holds(reward="coffee")  # for 15
    cafe.forward(minutes=5)
    mina.holds(reward="mug")  # for 15, from now
    assert usable(cafe, mina) == [("coffee", "held"), ("mug", "held"), ("off", "held")]
    assert over(cafe, mina) == []

    # A quarter of an hour after the coffee; no clock has come by yet.
    cafe.forward(minutes=10)
    assert usable(cafe, mina) == [("mug", "held"), ("off", "held")]
    assert over(cafe, mina) == [("coffee", "expired")]


def test_what_is_over_is_newest_first_and_holds_no_refusals(cafe, mina):
    used = mina.holds(reward="coffee")
    cafe.forward(minutes=1)
    given_back = mina.holds(reward="mug")
    cafe.forward(minutes=1)
    mina.redeems(reward="cake")
    mina.captures(used.public_id)
    mina.releases(given_back.public_id)
    with pytest.raises(Refused):
        mina.redeems(reward="tour")
    assert usable(cafe, mina) == []
    assert over(cafe, mina) == [("cake", "captured"), ("mug", "released"), ("coffee", "captured")]


def test_one_that_arrived_late_stands_at_its_own_time(cafe, mina):
    """A till was offline: what it redeemed in the morning is told after what was redeemed at noon."""
    mina.redeems(reward="coffee")
    cafe.forward(hours=-2)
    mina.redeems(reward="mug")
    cafe.forward(hours=2)
    assert [name for name, _state in over(cafe, mina)] == ["coffee", "mug"]


def test_pages_follow_each_other_also_among_those_of_one_moment(cafe, mina):
    for _ in range(5):
        mina.redeems(reward="tenth", order_total_minor=10_000)

    def page(**before):
        return cafe.does(
            lambda: redemptions.over(merchant=cafe.merchant, member_id=mina.id, now=cafe.now, limit=2, **before)
        )

    first = page()
    second = page(before_id=first[-1].id)
    third = page(before_id=second[-1].id)
    assert [len(each) for each in (first, second, third)] == [2, 2, 1]
    assert len({view.id for view in [*first, *second, *third]}) == 5


def test_another_members_place_has_nothing_before_it(cafe, mina):
    jisoo = cafe.member("Jisoo")
    jisoo.is_given(500)
    jisoo.redeems(reward="coffee")
    mina.redeems(reward="coffee")
    hers = cafe.does(lambda: redemptions.over(merchant=cafe.merchant, member_id=jisoo.id, now=cafe.now))[0].id
    assert over(cafe, mina, before_id=hers) == []
    assert [name for name, _state in over(cafe, mina)] == ["coffee"]
