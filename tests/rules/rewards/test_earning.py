"""What a purchase is worth, and why: worked examples of the field, every condition, and the laws that must always hold."""

import json
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import django
import msgspec
import pytest
from django.apps import apps
from django.conf import settings as django_settings
from hypothesis import given
from hypothesis import strategies as st

from rewards import earning, terms
from rewards.earning import Basket, Facts, Line, Returned, TraceLine

SEOUL = ZoneInfo("Asia/Seoul")
NEW_YORK = ZoneInfo("America/New_York")
UTC_ZONE = ZoneInfo("UTC")
NOON = datetime(2026, 1, 7, 12, 0, tzinfo=UTC)  # a Wednesday
FLOOR = {"rounding": {"mode": "floor"}}


def rule(kind: str = "per_money", **changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"kind": kind, "code": "base", "name": "Base"}
    usual |= {
        "per_money": {"points": 1, "per_amount_minor": 100},
        "per_order": {"points": 10},
        "per_item": {"points": 1},
        "multiplier": {"code": "double", "name": "Double", "factor": 2},
    }[kind]
    return {**usual, **changes}


def programme(*rules: dict[str, Any], **changes: Any) -> terms.Terms:
    of_earning = {name: changes.pop(name) for name in ("stacking", "excluding", "caps", "pending") if name in changes}
    return terms.parse({"name": "Club", "currency": "USD", "earning": {"rules": list(rules), **of_earning}, **changes})


def basket(*amounts: int | Line, **changes: Any) -> Basket:
    lines = tuple(
        each if isinstance(each, Line) else Line(id=str(place), amount_minor=each)
        for place, each in enumerate(amounts, 1)
    )
    total = sum(line.amount_minor for line in lines)
    return Basket(**{"occurred_at": NOON, "currency": "USD", "total_minor": total, "lines": lines, **changes})


def line(amount: int, category: str = "", *, number: str = "1", sku: str = "", **changes: Any) -> Line:
    return Line(id=number, amount_minor=amount, category=category, sku=sku, **changes)


def earn(promised: terms.Terms, bought: Basket, **facts: Any) -> int:
    return earning.evaluate(promised, bought, Facts(**facts), zone=UTC_ZONE).points


def skipped(promised: terms.Terms, bought: Basket, code: str = "base", **facts: Any) -> str | None:
    """Why a rule was skipped, or None when it was not."""
    location_zone = facts.pop("location_zone", None)
    found = earning.evaluate(promised, bought, Facts(**facts), zone=UTC_ZONE, location_zone=location_zone)
    return next((step.data["why"] for step in found.trace if step.code == "skipped" and step.rule == code), None)


class TestE1StarbucksRewards:
    stars = terms.parse(terms.templates()["stars"])

    def test_step_1_and_2_green_buys_and_reloads(self) -> None:
        bought = [earn(self.stars, basket(amount), tier="green") for amount in (475, 620, 1205)]
        assert bought == [475, 620, 1205]
        assert sum(bought) == 2300
        reloads = [
            earn(self.stars, basket(line(amount, "reload")), tier="green") for amount in (2999, 3000, 4999, 5000)
        ]
        assert reloads == [0, 1000, 1000, 2500]
        assert 2300 + 1000 + 2500 == 5800

    def test_step_4_a_hundred_orders_make_500_stars(self) -> None:
        assert [earn(self.stars, basket(500), tier="green") for _ in range(100)] == [500] * 100

    @pytest.mark.parametrize(
        ("tier", "amount", "stars"),
        [("gold", 1000, 1200), ("gold", 415, 498), ("reserve", 1000, 1700), ("reserve", 415, 706)],
    )
    def test_step_5_and_6_tiers_multiply(self, tier: str, amount: int, stars: int) -> None:
        assert earn(self.stars, basket(amount), tier=tier) == stars

    def test_step_7_the_own_cup_adds_to_the_tier_or_multiplies_it(self) -> None:
        cup = line(0, sku="OWN-CUP", number="2")
        assert earn(self.stars, basket(1000, cup), tier="gold") == 2200
        compounding = terms.templates()["stars"]
        compounding["earning"]["rules"][1]["mode"] = "multiply"
        compounding["examples"] = []
        assert earn(terms.parse(compounding), basket(1000, cup), tier="gold") == 2400

    def test_step_9_a_refund_of_2_50_takes_3_stars_back(self) -> None:
        bought = basket(1000)
        assert earn(self.stars, bought, tier="gold") == 1200
        assert earn(self.stars, earning.net_basket(bought, amount_minor=250), tier="gold") == 900

    def test_reloading_and_buying_at_once(self) -> None:
        assert earn(self.stars, basket(1000, line(3000, "reload", number="2")), tier="gold") == 1200 + 1000

    def test_step_10_stars_of_green_end_gold_stars_never(self) -> None:
        at = datetime(2026, 1, 15, 17, tzinfo=UTC)
        bought = basket(2300, occurred_at=at)
        (green,) = earning.evaluate(self.stars, bought, Facts(tier="green"), zone=NEW_YORK).grants
        assert (green.points, green.active_at, green.sliding) == (2300, at, self.stars.expiry)
        assert green.expires_at == datetime(2026, 8, 1, 4, tzinfo=UTC)
        (gold,) = earning.evaluate(self.stars, bought, Facts(tier="gold"), zone=NEW_YORK).grants
        assert (gold.points, gold.expires_at, gold.sliding) == (2760, None, None)


class TestE4TescoClubcard:
    clubcard = terms.parse(
        {
            "name": "Clubcard",
            "currency": "GBP",
            "earning": {
                "excluding": {"categories": ["tobacco", "lottery", "gift_card"]},
                "rules": [
                    rule(excluding={"categories": ["fuel"]}),
                    rule("per_item", code="fuel", per_quantity_milli=2000, only={"categories": ["fuel"]}),
                    rule("multiplier", of=["base"], when={"first_day": "2024-01-08", "last_day": "2024-02-25"}),
                ],
            },
        }
    )

    def earn(self, *lines: int | Line, day: str = "2026-01-07") -> int:
        at = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
        return earn(self.clubcard, basket(*lines, currency="GBP", occurred_at=at))

    def test_steps_1_to_3_whole_pounds_without_tobacco(self) -> None:
        assert self.earn(4860) == 48
        assert self.earn(2399) == 23
        assert self.earn(line(6960), line(1250, "tobacco", number="2")) == 69

    def test_step_4_one_point_for_two_litres(self) -> None:
        assert self.earn(line(6000, "fuel", quantity_milli=41_300)) == 20

    def test_step_7_the_double_event_has_a_first_and_a_last_day(self) -> None:
        days = ("2024-01-07", "2024-01-08", "2024-02-25", "2024-02-26")
        assert [self.earn(3000, day=day) for day in days] == [30, 60, 60, 30]

    def test_step_8_points_on_the_price_that_was_paid(self) -> None:
        assert self.earn(line(400, quantity_milli=2000, discount_minor=300)) == 4

    def test_step_11_a_refund_takes_all_back(self) -> None:
        assert earn(self.clubcard, earning.net_basket(basket(4860, currency="GBP"), amount_minor=4860)) == 0


