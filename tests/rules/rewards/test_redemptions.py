"""Redemptions: at once or after a hold, captured, released, timed out, undone; each once, and exact."""

from __future__ import annotations

import pytest

from members import live_codes
from members.models import Member, UsedLiveCode
from merchants.models.outbox import OutboxEvent
from rewards import purchases, redemptions, verify
from rewards.documents import ExternalIdReused, Refused
from rewards.models.counters import Counter
from rewards.models.redemptions import Redemption
from rewards.parties import MemberRef
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe():
    return builders.cafe()


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina")


def claimed(cafe, reward):
    return cafe.does(lambda: Counter.objects.get(key=f"stock:{reward}").used)


def refused(code, verb, *args, **kwargs):
    with pytest.raises(Refused) as refusal:
        verb(*args, **kwargs)
    assert refusal.value.code == code
    return refusal.value


# -- at once ----------------------------------------------------------------------------------------------------------


def test_a_reward_takes_its_price_from_the_points_that_end_first(cafe, mina):
    mina.is_given(100, expires="2026-12-31")
    mina.is_given(80, expires="2026-06-30")

    outcome = mina.redeems(reward="coffee")

    assert mina.lots() == [(80, "2026-12-31")]
    assert mina.points() == (80, 0, 0, 0)
    receipt = outcome.receipt
    assert (outcome.http, receipt["state"], receipt["points"], receipt["balance_after"]) == (201, "captured", 100, 80)
    assert len(receipt["code"]) == 14
    assert mina.entries() == [("accrue", 100), ("accrue", 80), ("redeem", -100)]


def test_points_pay_an_amount_at_the_rate_of_the_terms(mina):
    mina.is_given(500)

    receipt = mina.redeems(points=200, order_total_minor=4_000).receipt

    assert (receipt["points"], receipt["amount_minor"], receipt["currency"]) == (200, 2_000, "KRW")
    assert mina.points()[0] == 300


@pytest.mark.parametrize(
    ("points", "total", "code"),
    [
        (5, 4_000, "points_below_minimum"),
        (15, 4_000, "points_not_a_step"),
        (1_010, 90_000, "points_above_maximum"),
        (210, 4_000, "points_above_share"),
    ],
)
def test_points_pay_only_within_what_the_terms_allow(mina, points, total, code):
    mina.is_given(5_000)

    refused(code, mina.redeems, points=points, order_total_minor=total)

    assert mina.points() == (5_000, 0, 0, 0)


def test_paying_a_part_of_an_order_needs_the_order(mina):
    mina.is_given(500)
    with pytest.raises(redemptions.OrderTotalRequired):
        mina.redeems(points=100)
    assert mina.points()[0] == 500


def test_a_reward_nobody_promised_is_not_kept(cafe, mina):
    with pytest.raises(redemptions.UnknownReward):
        mina.redeems(reward="yacht", external_id="r-1")
    assert cafe.does(lambda: Redemption.objects.filter(external_id="r-1").count()) == 0


# -- refusals are kept ------------------------------------------------------------------------------------------------


def test_f07_a_refusal_answers_the_same_after_the_balance_grew(cafe, mina):
    mina.is_given(99)
    first = refused("insufficient_points", mina.redeems, reward="coffee", external_id="r-1")
    assert (first.http, first.context["spendable"], first.context["missing"]) == (409, 99, 1)
    mina.is_given(1_000)

    again = refused("insufficient_points", mina.redeems, reward="coffee", external_id="r-1")

    assert (again.http, again.context, again.detail) == (first.http, first.context, first.detail)
    assert mina.points()[0] == 1_099
    mina.redeems(reward="coffee", external_id="r-2")
    assert mina.points()[0] == 999


def test_a_refusal_is_a_document_without_entries_and_without_an_event(cafe, mina):
    refused("insufficient_points", mina.redeems, reward="coffee", external_id="r-1")

    row = cafe.does(lambda: Redemption.objects.get(external_id="r-1"))
    assert (row.state, row.refusal, row.points, row.points_captured) == ("refused", "insufficient_points", 100, 0)
    assert mina.entries() == []
    assert cafe.does(lambda: OutboxEvent.objects.filter(kind__startswith="points.").count()) == 0


