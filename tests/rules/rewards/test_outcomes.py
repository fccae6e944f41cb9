"""What a purchase earns beside points: computed outside what concerns points alone, kept compact, promised by examples."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from merchants import tenancy
from merchants.actors import SYSTEM
from rewards import earning, programmes, terms
from rewards.earning import Basket, Facts, Line
from rewards.earning.basket import TraceLine
from rewards.earning.conditions import Moment
from rewards.earning.outcomes import Outcome, earned_beside
from tests import builders

ZONE = ZoneInfo("UTC")
NOON = datetime(2026, 1, 7, 12, tzinfo=UTC)
CAFE: dict[str, Any] = {
    "name": "Haneul Beans",
    "currency": "KRW",
    "points": {"minimum_points": 50},
    "earning": {
        "rules": [{"kind": "per_money", "code": "base", "name": "Every order", "points": 1, "per_amount_minor": 100}]
    },
}


def visits(promised: terms.Terms, moment: Moment, trace: list[TraceLine]) -> Mapping[str, int]:
    """A visit, and each coffee."""
    coffees = sum(line.quantity_milli // 1000 for line in moment.basket.lines if line.category == "coffee")
    trace.append(TraceLine(code="visited", data={"coffees": coffees}))
    return {"visits": 1, "visits:coffee": coffees, "visits:tea": 0}


VISITS = Outcome("visits", visits, {"visited": "A visit"})


@pytest.fixture
def with_visits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let purchases earn visits, wherever an evaluation asks what is earned beside points."""
    monkeypatch.setattr("rewards.earning.evaluation.OUTCOMES", (VISITS,))
    monkeypatch.setattr(
        "rewards.earning.evaluation.earned_beside",
        lambda promised, moment, trace: earned_beside(promised, moment, trace, outcomes=(VISITS,)),
    )


def sale(amount: int, **changes: Any) -> Basket:
    line = Line(id="1", amount_minor=amount, category="coffee", quantity_milli=2000)
    return Basket(occurred_at=NOON, currency="KRW", total_minor=amount, lines=(line,), **changes)


def earned(basket: Basket, facts: Facts | None = None) -> earning.Evaluation:
    return earning.evaluate(terms.parse(CAFE), basket, facts or Facts(), zone=ZONE)


def test_nothing_is_earned_beside_points_where_the_terms_have_nothing_of_the_kind() -> None:
    assert [outcome.key for outcome in earning.OUTCOMES] == ["stamps"]
    assert earned(sale(9000), Facts(more=earning.nothing_yet())).outcomes == {}


@pytest.mark.usefixtures("with_visits")
class TestEarned:
    def test_beside_points_and_what_comes_to_nothing_is_left_out(self) -> None:
        found = earned(sale(9000))
        assert (found.points, found.outcomes) == (90, {"visits": 1, "visits:coffee": 2})
        assert [step.code for step in found.trace] == ["gave", "visited"]

    def test_by_an_order_too_small_for_points(self) -> None:
        found = earned(sale(4000))
        assert (found.points, found.outcomes) == (0, {"visits": 1, "visits:coffee": 2})
        assert "below_minimum_points" in [step.code for step in found.trace]

    def test_by_an_order_for_which_nothing_was_paid(self) -> None:
        found = earned(sale(0))
        assert (found.points, found.outcomes) == (0, {"visits": 1, "visits:coffee": 2})
        assert [step.code for step in found.trace] == ["nothing_paid", "visited"]

    def test_nothing_in_another_currency(self) -> None:
        found = earned(msgspec.structs.replace(sale(9000), currency="USD"))
        assert (found.points, found.outcomes) == (0, {})

    def test_what_a_refund_takes_back_is_the_difference(self) -> None:
        bought, left = (
            sale(9000),
            earning.net_basket(sale(9000), returned=[earning.Returned(line="1", quantity_milli=1000)]),
        )
        was, remains = earned(bought).outcomes, earned(left).outcomes
        assert {name: was[name] - remains.get(name, 0) for name in was} == {"visits": 0, "visits:coffee": 1}