class TestRates:
    @pytest.mark.parametrize(
        ("changes", "amount", "points"),
        [
            ({"points": 1, "per_amount_minor": 100}, 9_999, 99),
            ({"points": "1.2", "per_amount_minor": 100}, 1_000, 12),
            ({"points": "1.2", "per_amount_minor": 100}, 83, 0),
            ({"points": "1.2", "per_amount_minor": 100}, 84, 1),
            ({"points": "1/3", "per_amount_minor": 1}, 299, 99),
            ({"points": "1/3", "per_amount_minor": 1}, 300, 100),
            ({"points": 1, "per_amount_minor": 1_000}, 10_500, 10),
            ({"points": 5, "per_amount_minor": 1_000}, 10_500, 52),
            ({"points": 5, "per_amount_minor": 1_000, "full_steps": True}, 10_500, 50),
        ],
    )
    def test_per_money(self, changes: dict[str, Any], amount: int, points: int) -> None:
        assert earn(programme(rule(**changes)), basket(amount)) == points

    def test_per_order_once_if_something_was_paid(self) -> None:
        visit = programme(rule("per_order", when={"minimum_amount_minor": 300}))
        assert [earn(visit, basket(amount)) for amount in (0, 299, 300, 5000)] == [0, 0, 10, 10]

    def test_per_item_counts_what_was_paid_for(self) -> None:
        hot = programme(rule("per_item", only={"categories": ["hot"]}))
        free = line(0, "hot", number="2")
        assert earn(hot, basket(line(1200, "hot", quantity_milli=3000), free, line(250, "cake", number="3"))) == 3
        assert earn(hot, basket(free, line(250, "cake", number="3"))) == 0
        whole = programme(rule("per_item", full_steps=True))
        assert earn(whole, basket(line(10, quantity_milli=1500), line(10, number="2", quantity_milli=1499))) == 2
        assert earn(programme(rule("per_item")), basket(line(10, quantity_milli=1500))) == 1

    def test_rounding_modes_and_scopes(self) -> None:
        found = {
            (mode, scope): earn(
                programme(rule(points=1, per_amount_minor=100), points={"rounding": {"mode": mode, "scope": scope}}),
                basket(150, 250, 199),
            )
            for mode in ("floor", "half_up", "half_even", "ceil")
            for scope in ("order", "line")
        }
        assert found == {
            ("floor", "order"): 5, ("floor", "line"): 4,
            ("half_up", "order"): 6, ("half_up", "line"): 7,
            ("half_even", "order"): 6, ("half_even", "line"): 6,
            ("ceil", "order"): 6, ("ceil", "line"): 7,
        }  # fmt: skip

    def test_a_cent_rounded_up_is_a_point_on_either_side_of_nothing(self) -> None:
        up = programme(rule(), points={"rounding": {"mode": "ceil"}})
        assert [earn(up, basket(amount)) for amount in (101, 1, 0, -1, -101)] == [2, 1, 0, -1, -2]

    def test_decimals_are_only_smaller_units(self) -> None:
        two = programme(rule(points=100), points={"decimals": 2, "rounding": {"mode": "half_up"}})
        assert earn(two, basket(1299)) == 1299

    def test_an_order_below_the_minimum_earns_nothing_and_says_so(self) -> None:
        least = programme(rule(), points={"minimum_points": 5})
        assert [earn(least, basket(amount)) for amount in (499, 500)] == [0, 5]
        found = earning.evaluate(least, basket(499), Facts(), zone=UTC_ZONE)
        assert TraceLine(code="below_minimum_points", data={"points": 4, "needed": 5}) in found.trace
        assert (found.points, found.qualifying_points, found.grants, found.cap_uses) == (0, 0, (), ())

    def test_no_lines_are_one_line(self) -> None:
        assert earn(programme(rule()), basket(total_minor=1299)) == 12


class TestAmountBasis:
    bought = basket(line(1100, tax_minor=100, discount_minor=400), points_paid_minor=550)

    @pytest.mark.parametrize(
        ("net_of", "points"),
        [
            ([], 1500),
            (["discounts"], 1100),
            (["discounts", "tax"], 1000),
            (["discounts", "points"], 550),
            (["discounts", "tax", "points"], 500),
            (["tax"], 1364),  # 1500 holds 136.36 tax, in whole cents
            (["points"], 950),
        ],
    )
    def test_what_is_taken_off_first(self, net_of: list[str], points: int) -> None:
        assert earn(programme(rule(points=1, per_amount_minor=1, net_of=net_of)), self.bought) == points

    def test_points_pay_for_all_lines_pro_rata_also_for_those_that_earn_nothing(self) -> None:
        promised = programme(
            rule(per_amount_minor=1, net_of=["discounts", "points"]), excluding={"categories": ["gift"]}
        )
        assert earn(promised, basket(line(600), line(400, "gift", number="2"), points_paid_minor=500)) == 300

    def test_an_order_paid_with_points_alone_can_earn_nothing_or_all(self) -> None:
        bought = basket(1000, points_paid_minor=1000)
        assert earn(programme(rule(net_of=["discounts", "points"])), bought) == 0
        assert earn(programme(rule()), bought) == 10
        none = programme(rule(when={"without_points": True}))
        assert skipped(none, basket(1000, points_paid_minor=1)) == "paid_with_points"
        assert earn(none, basket(1000)) == 10


