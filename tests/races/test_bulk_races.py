"""A gift to a whole list, given by two workers at once, while Hana stops it and takes it back."""

from __future__ import annotations

import contextlib

import pytest
from django.db import connections

from rewards import bulk_acts, verify
from rewards.bulk_acts import BulkElsewhere, BulkGift
from rewards.models.corrections import Adjustment
from tests import builders
from tests.builders import OWNER
from tests.threads import returned

NAMES = [f"Member {number}" for number in range(12)]


@pytest.fixture
def cafe(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        cafe = builders.cafe()
        cafe.cast(*NAMES)
        yield cafe
        connections.close_all()


@pytest.fixture
def act(cafe):
    people = [person.id for person in cafe.people.values()]
    act = bulk_acts.choose(merchant=cafe.merchant, segment="everyone", pages=[people], now=cafe.now, actor=OWNER)
    turned(cafe, act, bulk_acts.start, gift=BulkGift("Opening party", points=50))
    return act


def turned(cafe, act, verb, **more):
    cafe.does(lambda: verb(merchant=cafe.merchant, public_id=act, now=cafe.now, actor=OWNER, **more))


def works(cafe):
    done = 0
    while taken := bulk_acts.work(merchant=cafe.merchant, now=cafe.now, limit=4):
        done += taken
    return done


def points(cafe):
    return [person.points()[0] for person in cafe.people.values()]


def found(cafe, act):
    each = cafe.does(lambda: bulk_acts.find(merchant=cafe.merchant, public_id=act))
    return each.state, each.waiting, each.given, each.undone


def test_two_workers_at_once_give_it_to_each_once(cafe, act):
    returned(*[lambda: works(cafe)] * 2)

    assert points(cafe) == [50] * 12
    assert found(cafe, act) == ("done", 0, 12, 0)
    assert cafe.does(lambda: Adjustment.objects.filter(merchant=cafe.merchant).count()) == 12
    assert verify.verify(merchant=cafe.merchant).faults == []


def test_stopped_and_undone_while_two_workers_give_it_nobody_has_it_in_the_end(cafe, act):
    """Whoever turns the act waits for the member under way: no gift follows its undoing."""

    def takes_it_back() -> int:
        # The workers may be through already; then it is undone from its end.
        with contextlib.suppress(BulkElsewhere):
            turned(cafe, act, bulk_acts.stop)
        turned(cafe, act, bulk_acts.undo)
        return works(cafe)

    def works_until_it_is_turned() -> int:
        return bulk_acts.work(merchant=cafe.merchant, now=cafe.now, limit=12)

    returned(takes_it_back, works_until_it_is_turned, works_until_it_is_turned)
    works(cafe)

    state, waiting, given, undone = found(cafe, act)
    assert points(cafe) == [0] * 12
    assert (state, given, waiting + undone) == ("undone", 0, 12)
    made = cafe.does(lambda: list(Adjustment.objects.filter(merchant=cafe.merchant).values_list("points", flat=True)))
    assert (made.count(50), made.count(-50)) == (undone, undone)
    assert verify.verify(merchant=cafe.merchant).faults == []