def test_the_same_request_twice_is_one_redemption(cafe, mina):
    mina.is_given(500)
    first = mina.redeems(reward="coffee", external_id="r-1")
    cafe.forward(days=2)

    again = mina.redeems(reward="coffee", external_id="r-1")

    assert (first.is_replay, again.is_replay) == (False, True)
    assert (again.http, again.receipt, again.public_id) == (first.http, first.receipt, first.public_id)
    assert mina.points()[0] == 400


@pytest.mark.parametrize("other", [{"reward": "mug"}, {"reward": "coffee", "order_total_minor": 5}])
def test_the_same_id_for_something_else_is_refused(mina, other):
    mina.is_given(500)
    mina.redeems(reward="coffee", external_id="r-1")
    with pytest.raises(ExternalIdReused):
        mina.redeems(external_id="r-1", **other)
    assert mina.points()[0] == 400


def test_a_hold_under_the_id_of_a_redemption_is_something_else(mina):
    mina.is_given(500)
    mina.redeems(reward="coffee", external_id="r-1")
    with pytest.raises(ExternalIdReused):
        mina.holds(reward="coffee", external_id="r-1")


def test_another_member_under_the_same_id_is_something_else(cafe, mina):
    jun = cafe.member("Jun")
    mina.is_given(100)
    jun.is_given(100)
    mina.redeems(reward="coffee", external_id="r-1")
    with pytest.raises(ExternalIdReused):
        jun.redeems(reward="coffee", external_id="r-1")
    assert jun.points()[0] == 100


# -- conditions of rewards --------------------------------------------------------------------------------------------


def test_a_reward_is_sold_out_when_all_were_taken_and_comes_back_when_one_is_undone(cafe, mina):
    jun = cafe.member("Jun")
    mina.is_given(500)
    jun.is_given(500)
    mina.redeems(reward="mug")
    second = mina.holds(reward="mug")
    refused("reward_sold_out", jun.redeems, reward="mug")
    assert claimed(cafe, "mug") == 2

    mina.releases(second.public_id)

    jun.redeems(reward="mug")
    assert claimed(cafe, "mug") == 2


def test_a_member_takes_a_reward_as_often_as_the_period_allows(cafe, mina):
    mina.is_given(500)
    first = mina.redeems(reward="cake")
    refused("reward_limit_reached", mina.redeems, reward="cake")
    mina.reverses(first.public_id)
    mina.redeems(reward="cake")
    refused("reward_limit_reached", mina.redeems, reward="cake")

    cafe.at("2026-03-05", "00:00")

    mina.redeems(reward="cake")
    assert mina.points()[0] == 440


def test_the_merchants_day_counts_and_not_utc(cafe, mina):
    mina.is_given(500)
    cafe.at("2026-03-04", "23:59")  # 14:59 UTC
    mina.redeems(reward="cake")
    cafe.at("2026-03-05", "00:01")  # 15:01 UTC, the same day there
    mina.redeems(reward="cake")
    assert mina.points()[0] == 440


def test_a_reward_ends_with_its_last_day(cafe, mina):
    mina.is_given(500)
    cafe.at("2026-03-31", "23:59")
    mina.redeems(reward="spring")
    cafe.at("2026-04-01", "00:00")
    refused("reward_not_on_offer", mina.redeems, reward="spring")


def test_a_reward_for_gold_is_for_gold(cafe, mina):
    goldie = cafe.member("Goldie", tier="gold")
    mina.is_given(50)
    goldie.is_given(50)
    refused("reward_for_other_tiers", mina.redeems, reward="tour")
    goldie.redeems(reward="tour")
    assert (mina.points()[0], goldie.points()[0]) == (50, 40)


