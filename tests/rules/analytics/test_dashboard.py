"""What the dashboard shows: numbers with everything to judge them by, and the members behind each."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import translation

from analytics import dashboard, exports, runs
from analytics.answers import Freshness
from analytics.members_behind import members_behind
from analytics.period_choices import NoSuchPeriod, parse_period
from members.models import Member
from merchants import csv_cells, profile, tenancy
from merchants.actors import SYSTEM
from merchants.errors import Invalid, NotFound
from tests.rules.analytics.trade import Trade

pytestmark = pytest.mark.usefixtures("committed")

OCTOBER, NOVEMBER = date(2026, 10, 10), date(2026, 11, 15)


@pytest.fixture(scope="module")
def trade(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        trade = Trade()
        ann, ben, cem, dan = trade.members(4, joined=date(2026, 8, 5))
        trade.members(1, joined=date(2026, 9, 30))
        with trade.open():
            trade.buys([(m, date(2026, 8, 20), 1000) for m in (ann, ben)])
            trade.buys([(m, date(2026, 9, 20), 1000) for m in (ann, ben, cem, dan)])
            trade.buys([(m, OCTOBER, 2000) for m in (ann, ben, cem)])
            trade.buys([(ann, date(2026, 10, 11), 500), (None, date(2026, 10, 31), 5000)])
        trade.answers([10, 9, 3], OCTOBER, [ann, ben, dan])
        trade.answers([2], date(2026, 11, 10), [cem])
        trade.cast = {"ann": ann, "ben": ben, "cem": cem, "dan": dan}
        runs.run(trade.merchant, now=trade.at(NOVEMBER))
        yield trade


@pytest.fixture
def shown(trade, committed):
    with tenancy.tenant(trade.merchant):
        yield dashboard.overview(merchant=trade.merchant, period="2026-10", now=trade.at(NOVEMBER))


def test_six_tiles_in_their_order_and_one_number_beside(shown):
    assert [tile.metric for tile in shown.tiles] == [
        "retention", "churn", "repeat_purchase_rate", "loyal_customer_rate", "average_order_value", "nps",
    ]  # fmt: skip
    assert [(tile.metric, tile.beside) for tile in shown.beside] == [
        ("repeat_purchase_rate_by_days", "repeat_purchase_rate"),
        ("repeat_share_of_all", None),
        ("loyal_customer_rate_by_days", "loyal_customer_rate"),
        ("average_order_value_in_money", "average_order_value"),
        ("average_order_value_above_zero", "average_order_value"),
        ("members_share_of_sales", None),
        ("reward_cost_share", None),
        ("points_redeemed_rate", None),
    ]


def test_a_share_is_read_in_percent_with_its_change_and_its_meaning(shown):
    retention, churn = shown.tiles[:2]
    assert (retention.unit, retention.value, retention.previous, retention.delta) == ("percent", 75, 100, -25)
    assert (retention.change, retention.is_good, retention.n) == ("down", False, 4)
    assert (churn.value, churn.change, churn.is_good) == (25, "up", False)
    assert (churn.is_alarming, churn.alert_above) == (True, Decimal(7))
    assert retention.low is not None
    assert retention.low < retention.value < retention.high
    assert "E − N" in retention.formula
    assert retention.source.startswith("https://")


def test_money_stays_in_minor_units(shown):
    aov = shown.tiles[4]
    assert (aov.unit, aov.value) == ("money", 2300)  # 3 x 2000 + 500 + 5000 over five orders
    assert (aov.low, aov.is_alarming) == (None, False)


def test_three_answers_are_too_few_for_a_score_until_the_merchant_asks_for_no_more(shown, trade):
    nps = shown.tiles[5]
    assert (nps.value, nps.low, nps.high, nps.n, nps.too_few) == (None, None, None, 3, "too few answers")
    table = [
        row
        for row in exports.metric_rows(merchant=trade.merchant)
        if (row[1], row[3], row[4]) == ("nps", "month", date(2026, 10, 1))
    ]
    assert {(row[6], row[8], row[9], row[12]) for row in table} == {(None, None, None, 3)}
    profile.update(merchant=trade.merchant, changes={"answers_min": 3}, now=trade.at(NOVEMBER), actor=SYSTEM)
    try:
        nps = dashboard.overview(merchant=trade.merchant, period="2026-10", now=trade.at(NOVEMBER)).tiles[5]
    finally:
        profile.update(merchant=trade.merchant, changes={"answers_min": 10}, now=trade.at(NOVEMBER), actor=SYSTEM)
    assert (nps.unit, round(nps.value, 1), nps.n, nps.too_few) == ("score", Decimal("33.3"), 3, "")
    assert nps.high - nps.low > 100
    with pytest.raises(Invalid):
        profile.update(merchant=trade.merchant, changes={"answers_min": 0}, now=trade.at(NOVEMBER), actor=SYSTEM)


def test_the_months_before_are_a_sparkline(shown):
    spark = shown.tiles[4].spark
    assert [(p.starts_on.month, p.value) for p in spark] == [(8, 1000), (9, 1000), (10, 2300)]


def test_the_series_has_every_day_also_the_silent_ones(shown):
    assert shown.series.grain == "day"
    assert len(shown.series.points) == 31
    by_day = {p.starts_on.day: p for p in shown.series.points}
    assert (by_day[10].purchases, by_day[10].active_members, by_day[10].revenue_minor) == (3, 3, 6000)
    assert by_day[12].purchases == 0
    assert (by_day[31].guest_purchases, by_day[31].guest_revenue_minor) == (1, 5000)
    assert (shown.series.totals.purchases, shown.series.totals.revenue_minor) == (5, 11500)


def test_a_year_is_shown_by_months(trade, committed):
    with tenancy.tenant(trade.merchant):
        year = dashboard.overview(merchant=trade.merchant, period="2026", now=trade.at(NOVEMBER))
    assert year.series.grain == "month"
    assert [p.starts_on.month for p in year.series.points] == list(range(1, 12))
    assert year.series.points[7].enrolments == 4
    assert year.period.is_running


def test_periods_are_offered_and_anything_else_is_refused(shown, trade):
    keys = [choice.key for choice in shown.choices]
    assert keys[:4] == ["last_30", "last_90", "last_365", "2026-11"]
    assert {"2026-10", "2026-09", "2026-08", "2026-Q4", "2026-Q3", "2026"} <= set(keys)
    assert "2026-07" not in keys
    for wrong in ("", "2026-13", "2026-Q5", "last_31", "２０２６", "2026-10-01", "0000", "9999"):
        with pytest.raises(NoSuchPeriod):
            parse_period(wrong, merchant=trade.merchant, now=trade.at(NOVEMBER))


def test_cohorts_by_month_of_joining(shown, trade):
    august, september = dashboard.cohorts(merchant=trade.merchant)
    assert (august.joined_month, august.members, august.is_small) == (date(2026, 8, 1), 4, True)
    assert august.active == (2, 4, 3, 0)
    assert august.shares == (Decimal("50.0"), Decimal("100.0"), Decimal("75.0"), Decimal("0.0"))
    assert august.revenue_minor == (2000, 4000, 6500, 0)
    assert september.active == (0, 0, 0)


@pytest.mark.parametrize(
    ("metric", "which", "names"),
    [
        ("retention", "retained", ["ann", "ben", "cem"]),
        ("retention", "lost", ["dan"]),
        ("retention", "new", []),
        ("churn", "lost", ["dan"]),
        ("repeat_purchase_rate", "repeat", ["ann", "ben", "cem"]),
        ("loyal_customer_rate", "loyal", ["ann"]),
        ("average_order_value", "buyers", ["ann", "ben", "cem"]),
        ("nps", "promoters", ["ann", "ben"]),
        ("nps", "detractors", ["dan"]),
    ],
)
def test_behind_each_number_stand_exactly_its_members(shown, trade, metric, which, names):
    page = members_behind(merchant=trade.merchant, metric=metric, period="2026-10", which=which, now=trade.at(NOVEMBER))
    assert [m.id for m in page.members] == [trade.cast[name].public_id for name in names]
    assert page.total == len(names)
    tile = next(t for t in shown.tiles if t.metric == metric)
    counted = next(g.count for g in tile.groups if g.key == which)
    assert counted in (None, len(names))


def test_behind_answers_stand_days_and_no_invented_purchases(shown, trade):
    asked = {"merchant": trade.merchant, "period": "2026-10", "now": trade.at(NOVEMBER)}
    promoters = members_behind(metric="nps", which="promoters", **asked)
    assert [(m.purchases, m.revenue_minor, m.last_day) for m in promoters.members] == [(None, None, OCTOBER)] * 2
    assert [m.purchases for m in members_behind(metric="churn", which="lost", **asked).members] == [0]


def test_the_list_comes_in_pages(shown, trade):
    asked = {"merchant": trade.merchant, "metric": "retention", "period": "2026-10", "which": "retained"}
    first = members_behind(**asked, now=trade.at(NOVEMBER), limit=2)
    assert (len(first.members), first.total, first.next) == (2, 3, trade.cast["ben"].public_id)
    rest = members_behind(**asked, now=trade.at(NOVEMBER), limit=2, after=first.next)
    assert [m.id for m in rest.members] == [trade.cast["cem"].public_id]
    assert rest.next is None


def test_an_unknown_list_is_not_found(shown, trade):
    for metric, which in (("retention", "friends"), ("love", "lost"), ("insight", "weather")):
        with pytest.raises(NotFound):
            members_behind(
                merchant=trade.merchant, metric=metric, period="2026-10", which=which, now=trade.at(NOVEMBER)
            )


def test_an_unhappy_member_waits_for_an_answer_and_a_regular_is_missed(shown, trade):
    [waiting] = [a for a in shown.attention if a.kind == "detractors_waiting"]
    assert (waiting.title, waiting.members) == ("1 unhappy member has had no answer", 1)
    page = members_behind(
        merchant=trade.merchant, metric="insight", period="", which="detractors_waiting", now=trade.at(NOVEMBER)
    )
    assert [m.id for m in page.members] == [trade.cast["cem"].public_id]


def test_a_regular_who_stays_away_for_twice_their_gap_is_slipping(committed):
    trade = Trade()
    weekly, monthly, rare = trade.members(3)
    today = NOVEMBER
    with trade.open():
        trade.buys([(weekly, today - timedelta(days=n), 100) for n in (50, 43, 36, 29)])
        trade.buys([(monthly, today - timedelta(days=n), 100) for n in (119, 89, 59, 29)])
        trade.buys([(rare, today - timedelta(days=n), 100) for n in (300, 200)])
    runs.run(trade.merchant, now=trade.at(today))
    with tenancy.tenant(trade.merchant):
        [slipping] = dashboard.insights(merchant=trade.merchant)
        assert (slipping.kind, slipping.members, slipping.amount) == ("regulars_slipping", 1, 400)
        page = members_behind(
            merchant=trade.merchant, metric="insight", period="", which="regulars_slipping", now=trade.at(today)
        )
    assert [m.id for m in page.members] == [weekly.public_id]


def test_a_card_used_more_often_in_a_day_than_expected_is_flagged(committed):
    """The merchant expects five purchases a day at most: six are one too many, and two weeks later it is forgotten."""
    trade = Trade()
    family, regular = trade.members(2)
    day = NOVEMBER - timedelta(days=3)
    with trade.open():
        trade.buys([(family, day, 100)] * 6 + [(regular, day, 100)] * 5)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    with tenancy.tenant(trade.merchant):
        [busy] = dashboard.insights(merchant=trade.merchant)
        assert (busy.kind, busy.title, busy.amount) == ("unusually_busy", "1 member bought unusually often", 6)
        page = members_behind(
            merchant=trade.merchant, metric="insight", period="", which="unusually_busy", now=trade.at(NOVEMBER)
        )
        assert [(m.id, m.purchases, m.last_day) for m in page.members] == [(family.public_id, 6, day)]

    runs.run(trade.merchant, now=trade.at(NOVEMBER + timedelta(days=14)))
    with tenancy.tenant(trade.merchant):
        assert "unusually_busy" not in {each.kind for each in dashboard.insights(merchant=trade.merchant)}


def test_before_the_first_night_the_page_is_empty_and_says_so(committed):
    trade = Trade()
    with tenancy.tenant(trade.merchant):
        empty = dashboard.overview(merchant=trade.merchant, period="last_90", now=trade.at(NOVEMBER))
    assert (empty.tiles, empty.choices, empty.liability, empty.attention) == ((), (), None, ())
    assert empty.freshness == Freshness(None, False)
    assert len(empty.series.points) == 90


def test_the_words_are_translated_when_they_are_read(trade, committed):
    with tenancy.tenant(trade.merchant), translation.override("ko"):
        overview = dashboard.overview(merchant=trade.merchant, period="2026-10", now=trade.at(NOVEMBER))
    assert all(isinstance(tile.title, str) for tile in overview.tiles)


def test_csv_opens_without_running_anything(committed):
    trade = Trade()
    with trade.open():
        for name in ("=cmd|'/c calc'!A0", "+1", "-2", "@SUM(A1)", "\t=1", " =1", "\u00a0=1", "Ann\n=2", "김민지"):
            trade.buy(trade.member(name), OCTOBER)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    with tenancy.tenant(trade.merchant):
        rows = list(
            exports.member_rows(
                merchant=trade.merchant, metric="average_order_value", period="2026-10", which="buyers",
                now=trade.at(NOVEMBER),
            )
        )  # fmt: skip
        text = "".join(csv_cells.lines(rows))
    names = [csv_cells.safe(row[1]) for row in rows[1:]]
    assert [name[:1] for name in names] == ["'"] * 8 + ["김"]
    assert text.startswith("\ufeffMember,Name,Purchases,Revenue (USD)")
    assert csv_cells.safe("+821012345678") == "+821012345678"
    assert csv_cells.safe("+82 10|calc") == "'+82 10|calc"
    assert csv_cells.safe(-5) == "-5"
    assert csv_cells.safe(Decimal("-0.00000001")) == "-0.00000001"


def test_all_tables_can_be_taken_away(shown, trade):
    assert len(list(exports.metric_rows(merchant=trade.merchant))) > 50
    assert list(exports.cohort_rows(merchant=trade.merchant))[1] == (date(2026, 8, 1), 0, 4, 2, Decimal("20.00"))
    days = list(
        exports.series_rows(merchant=trade.merchant, grain="day", first=OCTOBER, end=OCTOBER + timedelta(days=2))
    )
    assert [row[1] for row in days] == ["Purchases", 3, 1]
    assert Member.objects.filter(merchant=trade.merchant).count() == 5
