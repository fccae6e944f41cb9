"""Receipts as tills print them: articles that come back, coupons, deposits, tips, rounded cash, and clocks that are off."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merchants import tenancy
from rewards import purchases, verify
from rewards.models.accounts import Account
from rewards.models.ledger import Entry, Lot
from rewards.models.purchases import Claim, Purchase, PurchaseLine
from rewards.purchases import (
    LineInput,
    MemberRef,
    PurchaseRef,
    RedemptionInput,
    RefundInput,
    RefundLine,
    SaleSource,
)
from rewards.sales import returns
from tests.rules.rewards.test_purchases import NOON, PLAIN, TILL, Cafe, picture

pytestmark = pytest.mark.django_db

BASE = PLAIN["earning"]["rules"][0]
PAYING = {"pay_with_points": {"points": 1, "amount_minor": 1}}


def line(won: int, **fields) -> LineInput:
    return LineInput(amount_minor=won, **fields)


def exchange(*won: int) -> dict:
    return {"lines": tuple(line(each) for each in won)}


def stands(cafe: Cafe) -> bool:
    """Whether every sum, lot and chain of the café's ledger agrees."""
    return verify.verify(merchant=cafe.merchant).agrees


def figures(cafe: Cafe, member) -> tuple[int, int, int, int]:
    """Balance, debt, and what counts towards tiers: points and won."""
    with tenancy.tenant(cafe.merchant):
        account = Account.objects.get(member=member)
        rows = list(Purchase.objects.filter(member=member))
    return (
        account.balance, account.debt, sum(row.qualifying_points for row in rows),
        sum(row.qualifying_minor for row in rows),
    )  # fmt: skip


# -- exchanges ---------------------------------------------------------------------------------------------------------


def test_an_exchange_on_one_receipt_earns_on_the_difference():  # defendicon/POS-Awesome-V15#3085
    """Mina's coat of 50,000 goes back and she takes one of 80,000: she pays 30,000."""
    cafe = Cafe(PLAIN)
    cafe.sell("coat", cafe.mina, 50_000)

    receipt = cafe.sell("exchange", cafe.mina, 30_000, **exchange(-50_000, 80_000)).receipt

    assert (receipt["points_earned"], receipt["balance_after"]) == (300, 800)
    assert figures(cafe, cafe.mina) == (800, 0, 800, 80_000)
    assert stands(cafe)


def test_a_receipt_below_zero_takes_points_back_and_what_is_spent_becomes_debt():
    """She spends 400 of her 500 points, then brings a shirt of 30,000 back: 300 are due, 100 are there."""
    cafe = Cafe({**PLAIN, **PAYING})
    cafe.sell("coat", cafe.mina, 50_000)
    cafe.sell("tea", cafe.mina, 400, redemptions=(RedemptionInput(points=400),))
    assert cafe.account(cafe.mina).balance == 104

    receipt = cafe.sell("return", cafe.mina, -30_000).receipt

    assert (receipt["points_earned"], receipt["points_taken_back"], receipt["debt_made"]) == (-300, 300, 196)
    account = cafe.account(cafe.mina)
    assert (account.balance, account.debt, cafe.membership(cafe.mina).purchases_count) == (0, 196, 2)
    assert cafe.entries(cafe.mina)[-1] == ("claw_back", -104, 196)
    with tenancy.tenant(cafe.merchant):
        returned = Purchase.objects.get(external_id="return")
        assert (returned.points_earned, returned.ordinal, returned.qualifying_minor) == (-300, None, -30_000)
    cafe.sell("next", cafe.mina, 20_000)
    assert (cafe.account(cafe.mina).balance, cafe.account(cafe.mina).debt) == (4, 0)
    assert stands(cafe)


def test_a_coupon_and_a_deposit_are_lines_below_zero():
    """Beans of 12,000 with a coupon of 1,000 off, and a bottle's deposit of 500 back: 11,000 earn, the deposit does not."""
    cafe = Cafe(PLAIN)

    receipt = cafe.sell(
        "r1", cafe.mina, 10_500, lines=(line(12_000, sku="beans"), line(-1_000, sku="coupon"), line(-500, kind="deposit"))
    ).receipt  # fmt: skip

    assert receipt["points_earned"] == 110
    assert [step.code for step in receipt["trace"]] == ["goods_excluded", "gave"]