def test_money_off_needs_an_order_of_some_size(mina):
    mina.is_given(500)
    refused("order_total_too_small", mina.redeems, reward="off", order_total_minor=9_999)
    receipt = mina.redeems(reward="off", order_total_minor=10_000).receipt
    assert receipt["amount_minor"] == 2_000


def test_a_percentage_stops_at_its_cap(mina):
    mina.is_given(500)
    assert mina.redeems(reward="tenth", order_total_minor=12_345).receipt["amount_minor"] == 1_234
    assert mina.redeems(reward="tenth", order_total_minor=90_000).receipt["amount_minor"] == 3_000


def test_a_blocked_member_spends_nothing(cafe, mina):
    mina.is_given(500)
    cafe.does(lambda: type(mina) and builders.Member.objects.filter(pk=mina.id).update(state="blocked"))
    refused("member_blocked", mina.redeems, reward="coffee")


def test_a_blocked_member_spends_nothing_that_was_set_aside_before_either(cafe, mina):
    mina.is_given(500)
    hold = mina.holds(reward="coffee")
    cafe.does(lambda: Member.objects.filter(pk=mina.id).update(state="blocked"))

    refused("member_blocked", mina.captures, hold.public_id, external_id="c-1")

    assert mina.points() == (400, 100, 0, 0)
    assert mina.state_of(hold.public_id) == "held"
    mina.releases(hold.public_id)
    assert mina.points() == (500, 0, 0, 0)
    refused("member_blocked", mina.captures, hold.public_id, external_id="c-1")


def test_a_frozen_account_spends_nothing_and_still_earns(cafe, mina):
    mina.is_given(500)
    held = mina.holds(reward="coffee")
    cafe.does(lambda: builders.Account.objects.filter(pk=mina.account_id).update(frozen_at=cafe.now))
    refused("account_frozen", mina.redeems, reward="coffee")
    refused("account_frozen", mina.captures, held.public_id)
    mina.is_given(10)
    assert mina.points() == (410, 100, 0, 0)


# -- holds ------------------------------------------------------------------------------------------------------------


def test_a_hold_sets_points_aside_until_it_is_captured(cafe, mina):
    mina.is_given(150)
    hold = mina.holds(reward="coffee")
    assert hold.receipt["state"] == "held"
    assert hold.receipt["hold_expires_at"] == "2026-03-04T03:15:00Z"
    assert mina.points() == (50, 100, 0, 0)
    refused("insufficient_points", mina.redeems, points=60, order_total_minor=10_000)

    captured = mina.captures(hold.receipt["code"])

    assert captured.receipt["state"] == "captured"
    assert mina.points() == (50, 0, 0, 0)
    assert mina.state_of(hold.public_id) == "captured"


def test_a_part_of_held_points_is_captured_and_the_rest_is_released(mina):
    """
    lots      30 (June)  70 (December)      held 80 = 30 + 50
    captured  30          10                 the rest, 40, is free again
    """
    mina.is_given(70, expires="2026-12-31")
    mina.is_given(30, expires="2026-06-30")
    hold = mina.holds(points=80, order_total_minor=10_000)

    receipt = mina.captures(hold.public_id, 40).receipt

    assert (receipt["points_captured"], receipt["points_released"], receipt["balance_after"]) == (40, 40, 60)
    assert mina.lots() == [(60, "2026-12-31")]
    assert mina.points() == (60, 0, 0, 0)


def test_f15_more_than_is_held_is_not_captured(mina):
    mina.is_given(200)
    hold = mina.holds(points=80, order_total_minor=10_000)
    refused("capture_too_large", mina.captures, hold.public_id, 90)
    assert mina.points() == (120, 80, 0, 0)
    mina.captures(hold.public_id, 80)


def test_f15_a_hold_is_captured_once(mina):
    mina.is_given(200)
    hold = mina.holds(reward="coffee")
    first = mina.captures(hold.public_id, external_id="c-1")
    assert mina.captures(hold.public_id, external_id="c-1").receipt == first.receipt
    refusal = refused("redemption_ended", mina.captures, hold.public_id, external_id="c-2")
    assert refusal.context["state"] == "captured"
    with pytest.raises(redemptions.AlreadyEnded):
        mina.releases(hold.public_id)
    assert mina.points() == (100, 0, 0, 0)


