"""Stamp cards, the pure half: what a purchase earns on each card, and when a card is full. E5 is the field's worked example."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from django.utils import translation

from rewards import earning, terms
from rewards.earning import Basket, Facts, Line, Returned, stamps
from rewards.earning.basket import TraceLine
from rewards.earning.conditions import Moment
from rewards.terms.checks import contradictions
from rewards.terms.parts import Remark, Whole, parts_within
from rewards.terms.stamps import StampCard
from rewards.terms.wording import Phrasing

LONDON = ZoneInfo("Europe/London")
MONDAY = datetime(2026, 1, 5, 12, tzinfo=UTC)
CAFE: dict[str, Any] = {
    "name": "Corner Coffee",
    "currency": "GBP",
    "earning": {
        "excluding": {"categories": ["tobacco"]},
        "rules": [{"kind": "per_money", "code": "base", "name": "Every order", "points": 1, "per_amount_minor": 100}],
    },
    "tiers": {
        "basis": "spend",
        "levels": [
            {"code": "start", "name": "Start", "threshold": 0},
            {"code": "gold", "name": "Gold", "threshold": 9},
        ],
    },
    "rewards": [
        {"kind": "product", "code": "drink", "name": "Hot drink", "price_points": 100, "max_minor": 400},
        {
            "kind": "text",
            "code": "club",
            "name": "Club night",
            "price_points": 9,
            "tiers": ["gold"],
            "last_day": "2026-01-31",
        },
    ],
}
#: Config A: ten stamps are a hot drink, one for each hot drink that was paid for, at most five an order.
HOT_DRINKS: dict[str, Any] = {
    "code": "drinks",
    "name": "Hot drinks",
    "sizes": [10],
    "gives": {"kind": "per_piece"},
    "only": {"name": "hot drinks", "categories": ["hot"]},
    "most_per_order": 5,
    "life": {"count": 12, "unit": "months"},
    "reward": "drink",
}


def card(**changes: Any) -> StampCard:
    return msgspec.convert({**HOT_DRINKS, **changes}, StampCard)


def drinks(count: int, *, each: int = 360, muffins: int = 0, free: int = 0, at: datetime = MONDAY) -> Basket:
    lines = [
        Line(id="drinks", category="hot", quantity_milli=count * 1000, amount_minor=count * each),
        Line(id="muffins", category="cake", quantity_milli=muffins * 1000, amount_minor=muffins * 250),
        Line(id="free", category="hot", quantity_milli=free * 1000, amount_minor=0, discount_minor=free * each),
    ]
    bought = tuple(line for line in lines if line.quantity_milli)
    total = sum(line.amount_minor for line in bought)
    return Basket(occurred_at=at, currency="GBP", total_minor=total, lines=bought)


def earned(
    on: StampCard, basket: Basket, known: dict[str, int] | None = None, *, tier: str | None = "start"
) -> dict[str, int]:
    """What a basket earns on a card; what comes to nothing is left out."""
    facts = Facts(tier=tier, more={"stamps": known or {}})
    moment = Moment(basket, facts, tier, LONDON, LONDON)
    found = stamps.earned(stamps.ready([on], terms.parse(CAFE)), moment, [])
    return {name: number for name, number in found.items() if number}


def given(on: StampCard, basket: Basket, known: dict[str, int] | None = None) -> int:
    return earned(on, basket, known).get("stamps:drinks", 0)


class TestE5:
    def test_config_a_visit_by_visit(self) -> None:
        visits = [
            drinks(1), drinks(2, muffins=1), drinks(3), drinks(2), drinks(4), drinks(1, free=1), drinks(7),
        ]  # fmt: skip
        on, held, cards, seen = card(), 0, 0, []
        for basket in visits:
            plus = given(on, basket)
            full, held = stamps.filled(on, held + plus, filled_before=cards)
            cards += full
            seen.append((plus, held, cards))
        assert seen == [(1, 1, 0), (2, 3, 0), (3, 6, 0), (2, 8, 0), (4, 2, 1), (1, 3, 1), (5, 8, 1)]

    @pytest.mark.parametrize(("back", "total", "full"), [(1, 11, (1, 1)), (3, 9, (0, 9))])
    def test_a_refund_of_visit_five_takes_back_the_difference(
        self, back: int, total: int, full: tuple[int, int]
    ) -> None:
        bought = drinks(4)
        left = earning.net_basket(bought, returned=[Returned(line="drinks", quantity_milli=back * 1000)])
        assert 8 + given(card(), bought) - (given(card(), bought) - given(card(), left)) == total
        assert stamps.filled(card(), total) == full

    def test_config_b_a_stamp_per_visit_of_three_pounds(self) -> None:
        on = card(sizes=[8], gives={"kind": "per_visit"}, only=None, minimum_amount_minor=300)
        visits = [drinks(1), drinks(2), drinks(3), drinks(2), drinks(4), drinks(1, free=1), drinks(7)]
        assert [given(on, basket) for basket in visits] == [1] * 7
        assert stamps.filled(on, 7) == (0, 7)
        assert given(on, drinks(1, each=299)) == 0

    def test_config_c_double_stamps_on_tuesday(self) -> None:
        on = card(bonuses=[{"factor": 2, "weekdays": ["tue"]}])
        assert given(on, drinks(2, at=MONDAY + timedelta(days=1))) == 4
        assert given(on, drinks(2)) == 2

    def test_a_bonus_of_some_days_counts_on_the_first_and_on_the_last_of_them(self) -> None:
        on = card(bonuses=[{"factor": 2, "first_day": "2026-01-06", "last_day": "2026-01-07"}])
        assert [given(on, drinks(1, at=MONDAY + timedelta(days=n))) for n in range(4)] == [1, 2, 2, 1]


class TestEarned:
    def test_nothing_where_nothing_is_known_of_the_cards(self) -> None:
        """Absent is not zero: the purchase was recorded before there were cards."""
        moment = Moment(drinks(2), Facts(), "start", LONDON, LONDON)
        assert stamps.earned(stamps.ready([card()], terms.parse(CAFE)), moment, []) == {}

    def test_nothing_for_what_was_free_or_paid_with_points_or_never_earns(self) -> None:
        assert given(card(), drinks(0, free=2)) == 0
        assert given(card(), msgspec.structs.replace(drinks(1), points_paid_minor=360)) == 0
        assert given(card(only=None), drinks(0, muffins=2)) == 2
        tobacco = Line(id="1", category="tobacco", amount_minor=900)
        assert (
            given(card(only=None), Basket(occurred_at=MONDAY, currency="GBP", total_minor=900, lines=(tobacco,))) == 0
        )

    def test_what_is_short_of_a_stamp_is_lost_or_carried_over(self) -> None:
        every_two = {"kind": "per_piece", "per_quantity_milli": 2000}
        assert earned(card(gives=every_two), drinks(3)) == {"stamps:drinks": 1}
        carrying = card(gives={**every_two, "carries": True})
        assert earned(carrying, drinks(3)) == {"stamps:drinks": 1, "stamps:drinks:rest": 1000}
        assert earned(carrying, drinks(3), {"stamps:drinks:rest": 1000}) == {
            "stamps:drinks": 2, "stamps:drinks:rest": -1000,
        }  # fmt: skip

    def test_by_the_amount_spent(self) -> None:
        on = card(gives={"kind": "per_amount", "per_amount_minor": 500, "carries": True})
        assert earned(on, drinks(3)) == {"stamps:drinks": 2, "stamps:drinks:rest": 80}

    def test_no_more_than_the_day_allows(self) -> None:
        on = card(most_per_day=6)
        day = "stamps:drinks:2026-01-05"
        assert earned(on, drinks(4)) == {"stamps:drinks": 4, day: 4}
        assert earned(on, drinks(4), {day: 4}) == {"stamps:drinks": 2, day: 2}
        assert earned(on, drinks(4), {day: 6}) == {}

    def test_by_its_audience_only(self) -> None:
        on = card(tiers=["gold"])
        assert earned(on, drinks(1)) == {}
        assert earned(on, drinks(1), tier="gold") == {"stamps:drinks": 1}

    def test_what_comes_back_beyond_what_is_bought_takes_stamps_back(self) -> None:
        back = Line(id="1", category="hot", quantity_milli=2000, amount_minor=-720)
        assert given(card(), Basket(occurred_at=MONDAY, currency="GBP", total_minor=-720, lines=(back,))) == -2

    def test_is_told_step_by_step(self) -> None:
        trace: list[TraceLine] = []
        moment = Moment(drinks(7), Facts(more={"stamps": {}}), "start", LONDON, LONDON)
        stamps.earned(stamps.ready([card()], terms.parse(CAFE)), moment, trace)
        assert [(step.code, step.data) for step in trace] == [
            ("stamps_cut", {"card": "drinks", "most": 5}), ("stamped", {"card": "drinks", "stamps": 5}),
        ]  # fmt: skip
        assert {step.code for step in trace} <= set(stamps.TEXTS)


class TestFilled:
    def test_level_cards_take_six_then_five_then_always_four(self) -> None:
        on = card(sizes=[6, 5, 4])
        assert [stamps.size_of(on, before) for before in range(5)] == [6, 5, 4, 4, 4]
        assert stamps.filled(on, 16) == (3, 1)
        assert stamps.filled(on, 5, filled_before=1) == (1, 0)

    def test_what_is_more_than_a_card_takes_is_lost_where_it_may_not_begin_the_next(self) -> None:
        assert stamps.filled(card(starts_next=False), 12) == (1, 0)

    def test_stamps_end_a_year_after_the_latest_and_a_reward_so_many_days_on(self) -> None:
        assert stamps.last_day_of_stamps(card(), date(2026, 1, 5)) == date(2027, 1, 5)
        assert stamps.last_day_of_stamps(card(life=None), date(2026, 1, 5)) is None
        assert stamps.last_day_of_reward(card(reward_days=30), date(2026, 1, 5)) == date(2026, 2, 4)
        assert stamps.last_day_of_reward(card(), date(2026, 1, 5)) is None


def remarks(on: StampCard, *, today: date | None = None) -> tuple[list[Remark], list[Remark]]:
    """What the card is refused for and warned of, as a part of the café's programme."""
    whole: Whole = terms.parse(CAFE).whole(today)
    parts = list(parts_within(on))
    checked = [each._replace(pointer=where + each.pointer) for where, part in parts for each in part.check(whole)]
    advised = [each._replace(pointer=where + each.pointer) for where, part in parts for each in part.advise(whole)]
    return checked, advised


