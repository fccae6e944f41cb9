"""Merging two memberships: everything travels by entries, the old id forwards one hop, and it can be undone."""

from __future__ import annotations

import dataclasses
import functools
import random

import pytest

from members.models import Card, Member
from merchants import ids
from merchants.errors import Invalid, LoyaltyError
from rewards import earning, erasure, merging, parties, safeguards, verify, versions
from rewards.models.accounts import Account
from rewards.models.counters import Counter
from rewards.models.ledger import Entry
from rewards.models.purchases import Purchase
from rewards.points import AccountFrozen
from rewards.sales import returns
from rewards.sales.stored import load
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe():
    return builders.cafe()


@pytest.fixture
def old(cafe):
    return cafe.member("Old Mina", phone="+821012345678")


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina", email="mina@example.org")


def undo(cafe, merged):
    return cafe.does(
        lambda: merging.unmerge(merchant=cafe.merchant, merge=merged.public_id, now=cafe.now, actor=builders.OWNER)
    )


def row(cafe, person):
    return cafe.does(lambda: Member.objects.get(pk=person.id))


def test_lots_travel_with_their_expiry_and_pending_stays_pending(cafe, old, mina):
    old.is_given(30, expires="2026-06-30")
    old.is_given(40, active="2026-03-20", expires="2026-12-31")
    mina.is_given(5)

    merged = old.is_merged_into(mina)

    assert (merged.points, merged.debt) == (70, 0)
    assert mina.lots() == [(30, "2026-06-30"), (40, "2026-12-31"), (5, "never")]
    assert mina.points() == (35, 0, 40, 0)
    cafe.at("2026-03-20", "00:00")
    assert mina.points() == (75, 0, 0, 0)


def test_no_entry_changes_account(cafe, old, mina):
    old.is_given(30)
    before = cafe.does(lambda: list(Entry.objects.filter(account_id=old.account_id).values_list("id", "account_id")))
    old.is_merged_into(mina)
    after = cafe.does(lambda: list(Entry.objects.filter(account_id=old.account_id).values_list("id", "account_id")))
    assert after[: len(before)] == before
    assert (old.entries(), mina.entries()) == ([("accrue", 30), ("transfer_out", -30)], [("transfer_in", 30)])


def test_cards_and_missing_contacts_move(cafe, old, mina):
    cafe.does(lambda: Card.objects.create(merchant=cafe.merchant, number="8801", member_id=old.id, issued_at=cafe.now))
    old.is_merged_into(mina)
    assert (row(cafe, mina).phone, row(cafe, mina).email) == ("+821012345678", "mina@example.org")
    assert (row(cafe, old).phone, row(cafe, old).state, row(cafe, old).merged_into_id) == (None, "merged", mina.id)
    assert cafe.does(lambda: Card.objects.get(number="8801").member_id) == mina.id


def test_whoever_names_the_old_member_reaches_the_new_one(cafe, old, mina):
    old.is_merged_into(mina)
    old.buys(10_000)
    assert (old.entries(), mina.points()[0]) == ([], 100)


def test_a_forwarding_row_is_always_one_hop(cafe, old, mina):
    older = cafe.member("Older Mina")
    older.is_given(7)
    older.is_merged_into(old)
    old.is_merged_into(mina)
    assert row(cafe, older).merged_into_id == mina.id
    assert mina.points()[0] == 7


def test_purchases_count_for_the_new_member_and_the_tier_is_rated_again(cafe, old, mina):
    old.buys(300_000)
    mina.buys(250_000)
    assert mina.balance().tier == "green"

    old.is_merged_into(mina)

    assert (mina.balance().tier, mina.balance().purchases_count) == ("gold", 2)


def test_a_refund_after_the_merge_takes_the_travelled_points_back(cafe, old, mina):
    old.buys(10_000, external_id="s-1")
    old.is_merged_into(mina)
    mina.returns("s-1", 4_000)
    assert mina.points() == (60, 0, 0, 0)


