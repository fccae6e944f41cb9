"""What the programme brings and costs: sales by location, rewards by price, and the new numbers, counted in the head."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from analytics import board, rollups, runs, verify
from analytics.models import MemberDayAtLocation, MetricRun, MetricValue, RewardDay
from merchants import locations, tenancy
from merchants.actors import SYSTEM
from rewards.models.purchases import CurrentTransaction
from tests import builders
from tests.rules.analytics.trade import Trade

pytestmark = pytest.mark.usefixtures("committed")

SEPTEMBER, OCTOBER, NOVEMBER = date(2026, 9, 10), date(2026, 10, 10), date(2026, 11, 1)


def proved(merchant) -> None:
    report = verify.audit(merchant)
    assert report.differences == ()
    assert report.unseen == 0


def reward_days(merchant) -> list[tuple]:
    with tenancy.tenant(merchant):
        rows = RewardDay.objects.filter(merchant=merchant).order_by("local_day", "reward")
        return list(rows.values_list("reward", "redemptions", "points", "cost_minor", "unpriced"))


def value(merchant, metric, starts_on) -> MetricValue:
    with tenancy.tenant(merchant):
        return MetricValue.objects.get(merchant=merchant, metric=metric, period_kind="month", starts_on=starts_on)


# -- members and others ----------------------------------------------------------------------------------------------


def test_members_bought_three_quarters_of_what_was_sold():
    """Ann $20 and $10, of which $3 came back; a guest $9: 27 of 36."""
    trade = Trade()
    ann = trade.member("Ann")
    _first, second = trade.buys([(ann, OCTOBER, 2000), (ann, OCTOBER, 1000)])
    trade.buy(None, OCTOBER, 900)
    trade.refund(second, 300)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    share = value(trade.merchant, "members_share_of_sales", date(2026, 10, 1))
    assert (share.numerator, share.denominator, share.value, share.n) == (2700, 3600, Decimal("0.75"), 3)
    assert (share.low, share.high) == (None, None)
    proved(trade.merchant)


def test_nothing_sold_is_no_share():
    trade = Trade()
    trade.buy(trade.member("Ann"), SEPTEMBER)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    for metric in ("members_share_of_sales", "reward_cost_share", "points_redeemed_rate"):
        assert value(trade.merchant, metric, date(2026, 10, 1)).value is None
    proved(trade.merchant)


# -- locations -------------------------------------------------------------------------------------------------------


def test_a_sale_that_moves_to_a_member_moves_at_its_location_too():
    """A guest's $9 at the pier is claimed by Ann; her $10 at no location comes back whole."""
    trade = Trade()
    ann = trade.member("Ann")
    with trade.open():
        pier = locations.open_place(
            merchant=trade.merchant, code="pier", name="Pier", now=trade.at(OCTOBER), actor=SYSTEM
        )
    at_pier, nowhere = trade.buy(None, OCTOBER, 900), trade.buy(ann, OCTOBER, 1000)
    with trade.open():
        type(at_pier).objects.filter(pk=at_pier.pk).update(location=pier)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    def rows():
        with tenancy.tenant(trade.merchant):
            found = MemberDayAtLocation.objects.filter(merchant=trade.merchant).order_by("member_id", "location_id")
            return list(found.values_list("member_id", "location_id", "purchases", "revenue_minor"))

    assert rows() == [(0, pier.pk, 1, 900), (ann.pk, 0, 1, 1000)]
    proved(trade.merchant)
    with trade.open():
        type(at_pier).objects.filter(pk=at_pier.pk).update(member=ann, xid=CurrentTransaction())
    trade.refund(nowhere)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    assert rows() == [(ann.pk, pier.pk, 1, 900)]
    proved(trade.merchant)