class TestConditions:
    @pytest.mark.parametrize(
        ("when", "facts", "changes", "why"),
        [
            ({"first_day": "2026-01-08"}, {}, {}, "before_first_day"),
            ({"first_day": "2026-01-07", "last_day": "2026-01-07"}, {}, {}, None),
            ({"last_day": "2026-01-06"}, {}, {}, "after_last_day"),
            ({"weekdays": ["wed"]}, {}, {}, None),
            ({"weekdays": ["sat", "sun"]}, {}, {}, "other_weekday"),
            ({"hours": [{"start": "12:00", "end": "13:00"}]}, {}, {}, None),
            ({"hours": [{"start": "11:00", "end": "12:00"}]}, {}, {}, "other_hours"),
            ({"hours": [{"start": "22:00", "end": "12:01"}]}, {}, {}, None),
            ({"hours": [{"start": "13:00", "end": "24:00"}, {"start": "00:00", "end": "12:30"}]}, {}, {}, None),
            ({"locations": ["loc_a"]}, {}, {"location": "loc_a"}, None),
            ({"locations": ["loc_a"]}, {}, {}, "other_location"),
            ({"channels": ["online"]}, {}, {"channel": "store"}, "other_channel"),
            ({"tiers": ["gold"]}, {"tier": "gold"}, {}, None),
            ({"tiers": ["gold"]}, {"tier": "green"}, {}, "other_tier"),
            ({"tiers": ["green"]}, {}, {}, None),  # without a tier a member stands on the first
            ({"nth_purchase": 1}, {"ordinal": 1}, {}, None),
            ({"nth_purchase": 1}, {"ordinal": 2}, {}, "other_purchase_number"),
            ({"every_nth_purchase": 10}, {"ordinal": 20}, {}, None),
            ({"every_nth_purchase": 10}, {"ordinal": 9}, {}, "other_purchase_number"),
            ({"nth_purchase": 1}, {"guest": True}, {}, "needs_member"),
            ({"birthday": "day"}, {"birthday": (1, 7)}, {}, None),
            ({"birthday": "day"}, {"birthday": (1, 8)}, {}, "not_birthday"),
            ({"birthday": "week"}, {"birthday": (1, 11)}, {}, None),
            ({"birthday": "week"}, {"birthday": (1, 12)}, {}, "not_birthday"),
            ({"birthday": "month"}, {"birthday": (1, 31)}, {}, None),
            ({"birthday": "day"}, {}, {}, "no_birthday"),
            ({"birthday": "day"}, {"guest": True}, {}, "needs_member"),
            ({"minimum_amount_minor": 1001}, {}, {}, "below_minimum_amount"),
            ({"minimum_amount_minor": 1000}, {}, {}, None),
            ({"below_amount_minor": 1000}, {}, {}, "not_below_amount"),
            ({"minimum_quantity_milli": 1001}, {}, {}, "below_minimum_quantity"),
            ({"with_goods": {"skus": ["CUP"]}}, {}, {}, "goods_missing"),
        ],
    )
    def test_hold_or_say_why_not(
        self, when: dict[str, Any], facts: dict[str, Any], changes: dict[str, Any], why: str | None
    ) -> None:
        tiers = {
            "basis": "spend",
            "levels": [{"code": "green", "name": "G", "threshold": 0}, {"code": "gold", "name": "Au", "threshold": 1}],
        }
        promised = programme(rule(when=when), tiers=tiers)
        assert skipped(promised, basket(1000, **changes), **facts) == why
        assert earn(promised, basket(1000, **changes), **facts) == (0 if why else 10)

    def test_days_are_the_merchants_hours_the_locations(self) -> None:
        """20:00 on Saturday in New York is Sunday in Seoul."""
        at = datetime(2026, 3, 8, 1, 0, tzinfo=UTC)
        weekend = programme(rule(when={"weekdays": ["sat"], "hours": [{"start": "20:00", "end": "21:00"}]}))
        found = earning.evaluate(weekend, basket(1000, occurred_at=at), Facts(), zone=SEOUL, location_zone=NEW_YORK)
        assert found.points == 10
        assert earning.evaluate(weekend, basket(1000, occurred_at=at), Facts(), zone=SEOUL).points == 0
        sunday = programme(rule(when={"first_day": "2026-03-08"}))
        found = earning.evaluate(sunday, basket(1000, occurred_at=at), Facts(), zone=SEOUL, location_zone=NEW_YORK)
        assert found.points == 10

    def test_goods_by_sku_or_category_taken_in_and_left_out(self) -> None:
        promised = programme(rule(only={"skus": ["A"], "categories": ["tea"]}, excluding={"skus": ["T2"]}))
        bought = basket(
            line(100, sku="A"),
            line(200, "tea", number="2", sku="T1"),
            line(400, "tea", number="3", sku="T2"),
            line(800, "cake", number="4", sku="C"),
        )
        assert earn(promised, bought) == 3
        assert skipped(promised, basket(line(800, "cake"))) == "no_goods"

    def test_goods_by_label_taken_in_and_left_out(self) -> None:
        promised = programme(rule(only={"categories": ["tea"], "labels": ["eco"]}, excluding={"labels": ["sale"]}))
        bought = basket(
            line(100, "tea"),
            line(200, "cake", number="2", labels=("eco",)),
            line(400, "tea", number="3", labels=("new", "sale")),
            line(800, "cake", number="4", labels=("eco", "sale")),
            line(1600, "cake", number="5", labels=("new",)),
        )
        assert earn(promised, bought) == 3

    def test_points_that_paid_for_what_they_may_not_pay_take_nothing_off(self) -> None:
        card = line(500, kind="gift_card")
        promised = terms.parse(
            {
                "name": "Club", "currency": "USD",
                "earning": {"kinds": ["gift_card"], "rules": [rule(per_amount_minor=1, net_of=["discounts", "points"])]},
            }
        )  # fmt: skip
        assert earn(promised, basket(card, points_paid_minor=100)) == 500

    def test_minimums_look_at_the_goods_of_the_rule(self) -> None:
        promised = programme(rule(only={"categories": ["tea"]}, when={"minimum_amount_minor": 300}))
        assert earn(promised, basket(line(200, "tea"), line(800, "cake", number="2"))) == 0
        assert earn(promised, basket(line(300, "tea"), line(800, "cake", number="2"))) == 3

    def test_goods_that_never_earn_are_named_in_the_trace(self) -> None:
        promised = programme(rule(), excluding={"skus": ["CARD"], "categories": ["tobacco"]})
        bought = basket(line(500, sku="CARD"), line(250, "tobacco", number="2"), line(100, number="3"))
        found = earning.evaluate(promised, bought, Facts(), zone=UTC_ZONE)
        assert (found.points, found.eligible_minor) == (1, 100)
        assert found.trace[0] == TraceLine(code="goods_excluded", data={"lines": ["1", "2"], "amount_minor": 750})
        nothing = earning.evaluate(promised, basket(line(500, sku="CARD")), Facts(), zone=UTC_ZONE)
        assert (nothing.points, nothing.trace[-1].code) == (0, "nothing_paid")


