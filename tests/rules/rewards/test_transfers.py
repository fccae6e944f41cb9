"""Transfers: off unless the terms allow them, within limits, and the points keep their expiry."""

from __future__ import annotations

import pytest

from merchants.errors import Invalid
from merchants.models.outbox import OutboxEvent
from rewards.documents import ExternalIdReused, Refused
from tests import builders

pytestmark = pytest.mark.django_db

LIMITS = {"minimum_points": 10, "maximum_points": 200, "given_per_month": 300, "received_per_month": 350}


@pytest.fixture
def cafe():
    return builders.cafe(transfers=LIMITS)


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina")


@pytest.fixture
def jun(cafe):
    return cafe.member("Jun")


def refused(code, giver, receiver, points, **kwargs):
    with pytest.raises(Refused) as refusal:
        giver.gives(receiver, points, **kwargs)
    assert refusal.value.code == code
    return refusal.value


def test_points_travel_soonest_to_expire_first_and_keep_their_expiry(mina, jun):
    mina.is_given(60, expires="2026-12-31")
    mina.is_given(50, expires="2026-06-30")
    mina.is_given(20)

    receipt = mina.gives(jun, 80).receipt

    assert jun.lots() == [(50, "2026-06-30"), (30, "2026-12-31")]
    assert mina.lots() == [(30, "2026-12-31"), (20, "never")]
    assert (receipt["points"], receipt["giver_balance_after"]) == (80, 50)
    assert (mina.entries()[-1], jun.entries()) == (("transfer_out", -80), [("transfer_in", 50), ("transfer_in", 30)])


def test_lots_that_end_together_arrive_as_one(mina, jun):
    mina.is_given(30, expires="2026-06-30")
    mina.is_given(30, expires="2026-06-30")
    mina.gives(jun, 50)
    assert jun.lots() == [(50, "2026-06-30")]


def test_points_received_lapse_when_they_would_have(cafe, mina, jun):
    mina.is_given(50, expires="2026-06-30")
    mina.gives(jun, 50)
    cafe.at("2026-06-30", "00:00")
    assert jun.points() == (0, 0, 0, 0)


def test_without_a_word_in_the_terms_nobody_gives_points():
    strict = builders.cafe()
    mina, jun = strict.cast("Mina", "Jun")
    mina.is_given(100)
    refused("transfers_off", mina, jun, 50)
    assert (mina.points()[0], jun.points()[0]) == (100, 0)


@pytest.mark.parametrize("points", [9, 201])
def test_too_few_or_too_many_at_once(mina, jun, points):
    mina.is_given(1_000)
    refused("transfer_outside_limits", mina, jun, points)


def test_a_months_limits_of_giving_and_of_being_given(cafe, mina, jun):
    sora = cafe.member("Sora")
    mina.is_given(1_000)
    sora.is_given(1_000)
    mina.gives(jun, 200)
    mina.gives(jun, 100)
    assert refused("transfer_month_limit_reached", mina, sora, 10).context["left"] == 0
    assert refused("transfer_month_limit_reached", sora, jun, 60).context["left"] == 50
    sora.gives(jun, 50)
    cafe.at("2026-04-01", "00:00")
    mina.gives(jun, 200)
    assert jun.points()[0] == 550


def test_a_merge_does_not_begin_the_month_anew(cafe, mina, jun):
    sora, old_mina, old_jun = cafe.cast("Sora", "Mina's old card", "Jun's old card")
    for giver in (mina, old_mina, sora):
        giver.is_given(1_000)
    old_mina.gives(old_jun, 200)
    old_mina.is_merged_into(mina)
    old_jun.is_merged_into(jun)

    assert refused("transfer_month_limit_reached", mina, sora, 110).context["left"] == 100
    assert refused("transfer_month_limit_reached", sora, jun, 160).context["left"] == 150
    mina.gives(sora, 100)
    sora.gives(jun, 150)


def test_held_and_pending_points_stay(mina, jun):
    mina.is_given(100)
    mina.is_given(100, active="2026-03-10")
    mina.holds(reward="mug")
    refused("insufficient_points", mina, jun, 60)
    mina.gives(jun, 50)
    assert mina.points() == (0, 50, 100, 0)


def test_a_refused_transfer_stays_refused(mina, jun):
    refused("insufficient_points", mina, jun, 50, external_id="t-1")
    mina.is_given(100)
    refused("insufficient_points", mina, jun, 50, external_id="t-1")
    assert jun.entries() == []


def test_the_same_transfer_twice_is_one(cafe, mina, jun):
    mina.is_given(100)
    first = mina.gives(jun, 50, external_id="t-1")
    assert mina.gives(jun, 50, external_id="t-1").receipt == first.receipt
    with pytest.raises(ExternalIdReused):
        mina.gives(jun, 40, external_id="t-1")
    assert (mina.points()[0], jun.points()[0]) == (50, 50)
    assert cafe.does(lambda: OutboxEvent.objects.filter(kind="points.transferred").count()) == 1


def test_nobody_gives_to_themselves(mina):
    mina.is_given(100)
    with pytest.raises(Invalid):
        mina.gives(mina, 50)


def test_what_is_received_pays_a_debt(mina, jun):
    jun.buys(10_000, external_id="s-1")
    jun.redeems(reward="coffee")
    jun.returns("s-1")
    mina.is_given(150)
    mina.gives(jun, 120)
    assert jun.points() == (20, 0, 0, 0)
