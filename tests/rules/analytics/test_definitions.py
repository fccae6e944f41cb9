"""What the numbers mean, where two good readers would differ: on trade that can be counted in the head."""

from __future__ import annotations

import contextlib
import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.utils import translation

from analytics import dashboard, metrics, runs, verify
from analytics.answers import Dashboard, Tile
from analytics.members_behind import members_behind
from analytics.models import Figures, MetricValue
from merchants import tenancy
from tests import postgres_admin
from tests.rules.analytics.trade import Trade

pytestmark = pytest.mark.usefixtures("committed")

SEPTEMBER, OCTOBER, NOVEMBER = date(2026, 9, 10), date(2026, 10, 10), date(2026, 11, 1)


def overview(trade: Trade, period: str, on: date = NOVEMBER) -> Dashboard:
    with tenancy.tenant(trade.merchant):
        return dashboard.overview(merchant=trade.merchant, period=period, now=trade.at(on))


def tile(trade: Trade, metric: str, period: str = "2026-10", on: date = NOVEMBER) -> Tile:
    shown = overview(trade, period, on)
    return next(each for each in (*shown.tiles, *shown.beside) if each.metric == metric)


def proved(trade: Trade) -> None:
    assert verify.audit(trade.merchant).differences == ()


# -- visits and receipts -------------------------------------------------------------------------------------------


def test_two_receipts_of_one_evening_are_a_repeat_purchase_by_receipts_and_none_by_days():
    """CamDavidsonPilon/lifetimes#91, #244: three with two receipts an evening, one with four in four minutes, five
    others of whom three came on a second day and two once."""
    trade = Trade()
    people = trade.members(9)
    with trade.open():
        trade.buys([(m, OCTOBER, 500) for m in people[:3]] * 2)
        trade.buys([(people[3], OCTOBER, 500)] * 4)
        trade.buys([(m, OCTOBER, 500) for m in people[4:]])
        trade.buys([(m, SEPTEMBER, 500) for m in people[4:7]])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    by_receipts, by_days = tile(trade, "repeat_purchase_rate"), tile(trade, "repeat_purchase_rate_by_days")
    assert (by_receipts.parts, round(by_receipts.value, 1)) == ({"repeat": 7, "buyers": 9}, Decimal("77.8"))
    assert (by_days.parts, round(by_days.value, 1)) == ({"repeat": 3, "buyers": 9}, Decimal("33.3"))
    assert tile(trade, "loyal_customer_rate").parts == {"loyal": 1, "buyers": 9}
    assert tile(trade, "loyal_customer_rate_by_days").parts == {"loyal": 0, "buyers": 9}
    with tenancy.tenant(trade.merchant):
        behind = members_behind(
            merchant=trade.merchant, metric="repeat_purchase_rate_by_days", period="2026-10", which="repeat",
            now=trade.at(NOVEMBER),
        )  # fmt: skip
    assert [m.id for m in behind.members] == [m.public_id for m in people[4:7]]
    proved(trade)


def test_a_merged_member_who_bought_with_both_cards_on_one_day_came_once():
    trade = Trade()
    old, kept = trade.members(2)
    with trade.open():
        trade.buys([(old, OCTOBER, 100), (kept, OCTOBER, 100)])
        type(old).objects.filter(pk=old.pk).update(merged_into=kept, state="merged")
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    assert tile(trade, "repeat_purchase_rate").parts == {"repeat": 1, "buyers": 1}
    assert tile(trade, "repeat_purchase_rate_by_days").parts == {"repeat": 0, "buyers": 1}
    proved(trade)


# -- money -----------------------------------------------------------------------------------------------------------


def test_what_points_paid_and_what_was_free_is_shown_both_ways():
    """$10 in money, $10 of which points paid $4, and a free coffee: $20 over three, $16 over three, $20 over two."""
    trade = Trade()
    ann = trade.member("Ann")
    trade.buy(ann, OCTOBER, 1000)
    trade.buy(ann, OCTOBER, 1000, paid_with_points=400)
    trade.buy(ann, OCTOBER, 0)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    assert round(tile(trade, "average_order_value").value, 2) == Decimal("666.67")
    assert round(tile(trade, "average_order_value_in_money").value, 2) == Decimal("533.33")
    above_zero = tile(trade, "average_order_value_above_zero")
    assert (above_zero.value, above_zero.n) == (1000, 2)
    totals = overview(trade, "2026-10").series.totals
    assert (totals.revenue_minor, totals.points_paid_minor, totals.free_purchases) == (2000, 400, 1)
    proved(trade)


