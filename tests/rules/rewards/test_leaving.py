"""F64: a member with points, an open hold and a debt to come is forgotten; the ledger stays whole."""

from __future__ import annotations

import pytest

from members.models import Member
from merchants.models.outbox import OutboxEvent
from rewards import erasure, verify
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe():
    return builders.cafe()


def leaves(person):
    cafe = person.shop
    return cafe.does(
        lambda: erasure.leave(
            merchant=cafe.merchant, member=Member.objects.get(pk=person.id), now=cafe.now, actor=builders.OWNER
        )
    )


def agrees(person):
    cafe = person.shop
    return cafe.does(lambda: verify.verify_members(merchant=cafe.merchant, member_ids=[person.id])).faults == []


def test_f64_points_lapse_holds_are_given_back_and_a_late_refund_lands_on_the_tombstone(cafe):
    mina = cafe.member("Mina Canary", email="canary@example.org")
    mina.buys(10_000, external_id="s-1")
    mina.is_given(50, active="2026-04-01")
    hold = mina.holds(points=40, order_total_minor=10_000)

    left = leaves(mina)

    assert left.points_lapsed == 150
    assert mina.points() == (0, 0, 0, 0)
    assert mina.entries()[-2:] == [("release", 0), ("expire", -100)]
    assert mina.state_of(hold.public_id) == "released"
    row = cafe.does(lambda: Member.objects.get(pk=mina.id))
    assert (row.state, row.name, row.email) == ("erased", "", None)

    mina.returns("s-1")

    assert mina.points() == (0, 0, 0, 100)
    assert agrees(mina)
    payloads = cafe.does(lambda: [str(event.payload) for event in OutboxEvent.objects.all()])
    assert not any("canary" in payload.lower() for payload in payloads)


def test_what_comes_back_to_whoever_left_lapses_at_once(cafe):
    mina = cafe.member("Mina")
    mina.is_given(100)
    coffee = mina.redeems(reward="coffee")
    leaves(mina)

    mina.reverses(coffee.public_id)

    price = coffee.receipt["points"]
    assert mina.points() == (0, 0, 0, 0)
    assert mina.entries()[-2:] == [("reverse", price), ("expire", -price)]
    assert agrees(mina)


def test_leaving_twice_is_leaving_once(cafe):
    mina = cafe.member("Mina")
    mina.is_given(10)
    assert [leaves(mina).points_lapsed for _time in range(2)] == [10, 0]
    assert mina.entries() == [("accrue", 10), ("expire", -10)]


def test_whoever_left_neither_earns_nor_spends(cafe):
    mina = cafe.member("Mina")
    mina.is_given(100)
    leaves(mina)
    for verb in (lambda: mina.buys(1_000), lambda: mina.redeems(reward="coffee"), lambda: mina.is_adjusted(5)):
        with pytest.raises(Exception) as refusal:
            verb()
        assert refusal.value.code == "member_not_found"
    assert mina.points() == (0, 0, 0, 0)