class TestStacking:
    rules = (
        rule(code="a", points=1),
        rule(code="b", points=3, priority=-1),
        rule("per_order", code="c", points=20),
    )

    def test_all_add_up(self) -> None:
        assert earn(programme(*self.rules), basket(1000)) == 10 + 30 + 20

    @pytest.mark.parametrize(("amount", "points", "winner"), [(500, 20, "c"), (1000, 30, "b")])
    def test_best_is_the_one_that_gives_most(self, amount: int, points: int, winner: str) -> None:
        promised = programme(*self.rules, stacking="best")
        assert earn(promised, basket(amount)) == points
        assert skipped(promised, basket(amount), "a") == "better_rule"
        assert skipped(promised, basket(amount), winner) is None

    def test_first_is_the_first_that_applies(self) -> None:
        promised = programme(*self.rules, stacking="first")
        assert earn(promised, basket(1000)) == 10
        assert skipped(promised, basket(1000), "b") == "earlier_rule"
        fridays = programme(rule(code="fri", points=9, when={"weekdays": ["fri"]}), *self.rules, stacking="first")
        assert earn(fridays, basket(1000)) == 10

    def test_stop_ends_the_list_only_when_the_rule_applies(self) -> None:
        stop = rule(code="vip", points=5, priority=9, stop=True, when={"minimum_amount_minor": 1000})
        promised = programme(*self.rules, stop)
        assert earn(promised, basket(1000)) == 50
        assert skipped(promised, basket(1000), "c") == "stopped"
        assert earn(promised, basket(900)) == 9 + 27 + 20

    def test_best_and_first_choose_among_multipliers_too(self) -> None:
        double = rule("multiplier")
        triple = rule("multiplier", code="triple", factor=3)
        assert earn(programme(rule(), double, triple), basket(1000)) == 10 + 10 + 20
        assert earn(programme(rule(), double, triple, stacking="best"), basket(1000)) == 30
        assert earn(programme(rule(), double, triple, stacking="first"), basket(1000)) == 20

    def test_a_multiplier_of_what_was_not_chosen_gives_nothing(self) -> None:
        """A visit gives 1 and would be multiplied by 9; 10 for the amount is more, and is doubled."""
        visit, nine = rule("per_order", code="visit", points=1), rule("multiplier", code="nine", of=["visit"], factor=9)
        best = programme(rule(), visit, nine, rule("multiplier"), stacking="best")
        assert (earn(best, basket(1000)), skipped(best, basket(1000), "nine")) == (20, "better_rule")
        # A hundredth of a point on a cent of tea is more than nothing.
        tea = rule("multiplier", code="tea", only={"categories": ["tea"]})
        bought = basket(line(1000), line(1, "tea", number="2"))
        assert skipped(programme(rule(), visit, tea, nine, stacking="best"), bought, "nine") == "better_rule"

    def test_of_equals_the_best_is_the_earlier(self) -> None:
        twins = programme(rule(code="a"), rule(code="b"), stacking="best")
        assert skipped(twins, basket(1000), "b") == "better_rule"
        assert skipped(twins, basket(1000), "a") is None

    @pytest.mark.parametrize(("tea", "cake", "points"), [(1000, -999, 10), (1000, -1000, 10), (1000, -1001, -20)])
    def test_the_best_of_an_even_exchange_is_the_one_that_gives_most(self, tea: int, cake: int, points: int) -> None:
        """Tea gives 10, a cake that came back takes 20: where a cent less is paid than nothing, the cake is chosen."""
        promised = programme(
            rule(code="tea", only={"categories": ["tea"]}),
            rule(code="cake", points=2, only={"categories": ["cake"]}),
            stacking="best",
        )
        assert earn(promised, basket(line(tea, "tea"), line(cake, "cake", number="2"))) == points


class TestMultipliers:
    def test_of_some_goods_only(self) -> None:
        promised = programme(rule(), rule("multiplier", only={"categories": ["tea"]}))
        assert earn(promised, basket(line(300, "tea"), line(1000, "cake", number="2"))) == 13 + 3

    def test_a_rule_per_order_has_no_goods_to_multiply(self) -> None:
        visit = rule("per_order", code="visit")
        bought = basket(line(300, "tea"))
        assert earn(programme(visit, rule("multiplier")), bought) == 20
        tea = programme(visit, rule("multiplier", only={"categories": ["tea"]}))
        assert earn(tea, bought) == 10
        assert skipped(tea, bought, "double") == "nothing_to_multiply"

    def test_full_steps_are_multiplied_for_those_goods_alone(self) -> None:
        promised = programme(
            rule(points=5, per_amount_minor=1000, full_steps=True), rule("multiplier", only={"categories": ["tea"]})
        )
        assert earn(promised, basket(line(1900, "tea"), line(1100, "cake", number="2"))) == 15 + 5

    def test_of_named_rules_only(self) -> None:
        promised = programme(rule(), rule("per_order", code="visit"), rule("multiplier", of=["base"]))
        assert earn(promised, basket(1000)) == 10 + 10 + 10

    def test_adding_comes_before_compounding(self) -> None:
        added, compounding = (
            rule("multiplier"),
            rule("multiplier", code="happy", factor="1.5", mode="multiply", priority=9),
        )
        assert earn(programme(rule(), added, compounding), basket(1000)) == 30

    def test_two_that_compound(self) -> None:
        one = rule("multiplier", code="x", factor="1.5", mode="multiply")
        two = rule("multiplier", code="y", factor="4/3", mode="multiply")
        assert earn(programme(rule(), one, two), basket(1000)) == 20
        assert earn(programme(rule(), two, one), basket(1000)) == 20

    def test_nothing_is_lost_between_rate_tier_and_multiplier(self) -> None:
        tiers = {"basis": "spend", "levels": [{"code": "g", "name": "G", "threshold": 0, "multiplier": "7/3"}]}
        promised = programme(
            rule(points="1/7", per_amount_minor=3),
            rule("multiplier", code="x", factor="9/4", mode="multiply"),
            tiers=tiers,
        )
        exact = Fraction(1, 7) / 3 * Fraction(7, 3) * Fraction(9, 4)
        assert [earn(promised, basket(n)) for n in range(1, 200)] == [int(n * exact) for n in range(1, 200)]


class TestCaps:
    def test_cut_what_is_over_in_one_order(self) -> None:
        promised = programme(rule(caps=[{"points": 50, "per": "order"}]), rule("per_order", code="visit"))
        found = earning.evaluate(promised, basket(9000), Facts(), zone=UTC_ZONE)
        assert (found.points, found.cap_uses) == (60, ())
        assert (
            TraceLine(
                code="capped",
                rule="base",
                data={"per": "order", "scope": "member", "most": 50, "left": 50, "cut": "40"},
            )
            in found.trace
        )

    def test_are_counted_by_the_merchants_calendar(self) -> None:
        promised = programme(
            rule(
                caps=[
                    {"points": 50, "per": "day"},
                    {"points": 90, "per": "week"},
                    {"points": 900, "per": "ever", "scope": "programme"},
                ]
            ),
            caps=[{"points": 99, "per": "month"}],
        )
        at = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)  # 4 March in Seoul
        keys = [str(key) for key in earning.cap_keys(promised, at, SEOUL)]
        assert keys == [
            "member:*:month:2026-03",
            "member:base:day:2026-03-04",
            "member:base:week:2026-W10",
            "programme:base:ever",
        ]
        facts = Facts(caps={"member:base:day:2026-03-04": 30})
        found = earning.evaluate(promised, basket(9000, occurred_at=at), facts, zone=SEOUL)
        assert found.points == 20
        assert sorted(found.cap_uses) == [(key, 20) for key in sorted(keys)]

    def test_a_full_counter_leaves_nothing(self) -> None:
        promised = programme(rule(caps=[{"points": 50, "per": "day"}]))
        facts = Facts(caps={"member:base:day:2026-01-07": 60})
        found = earning.evaluate(promised, basket(9000), facts, zone=UTC_ZONE)
        assert (found.points, found.grants, found.cap_uses) == (0, (), ())

    def test_of_the_programme_cut_the_last_rule_first(self) -> None:
        promised = programme(rule(), rule("per_order", code="visit"), caps=[{"points": 15, "per": "order"}])
        found = earning.evaluate(promised, basket(1000), Facts(), zone=UTC_ZONE)
        assert [(step.rule, step.points) for step in found.trace if step.code == "gave"] == [("base", 10), ("visit", 5)]

    def test_on_a_multiplier_cut_the_bonus_only(self) -> None:
        promised = programme(rule(), rule("multiplier", caps=[{"points": 3, "per": "day"}]))
        assert earn(promised, basket(1000)) == 13

    def test_a_batch_of_purchases_uses_them_up(self) -> None:
        promised = programme(rule(caps=[{"points": 25, "per": "day"}]))
        facts, given_points = Facts(), []
        for _ in range(4):
            found = earning.evaluate(promised, basket(1000), facts, zone=UTC_ZONE)
            facts = earning.advance(facts, found)
            given_points.append(found.points)
        assert given_points == [10, 10, 5, 0]
        assert facts.ordinal == 5
        assert facts.caps == {"member:base:day:2026-01-07": 25}