def test_a_redemption_before_the_merge_is_undone_after_it_with_the_old_expiry(cafe, old, mina):
    old.is_given(60, expires="2026-06-30")
    old.is_given(60, expires="2026-12-31")
    done = old.redeems(reward="coffee")
    old.is_merged_into(mina)
    assert mina.lots() == [(20, "2026-12-31")]

    mina.reverses(done.public_id)

    assert sorted(mina.lots()) == [(20, "2026-12-31"), (40, "2026-12-31"), (60, "2026-06-30")]
    assert old.points() == (0, 0, 0, 0)


def test_spent_on_a_purchase_points_come_back_to_the_new_member(cafe, old, mina):
    old.is_given(100, expires="2026-06-30")
    old.buys(9_000, external_id="s-1", redeeming=[{"points": 90}])
    mina.is_given(5)
    mina.returns("s-1", 3_000)
    old.is_merged_into(mina)
    mina.returns("s-1")
    assert mina.points() == (105, 0, 0, 0)


def test_a_limited_reward_taken_before_the_merge_was_taken(cafe, old, mina):
    old.is_given(30)
    mina.is_given(30)
    old.redeems(reward="cake")
    old.is_merged_into(mina)
    with pytest.raises(Exception) as refusal:
        mina.redeems(reward="cake")
    assert refusal.value.code == "reward_limit_reached"


def test_a_debt_travels_too(cafe, old, mina):
    old.buys(10_000, external_id="s-1")
    old.redeems(reward="coffee")
    old.returns("s-1")
    mina.is_given(30)
    merged = old.is_merged_into(mina)
    assert merged.debt == 100
    assert (old.points(), mina.points()) == ((0, 0, 0, 0), (0, 0, 0, 70))


def test_open_holds_come_first(cafe, old, mina):
    old.is_given(100)
    hold = old.holds(reward="coffee")
    with pytest.raises(merging.OpenHolds):
        old.is_merged_into(mina)
    assert mina.points() == (0, 0, 0, 0)
    cafe.forward(minutes=15)
    old.is_merged_into(mina)
    assert (mina.points()[0], mina.state_of(hold.public_id)) == (100, "expired")


def test_merging_twice_is_merging_once(cafe, old, mina):
    old.is_given(10)
    first = old.is_merged_into(mina)
    again = old.is_merged_into(mina)
    assert (again.is_replay, again.public_id, again.points) == (True, first.public_id, 10)
    with pytest.raises(merging.MergedAlready):
        old.is_merged_into(cafe.member("Sora"))
    with pytest.raises(Invalid):
        mina.is_merged_into(mina)
    with pytest.raises(Invalid):
        mina.is_merged_into(old)


def test_undone_everything_is_back(cafe, old, mina):
    cafe.does(lambda: Card.objects.create(merchant=cafe.merchant, number="8801", member_id=old.id, issued_at=cafe.now))
    old.is_given(30, expires="2026-06-30")
    old.buys(300_000, external_id="s-1")
    mina.buys(250_000)
    merged = old.is_merged_into(mina)

    undone = undo(cafe, merged)

    assert (undone.points, undone.purchases, undone.cards) == (3_030, 1, 1)
    assert old.points() == (3_030, 0, 0, 0)
    assert old.lots()[0] == (30, "2026-06-30")
    assert mina.points() == (2_500, 0, 0, 0)
    assert (old.balance().tier, mina.balance().tier) == ("green", "green")
    assert (old.balance().purchases_count, mina.balance().purchases_count) == (1, 1)
    assert (row(cafe, old).state, row(cafe, old).phone, row(cafe, mina).phone) == ("active", "+821012345678", None)
    assert cafe.does(lambda: Purchase.objects.get(external_id="s-1").member_id) == old.id
    again = undo(cafe, merged)
    assert (again, again.is_replay) == (dataclasses.replace(undone, is_replay=True), True)


def test_undone_only_what_is_still_there_goes_back(cafe, old, mina):
    old.is_given(80, expires="2026-06-30")
    mina.is_given(50)
    merged = old.is_merged_into(mina)
    mina.redeems(reward="mug")  # from the lot that ends first: 30 of the 80 are left

    undone = undo(cafe, merged)

    assert (undone.points, old.points()[0], mina.points()[0]) == (30, 30, 50)