def test_the_same_receipt_sent_again_answers_the_same_and_moves_nothing():
    cafe = Cafe(PLAIN)
    cafe.sell("coat", cafe.mina, 50_000)
    first = cafe.sell("return", cafe.mina, -30_000)
    again = cafe.sell("return", cafe.mina, -30_000)

    assert (again.is_replay, again.public_id) == (True, first.public_id)
    assert cafe.account(cafe.mina).balance == 200


def test_points_for_an_order_and_for_the_nth_purchase_are_not_taken_by_what_comes_back():
    """50 points an order, 500 with the second purchase: a return is no order, and the next purchase is still the second."""
    cafe = Cafe(
        {
            **PLAIN,
            "earning": {
                "rules": [
                    BASE,
                    {"kind": "per_order", "code": "visit", "name": "Visit", "points": 50},
                    {
                        "kind": "per_order",
                        "code": "second",
                        "name": "Second",
                        "points": 500,
                        "when": {"nth_purchase": 2},
                    },
                ]
            },
        }
    )
    assert cafe.sell("r1", cafe.mina, 10_000).receipt["points_earned"] == 150
    assert cafe.sell("back", cafe.mina, -4_000).receipt["points_earned"] == -40
    assert cafe.sell("r2", cafe.mina, 1_000).receipt["points_earned"] == 560


def test_rules_on_pieces_minimums_and_labels_mirror_what_comes_back():
    cafe = Cafe(
        {
            **PLAIN,
            "earning": {
                "rules": [
                    {"kind": "per_item", "code": "cups", "name": "Cups", "points": 5, "only": {"labels": ["drink"]}},
                    {**BASE, "code": "large", "when": {"minimum_amount_minor": 10_000}},
                ]
            },
        }
    )
    drinks = {"labels": ("drink", "hot"), "quantity": 3}
    assert cafe.sell("r1", cafe.mina, 12_000, lines=(line(12_000, **drinks),)).receipt["points_earned"] == 135
    assert cafe.sell("b1", cafe.mina, -4_000, lines=(line(-4_000, labels=("drink",)),)).receipt["points_earned"] == -5
    back = cafe.sell("b2", cafe.mina, -12_000, lines=(line(-12_000, labels=("drink",), quantity=-3),))
    assert back.receipt["points_earned"] == -135


def test_a_cap_is_the_most_one_receipt_takes_back_and_stays_used():
    cafe = Cafe({**PLAIN, "earning": {"rules": [{**BASE, "caps": [{"points": 100, "per": "day"}]}]}})
    assert cafe.sell("r1", cafe.mina, 50_000).receipt["points_earned"] == 100
    assert cafe.sell("back", cafe.mina, -50_000).receipt["points_earned"] == -100
    assert cafe.sell("r2", cafe.mina, 50_000).receipt["points_earned"] == 0


def test_a_tier_that_rests_on_what_came_back_is_lost():
    tier_part = {
        "tiers": {
            "basis": "spend",
            "levels": [
                {"code": "green", "name": "Green", "threshold": 0},
                {"code": "gold", "name": "Gold", "threshold": 50_000},
            ],
        }
    }
    in_two, in_one = Cafe({**PLAIN, **tier_part}), Cafe({**PLAIN, **tier_part})
    for cafe in (in_two, in_one):
        cafe.sell("coat", cafe.mina, 60_000)
        assert cafe.membership(cafe.mina).tier == "gold"
    in_two.refund("f1", "coat", amount_minor=30_000)
    in_one.sell("back", in_one.mina, -30_000)
    assert in_two.membership(in_two.mina).tier == in_one.membership(in_one.mina).tier


# -- the law -----------------------------------------------------------------------------------------------------------

