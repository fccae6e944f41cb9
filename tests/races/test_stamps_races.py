"""Stamps at the same instant: a full card brings one reward, and one of two tills takes it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.db import connections

from merchants import ids
from merchants.errors import Invalid
from rewards import stamp_adjustments, stamps, verify
from rewards.documents import Refused
from rewards.models.own_rewards import OwnReward
from rewards.models.stamps import StampBook
from rewards.stamp_adjustments import StampAdjustmentInput
from tests import builders
from tests.builders import CASHIER
from tests.threads import returned

CARD = {"code": "visits", "name": "Visits", "sizes": [10], "reward": "coffee"}


@pytest.fixture
def cafe(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield builders.cafe(stamps=[CARD])
        connections.close_all()


def test_ten_tills_fill_a_card_of_ten_and_it_brings_one_reward(cafe):
    mina = cafe.member("Mina")

    def buys() -> Any:
        return mina.buys(1_000).receipt["stamps"][0]["on_card"]

    assert sorted(returned(*[buys] * 10)) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert cafe.does(lambda: list(StampBook.objects.values_list("stamps", "filled"))) == [(0, 1)]
    assert cafe.does(lambda: list(OwnReward.objects.values_list("state", "stamps"))) == [("open", 10)]
    assert verify.verify(merchant=cafe.merchant).faults == []


def test_of_two_tills_that_take_the_single_reward_one_does(cafe):
    mina = cafe.member("Mina")
    for _ in range(10):
        mina.buys(1_000)
    (mine,) = cafe.does(
        lambda: stamps.own_rewards_of(merchant=cafe.merchant, member_id=mina.id, now=cafe.now)
    )  # fmt: skip

    def takes() -> str:
        try:
            return str(mina.redeems(own_reward=mine.public_id).receipt["state"])
        except Refused as refusal:
            return refusal.code

    assert Counter(returned(takes, takes)) == {"captured": 1, "own_reward_gone": 1}
    assert cafe.does(lambda: OwnReward.objects.get().state) == "taken"
    assert verify.verify(merchant=cafe.merchant).faults == []


def test_a_refund_and_the_taking_of_its_reward_come_to_one_or_the_other(cafe):
    """Either the reward is revoked and cannot be taken, or it is taken and the stamps are owed."""
    people = [cafe.member(f"Member {number}") for number in range(6)]
    for number, person in enumerate(people):
        for visit in range(10):
            person.buys(1_000, external_id=f"sale-{number}-{visit}")
        (mine,) = cafe.does(
            lambda person=person: stamps.own_rewards_of(merchant=cafe.merchant, member_id=person.id, now=cafe.now)
        )

        def takes(person=person, mine=mine) -> str:
            try:
                return str(person.redeems(own_reward=mine.public_id).receipt["state"])
            except Refused as refusal:
                return refusal.code

        taken, _refund = returned(takes, lambda person=person, number=number: person.returns(f"sale-{number}-9"))
        book = cafe.does(lambda person=person: StampBook.objects.get(member_id=person.id))
        assert (taken, book.stamps) in {("captured", -1), ("own_reward_gone", 9)}
    assert verify.verify(merchant=cafe.merchant).faults == []


def test_two_cashiers_at_once_stay_within_what_cashiers_give_one_member_in_a_day(cafe):
    cafe.merchant.counter_stamps_max = 1
    mina = cafe.member("Mina")

    def taps() -> str:
        asked = StampAdjustmentInput(
            external_id=f"counter:{ids.mint('sta')}", stamp_card="visits", stamps=1, reason="At the counter"
        )
        try:
            return str(cafe.does(lambda: stamp_adjustments.give_at_counter(
                merchant=cafe.merchant, member=mina.public_id, asked=asked, now=cafe.now, actor=CASHIER
            )).receipt["stamps"])  # fmt: skip
        except Invalid as refusal:
            return refusal.code

    assert sorted(returned(taps, taps)) == ["1", "invalid"]
    assert cafe.does(lambda: list(StampBook.objects.values_list("stamps", flat=True))) == [1]