def test_a_refund_gives_the_part_that_points_paid_back_in_proportion():
    """Of $10, a third of a cent more than $3 of it paid with points: refunding $3.33 leaves $6.67 and $2.02 of points."""
    trade = Trade()
    ann = trade.member("Ann")
    sold = trade.buy(ann, OCTOBER, 1000, paid_with_points=301)
    trade.refund(sold, 333)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    totals = overview(trade, "2026-10").series.totals
    assert (totals.revenue_minor, totals.points_paid_minor) == (667, 301 - 100)  # 301 x 333 / 1000 = 100.2
    proved(trade)

    trade.refund(sold)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    assert overview(trade, "2026-10").series.totals.points_paid_minor == 0
    proved(trade)


@pytest.fixture
def negative_totals(committed):
    """Receipts below zero come once tills may send negative lines: until then the table refuses them, and is told not to."""
    with contextlib.closing(postgres_admin.superuser()) as superuser, superuser.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'rewards_purchase'::regclass "
            "AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%total_minor%'"
        )
        held = cursor.fetchall()
        for name, _definition in held:
            cursor.execute(f'ALTER TABLE rewards_purchase DROP CONSTRAINT "{name}"')
        yield
        # What the constraints refuse goes first: they are as they were for whoever compares the schema afterwards.
        cursor.execute("TRUNCATE rewards_purchase CASCADE")
        for name, definition in held:
            cursor.execute(f'ALTER TABLE rewards_purchase ADD CONSTRAINT "{name}" {definition}')


@pytest.mark.usefixtures("negative_totals")
def test_an_exchange_below_zero_lowers_revenue_and_is_no_purchase():
    """The rollup's own rows, as such a receipt leaves them: Ann buys for $10, and brings back goods worth $3 more than
    what she takes on another day.  Ben only brings back."""
    trade = Trade()
    ann, ben = trade.members(2)
    trade.buys([(ann, OCTOBER, 1000), (ann, OCTOBER + timedelta(days=1), -300), (ben, OCTOBER, -200)])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    order = tile(trade, "average_order_value")
    assert (order.value, order.n) == (500, 1)  # (1000 - 300 - 200) / 1
    assert tile(trade, "repeat_purchase_rate_by_days").parts == {"repeat": 0, "buyers": 1}
    with tenancy.tenant(trade.merchant):
        month = Figures.objects.get(merchant=trade.merchant, grain="month", starts_on=date(2026, 10, 1))
        assert (month.purchases, month.revenue_minor, month.active_members) == (1, 500, 1)
        behind = members_behind(
            merchant=trade.merchant, metric="average_order_value", period="2026-10", which="buyers",
            now=trade.at(NOVEMBER),
        )  # fmt: skip
    assert [(m.id, m.last_day, m.revenue_minor) for m in behind.members] == [(ann.public_id, OCTOBER, 700)]
    proved(trade)


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "is no purchase"), ("ko", "구매 건수에는 들어가지 않습니다"), ("zh-hant", "不算一筆消費")],
)
def test_the_order_value_says_what_becomes_of_a_receipt_below_zero(language, said):
    with translation.override(language):
        assert said in str(metrics.BY_KEY["average_order_value"].explanation)


# -- periods ---------------------------------------------------------------------------------------------------------


def test_a_period_that_was_computed_stays_however_old_it_becomes_and_is_kept_right():
    """Computed in 2026, still there in 2030; and a refund of then is taken off it."""
    trade = Trade()
    ann = trade.member("Ann")
    sold = trade.buy(ann, OCTOBER, 1000)
    trade.buy(ann, OCTOBER, 400)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    later = date(2030, 6, 1)
    runs.run(trade.merchant, now=trade.at(later))
    assert tile(trade, "average_order_value", on=later).value == 700
    assert {"2026-10", "2026-Q4", "2026"} <= {choice.key for choice in overview(trade, "2026-10", later).choices}

    trade.refund(sold, 200)
    runs.run(trade.merchant, now=trade.at(later))
    assert tile(trade, "average_order_value", on=later).value == 600
    proved(trade)
    runs.run(trade.merchant, now=trade.at(later), rebuild=True)
    assert tile(trade, "average_order_value", on=later).value == 600
    proved(trade)


