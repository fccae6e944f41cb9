"""The ledger: lots in memory, movements that refuse before they change anything, and entries that cannot be changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, connection

from rewards.models.accounts import Account
from rewards.models.ledger import Entry, Lot
from rewards.points import AccountState, Book, Cause, InsufficientPoints, LotState, TooManyPoints, chain
from rewards.terms import Inactivity
from tests import builders

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HAND = "key:key_1"


def days(number):
    return NOON + timedelta(days=number)


class Pocket:
    """An account in memory, spoken to shortly."""

    def __init__(self):
        self.account = AccountState(1, 1, 0, 0, 0, 0, 0, b"", has_all_lots=True)

    def earns(self, points, *, ends=None, active=0, purchase=None, now=NOON):
        return self.account.accrue(
            Cause("purchase", purchase or 1, now), points=points, active_at=days(active),
            expires_at=days(ends) if ends is not None else None, purchase_id=purchase, now=now, actor=HAND,
        )  # fmt: skip

    def does(self, verb, now=NOON, **call):
        return getattr(self.account, verb)(Cause("redemption", 7, now), now=now, actor=HAND, **call)

    def left(self):
        return [lot.remaining for lot in self.account.lots]

    def figures(self):
        account = self.account
        return account.balance, account.held, account.pending, account.debt

    def kinds(self):
        return [entry.kind for entry in self.account.written]


@pytest.fixture
def pocket():
    return Pocket()


def test_what_ends_first_is_spent_first_and_what_never_ends_last(pocket):
    for points, ends in ((10, None), (10, 30), (10, 5)):
        pocket.earns(points, ends=ends)
    pocket.does("redeem", points=15)
    assert pocket.left() == [10, 5, 0]


def test_of_lots_that_end_together_the_older_is_spent_first(pocket):
    pocket.earns(10, ends=5, now=NOON)
    pocket.earns(10, ends=5, active=-1, now=days(-1))
    pocket.does("redeem", points=4)
    assert pocket.left() == [10, 6]


def test_a_refusal_changes_nothing(pocket):
    pocket.earns(10)
    before = len(pocket.account.written)
    for verb in ("redeem", "hold"):
        with pytest.raises(InsufficientPoints) as refusal:
            pocket.does(verb, points=11)
        assert refusal.value.context == {"spendable": 10, "missing": 1}
    assert (pocket.left(), pocket.figures(), len(pocket.account.written)) == ([10], (10, 0, 0, 0), before)


def test_pending_points_are_not_spent_and_do_not_pay_debts(pocket):
    lot = pocket.earns(10, active=2, ends=9)
    assert pocket.figures() == (0, 0, 10, 0)
    pocket.account.debt = 4
    pocket.account.settle_time(now=days(1), actor=HAND)
    assert pocket.figures() == (0, 0, 10, 4)

    pocket.account.settle_time(now=days(2), actor=HAND)

    assert (pocket.figures(), lot.remaining) == ((6, 0, 0, 0), 6)
    assert pocket.kinds() == ["accrue", "activate", "settle"]


def test_f29_a_late_look_does_in_order_what_time_did(pocket):
    """Woken on day 2, paid the debt, and the rest ended on day 5; looked at on day 9."""
    pocket.earns(10, active=2, ends=5)
    pocket.account.debt = 4
    pocket.account.settle_time(now=days(9), actor=HAND)
    assert pocket.figures() == (0, 0, 0, 0)
    assert [(entry.kind, entry.cause.occurred_at) for entry in pocket.account.written[1:]] == [
        ("activate", days(2)), ("settle", days(2)), ("expire", days(5)),
    ]  # fmt: skip


def test_f31_entries_are_in_the_order_of_their_number_although_the_clock_steps_back(pocket):
    pocket.earns(10, now=NOON)
    pocket.earns(10, active=-1, now=days(-1))
    assert [entry.seq for entry in pocket.account.written] == [1, 2]
    assert pocket.account.written[1].balance_after == 20


def test_points_that_have_ended_already_come_and_go(pocket):
    pocket.earns(10, ends=-1)
    assert (pocket.figures(), pocket.kinds()) == ((0, 0, 0, 0), ["accrue", "expire"])


def test_f12_what_cannot_be_taken_back_becomes_a_debt(pocket):
    pocket.earns(100, purchase=5)
    pocket.does("redeem", points=70)
    assert pocket.does("claw_back", points=100, purchase_id=5) == (30, 70)
    assert pocket.figures() == (0, 0, 0, 70)


def test_a_refund_takes_its_own_points_first_and_leaves_others_pending_and_held_points_alone(pocket):
    own_pending = pocket.earns(10, purchase=5, active=3)
    own = pocket.earns(10, purchase=5, ends=90)
    other = pocket.earns(10, purchase=6, ends=1)
    other_pending = pocket.earns(10, purchase=6, active=3)
    pocket.does("hold", points=10)  # the one that ends first

    assert pocket.does("claw_back", points=25, purchase_id=5) == (20, 5)

    assert [lot.remaining for lot in (own_pending, own, other, other_pending)] == [0, 0, 10, 10]
    assert pocket.figures() == (10, 10, 10, 5)


def test_a_referrals_own_pending_points_go_first(pocket):
    own = pocket.earns(10, active=3)
    pocket.earns(10)
    assert pocket.does("claw_back", points=10, purchase_id=None, own_lots=[own]) == (10, 0)
    assert pocket.figures() == (10, 0, 0, 0)


def test_nothing_is_taken_from_lots_that_were_not_read(pocket):
    pocket.earns(10)
    pocket.account.has_all_lots = False
    for call in ({"points": 5}, {"points": 5, "purchase_id": None}):
        with pytest.raises(AssertionError, match="read"):
            pocket.does("claw_back" if "purchase_id" in call else "redeem", **call)


@pytest.mark.parametrize("points", [0, -1])
def test_nothing_and_less_cannot_be_spent(pocket, points):
    pocket.earns(10)
    with pytest.raises(AssertionError):
        pocket.does("redeem", points=points)


def test_f19_no_account_holds_more_than_json_counts_exactly(pocket):
    lot = pocket.earns(2**53 - 1)
    pocket.does("redeem", points=10)
    pocket.earns(10)
    for verb, call in (("accrue", {"active_at": NOON, "expires_at": None}), ("give_back", {"takes": [(lot, 1)]})):
        with pytest.raises(TooManyPoints):
            pocket.does(verb, points=1, **call)
    assert pocket.account.balance == 2**53 - 1


def test_going_back_to_a_mark_undoes_everything_since(pocket):
    lot = pocket.earns(10)
    mark = pocket.account.mark()
    pocket.does("redeem", points=4)
    pocket.earns(5)
    pocket.account.go_back(mark)
    assert (pocket.left(), pocket.figures(), pocket.kinds(), pocket.account.lots == [lot]) == (
        [10], (10, 0, 0, 0), ["accrue"], True,
    )  # fmt: skip


def test_activity_moves_sliding_lots_and_wakes_none_that_ended(pocket):
    open_lot, over, fixed = pocket.earns(1, ends=5), pocket.earns(1, ends=1), pocket.earns(1, ends=5)
    open_lot.sliding = over.sliding = Inactivity(count=10, unit="days")
    pocket.account.settle_time(now=days(2), actor=HAND)
    pocket.account.extend(at=days(2), now=days(2), zone=ZoneInfo("UTC"))
    assert open_lot.expires_at == datetime(2026, 3, 17, tzinfo=UTC)
    assert (over.expires_at, fixed.expires_at) == (days(1), days(5))


def test_points_that_come_back_from_a_merge_pay_an_open_debt(pocket):
    lot = pocket.earns(10)
    pocket.does("hand_over", parts=[(lot, 10)])
    pocket.does("claw_back", points=4, purchase_id=None)
    assert pocket.figures() == (0, 0, 0, 4)
    pocket.does("take_back", parts=[(lot, 10)])
    assert (pocket.figures(), pocket.left()) == ((6, 0, 0, 0), [6])


# -- the chain --------------------------------------------------------------------------------------------------------


LINK = {
    "account_id": 1, "seq": 1, "kind": "accrue", "changes": (1, 0, 0, 0), "balance_after": 1, "document": ("purchase", 1),
    "rules": ["a", "b"], "terms_version": 1, "location_id": None, "actor": HAND, "reason": "", "occurred_at": NOON,
    "recorded_at": NOON,
}  # fmt: skip
OTHERWISE = {
    "account_id": 2, "seq": 2, "kind": "adjust", "changes": (0, 1, 0, 0), "balance_after": 2, "document": ("refund", 1),
    "rules": ["ab"], "terms_version": None, "location_id": 1, "actor": "key:key_2", "reason": "x",
    "occurred_at": NOON + timedelta(microseconds=1), "recorded_at": NOON + timedelta(microseconds=1),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERWISE)
def test_the_hash_covers_everything_an_entry_says(name):
    assert chain.link(b"", **LINK) != chain.link(b"", **{**LINK, name: OTHERWISE[name]})


def test_the_hash_covers_the_entry_before():
    assert chain.link(b"", **LINK) != chain.link(b"x", **LINK)


# -- in the database ----------------------------------------------------------------------------------------------------


@pytest.fixture
def mina(db):
    mina = builders.cafe().member("Mina")
    mina.is_given(100)
    return mina


@pytest.mark.parametrize("model", [Entry])
@pytest.mark.parametrize("act", ["update", "delete"])
def test_entries_are_neither_changed_nor_removed(mina, model, act):
    with pytest.raises(DatabaseError) as refusal:
        mina.shop.does(
            lambda: model.objects.update(reason="nothing") if act == "update" else model.objects.all().delete()
        )
    assert "permission denied" in str(refusal.value)


def test_the_table_of_entries_is_not_emptied(mina):
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        mina.shop.does(lambda: cursor.execute("TRUNCATE rewards_entry"))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"balance": -1}, "balance_not_negative"),
        ({"balance": 2**53}, "balance_exact_in_json"),
        ({"held": 101}, "held_within_balance"),
        ({"pending": -1}, "pending_not_negative"),
        ({"debt": 1}, "debt_only_when_nothing_is_spendable"),
        ({"member": None}, "account_has_the_owner_of_its_kind"),
        ({"owner_kind": "nobody"}, "account_has_the_owner_of_its_kind"),
    ],
)
def test_the_database_refuses_an_impossible_account(mina, change, name):
    with pytest.raises(DatabaseError) as refusal:
        mina.shop.does(lambda: Account.objects.filter(pk=mina.account_id).update(**change))
    assert name in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"remaining": 101}, "lot_held_within_remaining_within_amount"),
        ({"held": 101}, "lot_held_within_remaining_within_amount"),
        ({"amount": 0, "remaining": 0}, "lot_amount_positive"),
        ({"is_active": False, "held": 1}, "a_pending_lot_holds_nothing"),
    ],
)
def test_the_database_refuses_an_impossible_lot(mina, change, name):
    with pytest.raises(DatabaseError) as refusal:
        mina.shop.does(lambda: Lot.objects.filter(account_id=mina.account_id).update(**change))
    assert name in str(refusal.value)


def test_a_book_is_written_once(mina):
    def write_twice():
        book = Book.open(mina.shop.merchant.pk, account_ids=[mina.account_id], now=NOON, actor=HAND)
        for _time in range(2):
            book.accounts[mina.account_id].redeem(Cause("redemption", 1, NOON), points=1, now=NOON, actor=HAND)
            book.write()

    with pytest.raises(AssertionError, match="once"):
        mina.shop.does(write_twice)


def test_only_what_is_due_is_read_for_earning(mina):
    cafe = mina.shop
    mina.is_given(10, expires="2026-03-05")
    mina.is_given(10, active="2026-03-06")
    cafe.at("2026-03-10")

    def look(**options):
        return Book.open(cafe.merchant.pk, account_ids=[mina.account_id], now=cafe.now, actor=HAND, **options)

    assert sorted(
        len(cafe.does(lambda each=each: look(for_spending=each)).accounts[mina.account_id].lots)
        for each in (True, False)
    ) == [2, 3]


@pytest.mark.parametrize(("remaining", "held"), [(-6, 0), (0, 6), (-3, 3), (0, -1)])
def test_no_entry_leaves_a_lot_with_less_than_nothing_or_more_held_than_there_is(remaining, held):
    lot = LotState(5, 5, True, NOON, NOON, None)
    with pytest.raises(AssertionError, match="a lot of"):
        lot.change(remaining, held)