def test_f15_a_hold_is_not_captured_after_its_time_and_its_points_are_free(cafe, mina):
    mina.is_given(100)
    hold = mina.holds(reward="coffee")
    cafe.forward(minutes=15)

    refused("hold_expired", mina.captures, hold.public_id, external_id="c-1")

    assert mina.points() == (100, 0, 0, 0)
    assert mina.state_of(hold.public_id) == "expired"
    refused("hold_expired", mina.captures, hold.public_id, external_id="c-1")
    refused("redemption_ended", mina.captures, hold.public_id, external_id="c-2")


def test_a_hold_whose_time_is_over_does_not_stand_in_the_way_of_spending(cafe, mina):
    mina.is_given(100)
    hold = mina.holds(reward="coffee")
    cafe.forward(minutes=16)
    assert mina.points() == (100, 0, 0, 0)  # although nobody swept

    mina.redeems(reward="coffee")

    assert mina.state_of(hold.public_id) == "expired"
    assert mina.entries()[-2:] == [("release", 0), ("redeem", -100)]


def test_the_clock_ends_holds_once(cafe, mina):
    jun = cafe.member("Jun")
    for person in (mina, jun):
        person.is_given(100)
        person.holds(reward="coffee")
    cafe.forward(minutes=15)

    ended = [cafe.does(lambda: redemptions.expire_holds(merchant=cafe.merchant, now=cafe.now)) for _ in range(2)]

    assert ended == [2, 0]
    assert mina.entries() == [("accrue", 100), ("hold", 0), ("release", 0)]
    assert cafe.does(lambda: OutboxEvent.objects.filter(kind="points.released").count()) == 2


def test_f30_held_points_survive_their_expiry_until_captured(cafe, mina):
    mina.is_given(100, expires="2026-03-05")
    hold = mina.holds(reward="coffee", hold_minutes=3 * 24 * 60)
    cafe.at("2026-03-06")
    assert mina.points() == (0, 100, 0, 0)

    mina.captures(hold.public_id)

    assert mina.points() == (0, 0, 0, 0)
    assert ("expire", -100) not in mina.entries()


def test_f30_released_after_their_expiry_held_points_lapse_at_once(cafe, mina):
    mina.is_given(100, expires="2026-03-05")
    hold = mina.holds(reward="coffee", hold_minutes=3 * 24 * 60)
    cafe.at("2026-03-06")

    mina.releases(hold.public_id)

    assert mina.points() == (0, 0, 0, 0)
    assert mina.entries()[-2:] == [("release", 0), ("expire", -100)]


def test_a_reward_is_captured_whole(mina):
    mina.is_given(100)
    hold = mina.holds(reward="coffee")
    with pytest.raises(redemptions.PartOfAReward):
        mina.captures(hold.public_id, 50)
    assert mina.points() == (0, 100, 0, 0)


# -- undone -----------------------------------------------------------------------------------------------------------


def test_undone_the_points_are_back_in_their_lots_with_their_old_expiry(mina):
    mina.is_given(60, expires="2026-06-30")
    mina.is_given(60, expires="2026-12-31")
    done = mina.redeems(reward="coffee")
    assert mina.lots() == [(20, "2026-12-31")]

    mina.reverses(done.public_id)

    assert mina.lots() == [(60, "2026-06-30"), (60, "2026-12-31")]
    assert mina.state_of(done.public_id) == "reversed"


def test_f13_undone_twice_is_undone_once(mina):
    mina.is_given(100)
    done = mina.redeems(reward="coffee")
    mina.reverses(done.public_id, external_id="v-1")
    assert mina.reverses(done.public_id, external_id="v-1").is_replay
    with pytest.raises(redemptions.AlreadyEnded) as refusal:
        mina.reverses(done.public_id, external_id="v-2")
    assert refusal.value.context["state"] == "reversed"
    assert mina.points() == (100, 0, 0, 0)


