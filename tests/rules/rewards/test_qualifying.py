"""Where the terms say so, points of a welcome and of a referral count towards the tier, until they are undone."""

from __future__ import annotations

import pytest

from merchants.models.outbox import OutboxEvent
from rewards import merging, purchases, tiers
from rewards.models.accounts import QualifyingGrant, TierPeriod
from rewards.models.referrals import Referral
from tests import builders

pytestmark = pytest.mark.django_db

#: Silver from 100 points that qualify, gold from 500.
TIERS = {
    "basis": "qualifying_points",
    "window": {"kind": "calendar_year"},
    "levels": [
        {"code": "green", "name": "Green", "threshold": 0},
        {"code": "silver", "name": "Silver", "threshold": 100},
        {"code": "gold", "name": "Gold", "threshold": 500},
    ],
}


def cafe_with(**parts):
    return builders.cafe(tiers=TIERS, rewards=None, **parts)


def tier(person):
    return person.balance().tier


def told(cafe, kind):
    return cafe.does(lambda: [row.payload for row in OutboxEvent.objects.filter(kind=kind).order_by("pk")])


@pytest.mark.parametrize(("qualifying", "expected"), [(True, "silver"), (False, "green")])
def test_a_welcome_counts_only_where_the_terms_say_so(qualifying, expected):
    cafe = cafe_with(welcome={"points": 120, "qualifying": qualifying})

    mina = cafe.joins("Mina")

    assert (tier(mina), mina.points()) == (expected, (120, 0, 0, 0))
    assert [event["tier"] for event in told(cafe, "member.enrolled")] == [expected]
    assert [event["tier_after"] for event in told(cafe, "tier.changed")] == (["silver"] if qualifying else [])
    assert cafe.does(lambda: TierPeriod.objects.get(held_to=None).tier) == expected


def test_what_a_purchase_adds_counts_on_top_of_the_welcome_and_the_portal_shows_it():
    cafe = cafe_with(welcome={"points": 60, "qualifying": True})
    mina = cafe.joins("Mina")
    assert tier(mina) == "green"

    mina.buys(4_000, external_id="s-1")

    assert tier(mina) == "silver"
    place = cafe.does(
        lambda: tiers.of_member(merchant=cafe.merchant, member_id=mina.id, joined_at=cafe.now, now=cafe.now)
    )
    assert (place.standing.value, place.standing.missing) == (100, 400)
    mina.returns("s-1")
    assert tier(mina) == "green"


@pytest.mark.parametrize(("qualifying", "tiers"), [(True, ("gold", "silver")), (False, ("green", "green"))])
def test_a_referral_counts_for_both_and_its_undoing_for_neither(qualifying, tiers):
    cafe = cafe_with(referral={"referrer_points": 500, "referee_points": 95, "qualifying": qualifying})
    ara = cafe.joins("Ara")
    mina = cafe.joins("Mina", by=ara)

    mina.buys(500, external_id="s-1")

    assert (tier(ara), tier(mina)) == tiers
    assert (ara.points()[0], mina.points()[0]) == (500, 100)
    mina.returns("s-1")
    assert (tier(ara), tier(mina)) == ("green", "green")
    assert cafe.does(QualifyingGrant.objects.count) == 0
    changes = [(event["member"], event["tier_after"]) for event in told(cafe, "tier.changed")]
    expected = [
        (ara.public_id, "gold"),
        (mina.public_id, "silver"),
        (ara.public_id, "green"),
        (mina.public_id, "green"),
    ]
    assert sorted(changes) == (sorted(expected) if qualifying else [])


def test_a_batch_counts_as_its_sales_one_by_one():
    """Ara buys, is paid for bringing Mina, and buys again, all in one batch."""

    def run(*, as_batch):
        cafe = cafe_with(referral={"referrer_points": 480, "referee_points": 95, "qualifying": True})
        ara = cafe.joins("Ara")
        mina = cafe.joins("Mina", by=ara)
        sold = [
            purchases.PurchaseInput(
                external_id=f"s-{number}", occurred_at=cafe.now, currency="KRW", total_minor=1_000, member=person.ref
            )
            for number, person in enumerate((ara, mina, ara))
        ]
        groups = [sold] if as_batch else [[each] for each in sold]
        receipts = [
            (outcome.receipt["points_earned"], outcome.receipt["tier_after"])
            for group in groups
            for outcome in cafe.does(
                lambda group=group: purchases.record(
                    merchant=cafe.merchant, items=group, now=cafe.now, actor=builders.TILL
                )
            )
        ]
        changes = [(event["tier_after"], event["value"]) for event in told(cafe, "tier.changed")]
        return receipts, changes, tier(ara), tier(mina), ara.points(), mina.points()

    alone = run(as_batch=False)
    assert alone == run(as_batch=True)
    assert alone[0] == [(10, "green"), (10, "silver"), (10, "gold")]
    assert alone[2:4] == ("gold", "silver")


def test_a_refund_that_came_first_leaves_nothing_to_qualify_by():
    cafe = cafe_with(referral={"referrer_points": 500, "referee_points": 95, "qualifying": True})
    ara = cafe.joins("Ara")
    mina = cafe.joins("Mina", by=ara)
    mina.returns("s-1")

    mina.buys(500, external_id="s-1")

    assert (ara.points(), mina.points(), tier(ara), tier(mina)) == ((0,) * 4, (0,) * 4, "green", "green")
    assert cafe.does(lambda: Referral.objects.get().state) == "open"


def test_what_counted_goes_along_with_a_merge_and_back():
    cafe = cafe_with(welcome={"points": 60, "qualifying": True})
    old, mina = cafe.joins("Old"), cafe.joins("Mina")

    merged = old.is_merged_into(mina)
    assert tier(mina) == "silver"

    cafe.does(
        lambda: merging.unmerge(merchant=cafe.merchant, merge=merged.public_id, now=cafe.now, actor=builders.OWNER)
    )
    assert (tier(old), tier(mina)) == ("green", "green")


def test_both_sides_of_a_referral_may_turn_out_to_be_one_person():
    cafe = cafe_with(referral={"referrer_points": 60, "referee_points": 40, "qualifying": True})
    ara = cafe.joins("Ara")
    mina = cafe.joins("Mina", by=ara)
    mina.buys(500)

    ara.is_merged_into(mina)

    assert tier(mina) == "silver"


def test_a_call_that_waited_changes_a_tier_after_the_change_it_waited_for():
    """Two calls look at the clock, and the later one comes first to the account: no tier is held from later to earlier."""
    cafe = cafe_with()
    mina = cafe.member("Mina")
    mina.buys(5_000)
    before = cafe.now
    after = cafe.forward(seconds=1)
    mina.buys(5_000, external_id="second")
    assert tier(mina) == "silver"

    cafe.now = before
    mina.returns("second")

    assert tier(mina) == "green"
    held = cafe.does(lambda: list(TierPeriod.objects.order_by("pk").values_list("tier", "held_from", "held_to")))
    assert held[1:] == [("silver", after, after), ("green", after, None)]
