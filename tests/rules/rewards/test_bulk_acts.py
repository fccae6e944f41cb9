"""Hana gives all members of a list 50 points; the worker does it one by one, and may be killed whenever it likes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from members.models import Member
from merchants import audit, ids, tenancy
from merchants.actors import Actor
from merchants.errors import Invalid
from rewards import adjustments, bulk_acts
from rewards.adjustments import MayNotAdjust
from rewards.bulk_acts import BulkElsewhere, BulkGift, BulkNotFound
from rewards.models.bulk import BulkAct, BulkMember
from rewards.models.corrections import Adjustment
from rewards.verify import verify
from tests import builders
from tests.builders import MANAGER, OWNER

pytestmark = pytest.mark.django_db
FIFTY = BulkGift("Opening party", points=50)


class Killed(BaseException):
    """As good as SIGKILL."""


@pytest.fixture
def cafe(db):
    cafe = builders.cafe()
    cafe.cast("Anna", "Bora", "Chris", "Dani", "Emma")
    return cafe


def chosen(cafe, *names):
    people = [cafe.people[name].id for name in names or cafe.people]
    return bulk_acts.choose(
        merchant=cafe.merchant, segment="everyone", pages=[people[:2], people[2:]], now=cafe.now, actor=OWNER
    )


def turned(cafe, verb, act, *, actor=OWNER, **more):
    return cafe.does(lambda: verb(merchant=cafe.merchant, public_id=act, now=cafe.now, actor=actor, **more))


def started(cafe, *names, gift=FIFTY, actor=OWNER):
    act = chosen(cafe, *names)
    turned(cafe, bulk_acts.start, act, gift=gift, actor=actor)
    return act


def works(cafe, limit=bulk_acts.CHUNK):
    return bulk_acts.work(merchant=cafe.merchant, now=cafe.now, limit=limit)


def works_to_the_end(cafe):
    while works(cafe):
        pass


def found(cafe, act):
    return cafe.does(lambda: bulk_acts.find(merchant=cafe.merchant, public_id=act))


def balances(cafe):
    return [person.points()[0] for person in cafe.people.values()]


def counts(cafe, act):
    each = found(cafe, act)
    return each.state, each.waiting, each.given, each.refused, each.undone, each.kept


def test_all_who_were_chosen_have_it_once_and_it_is_in_the_books(cafe):
    act = started(cafe)
    assert (counts(cafe, act), balances(cafe)) == (("running", 5, 0, 0, 0, 0), [0] * 5)

    works_to_the_end(cafe)

    assert (counts(cafe, act), balances(cafe)) == (("done", 0, 5, 0, 0, 0), [50] * 5)
    assert works(cafe) == 0
    with tenancy.tenant(cafe.merchant):
        actions = [record.action for record in audit.newest(merchant=cafe.merchant)]
    assert (actions.count("points.adjusted"), actions.count("bulk.started")) == (5, 1)
    assert verify(merchant=cafe.merchant).faults == []


def test_nobody_is_given_anything_before_it_is_started_or_by_starting_twice(cafe):
    act = chosen(cafe)
    works_to_the_end(cafe)
    assert balances(cafe) == [0] * 5
    for _twice in range(2):
        turned(cafe, bulk_acts.start, act, gift=FIFTY)
    works_to_the_end(cafe)
    turned(cafe, bulk_acts.start, act, gift=BulkGift("More", points=999))
    works_to_the_end(cafe)
    assert balances(cafe) == [50] * 5


def test_who_joins_after_the_choice_is_not_among_them(cafe):
    act = started(cafe)
    late = cafe.member("Late")
    works_to_the_end(cafe)
    assert (found(cafe, act).members, late.points()[0]) == (5, 0)


@pytest.mark.parametrize("at", range(1, 6))
@pytest.mark.parametrize("when", ["before the points", "after the points"])
def test_killed_inside_a_member_nobody_has_it_twice_or_not_at_all(cafe, monkeypatch, at, when):
    act = started(cafe)
    adjust, calls = adjustments.adjust, []

    def dies(**known):
        calls.append(known)
        if len(calls) == at and when == "before the points":
            raise Killed
        done = adjust(**known)
        if len(calls) == at:
            raise Killed
        return done

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(adjustments, "adjust", dies)
        works(cafe)
    assert (counts(cafe, act), sum(balances(cafe))) == (("running", 6 - at, at - 1, 0, 0, 0), 50 * (at - 1))

    works_to_the_end(cafe)

    assert (counts(cafe, act), balances(cafe)) == (("done", 0, 5, 0, 0, 0), [50] * 5)
    assert cafe.does(lambda: Adjustment.objects.filter(merchant=cafe.merchant).count()) == 5


def test_killed_between_two_turns_the_next_goes_on(cafe):
    act = started(cafe)
    assert works(cafe, limit=2) == 2
    assert (counts(cafe, act), balances(cafe)) == (("running", 3, 2, 0, 0, 0), [50, 50, 0, 0, 0])
    works_to_the_end(cafe)
    assert balances(cafe) == [50] * 5


def test_stopped_it_gives_to_nobody_else_until_it_goes_on(cafe):
    act = started(cafe)
    works(cafe, limit=2)
    turned(cafe, bulk_acts.stop, act)
    works_to_the_end(cafe)
    assert (counts(cafe, act), balances(cafe)) == (("stopped", 3, 2, 0, 0, 0), [50, 50, 0, 0, 0])
    turned(cafe, bulk_acts.resume, act)
    works_to_the_end(cafe)
    assert balances(cafe) == [50] * 5


def test_stopped_inside_a_turn_the_rest_of_the_turn_is_left(cafe, monkeypatch):
    act = started(cafe)
    adjust = adjustments.adjust

    def stops_after(**known):
        done = adjust(**known)
        BulkAct.objects.filter(public_id=act).update(state="stopped")
        return done

    with monkeypatch.context() as patch:
        patch.setattr(adjustments, "adjust", stops_after)
        works(cafe)
    assert (counts(cafe, act), balances(cafe)) == (("stopped", 4, 1, 0, 0, 0), [50, 0, 0, 0, 0])


def test_all_of_it_is_undone_but_where_it_is_spent_and_that_can_be_tried_again(cafe):
    act = started(cafe)
    works_to_the_end(cafe)
    bora = cafe.people["Bora"]
    bora.redeems(reward="cake")  # 30 of her 50
    turned(cafe, bulk_acts.undo, act)
    works(cafe, limit=1)  # and killed
    works_to_the_end(cafe)

    assert (counts(cafe, act), balances(cafe)) == (("undone", 0, 0, 0, 4, 1), [0, 20, 0, 0, 0])
    (kept,) = cafe.does(lambda: bulk_acts.refusals(merchant=cafe.merchant, public_id=act, limit=10))
    assert (kept.name, bool(kept.detail)) == ("Bora", True)

    bora.is_given(30)
    turned(cafe, bulk_acts.undo, act)
    works_to_the_end(cafe)
    assert (counts(cafe, act), balances(cafe)) == (("undone", 0, 0, 0, 5, 0), [0] * 5)
    assert verify(merchant=cafe.merchant).faults == []


def test_undone_half_way_those_who_wait_get_nothing_more(cafe):
    act = started(cafe)
    works(cafe, limit=2)
    turned(cafe, bulk_acts.stop, act)
    turned(cafe, bulk_acts.undo, act)
    works_to_the_end(cafe)
    assert (counts(cafe, act), balances(cafe)) == (("undone", 3, 0, 0, 2, 0), [0] * 5)
    with pytest.raises(BulkElsewhere):
        turned(cafe, bulk_acts.resume, act)


def test_who_was_merged_into_another_chosen_one_does_not_bring_them_a_second_gift(cafe):
    act = started(cafe)
    cafe.people["Bora"].is_merged_into(cafe.people["Anna"])
    works_to_the_end(cafe)
    assert counts(cafe, act) == ("done", 0, 4, 1, 0, 0)
    assert cafe.people["Anna"].points()[0] == 50
    (left_out,) = cafe.does(lambda: bulk_acts.refusals(merchant=cafe.merchant, public_id=act, limit=10))
    assert (left_out.name, left_out.detail) == ("Bora", "This member was merged into another one meanwhile.")


def test_a_manager_stays_within_the_limit_of_each_member(cafe):
    """10,000 a member and day: 6,000 are given once, and refused a second time."""
    first = started(cafe, gift=BulkGift("Party", points=6_000), actor=MANAGER)
    works_to_the_end(cafe)
    second = started(cafe, gift=BulkGift("Party", points=6_000), actor=MANAGER)
    works_to_the_end(cafe)
    assert [counts(cafe, act)[2:4] for act in (first, second)] == [(5, 0), (0, 5)]
    assert balances(cafe) == [6_000] * 5


def test_stamps_are_given_and_taken_off_again(cafe):
    card = {"code": "visits", "name": "Visits", "sizes": [10], "reward": "coffee"}
    cafe.publish(builders.programme(stamps=[card]))
    act = started(cafe, gift=BulkGift("Fair", card="visits", stamps=2))
    works_to_the_end(cafe)
    assert counts(cafe, act) == ("done", 0, 5, 0, 0, 0)
    turned(cafe, bulk_acts.undo, act)
    works_to_the_end(cafe)
    assert counts(cafe, act) == ("undone", 0, 0, 0, 5, 0)


@pytest.mark.parametrize(
    "gift", [BulkGift("", points=5), BulkGift("x"), BulkGift("x", points=5, card="a", stamps=1), BulkGift("x", stamps=1),
             BulkGift("x", points=10**13), BulkGift("x", card="a", stamps=101)],
)  # fmt: skip
def test_what_cannot_be_meant_starts_nothing(cafe, gift):
    act = chosen(cafe)
    with pytest.raises(Invalid):
        turned(cafe, bulk_acts.start, act, gift=gift)
    works_to_the_end(cafe)
    assert (found(cafe, act).state, balances(cafe)) == ("chosen", [0] * 5)


def test_who_does_not_adjust_points_starts_and_turns_nothing(cafe):
    analyst = Actor("staff", "seat_0000000000000ana", role="analyst")
    act = chosen(cafe)
    for verb, more in [(bulk_acts.start, {"gift": FIFTY}), (bulk_acts.stop, {}), (bulk_acts.undo, {})]:
        with pytest.raises(MayNotAdjust):
            turned(cafe, verb, act, actor=analyst, **more)
    with pytest.raises(BulkNotFound):
        turned(cafe, bulk_acts.stop, ids.mint("blk"))
    with pytest.raises(BulkElsewhere):
        turned(cafe, bulk_acts.undo, act)
    assert balances(cafe) == [0] * 5


def test_too_many_or_nobody_is_no_act(cafe, monkeypatch):
    monkeypatch.setattr(bulk_acts, "MEMBERS_MAX", 4)
    with pytest.raises(Invalid, match="At most 4 members"):
        chosen(cafe)
    with pytest.raises(Invalid, match="nobody"):
        bulk_acts.choose(merchant=cafe.merchant, segment="new", pages=[], now=cafe.now, actor=OWNER)
    with tenancy.tenant(cafe.merchant):
        assert set(BulkAct.objects.filter(merchant=cafe.merchant).values_list("state", flat=True)) == {"choosing"}
        half = BulkAct.objects.filter(merchant=cafe.merchant).first()
    with pytest.raises(BulkNotFound):
        found(cafe, half.public_id)


def test_what_was_never_begun_is_forgotten_in_a_day_and_the_rest_in_ninety(cafe):
    chosen(cafe)
    done = started(cafe)
    works_to_the_end(cafe)

    def left(**later):
        now = cafe.now + timedelta(**later)
        while cafe.does(lambda: bulk_acts.prune(merchant=cafe.merchant, now=now)):
            pass
        return cafe.does(lambda: (BulkAct.objects.count(), BulkMember.objects.count()))

    assert (left(hours=23), left(hours=25), left(days=89)) == ((2, 10), (1, 5), (1, 5))
    assert found(cafe, done).given == 5
    assert left(days=91) == (0, 0)
    assert balances(cafe) == [50] * 5


def test_a_member_who_left_is_left_out(cafe):
    act = started(cafe)
    with tenancy.tenant(cafe.merchant):
        Member.objects.filter(pk=cafe.people["Emma"].id).update(state="erased")
    works_to_the_end(cafe)
    assert counts(cafe, act) == ("done", 0, 4, 1, 0, 0)