HUNDREDS = st.integers(min_value=1, max_value=900).map(lambda n: n * 100)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(HUNDREDS, min_size=1, max_size=3), st.lists(HUNDREDS, min_size=1, max_size=3))
def test_an_exchange_leaves_what_a_return_and_a_sale_in_two_calls_leave(back, bought):
    """Per-money rules without caps or steps: balance, debt and qualifying figures are the same, to the last unit."""
    in_two, in_one = Cafe(PLAIN), Cafe(PLAIN)
    for cafe in (in_two, in_one):
        lines = tuple(line(won, id=f"a{n}") for n, won in enumerate(back))
        cafe.sell("first", cafe.mina, sum(back) + 7_700, lines=(*lines, line(7_700, id="kept")))
    in_two.refund("f1", "first", lines=tuple(RefundLine(id=f"a{n}") for n in range(len(back))))
    in_two.sell("second", in_two.mina, sum(bought), **exchange(*bought))

    in_one.sell("exchange", in_one.mina, sum(bought) - sum(back), **exchange(*(-won for won in back), *bought))

    assert figures(in_one, in_one.mina) == figures(in_two, in_two.mina)
    assert stands(in_one)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(1, 90_000), st.integers(1, 90_000))
def test_rounded_line_by_line_it_is_the_same_for_any_amounts(back, bought):
    by_line = {**PLAIN, "points": {"rounding": {"scope": "line"}}}
    in_two, in_one = Cafe(by_line), Cafe(by_line)
    for cafe in (in_two, in_one):
        cafe.sell("first", cafe.mina, back)
    in_two.refund("f1", "first")
    in_two.sell("second", in_two.mina, bought)
    in_one.sell("exchange", in_one.mina, bought - back, **exchange(-back, bought))
    assert figures(in_one, in_one.mina) == figures(in_two, in_two.mina)


LINES = st.lists(
    st.tuples(st.integers(-60_000, 60_000), st.sampled_from(["goods", "goods", "tip", "deposit"])), min_size=1, max_size=3
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(["mina", "jun", None]), LINES, st.integers(-3, 0)), min_size=1, max_size=8))
def test_any_batch_of_receipts_equals_its_items_posted_singly(basket):
    document = {
        **PLAIN,
        "earning": {"rules": [{**BASE, "caps": [{"points": 400, "per": "day"}]}]},
        "expiry": {"kind": "rolling", "count": 2, "unit": "days"},
        "tiers": {
            "basis": "qualifying_points",
            "levels": [
                {"code": "green", "name": "Green", "threshold": 0},
                {"code": "gold", "name": "Gold", "threshold": 500, "multiplier": "2"},
            ],
        },
    }
    together, singly = Cafe(document), Cafe(document)
    for cafe in (together, singly):
        items = [
            cafe.sale(
                f"r{n}", getattr(cafe, who) if who else None, sum(won for won, _kind in lines),
                lines=tuple(line(won, kind=kind) for won, kind in lines), occurred_at=NOON + timedelta(days=days),
            )
            for n, (who, lines, days) in enumerate(basket)
        ]  # fmt: skip
        if cafe is together:
            assert not any(outcome.error for outcome in cafe.record(*items))
        else:
            for item in sorted(items, key=lambda item: item.occurred_at):
                assert cafe.record(item)[0].error is None
        assert stands(cafe)
    assert picture(together) == picture(singly)


# -- refunds -----------------------------------------------------------------------------------------------------------


def test_of_an_exchange_what_was_sold_comes_back_although_it_is_more_than_the_total():
    """-50,000 +80,000: the new coat goes back too, for 80,000; with the first one gone as well, no point is left."""
    cafe = Cafe(PLAIN)
    cafe.sell("coat", cafe.mina, 50_000)
    cafe.sell("exchange", cafe.mina, 30_000, **exchange(-50_000, 80_000))

    told = cafe.refund("f1", "exchange", lines=(RefundLine(id="2"),))

    assert (told["amount_minor"], told["points_clawed_back"], told["left_minor"]) == (80_000, 800, -50_000)
    assert figures(cafe, cafe.mina) == (0, 0, 0, 0)
    assert stands(cafe)
    with pytest.raises(returns.RefundTooLarge):
        cafe.refund("f2", "exchange", amount_minor=1)