def test_f14_undone_after_the_lot_ended_the_points_come_back_and_lapse_at_once(cafe, mina):
    mina.is_given(60, expires="2026-06-30")
    mina.is_given(60)
    done = mina.redeems(reward="coffee")
    cafe.at("2026-07-01")

    receipt = mina.reverses(done.public_id).receipt

    assert (receipt["points"], receipt["points_lapsed"], receipt["balance_after"]) == (100, 60, 60)
    assert mina.entries()[-2:] == [("reverse", 100), ("expire", -60)]


def test_what_is_only_held_is_released_and_not_undone(mina):
    mina.is_given(100)
    hold = mina.holds(reward="coffee")
    with pytest.raises(redemptions.StillHeld):
        mina.reverses(hold.public_id)


def test_points_that_come_back_pay_a_debt_first(cafe, mina):
    sale = mina.buys(10_000, external_id="s-1")  # 100 points
    done = mina.redeems(reward="coffee")
    mina.returns("s-1")
    assert sale.receipt["points_earned"] == 100
    assert mina.points() == (0, 0, 0, 100)

    mina.reverses(done.public_id)

    assert mina.points() == (0, 0, 0, 0)
    assert mina.entries()[-2:] == [("reverse", 100), ("settle", -100)]


# -- what others are told ---------------------------------------------------------------------------------------------


def test_every_step_is_told(cafe, mina):
    mina.is_given(500)
    mina.captures(mina.holds(points=80, order_total_minor=10_000).public_id, 50)
    mina.releases(mina.holds(reward="coffee").public_id)
    mina.reverses(mina.redeems(reward="coffee").public_id)
    told = OutboxEvent.objects.exclude(kind="points.accrued").order_by("id")
    kinds = cafe.does(lambda: list(told.values_list("kind", flat=True)))
    assert kinds == [
        "points.held", "points.captured", "points.held", "points.released", "points.redeemed", "points.reversed",
    ]  # fmt: skip


# -- the catalogue ----------------------------------------------------------------------------------------------------


def offered(mina, total=None):
    cafe = mina.shop
    balance = mina.balance()
    return cafe.does(
        lambda: redemptions.catalogue(
            merchant=cafe.merchant, member_id=mina.id, spendable=balance.spendable, tier=balance.tier, now=cafe.now,
            order_total_minor=total,
        )
    )  # fmt: skip


def test_the_catalogue_says_what_can_be_had_and_what_is_missing(cafe, mina):
    mina.is_given(60)
    mina.redeems(reward="spring")

    found = {offer.code: offer for offer in offered(mina).offers}

    assert [code for code, offer in found.items() if offer.can_be_redeemed] == ["spring", "cake", "tenth", "mug"]
    assert (found["coffee"].missing_points, found["mug"].stock_left) == (50, 2)
    assert found["tour"].refusal == "reward_for_other_tiers"


def test_the_most_that_points_can_pay_on_an_order(mina):
    mina.is_given(500)
    pay = offered(mina, 3_000).pay
    assert (pay.most_points, pay.most_minor) == (150, 1_500)


# -- inside a purchase ------------------------------------------------------------------------------------------------


def test_points_pay_first_and_then_the_purchase_earns(mina):
    mina.is_given(300)
    receipt = mina.buys(10_000, redeeming=[{"points": 200}]).receipt
    assert receipt["redemptions"][0]["amount_minor"] == 2_000
    assert receipt["points_earned"] == 80  # on what was not paid with points
    assert mina.points()[0] == 180


def test_a_hold_is_captured_by_the_purchase(mina):
    mina.is_given(300)
    hold = mina.holds(points=200, order_total_minor=10_000)
    mina.buys(10_000, redeeming=[{"code": hold.receipt["code"]}])
    assert mina.state_of(hold.public_id) == "captured"
    assert mina.points() == (180, 0, 0, 0)