class TestGrants:
    def test_a_single_point_is_granted_and_none_is_not(self) -> None:
        for points in (1, 0):
            found = earning.evaluate(programme(rule()), basket(100 * points), Facts(), zone=UTC_ZONE)
            assert (found.points, [grant.points for grant in found.grants]) == (points, [points] * points)

    def test_nothing_is_granted_where_points_are_taken_back(self) -> None:
        """The tea gives 10 that never end, the cake takes 20 that end in a day: 10 are taken back, and no lot is made."""
        promised = programme(
            rule(code="tea", only={"categories": ["tea"]}, expiry={"kind": "never"}),
            rule(
                code="cake", points=2, only={"categories": ["cake"]},
                expiry={"kind": "rolling", "count": 1, "unit": "days"},
            ),
        )  # fmt: skip
        bought = basket(line(1000, "tea"), line(-1000, "cake", number="2"))
        found = earning.evaluate(promised, bought, Facts(), zone=UTC_ZONE)
        assert (found.points, found.grants) == (-10, ())

    def test_one_for_each_time_to_live(self) -> None:
        promised = programme(
            rule(),
            rule(
                "per_order", code="birthday", expiry={"kind": "rolling", "count": 30, "unit": "days"}, qualifying=False
            ),
            rule("per_order", code="late", points=7, pending={"until": "2026-02-01"}),
            rule("multiplier", of=["birthday"]),
            pending={"days": 14},
            expiry={"kind": "rolling", "count": 12, "unit": "months", "round_to": "month"},
        )
        found = earning.evaluate(promised, basket(1000), Facts(), zone=UTC_ZONE)
        assert [
            (g.points, g.active_at.date(), g.expires_at and g.expires_at.date(), g.rules) for g in found.grants
        ] == [
            (10, date(2026, 1, 21), date(2027, 2, 1), ("base",)),
            (20, date(2026, 1, 21), date(2026, 2, 7), ("birthday", "double")),
            (7, date(2026, 2, 1), date(2027, 2, 1), ("late",)),
        ]
        assert (found.points, found.qualifying_points) == (37, 27)

    def test_what_is_rounded_once_is_shared_by_largest_remainder(self) -> None:
        promised = programme(
            *(
                rule(
                    code=code, points="1/3", per_amount_minor=1, expiry={"kind": "rolling", "count": n, "unit": "days"}
                )
                for n, code in enumerate("abc", 1)
            )
        )
        found = earning.evaluate(promised, basket(4), Facts(), zone=UTC_ZONE)
        assert (found.points, [grant.points for grant in found.grants]) == (4, [2, 1, 1])

    def test_sums_agree_to_the_last_unit(self) -> None:
        found = earning.evaluate(terms.parse(terms.templates()["cafe"]), CAFE, Facts(ordinal=1), zone=SEOUL)
        assert found.points == sum(grant.points for grant in found.grants)
        assert found.points == sum(step.points for step in found.trace if step.code in ("gave", "multiplied"))

    def test_points_outside_a_purchase(self) -> None:
        club = terms.parse(terms.templates()["cafe"])
        assert club.welcome is not None
        grant = earning.award(club, club.welcome.points, at=NOON, zone=SEOUL, rule="welcome")
        assert (grant.points, grant.active_at, grant.rules) == (30, NOON, ("welcome",))
        assert grant.expires_at == datetime(2027, 1, 31, 15, tzinfo=UTC)


CAFE = Basket(
    occurred_at=datetime(2026, 1, 7, 0, 0, tzinfo=UTC),  # Wednesday 09:00 in Seoul
    currency="KRW",
    total_minor=12_000,
    lines=(
        Line(id="1", sku="LATTE", category="coffee", amount_minor=5_200),
        Line(id="2", sku="CAKE", category="food", amount_minor=6_800),
        Line(id="3", sku="OWN-CUP", category="note", amount_minor=0),
    ),
)


@pytest.fixture(scope="module")
def languages() -> None:
    """Sentences need gettext; without the project's settings (plain pytest) the bare minimum will do."""
    if not django_settings.configured:
        django_settings.configure(USE_I18N=True)
    if not apps.ready:
        django.setup()


@pytest.mark.usefixtures("languages")
class TestTheTrace:
    club = terms.parse(terms.templates()["cafe"])

    def test_tells_a_receipt_in_words(self) -> None:
        found = earning.evaluate(self.club, CAFE, Facts(tier="gold"), zone=SEOUL)
        assert earning.words(found.trace, self.club, "en") == [
            "Birthday week skipped: no birthday on file",
            "Your tier Gold: ×1.2",
            "Every order: +144 beans",
            "Your own cup: +5 beans",
            "First order: +20 beans",
            "Double coffee in the morning: +52 beans (×2 on Every order)",
        ]
        assert found.points == 144 + 5 + 20 + 52

    def test_says_when_there_was_no_programme_or_nothing_to_earn_on(self) -> None:
        assert earning.NO_PROGRAMME_YET.points == 0
        assert earning.words(earning.NO_PROGRAMME_YET.trace, None, "en") == ["No points: there was no programme yet."]
        other = earning.evaluate(self.club, basket(1000), Facts(), zone=SEOUL)
        assert earning.words(other.trace, self.club, "en") == ["No points: the programme does not count USD."]
        nothing = earning.evaluate(self.club, basket(0, currency="KRW"), Facts(), zone=SEOUL)
        assert earning.words(nothing.trace, self.club, "en") == ["No points: the receipt has no goods that earn."]

    def test_shows_caps_and_rounding_as_people_write_points(self) -> None:
        stars = terms.parse(terms.templates()["stars"])
        found = earning.evaluate(stars, basket(415), Facts(tier="reserve"), zone=NEW_YORK)
        assert earning.words(found.trace, stars, "en")[-2:] == [
            "Every order: +7.06 Stars",
            "Rounded from 7.055 to 7.06 Stars",
        ]
        capped = programme(rule(caps=[{"points": 5, "per": "day", "scope": "programme"}]))
        found = earning.evaluate(capped, basket(900), Facts(), zone=UTC_ZONE)
        assert earning.words(found.trace, capped, "en") == [
            "Base: cut to the limit of 5 points a day for all members",
            "Base: +5 points",
        ]
        back = earning.evaluate(stars, basket(-415), Facts(tier="reserve"), zone=NEW_YORK)
        assert earning.words(back.trace, stars, "en")[-1] == "Rounded from -7.055 to -7.06 Stars"
        one = earning.evaluate(capped, basket(100), Facts(), zone=UTC_ZONE)
        assert earning.words(one.trace, capped, "en") == ["Base: +1 point"]

    @given(st.data())
    def test_every_step_has_a_sentence_and_is_json(self, data: st.DataObject) -> None:
        promised, bought, facts = data.draw(programmes()), data.draw(baskets()), data.draw(members())
        found = earning.evaluate(promised, bought, facts, zone=SEOUL)
        assert len(earning.words(found.trace, promised, "en")) == len(found.trace)
        kept = json.loads(msgspec.json.encode(found))
        assert msgspec.convert(kept, earning.Evaluation) == found
        kept_facts, kept_basket = json.loads(msgspec.json.encode(facts)), json.loads(msgspec.json.encode(bought))
        again = earning.evaluate(
            terms.parse(terms.document(promised)),
            msgspec.convert(kept_basket, Basket),
            msgspec.convert(kept_facts, Facts),
            zone=SEOUL,
        )
        assert again == found