def test_the_rollups_of_a_release_before_are_filled_anew_by_the_next_run():
    trade = Trade()
    trade.buy(trade.member("Ann"), OCTOBER, 1000)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    with tenancy.tenant(trade.merchant):
        MetricRun.objects.filter(merchant=trade.merchant).update(layout=rollups.LAYOUT - 1)
        MemberDayAtLocation.objects.filter(merchant=trade.merchant).delete()
    # Until then what that release kept is proved, and nothing that it did not know.
    proved(trade.merchant)
    runs.run(trade.merchant, now=trade.at(NOVEMBER + timedelta(days=1)))
    with tenancy.tenant(trade.merchant):
        assert MemberDayAtLocation.objects.get(merchant=trade.merchant).revenue_minor == 1000
        assert MetricRun.objects.filter(merchant=trade.merchant).latest("id").layout == rollups.LAYOUT
    proved(trade.merchant)


# -- what rewards cost -------------------------------------------------------------------------------------------------


@pytest.fixture
def cafe():
    """A point pays 10 won; a coffee is 100 points, 2,000 won off are 200."""
    return builders.cafe()


def test_a_coffee_costs_its_points_and_money_off_what_was_taken_off(cafe):
    """Mina takes a coffee (100 points at 10 won) and 2,000 won off a sale: 3,000 won of 50,000 sold."""
    [mina] = cafe.cast("Mina")
    mina.is_given(500)
    mina.buys(50_000, external_id="r1")
    mina.redeems(reward="coffee")
    mina.redeems(reward="off", order_total_minor=12_000)
    runs.run(cafe.merchant, now=cafe.forward(days=1))
    assert reward_days(cafe.merchant) == [("coffee", 1, 100, 1_000, 0), ("off", 1, 200, 2_000, 0)]
    cost = value(cafe.merchant, "reward_cost_share", date(2026, 3, 1))
    assert (cost.numerator, cost.denominator, cost.value, cost.n) == (3_000, 50_000, Decimal("0.06"), 2)
    proved(cafe.merchant)


def test_what_is_undone_costs_nothing_and_takes_its_day_with_it(cafe):
    [mina] = cafe.cast("Mina")
    mina.is_given(500)
    wrong_cup = mina.redeems(reward="coffee").public_id
    mina.redeems(reward="coffee")
    runs.run(cafe.merchant, now=cafe.forward(days=1))
    assert reward_days(cafe.merchant) == [("coffee", 2, 200, 2_000, 0)]
    mina.reverses(wrong_cup)
    runs.run(cafe.merchant, now=cafe.forward(days=1))
    assert reward_days(cafe.merchant) == [("coffee", 1, 100, 1_000, 0)]
    proved(cafe.merchant)


def test_without_a_rate_a_coffee_has_no_price_and_is_counted_so():
    cafe = builders.cafe(pay_with_points=None)
    [mina] = cafe.cast("Mina")
    mina.is_given(100)
    mina.buys(10_000, external_id="r1")
    mina.redeems(reward="coffee")
    runs.run(cafe.merchant, now=cafe.forward(days=1))
    assert reward_days(cafe.merchant) == [("coffee", 1, 100, 0, 1)]
    with tenancy.tenant(cafe.merchant):
        found = board.read(merchant=cafe.merchant, period="last_30", now=cafe.now)
    assert (found.sums.rewards, found.sums.reward_cost_minor, found.sums.rewards_without_price) == (1, 0, 1)
    proved(cafe.merchant)


def test_of_100_points_earned_50_are_redeemed(cafe):
    [mina] = cafe.cast("Mina")
    mina.buys(10_000, external_id="r1")
    mina.redeems(reward="mug")
    runs.run(cafe.merchant, now=cafe.forward(days=1))
    rate = value(cafe.merchant, "points_redeemed_rate", date(2026, 3, 1))
    assert (rate.value, rate.parts) == (Decimal("0.5"), {"issued": 100, "redeemed": 50, "expired": 0})
    proved(cafe.merchant)


# -- the board ---------------------------------------------------------------------------------------------------------


