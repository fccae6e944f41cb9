"""First, n-th and every n-th purchase count what is not wholly refunded: a whole refund gives its number back."""

from __future__ import annotations

import pytest

from merchants import ids
from merchants.errors import LoyaltyError
from rewards import merging, purchases, verify
from rewards.models.purchases import Purchase
from rewards.models.referrals import Referral
from tests import builders


def rule(code, points, **when):
    return {"kind": "per_order", "code": code, "name": code, "points": points, "when": when}


BASE = builders.PROGRAMME["earning"]["rules"][0]


@pytest.fixture
def cafe(db):
    """45 for 4,500 won, 20 for a first order, 300 for every third."""
    cafe = builders.cafe(
        earning={
            "rules": [BASE, rule("first", 20, nth_purchase=1), rule("third", 300, every_nth_purchase=3)],
            "stacking": "all",
        },
        referral={"referrer_points": 200, "referee_points": 100, "minimum_amount_minor": 1_000},
    )
    yield cafe
    assert verify.verify(merchant=cafe.merchant).faults == []


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina")


def ordinals(cafe, *names):
    rows = cafe.does(lambda: dict(Purchase.objects.values_list("external_id", "ordinal")))
    return [rows[name] for name in names]


def test_an_order_wholly_returned_was_not_the_first(cafe, mina):  # solidusio/solidus#6343
    assert mina.buys(4_500, external_id="first").receipt["points_earned"] == 45 + 20
    mina.returns("first")
    assert mina.points() == (0, 0, 0, 0)

    assert mina.buys(4_500, external_id="again").receipt["points_earned"] == 45 + 20
    assert (mina.points()[0], mina.balance().purchases_count, ordinals(cafe, "again")) == (65, 1, [1])


def test_an_order_returned_in_part_stays_the_first(cafe, mina):
    mina.buys(4_500, external_id="first")
    mina.returns("first", 4_400)
    assert mina.buys(4_500).receipt["points_earned"] == 45
    mina.returns("first")
    assert mina.buys(4_500).receipt["points_earned"] == 45 + 20


def test_the_number_of_a_milestone_given_back_brings_it_once_more_and_never_twice(cafe, mina):
    for name in ("one", "two", "three", "four"):
        mina.buys(4_500, external_id=name)
    assert mina.points()[0] == 4 * 45 + 20 + 300
    mina.returns("three")
    assert mina.points()[0] == 3 * 45 + 20
    # The fourth still stands as the fourth; the third is free again, and then comes the fifth.
    mina.buys(4_500, external_id="five")
    mina.buys(4_500, external_id="six")
    assert ordinals(cafe, "one", "two", "four", "five", "six") == [1, 2, 4, 3, 5]
    assert mina.points()[0] == 5 * 45 + 20 + 300


def test_the_last_numbers_given_back_leave_no_gap(cafe, mina):
    for name in ("one", "two", "three"):
        mina.buys(100, external_id=name)
    mina.returns("two")
    mina.returns("three")
    assert mina.balance().purchases_count == 1
    for name in ("four", "five"):
        mina.buys(100, external_id=name)
    assert ordinals(cafe, "four", "five") == [2, 3]


def test_a_refund_that_came_first_leaves_the_number_to_the_next(cafe, mina):
    mina.returns("late")
    assert mina.buys(4_500, external_id="late").receipt["points_clawed_back"] == 65
    assert mina.buys(4_500, external_id="next").receipt["points_earned"] == 65
    assert ordinals(cafe, "late", "next") == [1, 1]


def test_a_batch_gives_numbers_as_sales_one_by_one_do(cafe, mina):
    mina.returns("a")
    items = [
        purchases.PurchaseInput(
            external_id=name, occurred_at=cafe.now, currency="KRW", total_minor=4_500, member=mina.ref
        )
        for name in ("a", "b", "c")
    ]
    told = cafe.does(lambda: purchases.record(merchant=cafe.merchant, items=items, now=cafe.now, actor=builders.TILL))
    assert [one.receipt["points_earned"] for one in told] == [65, 65, 45]
    assert ordinals(cafe, "a", "b", "c") == [1, 1, 2]


