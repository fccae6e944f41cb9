"""What a refund hands back in money, and how everybody hears of it: at once, or when the sale it waited for comes."""

from __future__ import annotations

from types import SimpleNamespace
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merchants.models.outbox import OutboxEvent
from rewards import purchases, verify
from rewards.sales import returns
from tests import builders


@pytest.fixture
def cafe(db):
    """A point is worth a won here, and points may pay a whole order."""
    cafe = builders.cafe(pay_with_points={"points": 1, "amount_minor": 1}, tiers=None, rewards=None)
    yield cafe
    assert verify.verify(merchant=cafe.merchant).faults == []


@pytest.fixture
def mina(cafe):
    mina = cafe.member("Mina")
    mina.is_given(100)
    return mina


def sold(cafe, mina, won, *, points=0, tenders=(), name="sale", lines=()):
    item = purchases.PurchaseInput(
        external_id=name, occurred_at=cafe.now, currency="KRW", total_minor=won, member=mina.ref, lines=lines,
        redemptions=(purchases.RedemptionInput(points=points),) if points else (),
        tenders=tuple(purchases.Tender(kind=kind, amount_minor=minor) for kind, minor in tenders),
    )  # fmt: skip
    (outcome,) = cafe.does(
        lambda: purchases.record(merchant=cafe.merchant, items=[item], now=cafe.now, actor=builders.TILL)
    )
    if outcome.error:
        raise outcome.error
    return outcome


def handed_back(outcome):
    receipt = outcome.receipt
    shares = receipt["pay_outs"]
    return receipt["pay_out_minor"], None if shares is None else {x["kind"]: x["amount_minor"] for x in shares}


def test_what_points_paid_is_not_handed_back_in_money(cafe, mina):
    sold(cafe, mina, 3_609, points=88)
    outcome = mina.returns("sale")
    assert outcome.receipt["amount_minor"] == 3_609
    assert handed_back(outcome) == (3_521, None)
    assert outcome.receipt["points_restored"] == 88


def test_all_parts_together_hand_back_what_was_paid_in_money_to_the_last_won(cafe, mina):
    sold(cafe, mina, 1_000, points=33)
    parts = [handed_back(mina.returns("sale", won))[0] for won in (1, 499, 333, 167)]
    assert (parts, sum(parts)) == ([1, 483, 322, 161], 967)


def test_the_money_goes_back_by_the_tenders_that_paid_it(cafe, mina):
    sold(cafe, mina, 1_000, points=100, tenders=[("card", 600), ("points", 100), ("cash", 300)])
    assert handed_back(mina.returns("sale", 500)) == (450, {"card": 300, "cash": 150})
    assert handed_back(mina.returns("sale", 1)) == (1, {"card": 1})
    assert handed_back(mina.returns("sale")) == (449, {"card": 299, "cash": 150})


def test_where_no_money_goes_back_the_tenders_say_so_and_without_tenders_nobody_says(cafe, mina):
    """Of 100 won points paid 90: the first won that comes back was the card's, the second was paid with a point."""
    sold(cafe, mina, 100, points=90, tenders=[("card", 10), ("points", 90)])
    assert handed_back(mina.returns("sale", 1)) == (1, {"card": 1})
    assert handed_back(mina.returns("sale", 1)) == (0, {})
    assert handed_back(mina.returns("sale")) == (9, {"card": 9})
    sold(cafe, mina, 100, points=100, tenders=[("points", 100)], name="points")
    assert handed_back(mina.returns("points")) == (0, None)


def test_nothing_goes_back_by_the_change_that_was_handed_out(cafe, mina):
    """150 won in cash, 50 of them handed out again as change."""
    sold(cafe, mina, 100, tenders=[("cash", 150), ("change", -50)])
    assert handed_back(mina.returns("sale")) == (100, {"cash": 100})


def test_tenders_that_do_not_fit_are_not_guessed_at(cafe, mina):
    sold(cafe, mina, 1_000, points=100, tenders=[("card", 700), ("points", 300)])
    assert handed_back(mina.returns("sale")) == (900, None)


def test_a_refund_too_large_hands_nothing_back_and_changes_no_tender(cafe, mina):
    sold(cafe, mina, 1_000, tenders=[("cash", 1_000)])
    with pytest.raises(returns.RefundTooLarge):
        mina.returns("sale", 1_001)
    assert handed_back(mina.returns("sale")) == (1_000, {"cash": 1_000})


def test_a_refund_is_told_in_one_shape_whether_it_waited_or_not(cafe, mina):
    mina.returns("late", 400, external_id="r-1")
    waiting = mina.returns("late", 100, external_id="r-2")
    assert (waiting.receipt["state"], waiting.receipt["pay_out_minor"]) == ("waiting", None)
    sold(cafe, mina, 1_000, points=100, name="late", tenders=[("card", 900), ("points", 100)])
    mina.returns("late", external_id="r-3")

    told = cafe.does(lambda: [e.payload for e in OutboxEvent.objects.filter(kind="purchase.refunded").order_by("id")])
    assert [(e["external_id"], e["amount_minor"], e["pay_out_minor"], e["refunded_minor"]) for e in told] == [
        ("r-1", 400, 360, 400), ("r-2", 100, 90, 500), ("r-3", 500, 450, 1_000),
    ]  # fmt: skip
    assert [e["pay_outs"] for e in told] == [
        [{"kind": "card", "amount_minor": 360}], [{"kind": "card", "amount_minor": 90}],
        [{"kind": "card", "amount_minor": 450}],
    ]  # fmt: skip
    assert len({frozenset(event) for event in told}) == 1
    assert [(e["balance"], e["member"]) for e in told] == [
        (45, mina.public_id),
        (54, mina.public_id),
        (100, mina.public_id),
    ]