class TestRefunds:
    bought = basket(
        line(1000, "tea", quantity_milli=3000, discount_minor=90, tax_minor=91),
        line(500, "cake", number="2"),
        points_paid_minor=300,
    )

    def test_a_quantity_takes_its_part_of_the_amount(self) -> None:
        net = earning.net_basket(self.bought, returned=[Returned(line="1", quantity_milli=1000)])
        assert net.total_minor == 667 + 500
        assert net.lines[0] == line(667, "tea", quantity_milli=2000, discount_minor=60, tax_minor=60, points_minor=133)
        assert net.points_paid_minor == 133 + 100

    def test_an_amount_takes_its_part_of_the_quantity(self) -> None:
        net = earning.net_basket(self.bought, returned=[Returned(line="1", amount_minor=400)])
        assert (net.lines[0].amount_minor, net.lines[0].quantity_milli) == (600, 1800)

    def test_a_line_comes_back_whole(self) -> None:
        net = earning.net_basket(self.bought, returned=[Returned(line="1")])
        assert [each.id for each in net.lines] == ["2"]
        # Of what has come back whole nothing more can.
        assert earning.net_basket(self.bought, returned=[Returned(line="1"), Returned(line="1")]) == net
        both = earning.net_basket(self.bought, returned=[Returned(line="1", quantity_milli=3000, amount_minor=900)])
        assert (both.lines[0].amount_minor, both.lines[0].quantity_milli, both.total_minor) == (100, 0, 600)

    @pytest.mark.parametrize(
        ("back", "left"),
        [
            # A piece back for nothing, money for no piece, and neither.
            (Returned(line="1", quantity_milli=1000, amount_minor=0), (9000, 2000)),
            (Returned(line="1", quantity_milli=0, amount_minor=9000), (0, 3000)),
            (Returned(line="1", quantity_milli=0), (9000, 3000)),
        ],
    )
    def test_amount_and_quantity_come_back_each_as_it_is_said(self, back: Returned, left: tuple[int, int]) -> None:
        bought = basket(line(9000, quantity_milli=3000), line(500, number="2"))
        net = earning.net_basket(bought, returned=[back])
        assert (net.lines[0].amount_minor, net.lines[0].quantity_milli) == left

    def test_nothing_is_paid_for_what_was_free_or_had_come_back(self) -> None:
        bought = basket(line(1000), line(0, number="2"), line(-500, number="3"))
        for number in "23":
            with pytest.raises(earning.MoreThanBought) as refused:
                earning.net_basket(bought, returned=[Returned(line=number, quantity_milli=0, amount_minor=1)])
            assert refused.value.line == number
        # Of what had come back no more is undone than came back.
        undone = earning.net_basket(bought, returned=[Returned(line="3", amount_minor=-500)])
        assert (undone.total_minor, [each.id for each in undone.lines]) == (1000, ["1", "2"])
        with pytest.raises(earning.MoreThanBought):
            earning.net_basket(bought, returned=[Returned(line="3", amount_minor=-501)])

    def test_an_amount_without_lines_shrinks_all_pro_rata(self) -> None:
        net = earning.net_basket(basket(100, 100, 100), amount_minor=100)
        assert [each.amount_minor for each in net.lines] == [67, 67, 66]
        assert net.total_minor == 200

    @pytest.mark.parametrize(
        "back",
        [
            {"returned": [Returned(line="9")]},
            {"returned": [Returned(line="1", quantity_milli=3001)]},
            {"returned": [Returned(line="1", amount_minor=1001)]},
            {"returned": [Returned(line="1", quantity_milli=-1)]},
            {"returned": [Returned(line="1"), Returned(line="1", quantity_milli=1)]},
            {"amount_minor": 1501},
            {"amount_minor": -1},
            {"returned": [Returned(line="1")], "amount_minor": 501},
        ],
    )
    def test_more_than_was_bought_is_refused(self, back: dict[str, Any]) -> None:
        with pytest.raises(earning.MoreThanBought):
            earning.net_basket(self.bought, **back)

    def test_what_was_free_stays_after_an_amount_comes_back(self) -> None:
        cup = line(0, sku="OWN-CUP", number="2")
        net = earning.net_basket(basket(1000, cup), amount_minor=1)
        assert [(each.id, each.quantity_milli) for each in net.lines] == [("1", 999), ("2", 1000)]
        assert earning.net_basket(basket(1000, cup), returned=[Returned(line="2")]).lines == (line(1000),)
        thread = line(0, number="3", quantity_milli=1)
        assert earning.net_basket(basket(1000, thread), amount_minor=1).lines[1] == thread

    def test_a_larger_refund_never_leaves_more_of_a_line(self) -> None:
        """Largest remainders would: of 1, 6 and 8, refunding one more unit would give the first line one back."""
        left = [
            [each.amount_minor for each in earning.net_basket(basket(1, 6, 8), amount_minor=n).lines] for n in range(15)
        ]
        amounts = [[0] * (3 - len(each)) + each for each in left]
        assert all(one >= other for one, other in zip(map(sorted, amounts), map(sorted, amounts[1:]), strict=False))

    def test_caps_are_given_back_as_they_were_used(self) -> None:
        promised = programme(rule(caps=[{"points": 8, "per": "day"}]))
        before = earning.evaluate(promised, basket(1000), Facts(), zone=UTC_ZONE)
        left = earning.evaluate(promised, earning.net_basket(basket(1000), amount_minor=500), Facts(), zone=UTC_ZONE)
        assert (before.cap_uses[0][1], left.cap_uses[0][1]) == (8, 5)


# --- laws ------------------------------------------------------------------------------------------------------------