def test_what_can_come_back_of_an_exchange_is_said_in_money():
    """She paid 30,000 for a coat of 80,000: so much can come back. The one that came in is no line to refund."""
    cafe = Cafe(PLAIN)
    cafe.sell("exchange", cafe.mina, 30_000, **exchange(-50_000, 80_000))
    before = figures(cafe, cafe.mina)

    with pytest.raises(returns.RefundTooLarge) as refused:
        cafe.refund("f1", "exchange", amount_minor=80_001)
    assert refused.value.context == {"left_minor": 80_000}
    assert refused.value.detail == "More would come back than is left of the purchase: ₩80,000."
    with pytest.raises(returns.LineRefunded) as refused:
        cafe.refund("f2", "exchange", lines=(RefundLine(id="1"),))
    assert (refused.value.pointer, refused.value.context["left_minor"]) == ("/lines/0", 0)
    assert refused.value.detail == "Line 1 is below zero: only a refund of all that is left undoes it."
    assert figures(cafe, cafe.mina) == before
    assert cafe.refund("f3", "exchange", amount_minor=80_000)["left_minor"] == -50_000


def test_an_amount_comes_back_pro_rata_over_what_was_sold():
    """Of 60,000 and 20,000 sold, 40,000 come back: 30,000 and 10,000; what came in stays."""
    cafe = Cafe(PLAIN)
    cafe.sell("coat", cafe.mina, 50_000)
    cafe.sell("exchange", cafe.mina, 30_000, **exchange(-50_000, 60_000, 20_000))

    told = cafe.refund("f1", "exchange", amount_minor=40_000)

    assert (told["points_clawed_back"], told["left_minor"]) == (400, -10_000)
    assert figures(cafe, cafe.mina) == (400, 0, 400, 40_000)
    assert stands(cafe)


@pytest.mark.parametrize("sold", [(-50_000, 80_000), (-80_000, 50_000), (-30_000,), (-10_000, 10_000)])
def test_a_receipt_that_should_not_be_is_undone_whole(sold):
    cafe = Cafe(PLAIN)
    cafe.sell("coat", cafe.mina, 50_000)
    before = figures(cafe, cafe.mina)
    cafe.sell("mistake", cafe.mina, sum(sold), **exchange(*sold))

    told = cafe.refund("f1", "mistake")

    assert (told["amount_minor"], told["left_minor"]) == (sum(sold), 0)
    assert told["points_clawed_back"] == sum(sold) // 100
    assert figures(cafe, cafe.mina) == before
    assert stands(cafe)


def test_undoing_what_had_made_debt_pays_the_debt():
    cafe = Cafe(PLAIN)
    cafe.sell("mistake", cafe.mina, -30_000)
    assert (cafe.account(cafe.mina).balance, cafe.account(cafe.mina).debt) == (0, 300)

    cafe.refund("f1", "mistake")

    assert (cafe.account(cafe.mina).balance, cafe.account(cafe.mina).debt) == (0, 0)
    assert stands(cafe)


def test_a_refund_may_wait_for_an_exchange():
    cafe = Cafe(PLAIN)
    cafe.sell("coat", cafe.mina, 50_000)
    cafe.refund("f1", "exchange", lines=(RefundLine(id="2"),))
    cafe.sell("exchange", cafe.mina, 30_000, **exchange(-50_000, 80_000))
    assert figures(cafe, cafe.mina) == (0, 0, 0, 0)
    assert stands(cafe)


# -- claims ------------------------------------------------------------------------------------------------------------


def test_a_receipt_below_zero_is_claimed_and_unclaimed():
    cafe = Cafe(PLAIN)
    cafe.sell("coat", cafe.mina, 50_000)
    cafe.sell("back", None, -30_000)
    asked = purchases.ClaimInput(
        external_id="c1", purchase=PurchaseRef(external_id="back"), member=MemberRef(id=cafe.mina.public_id)
    )
    claim = tenancy.attempt(
        cafe.merchant, lambda: purchases.claim(merchant=cafe.merchant, asked=asked, now=NOON, actor=TILL)
    )
    assert (claim.receipt["points_earned"], cafe.account(cafe.mina).balance) == (-300, 200)
    assert stands(cafe)

    undone = tenancy.attempt(
        cafe.merchant,
        lambda: purchases.unclaim(
            merchant=cafe.merchant, claim=claim.public_id, reason="Not hers", now=NOON, actor=TILL
        ),
    )
    assert (undone.receipt["points_taken_back"], undone.receipt["debt_made"]) == (-300, 0)
    assert figures(cafe, cafe.mina) == (500, 0, 500, 50_000)
    assert stands(cafe)
    with tenancy.tenant(cafe.merchant):
        assert Claim.objects.get().is_undone


