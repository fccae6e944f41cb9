"""Adjustments: with a reason, within the limit of the role, refused and kept when there is too little."""

from __future__ import annotations

from datetime import timedelta

import pytest

from merchants import tenancy
from merchants.actors import Actor
from merchants.errors import Invalid
from merchants.models.audit import AuditRecord
from merchants.models.outbox import OutboxEvent
from rewards import adjustments
from rewards.documents import ExternalIdReused, Refused
from rewards.models.corrections import Adjustment
from tests import builders
from tests.builders import CASHIER, MANAGER, OWNER, TILL

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe():
    return builders.cafe()


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina")


def test_points_given_end_as_the_terms_say(cafe, mina):
    receipt = mina.is_adjusted(100).receipt
    assert mina.lots() == [(100, "2027-03-05")]
    assert (receipt["state"], receipt["balance_after"], receipt["reason"]) == ("applied", 100, "goodwill")
    assert mina.entries() == [("adjust", 100)]


def test_points_given_may_end_on_a_day_of_their_own(cafe, mina):
    mina.is_adjusted(100, expires_at=cafe.instant("2026-04-01"))
    assert mina.lots() == [(100, "2026-04-01")]
    for faulty in ({"points": 5, "expires_at": cafe.now}, {"points": -5, "expires_at": cafe.now + timedelta(days=1)}):
        with pytest.raises(Invalid):
            mina.is_adjusted(**faulty)


def test_points_are_taken_from_what_ends_first(mina):
    mina.is_given(50, expires="2026-12-31")
    mina.is_given(50, expires="2026-06-30")
    mina.is_adjusted(-60)
    assert mina.lots() == [(40, "2026-12-31")]


def test_points_given_pay_a_debt_first(mina):
    mina.buys(10_000, external_id="s-1")
    mina.redeems(reward="coffee")
    mina.returns("s-1")
    assert mina.is_adjusted(130).receipt["debt_after"] == 0
    assert mina.points() == (30, 0, 0, 0)


def test_more_than_there_is_is_refused_and_the_refusal_kept(cafe, mina):
    mina.is_given(50)
    for _again in range(2):
        with pytest.raises(Refused) as refusal:
            mina.is_adjusted(-60, external_id="a-1")
        assert (refusal.value.code, refusal.value.http) == ("insufficient_points", 409)
        mina.is_given(1_000)
    assert mina.points()[0] == 2_050
    assert cafe.does(lambda: Adjustment.objects.get(external_id="a-1").refusal) == "insufficient_points"
    assert cafe.does(lambda: OutboxEvent.objects.exclude(kind="points.accrued").count()) == 0


def test_the_same_adjustment_twice_is_one(mina):
    first = mina.is_adjusted(100, external_id="a-1")
    again = mina.is_adjusted(100, external_id="a-1")
    assert (again.is_replay, again.receipt) == (True, first.receipt)
    with pytest.raises(ExternalIdReused):
        mina.is_adjusted(101, external_id="a-1")
    assert mina.points()[0] == 100


@pytest.mark.parametrize(
    "actor", [CASHIER, Actor("staff", "seat_0000000000000ana", role="analyst"), Actor("member", "mem_0")]
)
def test_cashiers_analysts_and_members_do_not_adjust(mina, actor):
    with pytest.raises(adjustments.MayNotAdjust) as refusal:
        mina.is_adjusted(1, by=actor)
    assert refusal.value.http == 403
    assert mina.entries() == []


def test_a_manager_adjusts_up_to_a_limit_a_day_and_member_in_either_direction(cafe, mina):
    cafe.merchant.adjustment_points_max = 100
    jun = cafe.member("Jun")
    mina.is_adjusted(70, by=MANAGER)
    with pytest.raises(adjustments.AboveYourLimit):
        mina.is_adjusted(31, by=MANAGER)
    with pytest.raises(adjustments.AboveYourLimit):
        mina.is_adjusted(-31, by=MANAGER)
    mina.is_adjusted(-30, by=MANAGER)
    jun.is_adjusted(100, by=MANAGER)
    cafe.at("2026-03-05", "00:00")
    mina.is_adjusted(100, by=MANAGER)
    assert (mina.points()[0], jun.points()[0]) == (140, 100)


@pytest.mark.parametrize("actor", [OWNER, TILL])
def test_owners_and_keys_know_no_limit(mina, actor):
    mina.is_adjusted(10**12, by=actor)
    assert mina.points()[0] == 10**12


def test_nothing_is_no_adjustment(mina):
    with pytest.raises(Invalid):
        mina.is_adjusted(0)


def test_f19_an_account_never_holds_more_than_json_can_count(mina):
    mina.is_given(2**53 - 1)
    with pytest.raises(Exception) as refusal:
        mina.is_adjusted(1)
    assert (refusal.value.code, refusal.value.http) == ("too_many_points", 422)
    assert mina.points()[0] == 2**53 - 1


def test_an_adjustment_is_told_and_audited(cafe, mina):
    mina.is_adjusted(5)
    assert cafe.does(lambda: OutboxEvent.objects.get().kind) == "points.adjusted"
    record = cafe.does(lambda: AuditRecord.objects.get())
    assert (record.action, record.subject, record.details["points"]) == ("points.adjusted", mina.public_id, 5)


def undone(cafe, outcome, **more):
    with tenancy.tenant(cafe.merchant):
        return adjustments.undo(
            merchant=cafe.merchant,
            adjustment=outcome.receipt["id"],
            reason="Wrong member",
            now=cafe.now,
            actor=OWNER,
            **more,
        )


def test_a_gift_undone_leaves_the_member_as_before(cafe, mina):
    mina.is_given(50, expires="2026-06-30")
    gift = mina.is_adjusted(100)

    undone(cafe, gift)

    # Not the 50 that end first: what was given is what goes.
    assert mina.lots() == [(50, "2026-06-30")]
    with pytest.raises(adjustments.AlreadyUndone):
        undone(cafe, gift)
    assert mina.entries()[-1] == ("adjust", -100)
    assert mina.points() == (50, 0, 0, 0)


def test_a_gift_that_was_spent_cannot_be_undone_until_there_are_points_again(cafe, mina):
    gift = mina.is_adjusted(100)
    mina.is_adjusted(-100)
    with pytest.raises(Refused):
        undone(cafe, gift).unless_refused()
    assert mina.points() == (0, 0, 0, 0)

    mina.is_given(120, expires="2026-06-30")
    undone(cafe, gift)
    assert mina.lots() == [(20, "2026-06-30")]
