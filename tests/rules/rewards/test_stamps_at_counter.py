"""Stamps without an amount at the counter: by whom, on which cards, and how many at once; a refusal puts none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from members import blocking
from merchants import ids, tenancy
from merchants.actors import SYSTEM, Actor
from merchants.errors import LoyaltyError
from rewards import stamp_adjustments, terms
from rewards.models.stamps import StampAdjustment
from rewards.stamp_adjustments import StampAdjustmentInput
from tests.people import join, open_shop
from tests.stamp_history import publish, stands

pytestmark = pytest.mark.django_db

CASHIER = Actor("staff", "seat_0123456789abcdef", role="cashier")
ANALYST = Actor("staff", "seat_0123456789abcdee", role="analyst")
TILL = Actor("key", "key_0123456789abcdef")


@pytest.fixture
def cafe(db):
    shop = open_shop("cafe-haneul")
    publish(shop)
    return shop


@pytest.fixture
def mina(cafe):
    return join(cafe, name="Mina")


def give(cafe, mina, *, stamps=2, card="coffee", actor=CASHIER, external_id="tap-1"):
    asked = StampAdjustmentInput(external_id=external_id, stamp_card=card, stamps=stamps, reason="At the counter")
    with tenancy.tenant(cafe):
        return stamp_adjustments.give_at_counter(
            merchant=cafe, member=mina.public_id, asked=asked, now=datetime.now(UTC), actor=actor
        )


def test_a_cashier_gives_what_the_card_allows_once_and_under_their_name(cafe, mina):
    first, again = give(cafe, mina), give(cafe, mina)

    assert (first.receipt["stamps"], first.receipt["on_card"], again.is_replay) == (2, 2, True)
    assert stands(cafe, mina) == (2, 0)
    with tenancy.tenant(cafe):
        (row,) = StampAdjustment.objects.filter(merchant=cafe)
    assert (row.actor, row.stamps, row.reason) == (str(CASHIER), 2, "At the counter")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"stamps": 6}, "invalid"),
        ({"stamps": -1}, "invalid"),
        ({"stamps": 0}, "invalid"),
        ({"card": "tea"}, "unknown_stamp_card"),
        ({"actor": ANALYST}, "may_not_adjust"),
        ({"actor": TILL}, "may_not_adjust"),
    ],
)
def test_what_is_no_matter_of_a_cashier_is_refused(cafe, mina, asked, code):
    with pytest.raises(LoyaltyError) as refusal:
        give(cafe, mina, **asked)

    assert refusal.value.code == code
    assert stands(cafe, mina) == (0, 0)


def test_a_blocked_member_gets_none(cafe, mina):
    with tenancy.tenant(cafe):
        blocking.block(merchant=cafe, member=mina, reason="lost", now=datetime.now(UTC), actor=SYSTEM)

    with pytest.raises(LoyaltyError) as refusal:
        give(cafe, mina)

    assert refusal.value.code == "member_blocked"
    assert stands(cafe, mina) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        ({}, 5),
        ({"most_per_order": 3}, 3),
        ({"most_per_order": 9}, 5),
        ({"gives": {"kind": "per_visit"}}, 1),
        ({"gives": {"kind": "per_amount", "per_amount_minor": 5000}}, 0),
        ({"most_per_day": 4}, 0),
        ({"minimum_amount_minor": 3000}, 0),
    ],
)
def test_how_many_at_once_follows_from_the_card(changes, most):
    document = terms.templates("KRW")["cafe-stamps"]
    document["stamps"][0] = {**document["stamps"][0], "most_per_order": None, **changes}
    assert terms.parse(document).stamps[0].most_at_counter == most


MANAGER = Actor("staff", "seat_0123456789abcdec", role="manager")
JUN = Actor("staff", "seat_0123456789abcded", role="cashier")


def taps(cafe, mina, *, stamps=5, actor=CASHIER):
    return give(cafe, mina, stamps=stamps, actor=actor, external_id=f"counter:{ids.mint('sta')}")


def test_cashiers_together_give_one_member_ten_a_day_and_a_manager_more(cafe, mina):
    taps(cafe, mina)
    taps(cafe, mina, actor=JUN)

    with pytest.raises(LoyaltyError) as refusal:
        taps(cafe, mina, stamps=1)
    assert str(refusal.value.detail) == (
        "A cashier gives one member at most 10 stamps a day by hand. A manager can give more."
    )
    with tenancy.tenant(cafe):
        assert StampAdjustment.objects.filter(merchant=cafe).count() == 2

    taps(cafe, mina, stamps=1, actor=MANAGER)
    taps(cafe, join(cafe, name="Bora"))


def test_what_was_taken_back_can_be_given_again_and_tomorrow_is_another_day(cafe, mina):
    cafe.counter_stamps_max = 5
    given = taps(cafe, mina)
    with tenancy.tenant(cafe):
        stamp_adjustments.take_back_at_counter(
            merchant=cafe, adjustment=given.public_id, reason="Wrong member", now=datetime.now(UTC), actor=CASHIER
        )
    taps(cafe, mina)
    with pytest.raises(LoyaltyError):
        taps(cafe, mina, stamps=1)

    with time_machine.travel(datetime.now(UTC) + timedelta(days=1), tick=True):
        taps(cafe, mina)