def test_numbers_of_two_memberships_stay_apart_when_they_are_merged(cafe, mina):
    jun = cafe.member("Jun")
    for name in ("m1", "m2"):
        mina.buys(100, external_id=name)
    for name in ("j1", "j2", "j3"):
        jun.buys(100, external_id=name)
    jun.returns("j1")
    merge = jun.is_merged_into(mina).public_id
    assert (mina.balance().purchases_count, ordinals(cafe, "m1", "m2", "j2", "j3")) == (4, [1, 2, 4, 5])
    mina.buys(100, external_id="m3")
    mina.returns("m1")
    assert ordinals(cafe, "m3") == [3]
    cafe.does(lambda: merging.unmerge(merchant=cafe.merchant, merge=merge, now=cafe.now, actor=builders.OWNER))
    mina.buys(100, external_id="m4")
    jun.buys(100, external_id="j4")
    assert ordinals(cafe, "m2", "m3", "m4", "j2", "j3", "j4") == [2, 3, 1, 2, 3, 1]
    assert (mina.balance().purchases_count, jun.balance().purchases_count) == (3, 3)


# -- referrals --------------------------------------------------------------------------------------------------------


@pytest.fixture
def ara(cafe, mina):
    """Who brought Mina."""
    ara = cafe.member("Ara")
    cafe.does(
        lambda: Referral.objects.create(
            merchant=cafe.merchant, public_id=ids.mint("rfl"), referrer_id=ara.id,
            referee_id=mina.id, created_at=cafe.now,
        )
    )  # fmt: skip
    return ara


def test_a_referral_is_open_again_when_its_purchase_is_wholly_refunded_whatever_else_was_bought(cafe, ara, mina):
    mina.buys(4_500, external_id="first")
    mina.buys(4_500, external_id="second")
    assert (ara.points()[0], mina.points()[0]) == (200, 65 + 45 + 100)
    mina.returns("first")
    assert (ara.points()[0], mina.points()[0]) == (0, 45)
    mina.buys(4_500, external_id="third")
    assert (ara.points()[0], mina.points()[0]) == (200, 45 + 65 + 100)
    mina.buys(4_500)
    assert ara.points()[0] == 200, "and it pays once"


def test_a_referral_undone_by_a_part_is_open_again_when_the_rest_comes_back_too(cafe, ara, mina):
    mina.buys(4_500, external_id="first")
    mina.returns("first", 4_000)
    assert (ara.points()[0], cafe.does(lambda: Referral.objects.get().state)) == (0, "undone")
    mina.buys(4_500, external_id="second")
    assert ara.points()[0] == 0
    mina.returns("first")
    assert cafe.does(lambda: Referral.objects.get().state) == "open"
    mina.buys(4_500, external_id="third")
    assert ara.points()[0] == 200


def test_a_reopened_referral_waits_for_a_purchase_that_is_enough_also_in_one_batch(cafe, ara, mina):
    mina.buys(4_500, external_id="first")
    mina.buys(4_500, external_id="second")
    mina.returns("first")
    items = [
        purchases.PurchaseInput(
            external_id=name, occurred_at=cafe.now, currency="KRW", total_minor=won, member=mina.ref
        )
        for name, won in (("small", 500), ("enough", 1_000))
    ]
    cafe.does(lambda: purchases.record(merchant=cafe.merchant, items=items, now=cafe.now, actor=builders.TILL))
    assert ara.points()[0] == 200


def test_a_first_purchase_that_was_too_small_still_decides(cafe, ara, mina):
    mina.buys(500, external_id="small")
    mina.buys(4_500)
    assert ara.points()[0] == 0
    # It comes back whole: the next one is the first.
    mina.returns("small")
    mina.buys(4_500)
    assert ara.points()[0] == 0, "another purchase stands: this is not the first that was made"


def test_more_than_was_sold_gives_no_number_back(cafe, mina):
    mina.buys(4_500, external_id="first")
    with pytest.raises(LoyaltyError):
        mina.returns("first", 4_501)
    assert mina.buys(4_500).receipt["points_earned"] == 45


# -- of a receipt that comes to nothing the sums say nothing -----------------------------------------------------------

EVEN = [(-4_500, None), (4_500, None)]
FREE = [(0, "coffee"), (0, "milk")]