def test_nobody_owes_more_than_can_be_counted():
    """A till that sends an amount too large by many digits: above zero it is refused, and so it is below."""
    cafe = Cafe({**PLAIN, "earning": {"rules": [{**BASE, "points": 100_000, "per_amount_minor": 1}]}})
    for won in (10**13, -(10**13)):
        (outcome,) = cafe.record(cafe.sale("large", cafe.mina, won, **exchange(won)))
        assert (outcome.error.http, outcome.error.code) == (422, "too_many_points")
    assert (cafe.rows(Purchase), cafe.account(cafe.mina).debt) == (0, 0)


# -- kinds, rounding, what is refused ----------------------------------------------------------------------------------


def test_only_goods_earn_unless_the_terms_say_otherwise():
    sold = (line(10_000), line(2_000, kind="tip"), line(20_000, kind="gift_card"), line(3_000, kind="delivery"))
    usual = Cafe(PLAIN)
    other = Cafe({**PLAIN, "earning": {**PLAIN["earning"], "kinds": ["goods", "delivery"]}})

    assert usual.sell("r1", usual.mina, 35_000, lines=sold).receipt["points_earned"] == 100
    assert other.sell("r1", other.mina, 35_000, lines=sold).receipt["points_earned"] == 130
    assert figures(usual, usual.mina)[3] == 10_000


def test_points_pay_goods_and_no_gift_card():
    """Half of what can be paid: of 10,000 in goods and a gift card of 20,000 that is 5,000."""
    paying = {"pay_with_points": {"points": 1, "amount_minor": 1, "max_share_percent": 50}}
    cafe, other = Cafe({**PLAIN, **paying}), Cafe({**PLAIN, **paying, "payable_kinds": ["goods", "gift_card"]})
    for each in (cafe, other):
        each.merchant.till_word_points_max = 20_000
        each.sell("r0", each.mina, 2_000_000)
    sold = {"lines": (line(10_000), line(20_000, kind="gift_card"))}

    (refused,) = cafe.record(cafe.sale("r1", cafe.mina, 30_000, redemptions=(RedemptionInput(points=5_001),), **sold))
    assert (refused.error.code, cafe.account(cafe.mina).balance) == ("points_above_share", 20_000)
    assert cafe.sell("r2", cafe.mina, 30_000, redemptions=(RedemptionInput(points=5_000),), **sold)
    assert other.sell("r1", other.mina, 30_000, redemptions=(RedemptionInput(points=15_000),), **sold)


def test_rounded_cash_belongs_to_no_goods_and_comes_back_with_the_last_of_them():
    cafe = Cafe(PLAIN)
    receipt = cafe.sell("r1", cafe.mina, 12_340, lines=(line(12_345),), rounding_minor=-5).receipt
    assert (receipt["points_earned"], receipt["rounding_minor"]) == (123, -5)
    assert figures(cafe, cafe.mina)[3] == 12_345

    assert cafe.refund("f1", "r1", amount_minor=2_345)["left_minor"] == 9_995
    told = cafe.refund("f2", "r1", amount_minor=9_995)
    assert (told["left_minor"], told["refunded_minor"]) == (0, 12_340)
    assert figures(cafe, cafe.mina) == (0, 0, 0, 0)


@pytest.mark.parametrize("back", [12_345, 12_350])
def test_of_cash_that_was_rounded_up_the_goods_and_what_was_paid_are_both_all_of_it(back):
    """Goods for 12,345 were paid with 12,350: whichever of the two the till names, nothing is left."""
    cafe = Cafe(PLAIN)
    cafe.sell("r1", cafe.mina, 12_350, lines=(line(12_345),), rounding_minor=5)
    for too_much in (12_351, 20_000):
        with pytest.raises(returns.RefundTooLarge):
            cafe.refund("f1", "r1", amount_minor=too_much)
    assert figures(cafe, cafe.mina) == (123, 0, 123, 12_345)
    told = cafe.refund("f1", "r1", amount_minor=back)
    assert (told["amount_minor"], told["left_minor"], told["points_clawed_back"]) == (12_350, 0, 123)
    assert figures(cafe, cafe.mina) == (0, 0, 0, 0)
    assert stands(cafe)


