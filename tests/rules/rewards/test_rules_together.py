"""Which rules meet in one purchase, and what happens then: said in words, and what is said is what the evaluation does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards import earning, terms
from rewards.earning import Basket, Facts, Line, together

TODAY = date(2026, 12, 1)  # a Tuesday
ZONE = ZoneInfo("UTC")
BASE = {"kind": "per_money", "code": "base", "name": "Every order", "points": 1, "per_amount_minor": 100}
WEEKENDS = {
    "kind": "multiplier", "code": "weekend", "name": "Double weekends", "factor": 2, "when": {"weekdays": ["sat", "sun"]},
}  # fmt: skip
COFFEE = {
    "kind": "per_order", "code": "coffee", "name": "Coffee", "points": 10, "only": {"categories": ["coffee"]},
}  # fmt: skip


def programme(*rules, **changes):
    own = {name: changes.pop(name) for name in ("stacking", "caps", "excluding") if name in changes}
    return terms.parse({"name": "Club", "currency": "KRW", "earning": {"rules": list(rules), **own}, **changes})


def told(promised):
    with translation.override("en"):
        say = terms.TermsWording(promised, "en", for_staff=True)
        return [together.said(each, promised, say) for each in together.meetings(promised, TODAY)]


def test_all_that_apply_count_and_the_purchase_says_how_much():
    # ₩10,000 of coffee on a Saturday: 100 and 10, doubled.
    assert told(programme(BASE, WEEKENDS, COFFEE)) == [
        "Sat and Sun, with “coffee” in the basket: “Every order” (1 point for every ₩100), “Double weekends” (× 2), and "
        "“Coffee” (10 points extra) all count. A purchase of ₩10,000 then earns 220 points in all."
    ]


def test_only_the_best_wins_over_the_others():
    # 100 points by money, 10 by the order.
    assert told(programme(BASE, COFFEE, stacking="best")) == [
        "With “coffee” in the basket: Only the best counts: “Every order” (1 point for every ₩100) wins over “Coffee” "
        "(10 points extra). A purchase of ₩10,000 then earns 100 points in all."
    ]


def test_only_the_first_comes_before_the_others():
    (said,) = told(programme({**COFFEE, "priority": 5}, BASE, stacking="first"))
    assert "Only the first counts: “Coffee” (10 points extra) comes before “Every order”" in said
    assert said.endswith("earns 10 points in all.")


def test_a_rule_that_stops_the_list_is_named():
    (said,) = told(programme({**BASE, "stop": True}, COFFEE))
    assert "stops the list, so “Coffee” (10 points extra) does not count." in said
    assert said.endswith("earns 100 points in all.")


def test_a_limit_that_cuts_is_said():
    (said,) = told(programme(BASE, COFFEE, caps=[{"points": 50, "per": "day"}]))
    assert said.endswith("A limit cuts what they give. A purchase of ₩10,000 then earns 50 points in all.")


@pytest.mark.parametrize(("mode", "two", "on_gold"), [("add", "4", "4.2"), ("multiply", "6", "7.2")])
def test_factors_add_or_compound_with_each_other_and_with_the_tiers_own(mode, two, on_gold):
    double, triple = (
        {**WEEKENDS, "mode": mode},
        {**WEEKENDS, "code": "triple", "name": "Triple", "factor": 3, "mode": mode},
    )
    tiers = {
        "basis": "spend",
        "levels": [{"code": "green", "name": "Green", "threshold": 0},
                   {"code": "gold", "name": "Gold", "threshold": 1, "multiplier": "1.2"}],
    }  # fmt: skip
    promised = programme(BASE, double, triple, tiers=tiers)
    (said,) = told(promised)
    (meeting,) = together.meetings(promised, TODAY)

    assert f"× 2 and × 3 come to × {two}. With the × 1.2 of Gold it is × {on_gold}." in said
    green, gold = (
        earning.evaluate(promised, meeting.basket, Facts(tier=tier, ordinal=2), zone=ZONE).points
        for tier in ("green", "gold")
    )
    assert (green, gold) == (meeting.points, round(100 * float(on_gold)))
    assert meeting.points == 100 * int(two)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"weekdays": ["mon"]}, {"weekdays": ["tue", "wed"]}),
        ({"hours": [{"start": "07:00", "end": "10:00"}]}, {"hours": [{"start": "10:00", "end": "12:00"}]}),
        ({"last_day": "2026-12-31"}, {"first_day": "2027-01-01"}),
        ({"channels": ["store"]}, {"channels": ["online"]}),
        ({"nth_purchase": 3}, {"every_nth_purchase": 2}),
        ({"minimum_amount_minor": 5000}, {"below_amount_minor": 5000}),
    ],
)  # fmt: skip
def test_rules_that_exclude_each_other_never_meet(one, other):
    assert told(programme({**BASE, "when": one}, {**COFFEE, "when": other})) == []


def test_the_days_are_those_that_both_have():
    first = {**BASE, "when": {"weekdays": ["fri", "sat"], "hours": [{"start": "22:00", "end": "02:00"}]}}
    second = {**COFFEE, "when": {"weekdays": ["sat", "sun"], "hours": [{"start": "01:00", "end": "03:00"}]}}
    (meeting,) = together.meetings(programme(first, second), TODAY)
    assert (meeting.when.weekdays, f"{meeting.basket.occurred_at:%a %H:%M}") == (("sat",), "Sat 01:00")


def test_a_rule_is_told_with_each_of_the_others():
    promised = programme(BASE, WEEKENDS, COFFEE)
    met = together.meetings_of(promised, "coffee", TODAY)
    assert [[rule.code for rule in each.rules] for each in met] == [["base", "coffee"], ["weekend", "coffee"]]
    assert together.meetings_of(promised, "gone", TODAY) == []


_DAYS = st.lists(st.sampled_from(["mon", "tue", "sat", "sun"]), unique=True, max_size=3)
_HOURS = st.sampled_from([[], [{"start": "08:00", "end": "11:00"}], [{"start": "10:00", "end": "18:00"}]])
_GOODS = st.sampled_from([None, {"categories": ["coffee"]}, {"categories": ["tea"]}, {"categories": ["coffee", "tea"]}])
_ONLY = st.one_of(_GOODS)
_SPANS = st.sampled_from([{}, {"first_day": "2026-12-05"}, {"last_day": "2026-12-20"}])
_AMOUNTS = st.sampled_from([{}, {"minimum_amount_minor": 3000}, {"below_amount_minor": 50_000}])


@st.composite
def _rule(draw, code):
    when = {"weekdays": draw(_DAYS), "hours": draw(_HOURS), **draw(_SPANS), **draw(_AMOUNTS)}
    return {**draw(st.sampled_from([BASE, COFFEE])), "code": code, "name": code, "only": draw(_ONLY), "when": when}


@settings(deadline=None, max_examples=150)
@given(
    one=_rule("one"), other=_rule("other"), day=st.integers(1, 28), hour=st.integers(0, 23),
    category=st.sampled_from(["", "coffee", "tea"]), minor=st.sampled_from([500, 3000, 20_000, 90_000]),
)  # fmt: skip
def test_rules_that_meet_in_any_purchase_are_found(one, other, day, hour, category, minor):
    promised = programme(one, other)
    line = Line(id="1", amount_minor=minor, category=category)
    at = datetime(2026, 12, day, hour, tzinfo=UTC)
    bought = Basket(occurred_at=at, currency="KRW", total_minor=minor, lines=(line,))
    found = earning.evaluate(promised, bought, Facts(ordinal=2), zone=ZONE)
    skipped = {step.rule for step in found.trace if step.code == "skipped"}

    met = together.meetings(promised, TODAY)

    if not skipped and found.points:
        assert [[rule.code for rule in each.rules] for each in met] == [["one", "other"]]
    for each in met:
        again = earning.evaluate(promised, each.basket, each.facts, zone=ZONE)
        assert again.points == each.points
        assert {*each.counting} == {"one", "other"}