def sells(cafe, member, external_id, lines):
    sold = purchases.PurchaseInput(
        external_id=external_id, occurred_at=cafe.now, currency="KRW", total_minor=sum(won for won, _sku in lines),
        member=member.ref if member else None,
        lines=tuple(purchases.LineInput(amount_minor=won, sku=sku or "") for won, sku in lines),
    )  # fmt: skip
    (outcome,) = cafe.does(
        lambda: purchases.record(merchant=cafe.merchant, items=[sold], now=cafe.now, actor=builders.TILL)
    )
    assert outcome.error is None


def takes_back(cafe, external_id, *lines):
    asked = purchases.RefundInput(
        external_id=builders.fresh("refund"), occurred_at=cafe.now,
        purchase=purchases.PurchaseRef(external_id=external_id),
        lines=tuple(purchases.RefundLine(id=line) for line in lines),
    )  # fmt: skip
    cafe.does(lambda: purchases.refund(merchant=cafe.merchant, asked=asked, now=cafe.now, actor=builders.TILL))


@pytest.mark.parametrize(("lines", "steps"), [
    (EVEN, [()]), (EVEN, [("2",), ()]), (EVEN, [(), ()]), (FREE, [()]), (FREE, [("2",), ()]), (FREE, [("2",), ("1",)])])  # fmt: skip
def test_an_even_exchange_or_a_free_order_that_came_back_whole_was_nobodys_first(cafe, mina, lines, steps):
    """Coat for coat at the same price, or two free cups: once all is back, in however many steps, the number is free."""
    sells(cafe, mina, "nothing", lines)
    assert mina.balance().purchases_count == 1

    for named in steps:
        takes_back(cafe, "nothing", *named)
        assert verify.verify(merchant=cafe.merchant).faults == []

    assert (mina.points(), mina.balance().purchases_count) == ((0, 0, 0, 0), 0)
    assert mina.buys(4_500, external_id="next").receipt["points_earned"] == 45 + 20
    assert (ordinals(cafe, "next"), mina.balance().purchases_count) == ([1], 1)


def test_of_a_free_order_one_of_two_cups_may_come_back(cafe, mina):
    sells(cafe, mina, "nothing", FREE)
    takes_back(cafe, "nothing", "1")
    assert mina.balance().purchases_count == 1
    assert mina.buys(4_500).receipt["points_earned"] == 45


@pytest.mark.parametrize("lines", [EVEN, FREE])
def test_a_refund_of_it_all_that_came_first_leaves_the_number_to_the_next(cafe, mina, lines):
    takes_back(cafe, "nothing")
    sells(cafe, mina, "nothing", lines)
    assert mina.balance().purchases_count == 0
    assert mina.buys(4_500).receipt["points_earned"] == 45 + 20


@pytest.mark.parametrize(("lines", "won"), [(EVEN, None), (FREE, None), (EVEN, 100)])
def test_what_came_back_whole_or_is_below_zero_since_is_not_claimed(cafe, mina, lines, won):
    sells(cafe, None, "nothing", lines)
    mina.returns("nothing", won)
    with pytest.raises(LoyaltyError) as refused:
        mina.claims("nothing")
    assert (refused.value.code, mina.balance().purchases_count) == ("purchase_refunded", 0)


def test_a_claimed_even_exchange_gives_its_number_back_once(cafe, mina):
    """It comes back, and then the claim is undone as well: her one other purchase stays the one that counts."""
    mina.buys(4_500)
    sells(cafe, None, "nothing", EVEN)
    claim = mina.claims("nothing").public_id
    assert mina.balance().purchases_count == 2
    takes_back(cafe, "nothing", "2")
    takes_back(cafe, "nothing")
    cafe.does(
        lambda: purchases.unclaim(
            merchant=cafe.merchant, claim=claim, reason="Not hers", now=cafe.now, actor=builders.OWNER
        )
    )
    assert (mina.balance().purchases_count, mina.buys(4_500).receipt["points_earned"]) == (1, 45)


@pytest.mark.parametrize("lines", [EVEN, FREE])
def test_a_merge_counts_it_no_more_than_before(cafe, mina, lines):
    ara = cafe.member("Ara")
    sells(cafe, ara, "nothing", lines)
    takes_back(cafe, "nothing")
    merged = ara.is_merged_into(mina)
    assert mina.balance().purchases_count == 0
    cafe.does(
        lambda: merging.unmerge(merchant=cafe.merchant, merge=merged.public_id, now=cafe.now, actor=builders.OWNER)
    )
    assert (mina.balance().purchases_count, ara.balance().purchases_count) == (0, 0)