def test_a_refused_redemption_refuses_the_purchase_and_leaves_everything(cafe, mina):
    mina.is_given(130)
    with pytest.raises(Exception) as refusal:
        mina.buys(10_000, external_id="s-1", redeeming=[{"reward": "coffee"}, {"reward": "cake"}, {"reward": "mug"}])
    assert (refusal.value.code, refusal.value.pointer) == ("insufficient_points", "/redemptions/2")
    assert mina.points() == (130, 0, 0, 0)
    assert cafe.does(lambda: Redemption.objects.count()) == 0
    mina.buys(10_000, external_id="s-1", redeeming=[{"reward": "coffee"}, {"reward": "cake"}])
    assert mina.points()[0] == 100


def test_two_payments_with_points_share_the_most_that_points_may_pay(mina):
    mina.is_given(1_000)
    with pytest.raises(Exception) as refusal:
        mina.buys(4_000, redeeming=[{"points": 150}, {"points": 60}])
    assert refusal.value.code == "points_above_share"
    mina.buys(4_000, redeeming=[{"points": 150}, {"points": 50}])


def test_somebody_elses_hold_is_not_found(cafe, mina):
    jun = cafe.member("Jun")
    mina.is_given(300)
    hold = mina.holds(points=200, order_total_minor=10_000)
    with pytest.raises(redemptions.RedemptionNotFound):
        jun.buys(10_000, redeeming=[{"id": hold.public_id}])


# -- when a purchase is refunded --------------------------------------------------------------------------------------


def test_spent_points_come_back_with_the_refunded_share_and_their_old_expiry(mina):
    """
    spent on 9,000 won: 100 points = 30 (June) + 70 (December); refunded by thirds
    after 3,000   33 back, all to December (taken last, back first)
    after 6,000   66 back
    after 9,000   100 back, June whole again
    """
    mina.is_given(30, expires="2026-06-30")
    mina.is_given(70, expires="2026-12-31")
    mina.buys(9_000, external_id="s-1", redeeming=[{"points": 100}])
    own = "2027-03-05"
    assert mina.lots() == [(80, own)]

    assert mina.returns("s-1", 3_000).receipt["points_restored"] == 33
    assert (33, "2026-12-31") in mina.lots()
    assert mina.returns("s-1", 3_000).receipt["points_restored"] == 33
    assert mina.returns("s-1").receipt["points_restored"] == 34

    assert mina.lots() == [(30, "2026-06-30"), (70, "2026-12-31")]


@pytest.mark.parametrize("asked", [{"reward": "mug"}, {"points": 50}])
def test_a_refund_that_came_first_gives_back_what_was_set_aside_for_the_purchase(cafe, mina, asked):
    """The till was offline: the refund of the order arrives before the order, which takes what Mina had set aside."""
    mina.is_given(200, expires="2026-12-31")
    held = mina.holds(**asked, order_total_minor=10_000)
    mina.returns("s-1")

    mina.buys(10_000, external_id="s-1", redeeming=[{"id": held.public_id}])

    assert (mina.points(), mina.lots()) == ((200, 0, 0, 0), [(200, "2026-12-31")])
    assert mina.state_of(held.public_id) == "reversed"
    assert verify.verify(merchant=cafe.merchant).faults == []
    if "reward" in asked:
        assert claimed(cafe, "mug") == 0


def test_a_limit_that_comes_or_changes_with_new_terms_counts_what_was_taken_before(cafe, mina):
    """Coffee was without a limit; now it is one a day, then two a month, then three ever."""
    mina.is_given(1_000)

    def coffee(**limit):
        cafe.publish(
            builders.programme(rewards=[{**builders.PROGRAMME["rewards"][0], "per_member": limit}]), since=cafe.now
        )

    mina.redeems(reward="coffee")
    cafe.forward(minutes=1)
    coffee(count=1, per="day")
    refused("reward_limit_reached", mina.redeems, reward="coffee")
    cafe.forward(days=1)
    mina.redeems(reward="coffee")
    coffee(count=2, per="month")
    refused("reward_limit_reached", mina.redeems, reward="coffee")
    cafe.forward(days=31)
    mina.redeems(reward="coffee")
    coffee(count=3, per="ever")
    refused("reward_limit_reached", mina.redeems, reward="coffee")
    assert mina.points() == (700, 0, 0, 0)