@pytest.mark.parametrize(("back", "left", "points"), [(12_339, 1, 6), (12_340, 0, 0), (12_345, 0, 0)])
def test_of_cash_that_was_rounded_down_a_won_less_leaves_a_won(back, left, points):
    """Goods for 12,345 were paid with 12,340, and each won of the goods gives a point."""
    cafe = Cafe({**PLAIN, "earning": {"rules": [{**BASE, "points": 1, "per_amount_minor": 1}]}})
    cafe.sell("r1", cafe.mina, 12_340, lines=(line(12_345),), rounding_minor=-5)
    assert cafe.refund("f1", "r1", amount_minor=back)["left_minor"] == left
    assert figures(cafe, cafe.mina)[0] == points
    if not left:
        with pytest.raises(returns.RefundTooLarge):
            cafe.refund("f2", "r1", amount_minor=1)


def test_of_an_exchange_in_rounded_cash_an_amount_is_of_the_goods_that_were_sold():
    """Goods for 12,345, an article for 2,000 came back, 5 won were rounded off: 10,340 are paid, and come back again."""
    cafe = Cafe(PLAIN)
    sold = cafe.sell("r1", cafe.mina, 10_340, lines=(line(12_345), line(-2_000)), rounding_minor=-5).receipt
    told = cafe.refund("f1", "r1", amount_minor=10_340)
    assert (sold["points_earned"], told["points_clawed_back"]) == (103, 103)
    assert (told["amount_minor"], told["left_minor"]) == (10_340, 0)
    assert stands(cafe)


def test_a_refund_of_all_that_is_left_names_no_line_not_even_what_was_free():
    cafe = Cafe(PLAIN)
    cafe.sell("r1", cafe.mina, 1_000, lines=(line(1_000), line(0)))
    assert cafe.refund("f1", "r1")["left_minor"] == 0
    with tenancy.tenant(cafe.merchant):
        rows = PurchaseLine.objects.order_by("id").values_list("amount_minor", "refunded_milli", "refunded_minor")
        assert list(rows) == [(1_000, 0, 0), (0, 0, 0)]


def test_what_was_free_comes_back_by_its_name_once_and_takes_nothing_with_it():
    cafe = Cafe(PLAIN)
    cafe.sell("r1", cafe.mina, 1_000, lines=(line(1_000), line(0, quantity=2)))
    told = cafe.refund("f1", "r1", lines=(RefundLine(id="2"),))
    assert (told["amount_minor"], told["left_minor"], told["points_clawed_back"]) == (0, 1_000, 0)
    with pytest.raises(returns.LineRefunded) as refused:
        cafe.refund("f2", "r1", lines=(RefundLine(id="2"),))
    assert (refused.value.context["left_quantity"], refused.value.context["left_minor"]) == (0, 0)
    assert figures(cafe, cafe.mina) == (10, 0, 10, 1_000)


def test_a_refund_that_leaves_less_than_was_rounded_off_leaves_nothing():
    cafe = Cafe(PLAIN)
    cafe.sell("r1", cafe.mina, 12_340, lines=(line(12_345),), rounding_minor=-5)
    told = cafe.refund("f1", "r1", lines=(RefundLine(id="1", amount_minor=12_344),))
    assert (told["amount_minor"], told["left_minor"]) == (12_340, 0)
    assert stands(cafe)