def test_an_outcome_earns_under_its_own_name_only() -> None:
    stray = Outcome("stamps", visits, {})
    moment = Moment(sale(100), Facts(), None, ZONE, ZONE)
    with pytest.raises(ValueError, match="stamps may not earn visits"):
        earned_beside(terms.parse(CAFE), moment, [], outcomes=(stray,))


class TestFacts:
    def test_are_kept_without_what_is_as_usual(self) -> None:
        assert msgspec.json.encode(Facts()) == b"{}"
        assert msgspec.json.encode(Facts(tier="gold", joined_on=date(2026, 1, 1))) == (
            b'{"tier":"gold","joined_on":"2026-01-01"}'
        )
        known = Facts(more={"visits": {"visits": 3}})
        assert msgspec.json.decode(msgspec.json.encode(known), type=Facts) == known

    def test_of_rows_that_spelled_everything_out_are_read(self) -> None:
        row = {"tier": None, "ordinal": 1, "birthday": None, "joined_on": None, "caps": {}, "guest": True}
        assert msgspec.convert(row, Facts) == Facts(guest=True)

    @pytest.mark.usefixtures("with_visits")
    def test_of_the_next_purchase_know_what_this_one_earned(self) -> None:
        facts = earning.advance(Facts(more={"visits": {"visits": 3}}), earned(sale(9000)))
        assert facts.ordinal == 2
        assert facts.more == {"visits": {"visits": 4, "visits:coffee": 2}}

    @pytest.mark.usefixtures("with_visits")
    def test_know_nothing_more_of_what_was_not_known(self) -> None:
        """Absent is not zero: a purchase recorded before there were visits does not begin to count them."""
        assert earning.advance(Facts(), earned(sale(9000))).more == {}


class TestExamples:
    EXAMPLE = {
        "name": "Two coffees",
        "lines": [{"amount_minor": 9000, "category": "coffee", "quantity_milli": 2000}],
        "points": 90,
    }

    def outcome(self, **changes: Any) -> earning.ExampleOutcome:
        (found,) = earning.check_examples(terms.parse({**CAFE, "examples": [{**self.EXAMPLE, **changes}]}))
        return found

    @pytest.mark.usefixtures("with_visits")
    def test_may_promise_more_than_points(self) -> None:
        assert self.outcome(expect={"visits": 1, "visits:coffee": 2}).passed
        assert self.outcome().passed, "what is not named is left open"

    @pytest.mark.usefixtures("with_visits")
    def test_say_which_promise_differs(self) -> None:
        found = self.outcome(points=80, expect={"visits": 1, "visits:coffee": 3, "visits:tea": 1})
        assert not found.passed
        assert [(each.pointer, each.expected, each.found) for each in found.differences] == [
            ("/examples/0/points", 80, 90),
            ("/examples/0/expect/visits:coffee", 3, 2),
            ("/examples/0/expect/visits:tea", 1, 0),
        ]

    def test_promise_points_in_one_place(self) -> None:
        with pytest.raises(terms.InvalidTerms) as refused:
            self.outcome(expect={"points": 90})
        assert [(fault.pointer, fault.code) for fault in refused.value.errors] == [
            ("/examples/0/expect/points", "twice")
        ]

    def test_that_are_broken_keep_a_draft_from_publishing(self, db: None) -> None:
        cafe = builders.cafe()
        document = {**builders.PROGRAMME, "examples": [{**self.EXAMPLE, "points": 90, "expect": {"visits": 1}}]}
        call: dict[str, Any] = {"merchant": cafe.merchant, "now": datetime.now(UTC), "actor": SYSTEM}
        with tenancy.tenant(cafe.merchant):
            programmes.save_draft(document=document, revision=None, **call)
            with pytest.raises(programmes.InvalidProgramme) as refused:
                programmes.publish(**call)
        assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
            ("/examples/0/expect/visits", "example_failed")
        ]
        assert "earns 0 of “visits”, not 1." in refused.value.faults[0].detail