def test_a_later_merge_is_undone_first(cafe, old, mina):
    older = cafe.member("Older Mina")
    older.is_given(7)
    first = older.is_merged_into(old)
    second = old.is_merged_into(mina)
    with pytest.raises(merging.MergedFurther):
        undo(cafe, first)
    undo(cafe, second)
    assert row(cafe, older).merged_into_id == old.id
    undo(cafe, first)
    assert [person.points()[0] for person in (older, old, mina)] == [7, 0, 0]


def test_a_blocked_membership_is_blocked_again_when_its_merge_is_undone(cafe, old, mina):
    cafe.does(lambda: Member.objects.filter(pk=old.id).update(state="blocked"))
    undo(cafe, old.is_merged_into(mina))
    assert (row(cafe, old).state, row(cafe, mina).state) == ("blocked", "active")


def test_a_merge_is_not_undone_when_the_person_was_forgotten(cafe, old, mina):
    """Whoever was merged is the same person and was forgotten with them: nobody comes back to life."""
    old.is_given(7)
    merged = old.is_merged_into(mina)
    cafe.does(
        lambda: erasure.leave(
            merchant=cafe.merchant, member=Member.objects.get(pk=mina.id), now=cafe.now, actor=builders.OWNER
        )
    )

    with pytest.raises(merging.MergeNotFound):
        undo(cafe, merged)

    assert (row(cafe, old).state, row(cafe, mina).state) == ("erased", "erased")
    assert cafe.does(lambda: Account.objects.get(pk=old.account_id).closed_at) is not None


def test_nobody_unknown_or_erased_is_merged(cafe, old, mina):
    cafe.does(lambda: Member.objects.filter(pk=mina.id).update(state="erased"))
    with pytest.raises(parties.MemberNotFound):
        old.is_merged_into(mina)
    mina.public_id = ids.mint("mem")
    with pytest.raises(parties.MemberNotFound):
        old.is_merged_into(mina)


def test_an_account_being_checked_is_not_merged(cafe, old, mina):
    old.is_given(10)
    cafe.does(lambda: Account.objects.filter(pk=mina.account_id).update(frozen_at=cafe.now))
    with pytest.raises(AccountFrozen):
        old.is_merged_into(mina)
    assert old.points()[0] == 10


def test_an_honest_account_agrees_after_two_merges_though_it_is_looked_at_alone(cafe, old, mina):
    """Reconciliation goes chunk by chunk: what Older Mina's entries say counts for Mina, who is in another chunk."""
    older = cafe.member("Older Mina")
    older.buys(10_000, external_id="hers")
    older.redeems(reward="cake")
    first, second = older.is_merged_into(old), old.is_merged_into(mina)
    mina.returns("hers", 1_000)
    assert each_looked_at_alone(cafe) == []

    undo(cafe, second)
    undo(cafe, first)
    assert each_looked_at_alone(cafe) == []


def each_looked_at_alone(cafe):
    looks = [
        cafe.does(functools.partial(verify.verify_members, merchant=cafe.merchant, member_ids=[person.id]))
        for person in cafe.people.values()
    ]
    return [str(fault) for report in looks for fault in report.faults]


# -- caps: what each of them used, while they are one and when they are two again -----------------------------------------

CAPPED = {**builders.PROGRAMME["earning"]["rules"][0], "caps": [{"points": 150, "per": "day"}]}
SHARED = {"points": 1_000, "per": "day", "scope": "programme"}


@pytest.fixture
def frugal():
    """1 point for 100 won, at most 150 a member and 1,000 all together in a day."""
    shop = builders.cafe(earning={"rules": [CAPPED], "caps": [SHARED]})
    yield shop
    assert buckets(shop) == from_scratch(shop)


def buckets(shop):
    """What the counters say, by member (0 is everybody's) and period."""
    rows = shop.does(lambda: list(Counter.objects.filter(merchant=shop.merchant, used__gt=0)))
    closed = Account.objects.filter(closed_at__isnull=False)
    forwarding = shop.does(lambda: set(closed.values_list("member_id", flat=True)))
    return {(row.scope_id, row.key): row.used for row in rows if row.scope_id not in forwarding}