class TestChecks:
    @pytest.mark.parametrize(
        ("changes", "pointer", "code"),
        [
            ({"reward": "cake"}, "/reward", "unknown_reward"),
            ({"only": {"categories": ["tobacco"]}}, "/only", "never_filled"),
            ({"only": {}}, "/only", "empty"),
            ({"tiers": ["ruby"]}, "/tiers/0", "unknown_tier"),
            (
                {"bonuses": [{"factor": 2, "first_day": "2026-02-02", "last_day": "2026-02-01"}]},
                "/bonuses/0/last_day",
                "days_reversed",
            ),
        ],
    )
    def test_a_card_that_brings_nothing_is_refused(self, changes: dict[str, Any], pointer: str, code: str) -> None:
        checked, _advised = remarks(card(**changes))
        assert [(each.pointer, each.code) for each in checked] == [(pointer, code)]
        assert all(each.detail.endswith(".") for each in checked)

    def test_a_card_as_it_should_be_is_neither_refused_nor_warned_of(self) -> None:
        assert remarks(card(), today=date(2026, 1, 5)) == ([], [])

    @pytest.mark.parametrize(
        ("changes", "found"),
        [
            ({"reward": "club"}, [("/reward", "reward_over"), ("/reward", "reward_for_other_tiers")]),
            ({"most_per_day": 4}, [("/most_per_order", "limit_never_cuts")]),
        ],
    )
    def test_warnings(self, changes: dict[str, Any], found: list[tuple[str, str]]) -> None:
        checked, advised = remarks(card(**changes), today=date(2026, 3, 1))
        assert (checked, [(each.pointer, each.code) for each in advised]) == ([], found)