CATEGORIES = ["", "coffee", "tea", "gift_card"]
RATIOS = st.one_of(
    st.integers(1, 30),
    st.builds(lambda a, b: f"{a}/{b}", st.integers(1, 50), st.integers(1, 12)),
    st.builds(lambda n: f"{n / 10:.1f}", st.integers(1, 99)),
)
LINES = st.lists(
    st.builds(
        lambda amount, category, quantity, discount, tax: {
            "amount_minor": amount,
            "category": category,
            "quantity_milli": quantity,
            "discount_minor": discount,
            "tax_minor": amount * tax // 100,
        },
        st.integers(0, 50_000),
        st.sampled_from(CATEGORIES),
        st.integers(1, 5_000),
        st.integers(0, 2_000),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=6,
)


@st.composite
def baskets(draw: st.DrawFn) -> Basket:
    lines = tuple(Line(id=str(n), **fields) for n, fields in enumerate(draw(LINES), 1))
    total = sum(each.amount_minor for each in lines)
    at = draw(st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
    paid = draw(st.integers(0, total))
    return Basket(occurred_at=at, currency="USD", total_minor=total, lines=lines, points_paid_minor=paid)


@st.composite
def members(draw: st.DrawFn) -> Facts:
    birthday = draw(st.none() | st.dates(date(2024, 1, 1), date(2024, 12, 31)))
    return Facts(
        tier=draw(st.sampled_from([None, "green", "gold"])),
        ordinal=draw(st.integers(1, 30)),
        birthday=(birthday.month, birthday.day) if birthday else None,
        guest=draw(st.booleans()),
    )


@st.composite
def programmes(draw: st.DrawFn, *, monotone: bool = False) -> terms.Terms:
    """Any programme; `monotone`: one in which buying less can never earn more, not by a unit.

    `best` and `first` may switch rules, minimums may be missed, lines may round apart, and tax inside points or before
    discounts is rounded to the minor unit; there the taker of refunds holds on to what was taken already (R10).
    """
    rules = [draw(_rules(place, monotone=monotone)) for place in range(draw(st.integers(1, 5)))]
    if all(each["kind"] == "multiplier" for each in rules):
        rules.append(rule(code="last"))
    levels = [
        {"code": "green", "name": "Green", "threshold": 0},
        {"code": "gold", "name": "Gold", "threshold": 1000, "multiplier": draw(RATIOS)},
    ]
    rounding = {"mode": draw(st.sampled_from(["floor", "half_up", "half_even", "ceil"])), "scope": "order"}
    if not monotone:
        rounding["scope"] = draw(st.sampled_from(["order", "line"]))
    stacking = "all" if monotone else draw(st.sampled_from(["all", "best", "first"]))
    caps = draw(st.lists(st.builds(_cap, st.integers(1, 3000), st.sampled_from(["order", "day", "ever"])), max_size=1))
    return programme(
        *rules,
        stacking=stacking,
        caps=caps,
        excluding={"categories": draw(st.sampled_from([[], ["gift_card"]]))},
        points={"rounding": rounding},
        tiers={"basis": "spend", "levels": levels},
    )


def _cap(points: int, per: str) -> dict[str, Any]:
    return {"points": points, "per": per}


@st.composite
def _rules(draw: st.DrawFn, place: int, *, monotone: bool) -> dict[str, Any]:
    kind = draw(st.sampled_from(["per_money", "per_order", "per_item", "multiplier"]))
    fields: dict[str, Any] = {"code": f"r{place}"}
    if kind == "multiplier":
        fields |= {
            "factor": draw(st.sampled_from([2, "1.5", "4/3"])),
            "mode": draw(st.sampled_from(["add", "multiply"])),
        }
    else:
        fields["points"] = draw(RATIOS)
    if kind == "per_money":
        fields |= {"per_amount_minor": draw(st.sampled_from([1, 3, 100, 1000])), "full_steps": draw(st.booleans())}
    if kind == "per_item":
        fields |= {"full_steps": draw(st.booleans())}
    if draw(st.booleans()):
        fields["only"] = {"categories": draw(st.lists(st.sampled_from(CATEGORIES[1:]), min_size=1, unique=True))}
    fields["net_of"] = draw(st.lists(st.sampled_from(["discounts", "tax", "points"]), unique=True))
    if monotone:
        fields["net_of"] = draw(st.sampled_from([["discounts"], ["discounts", "tax"], ["discounts", "points"]]))
    if draw(st.integers(0, 3)) == 0:
        fields["when"] = draw(
            st.sampled_from([{"birthday": "month"}, {"every_nth_purchase": 2}, {"weekdays": ["mon"]}])
        )
    if draw(st.integers(0, 3)) == 0:
        fields["caps"] = [_cap(draw(st.integers(1, 500)), draw(st.sampled_from(["order", "day", "ever"])))]
    fields["qualifying"] = draw(st.booleans())
    if not monotone:
        fields["stop"] = draw(st.booleans())
        fields["priority"] = draw(st.integers(-2, 2))
    return rule(kind, **fields)


class TestLaws:
    @given(programmes(), baskets(), members())
    def test_every_sum_agrees_and_nothing_is_negative(
        self, promised: terms.Terms, bought: Basket, facts: Facts
    ) -> None:
        found = earning.evaluate(promised, bought, facts, zone=SEOUL)
        assert found.points >= found.qualifying_points >= 0
        assert found.points == sum(grant.points for grant in found.grants)
        assert all(grant.points > 0 for grant in found.grants)
        given_steps = [step for step in found.trace if step.code in ("gave", "multiplied")]
        assert found.points == sum(step.points for step in given_steps)
        assert all(step.points >= 0 for step in given_steps)
        for each in promised.earning.rules:
            own = sum(step.points for step in given_steps if step.rule == each.code)
            assert all(own <= cap.points for cap in each.caps)
        assert all(found.points <= cap.points for cap in promised.earning.caps)
        assert set(found.cap_uses) <= {(key, points) for key, points in found.cap_uses if points > 0}

    @given(programmes(), baskets(), members())
    def test_the_points_are_those_of_slow_fractions(self, promised: terms.Terms, bought: Basket, facts: Facts) -> None:
        """The scaled integers against a second, naive telling of the same rules (order scope, no caps, all)."""
        plain = msgspec.structs.replace(
            promised,
            points=terms.Points(rounding=terms.Rounding(mode="floor", scope="order")),
            earning=msgspec.structs.replace(
                promised.earning,
                stacking="all",
                caps=(),
                rules=tuple(
                    msgspec.structs.replace(each, caps=(), stop=False, only=None)
                    if each.kind == "multiplier"
                    else msgspec.structs.replace(each, caps=(), stop=False)
                    for each in promised.earning.rules
                ),
            ),
        )
        found = earning.evaluate(plain, bought, facts, zone=SEOUL)
        assert found.points == int(naive(plain, bought, facts, found))

    @given(
        st.lists(st.tuples(RATIOS, st.sampled_from([1, 7, 100, 1000]), st.booleans()), min_size=1, max_size=3),
        st.lists(st.integers(0, 100_000), min_size=1, max_size=4),
        st.lists(st.integers(0, 100_000), min_size=1, max_size=4),
        st.booleans(),
    )
    def test_two_purchases_never_earn_more_than_one(
        self, rates: list[tuple[Any, int, bool]], one: list[int], other: list[int], doubled: bool
    ) -> None:
        """earn(a) + earn(b) <= earn(a + b) for per-money rules that round down, without caps."""
        rules = [
            rule(code=f"r{n}", points=points, per_amount_minor=per, full_steps=steps)
            for n, (points, per, steps) in enumerate(rates)
        ]
        promised = programme(*rules, *([rule("multiplier", factor="1.5")] if doubled else []))
        assert earn(promised, basket(*one)) + earn(promised, basket(*other)) <= earn(promised, basket(*one, *other))

    @given(RATIOS, st.lists(st.integers(1, 5_000), min_size=1, max_size=6))
    def test_how_an_amount_is_cut_into_lines_does_not_matter_in_order_scope(
        self, points: Any, amounts: list[int]
    ) -> None:
        promised = programme(rule(points=points))
        assert earn(promised, basket(*amounts)) == earn(promised, basket(sum(amounts)))
        per_line = programme(rule(points=points), points={"rounding": {"mode": "floor", "scope": "line"}})
        assert earn(per_line, basket(*amounts)) <= earn(promised, basket(*amounts))

    @given(programmes(), baskets(), members(), st.booleans())
    def test_a_refund_of_everything_leaves_nothing(
        self, promised: terms.Terms, bought: Basket, facts: Facts, by_line: bool
    ) -> None:
        returned = [Returned(line=each.id) for each in bought.lines] if by_line else []
        net = earning.net_basket(bought, returned=returned, amount_minor=0 if by_line else bought.total_minor)
        found = earning.evaluate(promised, net, facts, zone=SEOUL)
        assert (net.total_minor, found.points, found.qualifying_points, found.cap_uses) == (0, 0, 0, ())

    @given(programmes(monotone=True), baskets(), members(), st.lists(st.integers(1, 20_000), max_size=6))
    def test_slicing_a_refund_never_gains(
        self, promised: terms.Terms, bought: Basket, facts: Facts, slices: list[int]
    ) -> None:
        """What is left never grows from one refund to the next, so slices together take what one refund takes."""
        left = [earning.evaluate(promised, bought, facts, zone=SEOUL).points]
        back = 0
        for each in slices:
            back = min(bought.total_minor, back + each)
            net = earning.net_basket(bought, amount_minor=back)
            left.append(earning.evaluate(promised, net, facts, zone=SEOUL).points)
        assert left == sorted(left, reverse=True)

    @given(programmes(monotone=True), baskets(), members(), st.randoms(use_true_random=False))
    def test_returning_pieces_one_by_one_never_gains(
        self, promised: terms.Terms, bought: Basket, facts: Facts, dice: Any
    ) -> None:
        back = {each.id: 0 for each in bought.lines}
        left = [earning.evaluate(promised, bought, facts, zone=SEOUL).points]
        for _ in range(6):
            each = dice.choice(bought.lines)
            back[each.id] = dice.randint(back[each.id], each.quantity_milli)
            returned = [Returned(line=line_id, quantity_milli=milli) for line_id, milli in back.items() if milli]
            left.append(
                earning.evaluate(promised, earning.net_basket(bought, returned=returned), facts, zone=SEOUL).points
            )
        assert left == sorted(left, reverse=True)

    @given(baskets(), st.lists(st.integers(0, 10_000), max_size=5))
    def test_nothing_gets_lost_in_a_net_basket(self, bought: Basket, slices: list[int]) -> None:
        back = min(bought.total_minor, sum(slices))
        net = earning.net_basket(bought, amount_minor=back)
        assert net.total_minor == bought.total_minor - back == sum(each.amount_minor for each in net.lines)
        assert 0 <= net.points_paid_minor <= net.total_minor
        assert all(each.tax_minor <= each.amount_minor for each in net.lines)

    @given(programmes(), baskets(), members())
    def test_the_same_question_has_the_same_answer(self, promised: terms.Terms, bought: Basket, facts: Facts) -> None:
        first = earning.evaluate(promised, bought, facts, zone=SEOUL)
        fresh = terms.parse(terms.document(promised))
        assert earning.evaluate(fresh, bought, facts, zone=SEOUL) == first


def naive(promised: terms.Terms, bought: Basket, facts: Facts, found: earning.Evaluation) -> Fraction:
    """The rules told again with fractions; which rules were skipped by a condition is taken from the trace."""
    out = {step.rule for step in found.trace if step.code == "skipped"}
    lines = [each for each in bought.lines if each.category not in promised.earning.excluding.categories]
    if bought.total_minor <= 0 or found.trace[-1].code == "nothing_paid":
        return Fraction(0)
    tier = Fraction(1)
    if promised.tiers is not None and facts.tier == "gold":
        tier = terms.ratio(promised.tiers.levels[1].multiplier)
    added, compounded = Fraction(0), Fraction(1)
    for each in promised.earning.rules:
        if isinstance(each, terms.Multiplier) and each.code not in out:
            if each.mode == "add":
                added += terms.ratio(each.factor) - 1
            else:
                compounded *= terms.ratio(each.factor)
    total = Fraction(0)
    for each in promised.earning.rules:
        if isinstance(each, terms.Multiplier) or each.code in out:
            continue
        own = [x for x in lines if each.only is None or x.category in each.only.categories]
        total += naive_rule(each, own, bought) * (tier + added) * compounded
    return total


def naive_rule(each: terms.BaseRule, lines: list[Line], bought: Basket) -> Fraction:
    values = [naive_amount(each, x, bought) for x in lines]
    points = terms.ratio(each.points)
    if isinstance(each, terms.PerOrder):
        return points if sum(values) > 0 else Fraction(0)
    if isinstance(each, terms.PerItem):
        counted = sum(x.quantity_milli for x, value in zip(lines, values, strict=True) if value > 0)
        per = each.per_quantity_milli
    else:
        counted, per = sum(values), each.per_amount_minor
    return points * (counted // per) if each.full_steps else points * Fraction(counted, per)


def naive_amount(each: terms.BaseRule, x: Line, bought: Basket) -> int:
    value = x.amount_minor if "discounts" in each.net_of else x.amount_minor + x.discount_minor
    if "points" in each.net_of and bought.points_paid_minor:
        weights = [one.amount_minor for one in bought.lines]
        exact = [Fraction(bought.points_paid_minor * weight, sum(weights)) for weight in weights]
        shares = [int(one) for one in exact]
        order = sorted(range(len(exact)), key=lambda n: (-(exact[n] - int(exact[n])), n))
        for n in order[: bought.points_paid_minor - sum(shares)]:
            shares[n] += 1
        value = max(0, value - shares[int(x.id) - 1])
    if "tax" in each.net_of and x.amount_minor:
        value -= int(Fraction(x.tax_minor * value, x.amount_minor) + Fraction(1, 2))
    return value