def from_scratch(shop):
    """The same, added up from what is left of every purchase, by the facts each was sold with."""

    def add_up():
        timeline, found = versions.timeline(shop.merchant.pk), {}
        for purchase in Purchase.objects.filter(merchant=shop.merchant, member__isnull=False):
            sale = load(shop.merchant, purchase.pk)
            worth = earning.evaluate(
                timeline.numbered(sale.terms_version).terms, returns.net(sale), sale.facts, zone=sale.zone
            )
            for key, points in worth.cap_uses:
                scope, cap = key.split(":", 1)
                place = (0 if scope == "programme" else purchase.member_id, f"cap:{cap}")
                found[place] = found.get(place, 0) + points
        return found

    return shop.does(add_up)


def test_a_refund_while_they_are_one_is_given_back_to_whoever_bought_it(frugal):
    """Old Mina used 100 of the day's 150, Mina 50.  Old Mina's goods come back while the two are one."""
    old, mina = frugal.cast("Old Mina", "Mina")
    old.buys(10_000, external_id="hers")
    mina.buys(5_000)
    merged = old.is_merged_into(mina)
    mina.returns("hers")
    assert mina.buys(20_000).receipt["points_earned"] == 100, "of 150 the two have used 50"

    undo(frugal, merged)

    assert buckets(frugal) == from_scratch(frugal)
    assert old.buys(20_000).receipt["points_earned"] == 150
    assert mina.buys(20_000).receipt["points_earned"] == 0


def test_so_it_is_with_a_part_of_it_and_through_two_merges(frugal):
    older, old, mina = frugal.cast("Older Mina", "Old Mina", "Mina")
    older.buys(6_000, external_id="hers")
    old.buys(3_000)
    mina.buys(2_000)
    first = older.is_merged_into(old)
    second = old.is_merged_into(mina)
    mina.returns("hers", 4_000)
    assert sum(used for (member, _key), used in buckets(frugal).items() if member == mina.id) == 70

    for merged in (second, first):
        undo(frugal, merged)

    assert [person.buys(20_000).receipt["points_earned"] for person in (older, old, mina)] == [130, 120, 130]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_they_do_the_counters_are_what_their_purchases_used(frugal, seed):
    dice = random.Random(seed)
    people, merges, sales = frugal.cast("Ara", "Bora", "Chae"), [], []
    for step in range(40):
        act = dice.choice(["buy", "buy", "refund", "merge", "unmerge"])
        if act == "buy":
            sales.append(f"{seed}-{step}")
            dice.choice(people).buys(dice.randrange(1, 60) * 100, external_id=sales[-1])
        elif act == "refund" and sales:
            name = dice.choice(sales)
            left = frugal.does(functools.partial(Purchase.objects.get, external_id=name))
            if left.refunded_minor < left.total_minor:
                people[0].returns(left.external_id, dice.randrange(1, left.total_minor - left.refunded_minor + 1))
        elif act == "merge" and len(merges) < 2:
            leaving, staying = dice.sample(people, 2)
            try:
                merges.append(leaving.is_merged_into(staying))
            except (Invalid, merging.MergedAlready):
                continue
        elif act == "unmerge" and merges:
            undo(frugal, merges.pop())
        assert buckets(frugal) == from_scratch(frugal), (step, act)


def test_whose_spending_was_stopped_spends_nothing_as_the_other_either():
    cafe = builders.cafe()
    mina, ara = cafe.member("Mina"), cafe.member("Ara")
    ara.is_given(100)
    cafe.does(lambda: safeguards.stop_spending(
        merchant=cafe.merchant, member=Member.objects.get(pk=mina.id), now=cafe.now, actor=builders.OWNER))  # fmt: skip
    mina.is_merged_into(ara)
    with pytest.raises(LoyaltyError) as refused:
        ara.redeems(reward="coffee")
    assert refused.value.code == "spending_stopped"
    assert ara.points() == (100, 0, 0, 0)