def test_a_refunded_reward_gives_stock_and_limit_back(cafe, mina):
    mina.is_given(100)
    mina.buys(9_000, external_id="s-1", redeeming=[{"reward": "mug"}, {"reward": "cake"}])
    assert claimed(cafe, "mug") == 1
    mina.returns("s-1", 4_500)
    assert claimed(cafe, "mug") == 1
    mina.returns("s-1")
    assert claimed(cafe, "mug") == 0
    mina.redeems(reward="cake")
    assert mina.points() == (70, 0, 0, 0)


def test_a_redemption_undone_before_the_refund_does_not_come_back_twice(mina):
    mina.is_given(100)
    spent = mina.buys(9_000, external_id="s-1", redeeming=[{"points": 100}]).receipt["redemptions"][0]["id"]
    mina.reverses(spent)
    assert mina.returns("s-1").receipt["points_restored"] == 0
    assert mina.points() == (100, 0, 0, 0)


def test_f63_the_code_a_member_shows_is_good_once_and_in_time(cafe, mina):
    mina.is_given(300)
    first, late = mina.holds(reward="coffee"), mina.holds(reward="coffee")
    mina.captures(first.receipt["code"])
    refused("redemption_ended", mina.captures, first.receipt["code"])
    cafe.forward(minutes=15)
    refused("hold_expired", mina.captures, late.receipt["code"])
    assert mina.points() == (200, 0, 0, 0)
    with pytest.raises(redemptions.RedemptionNotFound):
        mina.captures("AAAA-BBBB-CCCC")


def test_a_sale_of_a_batch_that_is_refused_after_spending_has_spent_nothing(cafe, mina):
    """Its quote is another basket's: the mug is still in stock, the hold is a hold, the moving code is unspent."""
    mina.is_given(500)
    hold = mina.holds(reward="coffee")
    quote = cafe.does(
        lambda: purchases.quote(
            merchant=cafe.merchant, now=cafe.now, actor=builders.TILL,
            asked=purchases.QuoteInput(currency="KRW", total_minor=9_000, occurred_at=cafe.now, member=mina.ref),
        )
    )  # fmt: skip
    person = cafe.does(lambda: Member.objects.get(pk=mina.id))
    code = live_codes.series(merchant=cafe.merchant, member=person, now=cafe.now, count=1)[0][1]

    def sale(name, won, **asked):
        return purchases.PurchaseInput(
            external_id=name, occurred_at=cafe.now, currency="KRW", total_minor=won,
            **{"member": mina.ref, **asked},
        )  # fmt: skip

    asks = ({"reward": "mug"}, {"id": hold.public_id})
    items = [
        sale("s-1", 10_000),
        sale(
            "s-2", 10_000, member=MemberRef(code=code), quote=quote.token,
            redemptions=tuple(redemptions.RedemptionInput(**ask) for ask in asks),
        ),
    ]  # fmt: skip
    recorded, refusal = cafe.does(
        lambda: purchases.record(merchant=cafe.merchant, items=items, now=cafe.now, actor=builders.TILL)
    )

    assert (recorded.error, refusal.error.code) == (None, "invalid")
    assert mina.points() == (500, 100, 0, 0)
    assert mina.state_of(hold.public_id) == "held"
    states = cafe.does(lambda: list(Redemption.objects.values_list("reward", "state")))
    assert states == [("coffee", "held")]
    assert cafe.does(lambda: list(Counter.objects.values_list("key", "used"))) == [("stock:mug", 0)]
    assert cafe.does(UsedLiveCode.objects.count) == 0
    kinds = cafe.does(lambda: set(OutboxEvent.objects.values_list("kind", flat=True)))
    assert kinds == {"points.accrued", "points.held", "purchase.recorded"}
    mina.captures(hold.public_id)
    assert mina.points() == (500, 0, 0, 0)