def test_every_period_since_the_first_sale_has_its_numbers_also_where_the_history_came_later():
    """Six and a half years of it; then sales of 2014 are brought in, and the next night has those periods, too."""
    trade = Trade()
    ann = trade.member("Ann")
    trade.buy(ann, date(2020, 3, 5), 1000)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    for period in ("2020-03", "2020-Q1", "2020"):
        assert tile(trade, "average_order_value", period).value == 1000
    months = [each.key for each in overview(trade, "2020").choices if re.fullmatch("20[0-9]{2}-[0-9]{2}", each.key)]
    assert (len(months), months[0], months[-1]) == (80, "2026-10", "2020-03")
    proved(trade)

    trade.buy(ann, date(2014, 5, 6), 400)
    empty = overview(trade, "2014-05").empty
    assert empty is not None
    assert (empty.reason, empty.first_day) == ("before_first_day", date(2020, 3, 5)), "the night has not seen it yet"
    assert empty.detail == "As of last night, your first purchase or answer was on March 5, 2020."
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    assert tile(trade, "average_order_value", "2014-05").value == 400
    assert tile(trade, "average_order_value", "2020-03").value == 1000
    proved(trade)


def test_numbers_can_be_computed_and_proved_as_of_a_day(capsys):
    trade = Trade()
    trade.buy(trade.member("Ann"), date(2020, 3, 5), 1000)
    call_command("metrics", "verify", merchant=trade.merchant.slug, at=date(2020, 4, 1))
    assert "all agree" in capsys.readouterr().out
    call_command("metrics", "run", merchant=trade.merchant.slug, at=date(2020, 4, 1))
    assert tile(trade, "average_order_value", "2020-03").value == 1000
    # The last days of today are there again, and every month of the cohort.
    assert tile(trade, "average_order_value", "last_365").value is None
    with tenancy.tenant(trade.merchant):
        [cohort] = dashboard.cohorts(merchant=trade.merchant, basis="first_purchase")
    assert (cohort.active[:2], len(cohort.active) >= 80) == ((1, 0), True)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    assert tile(trade, "average_order_value", "2020-03").value == 1000
    proved(trade)


@pytest.mark.parametrize(
    ("period", "reason", "nearest"),
    [("2026-12", "not_begun", "2026-10"), ("2026-11", "not_begun", "2026-10"), ("2019-05", "before_first_day", "2026-09"),
     ("2018", "before_first_day", "2026")],
)  # fmt: skip
def test_a_period_without_numbers_says_why_and_where_there_are_some(period, reason, nearest):
    trade = Trade()
    ann = trade.member("Ann")
    trade.buys([(ann, SEPTEMBER, 100), (ann, OCTOBER, 100)])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    shown = overview(trade, period)
    assert shown.tiles == ()
    assert shown.empty is not None
    assert (shown.empty.reason, shown.empty.nearest.key) == (reason, nearest)
    assert shown.empty.detail
    assert overview(trade, "2026-10").empty is None


def test_before_the_first_night_a_period_says_that_it_is_still_to_come():
    trade = Trade()
    empty = overview(trade, "last_90").empty
    assert empty is not None
    assert (empty.reason, empty.nearest) == ("not_computed_yet", None)


def test_a_running_month_is_compared_with_the_same_days_and_does_not_alarm():
    """Ten bought in each of August, September and October, all on the 1st and the 20th.  On 11 November five have come:
    churn so far 50 %.  On as many days of October it was 0 %, and nobody is warned before the month's end."""
    trade = Trade()
    people = trade.members(10)
    with trade.open():
        for month in (8, 9, 10):
            trade.buys([(m, date(2026, month, day), 500) for m in people[:5] for day in (1, 20)])
            trade.buys([(m, date(2026, month, 20), 500) for m in people[5:]])
        trade.buys([(m, date(2026, 11, 1), 500) for m in people[:5]])
    on = date(2026, 11, 11)
    runs.run(trade.merchant, now=trade.at(on))

    churn = tile(trade, "churn", "2026-11", on)
    assert (churn.value, churn.previous, churn.change) == (50, 50, "same")
    assert (churn.is_alarming, churn.counted_until) == (False, on)
    order = overview(trade, "2026-11", on)
    assert (order.previous.starts_on, order.previous.ends_on) == (date(2026, 10, 1), date(2026, 10, 11))
    assert order.previous.label == "the first 10 days of 2026-10"
    assert order.series.totals.purchases == 5
    with tenancy.tenant(trade.merchant):
        before = dashboard.totals(merchant=trade.merchant, first=date(2026, 10, 1), end=date(2026, 10, 11))
    assert before.purchases == 5
    proved(trade)

    runs.run(trade.merchant, now=trade.at(date(2026, 12, 1)))
    churn = tile(trade, "churn", "2026-11", date(2026, 12, 1))
    assert (churn.value, churn.previous, churn.is_alarming) == (50, 0, True)
    with tenancy.tenant(trade.merchant):
        parts = MetricValue.objects.filter(merchant=trade.merchant, period_kind="month_part")
        assert not parts.exists()
    proved(trade)


