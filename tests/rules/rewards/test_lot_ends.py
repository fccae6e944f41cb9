"""When points end: by the rule of the moment they were earned, and nothing that happens later brings the end nearer."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from merchants import tenancy
from merchants.models.outbox import OutboxEvent
from rewards import expiry, merging, terms, tiers, verify
from rewards.models.ledger import Lot
from tests import builders

IDLE = {"kind": "inactivity", "count": 6, "unit": "months"}
NEVER = {"kind": "never"}


def tier_terms(**gold: Any) -> dict[str, Any]:
    return {
        "basis": "spend",
        "window": {"kind": "rolling", "months": 12},
        "levels": [
            {"code": "green", "name": "Green", "threshold": 0},
            {"code": "gold", "name": "Gold", "threshold": 90_000, **gold},
        ],
    }


def shop_with(**parts: Any) -> builders.Shop:
    return builders.cafe(**parts)


@pytest.fixture
def no_faults(db):
    """Reconcile everything at the end: what lives longer must still agree to the last point."""
    shops: list[builders.Shop] = []
    yield shops
    for shop in shops:
        assert verify.verify(merchant=shop.merchant).faults == []


# -- the rule of the moment -------------------------------------------------------------------------------------------


def test_reaching_a_better_tier_ends_no_older_points(no_faults):
    """900 of 907 points lapsed in November although Mina bought every month and was Gold."""
    cafe = shop_with(expiry=IDLE, tiers=tier_terms(expiry=NEVER))
    no_faults.append(cafe)
    mina = cafe.member("Mina")
    cafe.at("2026-03-12")
    mina.buys(40_000)
    cafe.at("2026-04-01")
    mina.buys(50_000)
    assert mina.balance().tier == "gold"
    for month in range(5, 12):
        cafe.at(f"2026-{month:02}-01")
        mina.buys(100)

    cafe.at("2026-12-01")
    assert mina.points() == (907, 0, 0, 0)
    # Six months from the last purchase, however they were earned; what was earned as Gold never ends.
    assert mina.lots() == [(400, "2027-05-02"), (500, "2027-05-02"), *[(1, "never")] * 7]


def test_a_lot_keeps_the_sliding_rule_it_was_earned_by_when_the_terms_change(no_faults):
    cafe = shop_with(expiry=IDLE, tiers=None, rewards=None)
    no_faults.append(cafe)
    mina = cafe.member("Mina")
    cafe.at("2026-03-12")
    mina.buys(40_000)
    # From April on points live 30 days and nothing slides.
    cafe.publish(
        builders.programme(expiry={"kind": "rolling", "count": 30, "unit": "days"}, tiers=None, rewards=None),
        since=cafe.instant("2026-04-01"),
    )
    cafe.at("2026-06-10")
    mina.buys(1_000)
    assert mina.lots() == [(10, "2026-07-11"), (400, "2026-12-11")]


def test_a_lot_earned_by_a_rule_that_never_slid_stays_so_when_the_terms_begin_to_slide(no_faults):
    cafe = shop_with(expiry={"kind": "rolling", "count": 30, "unit": "days"}, tiers=None, rewards=None)
    no_faults.append(cafe)
    mina = cafe.member("Mina")
    cafe.at("2026-03-12")
    mina.buys(40_000)
    cafe.publish(builders.programme(expiry=IDLE, tiers=None, rewards=None), since=cafe.instant("2026-04-01"))
    cafe.at("2026-04-05")
    mina.buys(1_000)
    assert mina.lots() == [(400, "2026-04-12"), (10, "2026-10-06")]


def test_a_redemption_is_activity_by_the_lots_own_rule(no_faults):
    cafe = shop_with(expiry=IDLE, tiers=tier_terms(expiry=NEVER))
    no_faults.append(cafe)
    mina = cafe.member("Mina")
    cafe.at("2026-03-12")
    mina.buys(100_000)
    assert mina.balance().tier == "gold"
    cafe.at("2026-05-20")
    mina.redeems(reward="coffee")
    assert mina.lots() == [(900, "2026-11-21")]


def test_two_rules_of_one_purchase_each_keep_their_own_way_to_slide(no_faults):
    cafe = shop_with(tiers=None, rewards=None, expiry=IDLE)
    no_faults.append(cafe)
    base = builders.PROGRAMME["earning"]["rules"][0]
    bonus = {
        "kind": "per_order", "code": "bonus", "name": "Bonus", "points": 7,
        "expiry": {"kind": "inactivity", "count": 1, "unit": "months"},
    }  # fmt: skip
    cafe.publish(builders.programme(tiers=None, rewards=None, expiry=IDLE, earning={"rules": [base, bonus]}))
    mina = cafe.member("Mina")
    cafe.at("2026-03-12")
    mina.buys(10_000)
    cafe.at("2026-04-01")
    mina.buys(10_000)
    assert mina.lots() == [(7, "2026-05-02"), (7, "2026-05-02"), (100, "2026-10-02"), (100, "2026-10-02")]


def test_welcome_points_that_slide_slide_though_nothing_else_does(no_faults):
    cafe = shop_with(
        tiers=None, rewards=None, welcome={"points": 50, "expiry": {"kind": "inactivity", "count": 2, "unit": "months"}}
    )
    no_faults.append(cafe)
    cafe.at("2026-03-12")
    mina = cafe.joins("Mina")
    cafe.at("2026-04-01")
    mina.buys(10_000)
    assert mina.lots() == [(50, "2026-06-02"), (100, "2027-04-02")]


# -- a tier whose expiry holds for all points held --------------------------------------------------------------------


def test_a_tier_may_promise_its_expiry_for_all_points_held_and_leaving_it_takes_nothing_back(no_faults):
    cafe = shop_with(
        expiry=IDLE, tiers={**tier_terms(expiry=NEVER, expiry_for="held"), "window": {"kind": "calendar_year"}}
    )
    no_faults.append(cafe)
    mina = cafe.member("Mina")
    cafe.at("2026-03-12")
    mina.buys(40_000)
    assert mina.lots() == [(400, "2026-09-13")]
    cafe.at("2026-04-01")
    mina.buys(50_000)
    assert mina.lots() == [(400, "never"), (500, "never")]

    # Two years without a purchase: she is green again, and her points are still there.
    cafe.at("2028-01-02")
    cafe.does(lambda: tiers.requalify_due(merchant=cafe.merchant, now=cafe.now))
    assert mina.balance().tier == "green"
    assert mina.lots() == [(400, "never"), (500, "never")]
    mina.buys(1_000)
    assert mina.lots() == [(10, "2028-07-03"), (400, "never"), (500, "never")]


def test_members_who_hold_a_tier_get_its_new_promise_when_the_terms_change(no_faults):
    cafe = shop_with(expiry=IDLE, tiers=tier_terms())
    no_faults.append(cafe)
    mina = cafe.member("Mina")
    cafe.at("2026-03-12")
    mina.buys(100_000)
    cafe.publish(builders.programme(expiry=IDLE, tiers=tier_terms(expiry=NEVER, expiry_for="held")), since=cafe.now)
    assert mina.lots() == [(1_000, "2026-09-13")]
    cafe.forward(hours=1)
    cafe.does(lambda: tiers.requalify_due(merchant=cafe.merchant, now=cafe.now))
    assert mina.lots() == [(1_000, "never")]


def test_points_that_come_by_other_ways_are_held_on_the_tier_too(no_faults):
    cafe = shop_with(expiry=IDLE, tiers=tier_terms(expiry=NEVER, expiry_for="held"), transfers={})
    no_faults.append(cafe)
    mina, jun = cafe.cast("Mina", "Jun")
    cafe.at("2026-03-12")
    mina.buys(100_000)
    jun.buys(10_000)
    assert jun.lots() == [(100, "2026-09-13")]
    jun.gives(mina, 60)
    given_outcome = mina.is_adjusted(5, expires_at=cafe.instant("2026-05-01"))
    assert given_outcome.receipt["expires_at"] is None
    assert mina.lots() == [(1_000, "never"), (60, "never"), (5, "never")]
    jun.is_merged_into(mina)
    assert mina.lots() == [(1_000, "never"), (60, "never"), (5, "never"), (40, "never")]


def test_a_shorter_promise_of_a_tier_shortens_nothing(no_faults):
    short = {"kind": "inactivity", "count": 1, "unit": "months"}
    cafe = shop_with(expiry=IDLE, tiers=tier_terms(expiry=short, expiry_for="held"))
    no_faults.append(cafe)
    mina = cafe.member("Mina")
    cafe.at("2026-03-12")
    mina.buys(100_000)
    assert mina.lots() == [(1_000, "2026-09-13")]


def test_points_that_have_ended_are_not_woken_by_reaching_the_tier(no_faults):
    cafe = shop_with(expiry=IDLE, tiers=tier_terms(expiry=NEVER, expiry_for="held"))
    no_faults.append(cafe)
    mina = cafe.member("Mina")
    cafe.at("2026-03-12")
    mina.buys(40_000)
    cafe.at("2026-09-13", "00:00")
    mina.buys(50_000)
    assert mina.balance().tier == "gold"
    assert mina.lots() == [(500, "never")]


# -- a last day -------------------------------------------------------------------------------------------------------


CAPPED = {"kind": "inactivity", "count": 3, "unit": "months", "at_latest": {"count": 6, "unit": "months"}}


def test_points_end_by_idleness_and_by_age_the_earlier_holds(no_faults):  # shyoo/awardtracker#75
    cafe = shop_with(expiry=CAPPED, tiers=None, rewards=None)
    no_faults.append(cafe)
    mina = cafe.member("Mina")
    cafe.at("2026-01-15")
    mina.buys(10_000)
    seen = [mina.lots()[0]]
    for month in range(2, 7):
        cafe.at(f"2026-{month:02}-15")
        mina.buys(100)
        seen.append(mina.lots()[0])
    assert seen == [
        (100, "2026-04-16"), (100, "2026-05-16"), (100, "2026-06-16"), (100, "2026-07-16"), (100, "2026-07-16"),
        (100, "2026-07-16"),
    ]  # fmt: skip
    cafe.at("2026-07-16", "00:00")
    assert mina.balance().spendable == 5


def test_a_last_day_is_counted_from_the_earning_also_after_a_gift_and_a_merge(no_faults):
    cafe = shop_with(expiry=CAPPED, tiers=None, rewards=None, transfers={})
    no_faults.append(cafe)
    mina, jun, sora = cafe.cast("Mina", "Jun", "Sora")
    cafe.at("2026-01-15")
    mina.buys(10_000)
    cafe.at("2026-03-15")
    mina.gives(jun, 40)
    mina.is_merged_into(sora)
    cafe.at("2026-04-10")
    jun.buys(100)
    sora.buys(100)
    assert jun.lots() == [(40, "2026-07-11"), (1, "2026-07-11")]
    assert sora.lots() == [(60, "2026-07-11"), (1, "2026-07-11")]
    cafe.at("2026-07-01")
    jun.buys(100)
    sora.buys(100)
    # Three months from July would be October; six months from 15 January come first.
    assert (40, "2026-07-16") in jun.lots()
    assert (60, "2026-07-16") in sora.lots()


def test_months_that_activity_adds_end_with_the_last_day_too(no_faults):
    stars = {
        "kind": "rolling", "count": 2, "unit": "months", "activity_adds_months": 1,
        "at_latest": {"count": 3, "unit": "months", "round_to": "month"},
    }  # fmt: skip
    cafe = shop_with(expiry=stars, tiers=None, rewards=None)
    no_faults.append(cafe)
    mina = cafe.member("Mina")
    cafe.at("2026-01-15")
    mina.buys(10_000)
    for day, ends in (("2026-02-01", "2026-04-16"), ("2026-03-01", "2026-05-01"), ("2026-04-01", "2026-05-01")):
        cafe.at(day)
        mina.buys(0)
        assert mina.lots() == [(100, ends)]


@pytest.mark.parametrize(
    ("part", "pointer", "code"),
    [
        ({"expiry": {"kind": "rolling", "count": 1, "unit": "years", "at_latest": {"count": 2, "unit": "years"}}},
         "/expiry/at_latest", "nothing_moves_it"),
        ({"expiry": {**IDLE, "at_latest": {"count": 0, "unit": "years"}}}, "/expiry/at_latest/count", "above_minimum"),
        ({"expiry": {**IDLE, "at_latest": {"count": 1, "unit": "years", "day": 3}}}, "/expiry/at_latest/day", "unknown_field"),
        ({"tiers": tier_terms(expiry=NEVER, expiry_for="always")}, "/tiers/levels/1/expiry_for", "not_an_option"),
        ({"tiers": tier_terms(expiry={"kind": "rolling", "count": 1, "unit": "years", "activity_adds_months": 1},
                          expiry_for="held")},
         "/tiers/levels/1/expiry/activity_adds_months", "not_for_held_points"),
    ],
)  # fmt: skip
def test_an_expiry_that_cannot_be_meant_is_refused_where_it_stands(part, pointer, code):
    with pytest.raises(terms.InvalidTerms) as refused:
        terms.parse(builders.programme(**part))
    (fault,) = refused.value.errors
    assert fault.pointer == pointer
    if code in ("nothing_moves_it", "not_for_held_points"):
        assert fault.code == code


def test_the_merchant_is_warned_of_a_promise_that_reads_like_more_than_it_is():
    def advised(**parts: Any) -> list[tuple[str, str]]:
        found = terms.warnings(terms.parse(builders.programme(**parts)))
        return [
            (each.pointer, each.code) for each in found if each.code in ("older_points_end", "activity_moves_nothing")
        ]

    assert advised(expiry=IDLE, tiers=tier_terms(expiry=NEVER)) == [("/tiers/levels/1/expiry_for", "older_points_end")]
    assert advised(expiry=IDLE, tiers=tier_terms(expiry=NEVER, expiry_for="held")) == []
    assert advised(expiry={**IDLE, "at_latest": {"count": 5, "unit": "months"}}) == [
        ("/expiry/at_latest", "activity_moves_nothing")
    ]
    assert advised(expiry={**IDLE, "at_latest": {"count": 12, "unit": "months"}}) == []


# -- others hear of the new day ---------------------------------------------------------------------------------------


def test_who_was_told_that_points_end_soon_is_told_the_new_day_when_it_comes_near(no_faults):
    cafe = shop_with(expiry=IDLE, tiers=None, rewards=None)
    no_faults.append(cafe)
    mina = cafe.member("Mina")
    cafe.at("2026-01-10")
    mina.buys(10_000)

    def told_on(day: str) -> list[tuple[int, str]]:
        cafe.at(day)

        def announce() -> list[tuple[int, str]]:
            before = set(OutboxEvent.objects.values_list("pk", flat=True))
            expiry.announce(merchant=cafe.merchant, now=cafe.now)
            new = OutboxEvent.objects.filter(kind="points.expiring").exclude(pk__in=before)
            return [(event.payload["points"], event.payload["expires_at"][:10]) for event in new]

        return cafe.does(announce)

    assert told_on("2026-07-05") == [(100, "2026-07-10")]
    mina.buys(0)
    assert told_on("2026-07-09") == []
    assert told_on("2027-01-02") == [(100, "2027-01-05")]


# -- nothing ever moves nearer ----------------------------------------------------------------------------------------

EXPIRIES = st.sampled_from([
    NEVER, IDLE, CAPPED, {"kind": "inactivity", "count": 20, "unit": "days"},
    {"kind": "rolling", "count": 40, "unit": "days"}, {"kind": "fixed", "last_days": ["06-30", "12-31"]},
    {"kind": "rolling", "count": 2, "unit": "months", "round_to": "month", "activity_adds_months": 1},
])  # fmt: skip
LEVELS = st.tuples(EXPIRIES | st.none(), st.sampled_from(["earned", "held"]))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buys", "buys", "buys", "late", "redeems", "merges", "unmerges", "terms", "night", "returns"]),
        st.integers(0, 2),
        st.sampled_from([100, 3_000, 50_000]),
        st.integers(1, 50),
    ),
    min_size=3,
    max_size=14,
)


def promised(usual: dict[str, Any], level: tuple[dict[str, Any] | None, str]) -> dict[str, Any]:
    ends, which = level
    gold = {} if ends is None or "activity_adds_months" in ends else {"expiry": ends, "expiry_for": which}
    return builders.programme(expiry=usual, tiers={**tier_terms(**gold), "window": {"kind": "rolling", "months": 2}})


@pytest.fixture
def stage(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@settings(
    max_examples=25,
    phases=[Phase.generate], deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)  # fmt: skip
@given(usual=EXPIRIES, level=LEVELS, new=EXPIRIES, new_level=LEVELS, steps=STEPS)
def test_no_lots_end_ever_moves_nearer(stage, usual, level, new, new_level, steps):
    """Whatever members buy, redeem, return, merge, rise, fall and are promised anew."""
    shop = builders.open_shop(document=promised(usual, level))
    people = shop.cast("Mina", "Jun", "Sora")
    merged: dict[int, str] = {}
    ends: dict[int, datetime | None] = {}
    sales: list[tuple[int, str]] = []
    for step, who, won, days in steps:
        person = people[who]
        if step in ("buys", "late"):
            name = builders.fresh("sale")
            at = shop.now - timedelta(days=days % 25) if step == "late" else shop.now
            person.buys(won, external_id=name, at=max(at, shop.instant("2026-02-01")))
            sales.append((who, name))
        elif step == "redeems" and person.balance().spendable >= 100 and who not in merged:
            person.redeems(reward="coffee")
        elif step == "merges" and who not in merged and (other := (who + 1) % 3) not in merged:
            merged[who] = person.is_merged_into(people[other]).public_id
        elif step == "unmerges" and who in merged:
            _unmerge(shop, merged.pop(who))
        elif step == "terms":
            shop.publish(promised(new, new_level), since=shop.now)
        elif step == "night":
            shop.does(lambda: expiry.settle_due(merchant=shop.merchant, now=shop.now))
            shop.does(lambda: tiers.requalify_due(merchant=shop.merchant, now=shop.now))
        elif step == "returns" and sales:
            people[sales[-1][0]].returns(sales.pop()[1])
        with tenancy.tenant(shop.merchant):
            found = dict(Lot.objects.values_list("id", "expires_at"))
        for lot, end in found.items():
            before = ends.get(lot, end)
            assert terms.later(before, end) == end, f"lot {lot} ended at {before} and now ends at {end}"
        ends = found
        shop.forward(days=days)
    assert verify.verify(merchant=shop.merchant).faults == []


def _unmerge(shop: builders.Shop, merge: str) -> None:
    with contextlib.suppress(merging.MergedFurther):
        shop.does(lambda: merging.unmerge(merchant=shop.merchant, merge=merge, now=shop.now, actor=builders.OWNER))


def test_a_merged_lots_end_comes_home_as_late_as_it_was(no_faults):
    cafe = shop_with(expiry=IDLE, tiers=None, rewards=None)
    no_faults.append(cafe)
    mina, jun = cafe.cast("Mina", "Jun")
    cafe.at("2026-03-12")
    mina.buys(10_000)
    merge = mina.is_merged_into(jun).public_id
    cafe.at("2026-05-01")
    jun.buys(100)
    _unmerge(cafe, merge)
    assert mina.lots() == [(100, "2026-11-02")]


def test_the_ledger_refuses_to_bring_an_end_nearer():
    from rewards.points import LotState

    lot = LotState(1, 1, True, builders.NOON, builders.NOON, datetime(2026, 6, 1, tzinfo=UTC))
    assert lot.lengthen(datetime(2026, 6, 1, tzinfo=UTC)) is False
    with pytest.raises(AssertionError):
        lot.lengthen(datetime(2026, 5, 31, tzinfo=UTC))
    assert lot.lengthen(None) is True
    with pytest.raises(AssertionError):
        lot.lengthen(datetime(2030, 1, 1, tzinfo=UTC))
