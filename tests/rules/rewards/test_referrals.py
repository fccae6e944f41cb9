"""Who brought whom, when one of the two has gone on as somebody else, or has left, before the other's first purchase."""

from __future__ import annotations

import pytest

from members.models import Member
from rewards import leaving, verify
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
        lambda: leaving.leave(
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