def test_a_running_year_looks_back_365_days_from_yesterday_and_not_from_its_end():
    """On 3 January the year has two days; its repeat purchase rate still looks at 365."""
    trade = Trade()
    ann, ben = trade.members(2)
    trade.buys([(ann, OCTOBER, 100), (ann, date(2026, 11, 5), 100), (ben, date(2027, 1, 1), 100)])
    on = date(2027, 1, 3)
    runs.run(trade.merchant, now=trade.at(on))
    assert tile(trade, "repeat_purchase_rate", "2027", on).parts == {"repeat": 1, "buyers": 2}
    proved(trade)


def test_a_history_shorter_than_a_number_looks_back_is_said():
    trade = Trade()
    ann = trade.member("Ann")
    trade.buys([(ann, SEPTEMBER, 100), (ann, OCTOBER, 100)])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    assert tile(trade, "repeat_purchase_rate").counts_since == SEPTEMBER
    # September began before the first sale; October's comparison looks at all of September.
    assert tile(trade, "retention").counts_since == SEPTEMBER
    assert tile(trade, "average_order_value").counts_since is None

    later = date(2028, 2, 1)
    trade.buy(ann, date(2028, 1, 5), 100)
    runs.run(trade.merchant, now=trade.at(later))
    assert tile(trade, "repeat_purchase_rate", "2028-01", later).counts_since is None
    proved(trade)


def test_answers_before_the_first_sale_have_a_period():
    trade = Trade()
    trade.answers([10] * 12, date(2026, 7, 4))
    trade.buy(None, OCTOBER, 100)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    nps = tile(trade, "nps", "2026-07")
    assert (nps.value, nps.n) == (100, 12)
    proved(trade)


# -- how they are read -----------------------------------------------------------------------------------------------


def test_a_change_that_reads_as_nothing_is_no_change():
    """34,001 and 34,000 cents over a thousand orders: 34.001 and 34 read the same."""
    trade = Trade()
    trade.buys([(None, SEPTEMBER, 34)] * 1000 + [(None, OCTOBER, 34)] * 999 + [(None, OCTOBER, 35)])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    order = tile(trade, "average_order_value")
    assert (order.delta, order.change, order.is_good) == (Decimal("0.001"), "same", None)


def test_an_interval_lies_between_0_and_100_and_holds_its_number():
    """27 of 28 came again, 96.4 %: from 82.3 to 99.4, where the wider half on both sides would pass 100."""
    trade = Trade()
    people = trade.members(28)
    trade.buys([(m, SEPTEMBER, 100) for m in people] + [(m, OCTOBER, 100) for m in people[:27]])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    retention = tile(trade, "retention")
    assert [round(n, 1) for n in (retention.low, retention.value, retention.high)] == [
        Decimal("82.3"), Decimal("96.4"), Decimal("99.4"),
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ko", "zh-hant"])
def test_every_number_of_purchases_says_that_a_refund_changes_the_past(language):
    of_no_purchases = {"nps", "points_redeemed_rate"}
    with translation.override(language):
        texts = {metric.key: str(metric.remark) for metric in metrics.METRICS if metric.key not in of_no_purchases}
        english = str(metrics.METRICS[0].remark)
    assert set(texts.values()) == {english}
    with translation.override("en"):
        assert "A refund lowers the period of its purchase" in str(metrics.METRICS[0].remark)


def test_cohorts_go_by_joining_or_by_the_first_purchase_that_stands():
    """Ann and Ben joined in August; Ann bought in September and October, Ben in October only, Cem joined and never did.
    When September's purchase is refunded, Ann began in October."""
    trade = Trade()
    ann, ben, _cem = trade.members(3, joined=date(2026, 8, 5))
    first = trade.buy(ann, SEPTEMBER, 100)
    trade.buys([(ann, OCTOBER, 300), (ben, OCTOBER, 50)])
    runs.run(trade.merchant, now=trade.at(NOVEMBER))

    def cohorts(basis):
        with tenancy.tenant(trade.merchant):
            rows = dashboard.cohorts(merchant=trade.merchant, basis=basis)
        return [(row.joined_month.month, row.members, row.active[:3]) for row in rows]

    assert cohorts("joined") == [(8, 3, (0, 1, 2))]
    assert cohorts("first_purchase") == [(9, 1, (1, 1, 0)), (10, 1, (1, 0))]
    proved(trade)

    trade.refund(first)
    runs.run(trade.merchant, now=trade.at(NOVEMBER))
    assert cohorts("first_purchase") == [(10, 2, (2, 0))]
    proved(trade)