def test_is_described() -> None:
    say = Phrasing("en", currency="GBP", names={("reward", "drink"): "Hot drink"})
    on = card(minimum_amount_minor=300, sizes=[6, 5, 4], bonuses=[{"factor": 2, "weekdays": ["tue"]}], reward_days=30)
    with translation.override("en"):
        said = on.describe(say)
    assert (said.title, said.says) == ("Hot drinks", "6 stamps: Hot drink")
    assert said.lines == (
        "one stamp for each piece", "only for hot drinks", "for orders from £3.00", "at most 5 an order",
        "stamps × 2 Tue", "the next cards: 5, 4 stamps", "stamps end 12 months after the latest one",
        "take the reward within 30 days",
    )  # fmt: skip


def test_one_field_of_the_document_is_all_that_checks_advice_and_descriptions_need() -> None:
    def with_cards(**changes: Any) -> terms.Terms:
        document = {**CAFE, "stamps": [HOT_DRINKS, {**HOT_DRINKS, "code": "more", **changes}]}
        return msgspec.convert(document, terms.Terms)

    assert [(each.pointer, each.code) for each in contradictions(with_cards(reward="cake"))] == [
        ("/stamps/1/reward", "unknown_reward")
    ]
    assert [(each.pointer, each.code) for each in contradictions(with_cards(code="drinks"))] == [
        ("/stamps/1/code", "code_twice")
    ]
    assert ("/stamps/1/most_per_order", "limit_never_cuts") in [
        (each.pointer, each.code) for each in terms.warnings(with_cards(most_per_day=4))
    ]
    with translation.override("en"):
        said = terms.TermsWording(with_cards(), "en").described()["stamps"]
    assert (said.title, [card.says for card in said.parts]) == ("Stamp cards", ["10 stamps: Hot drink"] * 2)
    assert [name.name for name in terms.named_goods(with_cards())] == ["tobacco", "hot"]