@pytest.mark.parametrize(
    ("won", "fields", "pointer"),
    [
        (10_000, {"lines": (line(10_100),), "rounding_minor": -100}, "/rounding_minor"),
        (10_000, {"lines": (line(10_005),), "rounding_minor": 5}, "/total_minor"),
        (30_000, {"lines": (line(-50_000, discount_minor=5), line(80_000))}, "/lines/0/discount_minor"),
        (30_000, {"lines": (line(-50_000, tax_minor=1), line(80_000))}, "/lines/0/tax_minor"),
        (30_000, {"lines": (line(-50_000, tax_minor=-50_001), line(80_000))}, "/lines/0/tax_minor"),
        (30_000, {"lines": (line(-50_000, cost_minor=1), line(80_000))}, "/lines/0/cost_minor"),
        (30_000, {"lines": (line(30_000, quantity=-1),)}, "/lines/0/quantity"),
        (-5, {"lines": (line(0),), "rounding_minor": -5}, "/total_minor"),
        (30_000, {"lines": (line(-50_000), line(80_000)), "tax_minor": 130_001}, "/tax_minor"),
        (30_000, {"lines": (line(30_000), line(0)), "tax_minor": -1}, "/tax_minor"),
        (30_000, {"lines": (line(30_000), line(0)), "tax_minor": 30_001}, "/tax_minor"),
    ],
)
def test_a_receipt_that_does_not_add_up_is_refused_at_its_place(won, fields, pointer):
    cafe = Cafe(PLAIN)
    (outcome,) = cafe.record(cafe.sale("r1", cafe.mina, won, **fields))
    assert (outcome.error.http, outcome.error.pointer) == (422, pointer)
    assert (cafe.rows(Purchase), cafe.rows(PurchaseLine), cafe.rows(Entry), cafe.rows(Lot)) == (0, 0, 0, 0)


# -- clocks ------------------------------------------------------------------------------------------------------------

KEEPS = SaleSource(accepts_unknown_time=True)


@pytest.mark.parametrize("off", [timedelta(minutes=5, seconds=30), timedelta(hours=9), timedelta(days=-9000)])
def test_what_a_tills_clock_is_off_is_taken_off(off):  # odoo/odoo#271581, odoo/odoo#25606
    cafe = Cafe(PLAIN)
    sale = cafe.sale("r1", cafe.mina, 10_000, occurred_at=NOON + off - timedelta(hours=1), sent_at=NOON + off)

    (outcome,) = cafe.record(sale)

    assert outcome.error is None
    assert outcome.receipt["occurred_at"] == NOON - timedelta(hours=1)
    assert outcome.receipt["clock_off_seconds"] == int(off.total_seconds())
    later = cafe.sale("r1", cafe.mina, 10_000, occurred_at=sale.occurred_at, sent_at=NOON + off + timedelta(minutes=3))
    assert cafe.record(later, now=NOON + timedelta(minutes=3))[0].is_replay


def test_a_sale_that_is_too_early_is_taken_when_its_time_has_come():
    cafe = Cafe(PLAIN)
    sale = cafe.sale("r1", cafe.mina, 10_000, occurred_at=NOON + timedelta(minutes=5, seconds=30))

    (early,) = cafe.record(sale)
    assert (early.error.code, early.error.http, early.error.headers) == (
        "occurred_at_too_early",
        425,
        {"Retry-After": "30"},
    )
    assert cafe.rows(Purchase) == 0
    assert cafe.record(sale, now=NOON + timedelta(seconds=30))[0].error is None


@pytest.mark.parametrize("off", [timedelta(days=1), timedelta(days=400), timedelta(days=-9000)])
def test_a_time_that_cannot_be_true_is_kept_and_marked_when_the_key_says_so(off):
    cafe = Cafe(PLAIN)
    sale = cafe.sale("r1", cafe.mina, 10_000, occurred_at=NOON + off)

    assert cafe.record(sale)[0].error is not None
    assert cafe.rows(Purchase) == 0
    (kept,) = cafe.record(sale, source=KEEPS)

    assert (kept.receipt["points_earned"], kept.receipt["is_time_unknown"]) == (100, True)
    assert (kept.receipt["occurred_at"], kept.receipt["occurred_at_sent"]) == (NOON, NOON + off)
    with tenancy.tenant(cafe.merchant):
        assert Purchase.objects.get().is_time_unknown


def test_a_refund_has_a_clock_too():
    cafe = Cafe(PLAIN)
    cafe.sell("r1", cafe.mina, 10_000)
    ahead = NOON + timedelta(hours=9)
    asked = RefundInput(external_id="f1", occurred_at=ahead, sent_at=ahead, purchase=PurchaseRef(external_id="r1"))
    told = tenancy.attempt(
        cafe.merchant, lambda: purchases.refund(merchant=cafe.merchant, asked=asked, now=NOON, actor=TILL)
    ).receipt
    assert (told["occurred_at"], told["clock_off_seconds"]) == ("2026-11-20T03:00:00Z", 32_400)
    assert cafe.account(cafe.mina).balance == 0
