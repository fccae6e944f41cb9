"""Who brought whom, when one of the two has gone on as somebody else, or has left, before the other's first purchase."""

from __future__ import annotations

import pytest

from members import blocking
from members.models import Member
from rewards import erasure, verify
from rewards.models.accounts import Account
from rewards.models.referrals import Referral
from tests import builders

pytestmark = pytest.mark.django_db
PROMISED = {"referrer_points": 300, "referee_points": 200}


@pytest.fixture
def cafe():
    cafe = builders.cafe(referral=PROMISED)
    yield cafe
    ids = [person.id for person in cafe.people.values()]
    assert cafe.does(lambda: verify.verify_members(merchant=cafe.merchant, member_ids=ids).faults) == []


def leaves(person):
    cafe = person.shop
    cafe.does(
        lambda: erasure.leave(
            merchant=cafe.merchant, member=Member.objects.get(pk=person.id), now=cafe.now, actor=builders.OWNER
        )
    )


def test_whoever_was_brought_by_somebody_who_left_has_what_was_promised_and_who_left_has_nothing(cafe):
    ara = cafe.joins("Ara")
    mina = cafe.joins("Mina", by=ara)
    leaves(ara)

    mina.buys(10_000, external_id="s-1")

    assert (ara.points(), mina.points()) == ((0, 0, 0, 0), (300, 0, 0, 0))
    row = cafe.does(Referral.objects.get)
    assert (row.state, row.referrer_points, row.referee_points) == ("qualified", 0, 200)
    mina.returns("s-1")
    assert (ara.points(), mina.points()) == ((0, 0, 0, 0), (0, 0, 0, 0))


@pytest.mark.parametrize("leaver", ["referrer", "referee"])
def test_a_refund_takes_a_referrals_points_from_where_a_merge_has_brought_them(cafe, leaver):
    """Ara brought Mina, and both turn out to be one person: what either was paid is taken back where it is now."""
    ara = cafe.joins("Ara")
    mina = cafe.joins("Mina", by=ara)
    mina.buys(10_000, external_id="s-1")
    assert (ara.points()[0], mina.points()[0]) == (300, 300)
    gone, stays = (ara, mina) if leaver == "referrer" else (mina, ara)
    gone.is_merged_into(stays)

    stays.returns("s-1")

    assert (gone.points(), stays.points()) == ((0, 0, 0, 0), (0, 0, 0, 0))


def test_whoever_was_brought_by_somebody_who_is_blocked_has_what_was_promised_and_who_is_blocked_has_nothing(cafe):
    ara = cafe.joins("Ara")
    mina, jun = cafe.joins("Mina", by=ara), cafe.joins("Jun", by=ara)
    turn = {"merchant": cafe.merchant, "member": cafe.does(lambda: Member.objects.get(pk=ara.id)), "now": cafe.now}
    cafe.does(lambda: blocking.block(reason="sells invitations", actor=builders.OWNER, **turn))

    mina.buys(10_000, external_id="s-1")

    assert (ara.points(), mina.points()) == ((0, 0, 0, 0), (300, 0, 0, 0))
    row = cafe.does(lambda: Referral.objects.get(state="qualified"))
    assert (row.referrer_points, row.referee_points) == (0, 200)
    mina.returns("s-1")
    assert (ara.points(), mina.points()) == ((0, 0, 0, 0), (0, 0, 0, 0))

    cafe.does(lambda: blocking.unblock(actor=builders.OWNER, **turn))
    jun.buys(10_000)
    assert (ara.points(), jun.points()) == ((300, 0, 0, 0), (300, 0, 0, 0))


def test_a_blocked_referrer_is_not_paid_for_a_receipt_that_is_claimed_either(cafe):
    ara = cafe.joins("Ara")
    mina = cafe.joins("Mina", by=ara)
    member = cafe.does(lambda: Member.objects.get(pk=ara.id))
    cafe.sells_to_a_guest(10_000, "guest-1")
    cafe.does(lambda: blocking.block(
        merchant=cafe.merchant, member=member, reason="fraud", now=cafe.now, actor=builders.OWNER))  # fmt: skip
    mina.claims("guest-1")
    assert (ara.points(), mina.points()) == ((0, 0, 0, 0), (300, 0, 0, 0))


def test_a_newcomer_pays_with_points_while_the_referrer_has_a_reward_set_aside(cafe):
    """Ara's coffee waits at the counter for her; Mina's first order, part of it paid with points, pays Ara 300."""
    ara = cafe.joins("Ara")
    mina = cafe.joins("Mina", by=ara)
    for person in (ara, mina):
        person.account_id = cafe.does(lambda person=person: Account.objects.get(member_id=person.id).pk)
        person.is_given(150)
    coffee = ara.holds(reward="coffee")

    mina.buys(10_000, redeeming=[{"points": 100}])

    # 9,000 won in money earn 90; Mina was promised 200.
    assert (ara.points(), mina.points()) == ((350, 100, 0, 0), (50 + 90 + 200, 0, 0, 0))
    ara.captures(coffee.public_id)
    assert ara.points() == (350, 0, 0, 0)