@given(total=st.integers(1, 10**7), paid=st.integers(0, 10**7), parts=st.lists(st.integers(1, 10**6), max_size=8))
def test_money_back_is_never_below_zero_and_adds_up(total, paid, parts):
    sale = SimpleNamespace(sold_minor=total, points_paid_minor=min(paid, total), back=0)
    handed = 0
    with mock.patch.object(returns, "came_back", lambda sale: sale.back):
        for part in [*parts, total]:
            before, by_points = sale.back, returns._paid_by_points(sale)
            sale.back = min(total, sale.back + part)
            step = sale.back - before - (returns._paid_by_points(sale) - by_points)
            assert 0 <= step <= sale.back - before
            handed += step
    assert handed == total - sale.points_paid_minor


# -- goods that points may not pay for --------------------------------------------------------------------------------


@pytest.fixture
def careful(db):
    """Points pay for anything but gift cards and one book; only 60 % of an order at most."""
    pay = {
        "points": 1, "amount_minor": 1, "max_share_percent": 60,
        "excluding": {"categories": ["gift_card"], "skus": ["9780141439518"]},
    }  # fmt: skip
    shop = builders.cafe(pay_with_points=pay, tiers=None, rewards=None)
    yield shop
    assert verify.verify(merchant=shop.merchant).faults == []


def line(won, category="", sku=""):
    return purchases.LineInput(amount_minor=won, category=category, sku=sku)


@pytest.mark.parametrize("goods", [{"category": "gift_card"}, {"sku": "9780141439518"}])
def test_points_do_not_buy_gift_cards_with_which_goods_are_bought_that_earn(
    careful, goods
):  # nopSolutions/nopCommerce#2496
    mina = careful.member("Mina")
    mina.is_given(30_000)
    with pytest.raises(Exception) as refused:
        sold(careful, mina, 30_000, points=15_000, lines=(line(30_000, **goods),))
    assert (refused.value.code, refused.value.context["payable_minor"]) == ("points_not_for_these_goods", 0)
    assert mina.points() == (30_000, 0, 0, 0)
    # Beside other goods, points pay for those and no more.
    with pytest.raises(Exception) as refused:
        sold(careful, mina, 30_000, points=10_001, lines=(line(20_000, **goods), line(10_000, "tea")))
    assert refused.value.context["payable_minor"] == 10_000
    outcome = sold(careful, mina, 30_000, points=10_000, lines=(line(20_000, **goods), line(10_000, "tea")))
    # The tea was paid with points and earns nothing; what was paid in money earns 200.
    assert (outcome.receipt["points_earned"], mina.points()[0]) == (200, 20_200)


@pytest.mark.parametrize(("paid", "earned"), [(1, 99), (100, 0)])
def test_each_won_that_points_paid_was_paid_for_what_they_may_pay(db, paid, earned):
    """Tea earns a point for each won of money; the gift card costs more, and no point may pay for it."""
    pay = {"points": 1, "amount_minor": 1, "excluding": {"categories": ["gift_card"]}}
    tea = {
        **builders.PROGRAMME["earning"]["rules"][0], "per_amount_minor": 1, "only": {"categories": ["tea"]},
    }  # fmt: skip
    shop = builders.cafe(pay_with_points=pay, earning={"rules": [tea]}, tiers=None, rewards=None)
    mina = shop.member("Mina")
    mina.is_given(paid)
    outcome = sold(shop, mina, 20_100, points=paid, lines=(line(20_000, "gift_card"), line(100, "tea")))
    assert (outcome.receipt["points_earned"], mina.points()[0]) == (earned, earned)


def test_a_hold_of_points_pays_for_no_more_than_it_may(careful):
    mina = careful.member("Mina")
    mina.is_given(1_000)
    hold = mina.holds(points=600, order_total_minor=1_000).public_id
    item = purchases.PurchaseInput(
        external_id="sale", occurred_at=careful.now, currency="KRW", total_minor=1_000, member=mina.ref,
        lines=(line(500, "gift_card"), line(500, "tea")), redemptions=(purchases.RedemptionInput(id=hold),),
    )  # fmt: skip
    (outcome,) = careful.does(
        lambda: purchases.record(merchant=careful.merchant, items=[item], now=careful.now, actor=builders.TILL)
    )
    assert outcome.error is not None
    assert outcome.error.code == "points_not_for_these_goods"
    assert mina.points() == (400, 600, 0, 0)


def test_a_returned_gift_card_was_paid_in_money_and_the_tea_with_points(careful):
    mina = careful.member("Mina")
    mina.is_given(1_000)
    sold(careful, mina, 2_000, points=1_000, lines=(line(1_000, "gift_card"), line(1_000, "tea")))
    assert mina.points()[0] == 10
    mina.returns("sale")
    assert mina.points()[0] == 1_000