def read(trade, period, **asked):
    with tenancy.tenant(trade.merchant):
        return board.read(merchant=trade.merchant, period=period, now=trade.at(NOVEMBER), **asked)


def test_ninety_days_are_bars_of_a_week_with_the_same_week_ninety_days_before():
    """November 1 looks back to August 3: the second week begins on August 10, ninety days after May 12."""
    trade = Trade()
    ann = trade.member("Ann")
    trade.buys([(ann, date(2026, 8, 10), 100), (None, date(2026, 8, 16), 70), (ann, date(2026, 5, 12), 40)])
    trade.buy(ann, date(2026, 8, 9), 1)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    found = read(trade, "last_90")
    assert (found.grain, len(found.bars), found.bars[0].starts_on) == ("week", 13, date(2026, 8, 3))
    assert [(bar.members_minor, bar.guests_minor, bar.members_before_minor) for bar in found.bars[:2]] == [
        (1, 0, 0), (100, 70, 40),
    ]  # fmt: skip
    assert sum(bar.members_minor for bar in found.bars) == found.sums.members_revenue_minor == 101
    assert sum(bar.members_before_minor for bar in found.bars) == found.before.members_revenue_minor == 40


@pytest.mark.parametrize(
    ("period", "grain", "bars"),
    [
        ("last_30", "week", 5),
        ("last_365", "month", 12),
        ("2026-10-01..2026-10-01", "week", 1),
        ("2024-06-15..2026-05-01", "quarter", 9),
        ("2017-06-15..2026-05-01", "year", 10),
        ("2026-10-25..2026-12-01", "week", 1),
    ],
)
def test_longer_periods_have_longer_bars(period, grain, bars):
    trade = Trade()
    trade.buy(trade.member("Ann"), OCTOBER)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    found = read(trade, period)
    assert (found.grain, len(found.bars)) == (grain, bars)
    # A period ends yesterday: what is to come has no bar.
    assert found.bars[-1].ends_on <= NOVEMBER
    assert found.bars[0].starts_on == found.period.starts_on


def test_a_merged_member_bought_once_at_a_location():
    trade = Trade()
    old, kept = trade.members(2)
    trade.buys([(old, OCTOBER, 100), (kept, OCTOBER, 100)])
    with trade.open():
        type(old).objects.filter(pk=old.pk).update(merged_into=kept, state="merged")
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    [place] = read(trade, "last_30").locations
    assert (place.location_id, place.active_members, place.members_revenue_minor) == (0, 1, 200)
    assert read(trade, "last_30", location=0).sums.active_members == read(trade, "last_30").sums.active_members == 1


def test_two_zones_have_their_own_days_and_their_own_money():
    """At 23:30 on October 31 in New York it is November already in Seoul: yen-like won stay won, dollars cents."""
    york, seoul = Trade(), Trade(zone="Asia/Seoul", currency="KRW")
    moment = york.at(date(2026, 10, 31), 23)
    for trade, minor in ((york, 1050), (seoul, 1050)):
        trade.buy(trade.member("Ann"), moment, minor)
        runs.run(trade.merchant, now=trade.at(date(2026, 11, 2)))
    for trade, first in ((york, date(2026, 10, 1)), (seoul, date(2026, 11, 1))):
        assert value(trade.merchant, "members_share_of_sales", first).value == 1
        with tenancy.tenant(trade.merchant):
            key = f"{first:%Y-%m}"
            found = board.read(merchant=trade.merchant, period=key, now=trade.at(date(2026, 11, 2)))
        assert found.sums.members_revenue_minor == 1050


def test_before_the_first_night_there_is_today_and_nothing_else():
    trade = Trade()
    trade.buy(trade.member("Ann"), trade.at(NOVEMBER), 500)
    found = read(trade, "last_90")
    assert (found.sums.revenue_minor, found.tiles, found.liability, found.first_day) == (0, {}, None, None)
    assert (found.today.purchases, found.today.revenue_minor, found.today.revenue_by_hour[12]) == (1, 500, 500)
