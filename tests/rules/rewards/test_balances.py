"""The reader: exact at any instant, however late the sweep, and cheap."""

from __future__ import annotations

import pytest

from rewards import balances, verify
from rewards.models.accounts import Account
from rewards.models.ledger import Entry
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe():
    return builders.cafe()


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina")


def test_spendable_held_pending_and_when_they_end(cafe, mina):
    mina.is_given(100, expires="2026-06-30")
    mina.is_given(50, expires="2026-06-30")
    mina.is_given(70, active="2026-03-20", expires="2026-12-31")
    mina.is_given(5)
    mina.holds(reward="mug")

    found = mina.balance()

    assert (found.spendable, found.held, found.pending, found.debt) == (105, 50, 70, 0)
    assert [(one.at, one.points) for one in found.expiring] == [(cafe.instant("2026-06-30"), 100)]
    assert [(one.at, one.points) for one in found.activating] == [(cafe.instant("2026-03-20"), 70)]
    assert (found.tier, found.is_frozen, found.purchases_count) == ("green", False, 0)


def test_f29_three_days_after_a_missed_sweep_nothing_that_ended_counts(cafe, mina):
    mina.is_given(100, expires="2026-03-05")
    mina.is_given(40, active="2026-03-06", expires="2026-12-31")
    mina.is_given(30, active="2026-03-05", expires="2026-03-06")

    cafe.at("2026-03-08")

    assert mina.points() == (40, 0, 0, 0)
    assert cafe.does(lambda: Account.objects.get(pk=mina.account_id).balance) == 100, "nothing was written by looking"


def test_a_hold_whose_time_is_over_is_free_again_and_pays_debts_first(cafe, mina):
    mina.buys(10_000, external_id="s-1")
    mina.holds(reward="coffee")
    mina.returns("s-1", 4_000)
    assert mina.points() == (0, 100, 0, 40)

    cafe.forward(minutes=15)

    assert mina.points() == (60, 0, 0, 0)
    assert mina.lots() == [(60, "2027-03-05")]


def test_points_due_to_wake_pay_a_debt_before_they_count(cafe, mina):
    mina.buys(10_000, external_id="s-1")
    mina.redeems(reward="coffee")
    mina.returns("s-1")
    mina.is_given(130, active="2026-03-05")
    assert mina.points() == (0, 0, 130, 100)
    cafe.at("2026-03-05", "00:00")
    assert mina.points() == (30, 0, 0, 0)


def test_the_reader_says_what_the_next_journey_finds(cafe, mina):
    """Read, then let the ledger settle: the same to the last point."""
    mina.is_given(100, expires="2026-03-05")
    mina.is_given(100, active="2026-03-06")
    mina.holds(reward="coffee")
    cafe.at("2026-03-07")
    before = mina.balance()
    mina.is_adjusted(10)
    after = mina.balance()
    assert (after.spendable - 10, after.held, after.pending, after.debt) == (
        before.spendable, before.held, before.pending, before.debt,
    )  # fmt: skip


def test_the_lots_as_they_stand_and_those_used_up(cafe, mina):
    mina.is_given(100, expires="2026-06-30")
    mina.is_given(30, expires="2026-03-05")
    mina.is_given(70, active="2026-03-20")
    mina.redeems(reward="coffee")
    cafe.at("2026-03-06")

    def look(**options):
        found = cafe.does(lambda: balances.lots(merchant=cafe.merchant, member_id=mina.id, now=cafe.now, **options))
        return [(lot.state, lot.amount, lot.remaining) for lot in found]

    assert look() == [("active", 100, 30), ("pending", 70, 70)]
    assert look(is_open=False) == [("active", 100, 30), ("pending", 70, 70), ("lapsed", 30, 0)]


def test_the_ledger_tells_its_why_and_is_paged(cafe, mina):
    mina.buys(10_000, external_id="s-1")
    spent = mina.redeems(reward="mug")
    mina.is_adjusted(5, reason="spilt coffee")

    def page(**options):
        return cafe.does(lambda: balances.ledger(merchant=cafe.merchant, member_id=mina.id, **options))

    newest, redeemed, earned = page()
    assert (newest.document_kind, newest.reason, newest.actor) == ("adjustment", "spilt coffee", str(builders.OWNER))
    assert (redeemed.document_id, redeemed.rules, redeemed.balance_change) == (spent.public_id, ["mug"], -50)
    assert (earned.external_id, earned.rules, earned.terms_version, earned.seq) == ("s-1", ["base"], 1, 1)
    assert [entry.seq for entry in page(limit=2)] == [3, 2]
    assert [entry.seq for entry in page(limit=2, before_seq=2)] == [1]


def test_a_place_is_named_by_its_code(cafe, mina):
    mina.is_given(100)
    mina.redeems(reward="mug", location="main")
    entry = cafe.does(lambda: balances.ledger(merchant=cafe.merchant, member_id=mina.id))[0]
    assert entry.location == "main"


def test_many_members_are_read_in_one_statement(cafe, django_assert_num_queries):
    people = cafe.cast("Mina", "Jun", "Sora")
    for number, person in enumerate(people):
        person.is_given(10 + number)

    def look():
        with django_assert_num_queries(1):
            return balances.now(merchant=cafe.merchant, member_ids=[person.id for person in people], now=cafe.now)

    assert [balance.spendable for balance in cafe.does(look).values()] == [10, 11, 12]


def test_nobody_has_no_balance(cafe):
    assert cafe.does(lambda: balances.of_member(merchant=cafe.merchant, member_id=0, now=cafe.now)) is None


def test_an_account_of_another_unit_is_no_points_account():
    """Mina's store credit stands beside her 100 points: points are earned, spent, told and merged without it."""
    cafe = builders.cafe(transfers={})
    mina, jun = cafe.cast("Mina", "Jun")
    credit = cafe.does(lambda: Account.objects.create(merchant=cafe.merchant, member_id=mina.id, unit="KRW"))

    mina.buys(10_000)
    mina.redeems(points=40, order_total_minor=10_000)
    mina.gives(jun, 10)
    assert (mina.points(), jun.points()) == ((50, 0, 0, 0), (10, 0, 0, 0))
    mina.is_merged_into(jun)

    assert jun.points() == (60, 0, 0, 0)
    assert cafe.does(lambda: Entry.objects.filter(account=credit).count()) == 0
    assert verify.verify(merchant=cafe.merchant).faults == []
