"""The rollups follow every change, from wherever it comes, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.db import connection

from analytics import rollups, runs, verify
from analytics.models import GUESTS, Figures, MemberDay, MetricRun, MetricValue
from merchants import tenancy
from rewards import purchases
from tests import builders
from tests.rules.analytics.trade import Trade

pytestmark = pytest.mark.usefixtures("committed")

OCTOBER, NOVEMBER = date(2026, 10, 10), date(2026, 11, 1)


def member_days(trade: Trade) -> list[tuple[int, date, int, int]]:
    with tenancy.tenant(trade.merchant):
        rows = MemberDay.objects.filter(merchant=trade.merchant).order_by("member_id", "local_day")
        return list(rows.values_list("member_id", "local_day", "purchases", "revenue_minor"))


def run(trade: Trade, on: date = NOVEMBER) -> runs.Result:
    return runs.run(trade.merchant, now=trade.at(on))


def proved(trade: Trade) -> bool:
    report = verify.audit(trade.merchant)
    assert report.differences == ()
    assert report.checked > 100
    return report.unseen == 0


def test_a_day_is_one_row_however_often_somebody_bought():
    trade = Trade()
    ann = trade.member("Ann")
    trade.buys([(ann, OCTOBER, 1000), (ann, OCTOBER, 250), (None, OCTOBER, 500)])
    run(trade)
    assert member_days(trade) == [(0, OCTOBER, 1, 500), (ann.pk, OCTOBER, 2, 1250)]
    assert proved(trade)


def test_a_late_sale_finds_its_own_day_and_its_own_month():
    trade = Trade()
    ann = trade.member("Ann")
    trade.buy(ann, OCTOBER, 1000)
    run(trade)
    trade.buy(ann, date(2025, 3, 3), 700)
    trade.buy(ann, OCTOBER, 300)
    result = run(trade)
    assert result.member_days == 2
    assert member_days(trade) == [(ann.pk, date(2025, 3, 3), 1, 700), (ann.pk, OCTOBER, 2, 1300)]
    assert proved(trade)


def test_a_refund_is_dated_at_its_purchase_and_a_whole_one_takes_the_purchase_away():
    trade = Trade()
    ann = trade.member("Ann")
    kept, gone = trade.buys([(ann, OCTOBER, 1000), (ann, date(2026, 10, 11), 500)])
    run(trade)
    trade.refund(kept, 400)
    trade.refund(gone)
    run(trade, date(2026, 12, 1))
    assert member_days(trade) == [(ann.pk, OCTOBER, 1, 600)]
    with tenancy.tenant(trade.merchant):
        assert Figures.objects.get(merchant=trade.merchant, grain="day", starts_on=date(2026, 10, 11)).purchases == 0
        assert (
            Figures.objects.get(merchant=trade.merchant, grain="month", starts_on=date(2026, 10, 1)).revenue_minor
            == 600
        )
    assert proved(trade)


def test_something_free_from_the_start_is_a_purchase():
    trade = Trade()
    trade.buy(trade.member("Ann"), OCTOBER, 0)
    run(trade)
    assert [row[2:] for row in member_days(trade)] == [(1, 0)]
    assert proved(trade)


def test_something_free_that_came_back_whole_is_no_purchase_any_more():
    """Through the till: two free coffees, and an even exchange of which a half comes back; one coffee is left."""
    cafe = builders.cafe()
    mina = cafe.member("Mina")
    for external_id, lines in (("kept", (0,)), ("gone", (0,)), ("even", (-5_000, 5_000))):
        sold = purchases.PurchaseInput(
            external_id=external_id, occurred_at=cafe.now, currency="KRW", total_minor=0, member=mina.ref,
            lines=tuple(purchases.LineInput(amount_minor=won) for won in lines),
        )  # fmt: skip
        cafe.does(
            lambda sold=sold: purchases.record(merchant=cafe.merchant, items=[sold], now=cafe.now, actor=builders.TILL)
        )
    mina.returns("gone")
    mina.returns("even", 2_500)

    runs.run(cafe.merchant, now=cafe.forward(days=1))

    with tenancy.tenant(cafe.merchant):
        rows = MemberDay.objects.values_list("purchases", "free_purchases", "revenue_minor")
        assert list(rows) == [(1, 1, -2_500)]
    assert verify.audit(cafe.merchant).differences == ()


def test_a_claimed_purchase_leaves_the_guests():
    trade = Trade()
    ann = trade.member("Ann")
    purchase = trade.buy(None, OCTOBER, 900)
    run(trade)
    with trade.open():
        type(purchase).objects.filter(pk=purchase.pk).update(member=ann, xid=_this_transaction())
    run(trade)
    assert member_days(trade) == [(ann.pk, OCTOBER, 1, 900)]
    assert proved(trade)


def test_a_claim_that_is_undone_gives_the_purchase_back_to_the_guests():
    cafe = builders.cafe()
    trade, mina = Trade(), cafe.member("Mina")
    trade.merchant = cafe.merchant
    cafe.sells_to_a_guest(10_000, "guest-1")
    claimed = mina.claims("guest-1")
    run(trade)
    (row,) = member_days(trade)
    assert (row[0], row[2:]) == (mina.id, (1, 10_000))

    cafe.does(
        lambda: purchases.unclaim(
            merchant=cafe.merchant, claim=claimed.public_id, reason="Jisoo's", now=cafe.now, actor=builders.OWNER
        )
    )
    run(trade)

    assert member_days(trade) == [(GUESTS, *row[1:])]
    assert proved(trade)


def test_running_again_takes_nothing_in_and_changes_nothing():
    trade = Trade()
    trade.buys([(m, OCTOBER, 100) for m in trade.members(20)])
    run(trade)
    before = member_days(trade), _values(trade)
    again = run(trade)
    assert (again.member_days, again.entries) == (0, 0)
    assert (member_days(trade), _values(trade)) == before


def test_a_sale_still_in_flight_during_the_run_is_seen_by_the_next(django_db_blocker):
    trade = Trade()
    ann = trade.member("Ann")
    trade.buy(ann, OCTOBER, 100)
    run(trade)
    with _other_session(trade) as other:
        other.execute(
            "INSERT INTO rewards_purchase (merchant_id, public_id, external_id, fingerprint, receipt, actor, occurred_at, "
            "recorded_at, state, member_id, local_day, terminal, channel, currency, total_minor, tax_minor, "
            "points_paid_minor, refunded_minor, tenders, facts, points_earned, points_clawed_back, qualifying_points, "
            "refunded_unnamed_minor, qualifying_minor, rounding_minor, has_returns, is_time_unknown, came_back_whole) "
            "SELECT merchant_id, 'pur_inflight', 'in-flight', '', '{}', 'test', occurred_at, recorded_at, 'recorded', "
            "member_id, local_day, '', '', currency, 50, 0, 0, 0, '[]', '{}', 0, 0, 0, 0, 0, 0, false, false, false "
            "FROM rewards_purchase "
            "WHERE merchant_id = %s",
            [trade.merchant.pk],
        )
        # A younger one commits first; the older one's id must not be passed over.
        trade.buy(ann, OCTOBER, 25)
        run(trade)
        assert member_days(trade) == [(ann.pk, OCTOBER, 2, 125)]
        other.connection.commit()
    run(trade)
    assert member_days(trade) == [(ann.pk, OCTOBER, 3, 175)]
    assert proved(trade)


def test_midnight_in_seoul_parts_two_days_and_two_months():
    trade = Trade(zone="Asia/Seoul", currency="KRW")
    minji = trade.member("김민지")
    trade.buy(minji, datetime(2026, 10, 31, 14, 59, 59, tzinfo=UTC), 4500)  # 23:59:59 on the 31st
    trade.buy(minji, datetime(2026, 10, 31, 15, 0, 0, tzinfo=UTC), 5500)  # midnight
    runs.run(trade.merchant, now=datetime(2026, 11, 2, 3, tzinfo=UTC))
    assert member_days(trade) == [
        (minji.pk, date(2026, 10, 31), 1, 4500),
        (minji.pk, date(2026, 11, 1), 1, 5500),
    ]
    with tenancy.tenant(trade.merchant):
        months = Figures.objects.filter(merchant=trade.merchant, grain="month", purchases__gt=0).order_by("starts_on")
        assert list(months.values_list("starts_on", "revenue_minor")) == [
            (date(2026, 10, 1), 4500),
            (date(2026, 11, 1), 5500),
        ]
    assert proved(trade)


def test_the_days_on_which_new_york_changes_its_clock_are_whole_days():
    trade = Trade()
    ann = trade.member("Ann")
    # 1 November 2026 has 25 hours: 01:30 happens twice, and 04:59 UTC of the 2nd is still the 1st.
    for hour, minute in ((4, 0), (5, 30), (6, 30)):
        trade.buy(ann, datetime(2026, 11, 1, hour, minute, tzinfo=UTC), 100)
    trade.buy(ann, datetime(2026, 11, 2, 4, 59, tzinfo=UTC), 100)
    trade.buy(ann, datetime(2026, 11, 2, 5, 0, tzinfo=UTC), 1)
    # 8 March 2026 has 23.
    trade.buy(ann, datetime(2026, 3, 9, 3, 59, tzinfo=UTC), 7)
    run(trade, date(2026, 11, 3))
    assert member_days(trade) == [
        (ann.pk, date(2026, 3, 8), 1, 7),
        (ann.pk, date(2026, 11, 1), 4, 400),
        (ann.pk, date(2026, 11, 2), 1, 1),
    ]
    assert proved(trade)


def test_two_merchants_do_not_see_each_other():
    books, cafe = Trade(), Trade(zone="Asia/Seoul", currency="KRW", name="카페")
    ann, minji = books.member("Ann"), cafe.member("김민지")
    books.buy(ann, OCTOBER, 100)
    cafe.buy(minji, OCTOBER, 9000)
    run(books)
    assert member_days(cafe) == []
    run(cafe)
    assert member_days(books) == [(ann.pk, OCTOBER, 1, 100)]
    assert member_days(cafe) == [(minji.pk, OCTOBER, 1, 9000)]


def test_a_restored_dump_on_another_cluster_starts_all_over_from_the_purchases():
    trade = Trade()
    ann = trade.member("Ann")
    trade.buy(ann, OCTOBER, 100)
    run(trade)
    with tenancy.tenant(trade.merchant):
        # As if the marks had come from elsewhere, where ids were far ahead of ours.
        MetricRun.objects.filter(merchant=trade.merchant).update(cluster="another", seen_through=2**60)
        MemberDay.objects.filter(merchant=trade.merchant).update(revenue_minor=1)
    trade.buy(ann, OCTOBER, 20)
    run(trade)
    assert member_days(trade) == [(ann.pk, OCTOBER, 2, 120)]
    assert proved(trade)


def test_rows_of_a_restored_dump_are_taken_in_whatever_their_transactions_say(monkeypatch):
    """Restored rows carry ids of a cluster far ahead.  The first run on the new one dies after its first piece."""
    trade = Trade()
    ann, ben = trade.members(2)
    trade.buys([(ann, OCTOBER, 100)] * 5 + [(ben, OCTOBER, 40)] * 2)
    run(trade)
    with tenancy.tenant(trade.merchant), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_purchase SET xid = (2^60)::bigint::text::xid8 WHERE merchant_id = %s", [trade.merchant.pk]
        )
        MetricRun.objects.filter(merchant=trade.merchant).update(cluster="another", seen_through=2**61)
    refill = rollups.refill_purchases

    def dying(*, merchant, after, chunk):
        if after:
            raise RuntimeError("the power went")
        return refill(merchant=merchant, after=after, chunk=chunk)

    monkeypatch.setattr(rollups, "refill_purchases", dying)
    with pytest.raises(RuntimeError):
        runs.run(trade.merchant, now=trade.at(NOVEMBER), chunk=1)
    assert member_days(trade) == [(ann.pk, OCTOBER, 5, 500)]
    monkeypatch.undo()
    runs.run(trade.merchant, now=trade.at(NOVEMBER), chunk=1)
    assert member_days(trade) == [(ann.pk, OCTOBER, 5, 500), (ben.pk, OCTOBER, 2, 80)]
    runs.run(trade.merchant, now=trade.at(NOVEMBER), rebuild=True)
    assert member_days(trade) == [(ann.pk, OCTOBER, 5, 500), (ben.pk, OCTOBER, 2, 80)]
    assert proved(trade)
    assert verify.audit(trade.merchant).unseen == 0


def test_a_big_history_is_taken_in_by_pieces_of_many_transactions():
    trade = Trade()
    people = trade.members(7)
    for person in people:
        trade.buys([(person, OCTOBER, 10)] * 3)
    result = runs.run(trade.merchant, now=trade.at(NOVEMBER), chunk=4)
    # Twenty purchases a piece: one person's three are parted by the first, and their day is looked at twice.
    assert result.member_days == 8
    assert {row[2:] for row in member_days(trade)} == {(3, 30)}
    assert proved(trade)


def test_merging_two_rollup_pieces_reads_only_what_changed():
    trade = Trade()
    people = trade.members(50)
    trade.buys([(m, OCTOBER, 10) for m in people])
    run(trade)
    trade.buy(people[0], OCTOBER, 5)
    with tenancy.tenant(trade.merchant):
        last = MetricRun.objects.filter(merchant=trade.merchant).order_by("-id").first()
        assert last is not None
        step = rollups.refresh_purchases(
            merchant=trade.merchant, start=last.seen_through or 0, end=rollups.horizon().open
        )
    assert (step.rows, step.first_day) == (1, OCTOBER)


def _values(trade: Trade) -> list[tuple[object, ...]]:
    with tenancy.tenant(trade.merchant):
        rows = MetricValue.objects.filter(merchant=trade.merchant).order_by("metric", "period_kind", "starts_on")
        return list(rows.values_list("metric", "period_kind", "starts_on", "value", "low", "high", "n"))


def _this_transaction():
    from rewards.models.purchases import CurrentTransaction

    return CurrentTransaction()


class _other_session:  # noqa: N801 - reads as a phrase
    """A second till in the middle of its transaction."""

    def __init__(self, trade: Trade) -> None:
        self.trade = trade

    def __enter__(self):
        import psycopg2
        from django.db import connection

        self.connection = psycopg2.connect(**connection.get_connection_params())
        cursor = self.connection.cursor()
        cursor.execute("SELECT set_config('app.merchant_id', %s, true)", [str(self.trade.merchant.pk)])
        return cursor

    def __exit__(self, *_error: object) -> None:
        self.connection.close()


def test_a_receipt_below_zero_lowers_the_revenue_of_its_day_and_is_no_purchase():
    """Ann buys for 100; Bo only brings something back for 30: one purchase, one buyer, 70 of revenue."""
    trade = Trade()
    ann, bo = trade.member("Ann"), trade.member("Bo")
    trade.buy(ann, OCTOBER, 100)
    trade.buy(bo, OCTOBER, -30)
    run(trade)

    assert sorted(member_days(trade)) == sorted([(ann.pk, OCTOBER, 1, 100), (bo.pk, OCTOBER, 0, -30)])
    assert proved(trade)
    with trade.open():
        day = Figures.objects.get(merchant=trade.merchant, grain="day", starts_on=OCTOBER)
    assert (day.purchases, day.active_members, day.revenue_minor) == (1, 1, 70)
