"""The six numbers, on trade that can be counted in the head."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from analytics import dashboard, runs, verify
from analytics.answers import Tile
from analytics.models import MetricValue
from merchants import profile, tenancy
from merchants.actors import SYSTEM
from tests.rules.analytics.trade import Trade

pytestmark = pytest.mark.usefixtures("committed")

SEPTEMBER, OCTOBER, NOVEMBER = date(2026, 9, 10), date(2026, 10, 10), date(2026, 11, 1)


def number(trade: Trade, metric: str, kind: str = "month", starts_on: date = date(2026, 10, 1)) -> MetricValue:
    with tenancy.tenant(trade.merchant):
        return MetricValue.objects.get(merchant=trade.merchant, metric=metric, period_kind=kind, starts_on=starts_on)


def test_200_start_230_end_58_new_retains_86_percent_and_loses_14():
    trade = Trade()
    start, new = trade.members(200), trade.members(58)
    with trade.open():
        trade.buys([(m, SEPTEMBER, 500) for m in start])
        trade.buys([(m, OCTOBER, 500) for m in start[:172] + new])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    retention, churn = number(trade, "retention"), number(trade, "churn")
    assert retention.value == Decimal("0.86000000")
    assert retention.parts == {"start": 200, "end": 230, "new": 58, "retained": 172, "lost": 28}
    assert (retention.n, retention.numerator, retention.denominator) == (200, 172, 200)
    assert churn.value == Decimal("0.14000000")
    assert churn.parts == {"start": 200, "lost": 28, "retained": 172, "pauses": 172, "longer": 0}
    # Wilson's interval of 172 of 200.
    assert (round(retention.low, 4), round(retention.high, 4)) == (Decimal("0.8051"), Decimal("0.9013"))
    assert churn.low == 1 - retention.high
    assert churn.high == 1 - retention.low


def test_270_of_1000_buyers_came_again_and_85_came_four_times():
    trade = Trade()
    people = trade.members(1000)
    trade.members(200)  # who never bought
    with trade.open():
        trade.buys([(m, OCTOBER, 500) for m in people])
        trade.buys([(m, SEPTEMBER, 500) for m in people[:270]])
        trade.buys([(m, SEPTEMBER, 500) for m in people[:85]] * 2)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    assert number(trade, "repeat_purchase_rate").value == Decimal("0.27000000")
    assert number(trade, "repeat_purchase_rate").parts == {"repeat": 270, "buyers": 1000}
    assert number(trade, "repeat_share_of_all").value == Decimal("0.22500000")
    assert number(trade, "repeat_share_of_all").parts == {"repeat": 270, "members": 1200}
    assert number(trade, "loyal_customer_rate").value == Decimal("0.08500000")
    assert number(trade, "loyal_customer_rate").parts == {"loyal": 85, "buyers": 1000}


def test_12345_over_300_orders_is_41_15_each():
    trade = Trade()
    ann = trade.member("Ann")
    with trade.open():
        trade.buys([(ann if n % 2 else None, OCTOBER, 4115) for n in range(300)])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    aov = number(trade, "average_order_value")
    assert aov.value == Decimal("4115.00000000")
    assert aov.parts == {
        "revenue_minor": 1_234_500,
        "purchases": 300,
        "guest_revenue_minor": 617_250,
        "guest_purchases": 150,
        "points_paid_minor": 0,
        "free_purchases": 0,
    }
    assert (aov.low, aov.high) == (None, None)


def test_52_promoters_and_14_detractors_of_100_score_38():
    trade = Trade()
    trade.buy(None, OCTOBER)
    trade.answers([9] * 26 + [10] * 26 + [8] * 20 + [7] * 14 + [6] * 7 + [0] * 7, OCTOBER)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    nps = number(trade, "nps")
    assert nps.value == Decimal("38.00000000")
    assert nps.parts == {"answers": 100, "promoters": 52, "detractors": 14, "passives": 34}
    # sqrt((0.52 + 0.14 - 0.38²) / 100) = 0.0718; times 1.96 = 14.1.
    assert round(nps.high - nps.value, 1) == Decimal("14.1")
    assert nps.value - nps.low == nps.high - nps.value


def test_of_a_member_the_newest_answer_of_a_period_counts():
    trade = Trade()
    ann, ben = trade.members(2)
    trade.buy(ann, OCTOBER)
    trade.answers([0, 10], date(2026, 10, 3), [ann, ben])
    trade.answers([9], date(2026, 10, 20), [ann])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    assert number(trade, "nps").value == 100
    assert number(trade, "nps").n == 2


def test_nothing_to_divide_by_is_no_number_rather_than_zero():
    trade = Trade()
    trade.buy(trade.member("Ann"), OCTOBER)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    retention, nps = number(trade, "retention"), number(trade, "nps")
    assert (retention.value, retention.low, retention.high, retention.n) == (None, None, None, 0)
    assert (nps.value, nps.n) == (None, 0)


def test_a_running_month_is_kept_so_far_and_the_last_30_days_end_yesterday():
    trade = Trade()
    ann, ben = trade.members(2)
    with trade.open():
        trade.buys(
            [(ann, OCTOBER, 100), (ben, OCTOBER, 100), (ann, date(2026, 11, 21), 100), (ben, date(2026, 11, 22), 100)]
        )
    runs.run(trade.merchant, now=trade.at(date(2026, 11, 22), hour=18))

    # Ben's purchase of today is not in a month counted up to yesterday.
    running = number(trade, "retention", "month", date(2026, 11, 1))
    assert (running.value, running.counted_until, running.ends_on) == (
        Decimal("0.5"), date(2026, 11, 22), date(2026, 12, 1),
    )  # fmt: skip
    rolling = number(trade, "retention", "days_30", date(2026, 10, 23))
    assert rolling.ends_on == date(2026, 11, 22)
    assert rolling.parts == {"start": 2, "end": 1, "new": 0, "retained": 1, "lost": 1}


def test_quarters_and_years_have_their_own_numbers():
    trade = Trade()
    ann, ben = trade.members(2)
    with trade.open():
        trade.buys([(ann, date(2026, 5, 5), 100), (ben, date(2026, 6, 6), 100), (ann, date(2026, 8, 8), 300)])
        trade.buys([(ann, date(2025, 2, 2), 100)])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    assert number(trade, "retention", "quarter", date(2026, 7, 1)).value == Decimal("0.5")
    assert number(trade, "retention", "year", date(2026, 1, 1)).value == 1
    assert number(trade, "average_order_value", "quarter", date(2026, 7, 1)).value == 300


def test_a_merged_membership_counts_as_the_one_it_became_until_that_is_undone():
    trade = Trade()
    old, kept = trade.members(2)
    with trade.open():
        trade.buys([(old, SEPTEMBER, 100), (kept, OCTOBER, 100)])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    assert number(trade, "retention").value == 0

    with trade.open():
        type(old).objects.filter(pk=old.pk).update(merged_into=kept, state="merged")
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    assert number(trade, "retention").value == 1
    assert number(trade, "repeat_purchase_rate").parts == {"repeat": 1, "buyers": 1}

    with trade.open():
        type(old).objects.filter(pk=old.pk).update(merged_into=None, state="active")
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    assert number(trade, "retention").value == 0


def churn_shown(trade: Trade, period: str) -> Tile:
    with tenancy.tenant(trade.merchant):
        shown = dashboard.overview(merchant=trade.merchant, period=period, now=trade.at(NOVEMBER))
    return next(tile for tile in shown.tiles if tile.metric == "churn")


def test_a_churn_is_too_much_when_the_members_own_pauses_do_not_explain_it():
    """Twenty come every fortnight, three pauses each; twenty after seven weeks, and ten of these again after three: 20 of
    90 pauses were longer than October's 31 days, 22.3 %.  Ten of September's forty stay away: 25 % is a little more."""
    trade = Trade()
    often, seldom = trade.members(20), trade.members(20)
    with trade.open():
        for day in (date(2026, 8, 20), date(2026, 9, 3), date(2026, 9, 17), date(2026, 10, 1)):
            trade.buys([(m, day, 500) for m in often])
        trade.buys([(m, date(2026, 8, 12), 500) for m in seldom])
        trade.buys([(m, date(2026, 9, 30), 500) for m in seldom])
        trade.buys([(m, date(2026, 10, 20), 500) for m in seldom[:10]])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    shown = churn_shown(trade, "2026-10")
    assert (shown.parts["pauses"], shown.parts["longer"]) == (90, 20)
    assert (shown.value, shown.alert_above, shown.is_alarming) == (25, Decimal("22.3"), True)
    assert "20 of 90 pauses" in shown.alert_reason

    assert verify.audit(trade.merchant).differences == ()

    quarter = churn_shown(trade, "2026-Q3")
    assert (quarter.parts["longer"], quarter.alert_above) == (0, 7)


def test_few_pauses_say_nothing_and_the_merchant_may_say_where_it_wants_to_be_warned():
    trade = Trade()
    ann, ben, cho = trade.members(3)
    trade.buys([(m, SEPTEMBER, 500) for m in (ann, ben, cho)])
    trade.buys([(m, OCTOBER, 500) for m in (ann, ben)])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    shown = churn_shown(trade, "2026-10")
    assert (round(shown.value), shown.alert_above, shown.is_alarming) == (33, 7, True)
    assert "rule of thumb" in shown.alert_reason

    with tenancy.tenant(trade.merchant):
        profile.update(
            merchant=trade.merchant, changes={"churn_alert_percent": 40}, now=trade.at(NOVEMBER), actor=SYSTEM
        )
    shown = churn_shown(trade, "2026-10")
    assert (shown.alert_above, shown.is_alarming) == (40, False)
    assert shown.alert_reason == "You are warned above 40 %, as your settings say."
