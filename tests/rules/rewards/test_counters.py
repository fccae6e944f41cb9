"""Counters of limits: one table, changed by differences, locked in one order."""

from __future__ import annotations

import pytest

from merchants.database.statements import Writing
from rewards import counters
from rewards.counters import CounterName, Counters
from rewards.models.counters import Counter
from tests import builders

pytestmark = pytest.mark.django_db

CAKE, MUG, TEA = (counters.of_stock(reward) for reward in ("cake", "mug", "tea"))
DAY = counters.of_cap("member:coffee:day:2026-03-02")


@pytest.fixture
def cafe():
    return builders.cafe()


def used(cafe):
    rows = cafe.does(lambda: list(Counter.objects.order_by("key", "scope_id")))
    return {(row.scope, row.scope_id, row.key, row.unit): row.used for row in rows}


def locked(cafe, *keys):
    found = Counters()
    found.lock(cafe.merchant.pk, keys)
    return found


def write(cafe, found):
    writing = Writing(merchant_id=cafe.merchant.pk, actor="key:1", now=cafe.now)
    found.add_to(writing)
    writing.run()


def test_a_counter_says_whose_it_is_and_what_it_counts():
    assert DAY == ("member", "cap:coffee:day:2026-03-02", "points")
    assert DAY.of(7) == ("member", 7, "cap:coffee:day:2026-03-02", "points")
    assert counters.of_cap("programme:*:ever").of(7) == ("programme", 0, "cap:*:ever", "points")
    assert MUG == ("programme", 0, "stock:mug", "count")


def test_what_is_used_and_given_back_goes_out_as_differences(cafe):
    """Two mugs are taken, one comes back; of the tea more comes back than was ever taken."""

    def take():
        found = locked(cafe, MUG, TEA)
        found.add(MUG, 2)
        found.add(DAY.of(7), 30)
        write(cafe, found)

    def give_back():
        found = locked(cafe, MUG, TEA)
        assert (found.used(MUG), found.used(TEA)) == (2, 0)
        found.add(MUG, -1)
        found.add(TEA, -1)
        found.give_back_unread(DAY.of(7), 10)
        found.give_back_unread(DAY.of(8), 10)
        write(cafe, found)

    cafe.does(take)
    cafe.does(give_back)

    assert used(cafe) == {("member", 7, DAY.key, "points"): 20, MUG: 1, TEA: 0}


def test_going_back_undoes_what_came_after_the_mark_and_nothing_before(cafe):
    def work():
        found = locked(cafe, MUG)
        found.add(MUG, 1)
        mark = found.mark()
        found.add(MUG, 1)
        found.add(DAY.of(7), 5)
        assert (found.used(MUG), found.used(DAY.of(7))) == (2, 5)
        found.go_back(mark)
        assert (found.used(MUG), found.used(DAY.of(7))) == (1, 0)
        found.add(MUG, 3)
        found.go_back(mark)
        write(cafe, found)

    cafe.does(work)

    assert used(cafe) == {MUG: 1}


def test_what_all_members_share_is_not_changed_without_its_lock(cafe):
    with pytest.raises(AssertionError, match="stock:mug was changed without its lock"):
        Counters().add(MUG, 1)


def test_a_merge_adds_and_its_undoing_takes_off_what_the_source_says_then(cafe):
    other = CounterName("member", "budget:coffee:ever", "KRW")

    def start():
        found = Counters()
        for member, points in ((7, 30), (8, 50)):
            found.add(DAY.of(member), points)
        found.add(other.of(7), 900)
        write(cafe, found)

    cafe.does(start)
    cafe.does(lambda: counters.merge(cafe.merchant.pk, source=7, target=8))
    assert used(cafe) == {DAY.of(7): 30, DAY.of(8): 80, other.of(7): 900, other.of(8): 900}

    cafe.does(lambda: Counter.objects.filter(scope_id=7, unit="points").update(used=20))
    cafe.does(lambda: counters.unmerge(cafe.merchant.pk, source=7, target=8))
    assert used(cafe) == {DAY.of(7): 20, DAY.of(8): 60, other.of(7): 900, other.of(8): 0}


# -- the order of the locks -----------------------------------------------------------------------------------------------


def test_a_counter_that_is_needed_later_and_comes_later_is_locked_with_the_others(cafe):
    def work():
        found = locked(cafe, CAKE)
        found.lock(cafe.merchant.pk, [CAKE, MUG])
        found.add(MUG, 1)
        write(cafe, found)

    cafe.does(work)

    assert used(cafe) == {CAKE: 0, MUG: 1}
