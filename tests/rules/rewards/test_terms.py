"""The terms document: every fault at its pointer, what may be said but should not, templates that keep their promises."""

import json
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merchants import money
from rewards import earning, terms

SEOUL = ZoneInfo("Asia/Seoul")


def simple(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": "Club",
        "currency": "USD",
        "earning": {
            "rules": [{"kind": "per_money", "code": "base", "name": "Base", "points": 1, "per_amount_minor": 100}]
        },
    }
    return {**document, **changes}


def rule(**changes: Any) -> dict[str, Any]:
    return {"kind": "per_money", "code": "base", "name": "Base", "points": 1, "per_amount_minor": 100, **changes}


def faults(document: object) -> list[tuple[str, str]]:
    with pytest.raises(terms.InvalidTerms) as refused:
        terms.parse(document)
    assert all(fault.detail.endswith(".") for fault in refused.value.errors)
    return [(fault.pointer, fault.code) for fault in refused.value.errors]


def read(document: object) -> tuple[terms.Terms | None, tuple[terms.ShapeFault, ...]]:
    try:
        return terms.parse(document), ()
    except terms.InvalidTerms as refused:
        return None, refused.errors


def texts(part: object) -> list[str]:
    if isinstance(part, dict):
        return [text for value in part.values() for text in texts(value)]
    if isinstance(part, list):
        return [text for value in part for text in texts(value)]
    return [part] if isinstance(part, str) else []


@cache
def at_home(code: str) -> tuple[earning.ExampleOutcome, ...]:
    return tuple(earning.check_examples(terms.parse(terms.templates()[code])))


class TestTemplates:
    @pytest.mark.parametrize("code", sorted(terms.templates()))
    def test_keep_the_promises_they_carry(self, code: str) -> None:
        outcomes = earning.check_examples(terms.parse(terms.templates()[code]))
        assert len(outcomes) >= 3
        assert [(o.pointer, o.points) for o in outcomes] == [(o.pointer, o.expected) for o in outcomes]
        assert all(outcome.passed for outcome in outcomes)

    @pytest.mark.parametrize("code", ["cafe-stamps", "coffee-card"])
    def test_promise_stamps_beside_points(self, code: str) -> None:
        promised = [each.expect for each in terms.parse(terms.templates()[code]).examples if each.expect]
        assert promised == {
            "cafe-stamps": [{"stamps:coffee": 2}, {"stamps:coffee": 2}, {"stamps:coffee": 4}],
            "coffee-card": [{"stamps:hot-drinks": number} for number in (2, 5, 1, 1)],
        }[code]  # fmt: skip

    @pytest.mark.parametrize("code", sorted(terms.templates()))
    def test_need_no_advice_and_match_the_schema(self, code: str) -> None:
        template = terms.templates()[code]
        assert terms.warnings(terms.parse(template)) == ()
        jsonschema.validate(template, terms.json_schema())

    @pytest.mark.parametrize("code", sorted(terms.templates()))
    def test_come_back_from_the_document_that_is_kept(self, code: str) -> None:
        parsed = terms.parse(terms.templates()[code])
        kept = json.loads(json.dumps(terms.document(parsed)))
        assert terms.parse(kept) == parsed
        assert terms.document(terms.parse(kept)) == kept

    @given(st.sampled_from(sorted(terms.templates())), st.sampled_from(sorted(money.currencies())))
    def test_fit_any_currency_and_keep_their_promises_in_it(self, code: str, currency: str) -> None:
        document = terms.templates(currency)[code]
        fitted = terms.parse(document)
        assert fitted.currency == currency
        assert "{" not in "".join(texts(document))
        assert terms.warnings(fitted) == ()
        outcomes = earning.check_examples(fitted)
        assert [o.points for o in outcomes] == [o.expected for o in outcomes]
        # Points and stamps are the same everywhere: what is promised at home is promised here.
        assert all(outcome.passed for outcome in outcomes)
        assert [o.points for o in outcomes] == [o.points for o in at_home(code)]
        whole = 10 ** money.exponent(currency)
        for promise in fitted.earning.rules:
            if promise.kind == "per_money":
                assert promise.per_amount_minor >= whole, "nobody counts in parts of a cent"

    def test_a_latte_costs_what_it_costs_there(self) -> None:
        def latte(currency: str) -> int:
            return int(terms.templates(currency)["cafe"]["examples"][1]["lines"][0]["amount_minor"])

        lattes = {currency: latte(currency) for currency in ("USD", "EUR", "GBP", "JPY", "KRW", "TWD", "KWD", "XAF")}
        assert lattes == {
            "USD": 520, "EUR": 520, "GBP": 520, "JPY": 520, "KRW": 5200, "TWD": 156_00, "KWD": 2_080, "XAF": 2600,
        }  # fmt: skip

    def test_speak_of_money_as_the_shop_writes_it(self) -> None:
        def off(currency: str, language: str) -> str:
            return str(terms.templates(currency)["bookshop"]["rewards"][0]["name"][language])

        assert [off("USD", "en"), off("EUR", "en"), off("TWD", "en")] == ["$5 off", "€5 off", "NT$150 off"]
        assert [off("KRW", "ko"), off("JPY", "ko"), off("TWD", "zh-Hant")] == [
            "₩5,000 할인",
            "JP¥500 할인",
            "折抵 $150",
        ]

    def test_thresholds_of_spending_are_money_and_thresholds_of_points_are_not(self) -> None:
        found = terms.templates("TWD")
        assert [level["threshold"] for level in found["bookshop"]["tiers"]["levels"]] == [0, 9_000_00, 30_000_00]
        assert [level["threshold"] for level in found["cafe"]["tiers"]["levels"]] == [0, 2000, 6000]

    def test_every_amount_of_money_is_found_by_its_name(self) -> None:
        """What fits a template to a currency multiplies `…_minor` and thresholds of spending: there is no other money."""
        described = {
            field for part in terms.json_schema()["$defs"].values() for field, it in part.get("properties", {}).items()
            if "minor unit" in json.dumps(it)
        }  # fmt: skip
        assert {field for field in described if not field.endswith("_minor")} == {"threshold"}

    def test_are_six_and_free_to_be_changed(self) -> None:
        terms.templates()["simple"]["name"] = "changed"
        assert sorted(terms.templates()) == ["bookshop", "cafe", "cafe-stamps", "coffee-card", "simple", "stars"]
        assert terms.templates()["simple"]["name"] != "changed"

    @pytest.mark.parametrize("code", sorted(terms.templates()))
    def test_speak_three_languages(self, code: str) -> None:
        for language in ("en", "ko", "zh-Hant"):
            assert language in terms.templates()[code]["name"]

    def test_an_example_that_is_wrong_is_caught(self) -> None:
        wrong = terms.templates()["simple"]
        wrong["examples"][1]["points"] = 2
        outcome = earning.check_examples(terms.parse(wrong))[1]
        assert (outcome.passed, outcome.expected, outcome.points) == (False, 2, 3)
        assert outcome.pointer == "/examples/1/points"


class TestFaultsOfForm:
    def test_are_all_named_at_once_each_at_its_place(self) -> None:
        document = simple(
            **{"x~/y": 1},
            format=2,
            points=[],
            expiry={"kind": "rolling", "unit": "day"},
            tiers=5,
            rewards={"a": 1},
            earning={
                "rules": [
                    rule(kind="per_monkey"),
                    rule(
                        kind="per_order",
                        code="B AD",
                        name={"en": ""},
                        when={"weekdays": ["mon", "funday"], "first_day": "2026-02-30", "hours": [{"start": "25:00"}]},
                    ),
                ]
            },
        )
        del document["currency"]
        assert sorted(faults(document)) == [
            ("/currency", "missing"),
            ("/earning/rules/0/kind", "unknown_choice"),
            ("/earning/rules/1/code", "bad_form"),
            ("/earning/rules/1/name/en", "wrong_length"),
            ("/earning/rules/1/per_amount_minor", "unknown_field"),
            ("/earning/rules/1/when/first_day", "bad_form"),
            ("/earning/rules/1/when/hours/0/end", "missing"),
            ("/earning/rules/1/when/hours/0/start", "bad_form"),
            ("/earning/rules/1/when/weekdays/1", "unknown_choice"),
            ("/expiry/count", "missing"),
            ("/expiry/unit", "unknown_choice"),
            ("/format", "unknown_choice"),
            ("/points", "wrong_type"),
            ("/rewards", "wrong_type"),
            ("/tiers", "wrong_type"),
            ("/x~0~1y", "unknown_field"),
        ]

    @pytest.mark.parametrize("document", [None, [], 5, "text", True])
    def test_what_is_no_object_at_all(self, document: object) -> None:
        assert faults(document) == [("", "wrong_type")]

    @pytest.mark.parametrize(
        ("points", "code"),
        [
            (1.5, "wrong_type"),
            ("1e3", "bad_form"),
            ("1_000", "bad_form"),
            ("١٢", "bad_form"),
            ("-1", "bad_form"),
            ("1/0", "bad_form"),
            ("1.2\n", "bad_form"),
            ("NaN", "bad_form"),
            (-1, "out_of_range"),
            (10**30, "out_of_range"),
            (True, "wrong_type"),
            (None, "wrong_type"),
            (0, "zero"),
            ("0.000", "zero"),
        ],
    )
    def test_a_rate_is_an_exact_number(self, points: object, code: str) -> None:
        assert faults(simple(earning={"rules": [rule(points=points)]})) == [("/earning/rules/0/points", code)]

    def test_unknown_fields_are_refused_in_every_part(self) -> None:
        document = terms.templates()["cafe"]
        parts = [
            ("/points", document["points"]),
            ("/earning/rules/0", document["earning"]["rules"][0]),
            ("/earning/rules/1/when", document["earning"]["rules"][1]["when"]),
            ("/expiry", document["expiry"]),
            ("/tiers/levels/0", document["tiers"]["levels"][0]),
            ("/rewards/0", document["rewards"][0]),
            ("/examples/0/lines/0", document["examples"][0]["lines"][0]),
        ]
        for _, part in parts:
            part["colour"] = "red"
        assert faults(document) == [(f"{pointer}/colour", "unknown_field") for pointer, _ in sorted(parts, key=_place)]

    def test_signs_that_no_database_stores(self) -> None:
        assert faults(simple(name="a\x00b")) == [("/name", "bad_form")]
        assert faults(simple(name={"en": "ok", "ko": "\ud800"})) == [("/name/ko", "bad_form")]

    @given(st.data())
    def test_whatever_is_put_anywhere_is_a_fault_or_a_programme_and_never_a_crash(self, data: st.DataObject) -> None:
        document = terms.templates()[data.draw(st.sampled_from(sorted(terms.templates())))]
        spot: Any = document
        while True:
            keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
            key = data.draw(st.sampled_from(keys))
            if not isinstance(spot[key], (dict, list)) or not spot[key] or data.draw(st.booleans()):
                break
            spot = spot[key]
        junk = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([]) | st.just({})
        spot[key] = data.draw(junk)
        parsed, refused = read(document)
        if parsed is None:
            assert refused
            assert all(fault.pointer == "" or fault.pointer.startswith("/") for fault in refused)
        else:
            assert terms.parse(terms.document(parsed)) == parsed


def _place(part: tuple[str, Any]) -> int:
    order = ["/points", "/earning/rules/0", "/earning/rules/1/when", "/expiry", "/tiers", "/rewards", "/examples"]
    return next(place for place, start in enumerate(order) if part[0].startswith(start))


class TestFaultsOfMeaning:
    def test_codes_are_used_once(self) -> None:
        assert faults(simple(earning={"rules": [rule(), rule()]})) == [("/earning/rules/1/code", "code_twice")]
        reward = {"kind": "discount", "code": "off", "name": "Off", "price_points": 5, "amount_minor": 5}
        assert faults(simple(rewards=[reward, reward])) == [("/rewards/1/code", "code_twice")]

    def test_tiers_begin_at_nothing_and_rise(self) -> None:
        levels = [
            {"code": "a", "name": "A", "threshold": 5},
            {"code": "b", "name": "B", "threshold": 5},
            {"code": "a", "name": "A", "threshold": 3, "multiplier": 0},
        ]
        assert faults(simple(tiers={"basis": "spend", "levels": levels})) == [
            ("/tiers/levels/2/code", "code_twice"),
            ("/tiers/levels/0/threshold", "first_level_not_zero"),
            ("/tiers/levels/1/threshold", "levels_not_ascending"),
            ("/tiers/levels/2/threshold", "levels_not_ascending"),
            ("/tiers/levels/2/multiplier", "zero"),
        ]

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"currency": "ZZZ"}, ("/currency", "unknown_currency")),
            (
                {"earning": {"rules": [rule(when={"tiers": ["gold"]})]}},
                ("/earning/rules/0/when/tiers/0", "unknown_tier"),
            ),
            (
                {
                    "earning": {
                        "rules": [rule(), {"kind": "multiplier", "code": "x", "name": "X", "factor": 2, "of": ["no"]}]
                    }
                },
                ("/earning/rules/1/of/0", "unknown_rule"),
            ),
            (
                {"earning": {"rules": [rule(), {"kind": "multiplier", "code": "x", "name": "X", "factor": 1}]}},
                ("/earning/rules/1/factor", "not_above_one"),
            ),
            (
                {"earning": {"rules": [{"kind": "multiplier", "code": "x", "name": "X", "factor": 2}]}},
                ("/earning/rules/0", "nothing_to_multiply"),
            ),
            (
                {"earning": {"rules": [rule(when={"first_day": "2026-02-01", "last_day": "2026-01-31"})]}},
                ("/earning/rules/0/when/last_day", "days_reversed"),
            ),
            (
                {"earning": {"rules": [rule(when={"hours": [{"start": "10:00", "end": "10:00"}]})]}},
                ("/earning/rules/0/when/hours/0", "empty_hours"),
            ),
            (
                {"earning": {"rules": [rule(when={"nth_purchase": 1, "every_nth_purchase": 5})]}},
                ("/earning/rules/0/when/every_nth_purchase", "conflict"),
            ),
            (
                {"earning": {"rules": [rule(when={"minimum_amount_minor": 500, "below_amount_minor": 500})]}},
                ("/earning/rules/0/when/below_amount_minor", "never"),
            ),
            ({"earning": {"rules": [rule(only={})]}}, ("/earning/rules/0/only", "empty")),
            (
                {"earning": {"rules": [rule(only={"skus": ["a", "b"]}, excluding={"skus": ["b"]})]}},
                ("/earning/rules/0/excluding/skus/0", "conflict"),
            ),
            ({"earning": {"rules": [rule(net_of=["tax", "tax"])]}}, ("/earning/rules/0/net_of", "twice")),
            (
                {"earning": {"caps": [{"points": 1, "per": "order", "scope": "programme"}]}},
                ("/earning/caps/0/scope", "conflict"),
            ),
            (
                {"earning": {"caps": [{"points": 1, "per": "day"}, {"points": 2, "per": "day"}]}},
                ("/earning/caps/1", "twice"),
            ),
            ({"earning": {"pending": {}}}, ("/earning/pending", "one_of")),
            ({"earning": {"pending": {"days": 1, "until": "2026-01-01"}}}, ("/earning/pending", "one_of")),
            ({"expiry": {"kind": "fixed", "last_days": ["02-30"]}}, ("/expiry/last_days/0", "no_such_day")),
            ({"expiry": {"kind": "fixed", "last_days": ["2026-02-29"]}}, ("/expiry/last_days/0", "no_such_day")),
            (
                {"pay_with_points": {"points": 1, "amount_minor": 1, "minimum_points": 10, "maximum_points": 5}},
                ("/pay_with_points/maximum_points", "reversed"),
            ),
            (
                {"pay_with_points": {"points": 1, "amount_minor": 1, "minimum_points": 15, "step_points": 10}},
                ("/pay_with_points/minimum_points", "not_a_step"),
            ),
            ({"referral": {}}, ("/referral", "empty")),
            ({"welcome": {"points": 5, "pending": {}}}, ("/welcome/pending", "one_of")),
            (
                {"examples": [{"name": "x", "lines": [{"amount_minor": 5}], "points": 0, "tier": "gold"}]},
                ("/examples/0/tier", "unknown_tier"),
            ),
            (
                {"examples": [{"name": "x", "lines": [{"amount_minor": 5}], "points": 0, "refund_minor": 6}]},
                ("/examples/0/refund_minor", "above_total"),
            ),
            (
                {
                    "examples": [
                        {"name": "x", "lines": [{"amount_minor": 5}], "points": 0, "local_time": "2026-02-30T10:00"}
                    ]
                },
                ("/examples/0/local_time", "no_such_day"),
            ),
            (
                {
                    "tiers": {
                        "basis": "spend",
                        "window": {"kind": "rolling", "months": 1},
                        "grace_days": 28,
                        "levels": [{"code": "a", "name": "A", "threshold": 0}],
                    }
                },
                ("/tiers/grace_days", "too_long"),
            ),
        ],
    )
    def test_are_found_at_their_pointer(self, changes: dict[str, Any], expected: tuple[str, str]) -> None:
        assert faults(simple(**changes)) == [expected]

    def test_the_error_says_what_it_found(self) -> None:
        with pytest.raises(terms.InvalidTerms, match=r"/currency: ZZZ is not a currency\."):
            terms.parse(simple(currency="ZZZ"))


class TestSchema:
    def test_is_json_schema_2020_12_and_describes_every_part(self) -> None:
        schema = terms.json_schema()
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert all(part.get("description") and part.get("title") for part in schema["$defs"].values())
        jsonschema.validate(schema["examples"][0], schema)

    def test_refuses_what_the_parser_refuses(self) -> None:
        validator = jsonschema.Draft202012Validator(terms.json_schema())
        for document in (simple(x=1), simple(currency="usd"), simple(earning={"rules": [rule(points=1.5)]}), {}):
            assert not validator.is_valid(document)
            assert faults(document)

    def test_its_patterns_are_read_alike_by_every_language(self) -> None:
        assert r"\Z" not in json.dumps(terms.json_schema())
        assert r"\Z" not in json.dumps(terms.components())
        assert "#/components/schemas/Earning" in json.dumps(terms.components()["Terms"])


class TestAdvice:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            (
                {"rewards": [{"kind": "percentage", "code": "half", "name": "Half", "price_points": 5, "percent": 50}]},
                ("/rewards/0/percent", "deep_discount"),
            ),
            ({"pay_with_points": {"points": 1, "amount_minor": 50}}, ("/earning/rules/0/points", "deep_discount")),
            (
                {"pay_with_points": {"points": 1000, "amount_minor": 100}},
                ("/earning/rules/0/points", "give_back_small"),
            ),
            ({}, ("/rewards", "nothing_to_buy")),
            ({"earning": {}}, ("/earning/rules", "nothing_earns")),
        ],
    )
    def test_on_the_give_back(self, changes: dict[str, Any], expected: tuple[str, str]) -> None:
        assert [(a.pointer, a.code) for a in terms.warnings(terms.parse(simple(**changes)))] == [expected]

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            (
                {"excluding": {"skus": ["a"]}, "rules": [rule(), rule(code="a", only={"skus": ["a"]})]},
                ("/earning/rules/1/only", "rule_never_matches"),
            ),
            (
                {"rules": [rule(stop=True), rule(code="late")]},
                ("/earning/rules/1", "rule_never_matches"),
            ),
            (
                {"rules": [rule(caps=[{"points": 9, "per": "day"}, {"points": 5, "per": "month"}])]},
                ("/earning/rules/0/caps/0", "cap_never_cuts"),
            ),
            (
                {"rules": [rule(pending={"days": 40}, expiry={"kind": "rolling", "count": 1, "unit": "months"})]},
                ("/earning/rules/0", "expires_before_active"),
            ),
            (
                {"rules": [rule(when={"last_day": "2025-12-31"})]},
                ("/earning/rules/0/when/last_day", "rule_never_matches"),
            ),
        ],
    )
    def test_on_rules(self, changes: dict[str, Any], expected: tuple[str, str]) -> None:
        document = simple(earning=changes, pay_with_points={"points": 1, "amount_minor": 1})
        found = terms.warnings(terms.parse(document), today=date(2026, 1, 1))
        assert [(a.pointer, a.code) for a in found] == [expected]

    def test_on_tiers_nobody_reaches(self) -> None:
        levels = [{"code": "a", "name": "A", "threshold": 0}, {"code": "b", "name": "B", "threshold": 1000}]
        document = simple(
            pay_with_points={"points": 1, "amount_minor": 1},
            tiers={"basis": "qualifying_points", "levels": levels},
            earning={"caps": [{"points": 50, "per": "month"}], "rules": [rule()]},
        )
        found = terms.warnings(terms.parse(document))
        assert [(a.pointer, a.code) for a in found] == [("/tiers/levels/1/threshold", "tier_unreachable")]
        document["earning"] = {"rules": [rule(when={"tiers": ["b"]})]}
        found = terms.warnings(terms.parse(document))
        assert [(a.pointer, a.code) for a in found] == [("/tiers/levels/1", "tier_unreachable")]
        document["earning"] = {"rules": [rule(qualifying=False)]}
        assert [a.code for a in terms.warnings(terms.parse(document))] == ["tier_unreachable"]


class TestTexts:
    def test_are_found_in_the_readers_language_or_the_nearest(self) -> None:
        words: dict[str, str] = {"ko": "별", "zh-Hant": "星", "en": "Star"}
        assert [terms.text(words, tag) for tag in ("ko", "ko-KR", "zh-hant", "zh-TW", "fr")] == [
            "별",
            "별",
            "星",
            "星",
            "Star",
        ]
        assert terms.text({"ko": "별"}, "fr") == "별"
        assert terms.text("Star", "ko") == "Star"


def expiry(**fields: Any) -> terms.Expiry:
    found: terms.Expiry = msgspec.convert(fields, terms.Expiry)  # type: ignore[arg-type]
    return found


def last_day(found: terms.Expiry, day: str) -> str | None:
    """The last local day in Seoul on which points earned at noon of a day can be spent."""
    at = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=SEOUL)
    end = terms.expires_at(found, at, SEOUL)
    if end is None:
        return None
    local = end.astimezone(SEOUL)
    assert (local.hour, local.minute, local.second) == (0, 0, 0)
    return date.fromordinal(local.date().toordinal() - 1).isoformat()


class TestExpiry:
    @pytest.mark.parametrize(
        ("fields", "earned", "last"),
        [
            ({"kind": "never"}, "2026-01-15", None),
            ({"kind": "rolling", "count": 30, "unit": "days"}, "2026-03-01", "2026-03-31"),
            ({"kind": "rolling", "count": 1, "unit": "months"}, "2026-01-31", "2026-02-28"),
            ({"kind": "rolling", "count": 2, "unit": "years"}, "2024-02-29", "2026-02-28"),
            ({"kind": "rolling", "count": 6, "unit": "months", "round_to": "month"}, "2026-01-15", "2026-07-31"),
            (
                {"kind": "rolling", "count": 6, "unit": "months", "round_to": "month", "round": "start"},
                "2026-01-15",
                "2026-06-30",
            ),
            ({"kind": "rolling", "count": 1, "unit": "months", "round_to": "quarter"}, "2026-01-15", "2026-03-31"),
            ({"kind": "rolling", "count": 1, "unit": "months", "round_to": "half"}, "2026-01-15", "2026-06-30"),
            ({"kind": "rolling", "count": 1, "unit": "years", "round_to": "year"}, "2026-01-15", "2027-12-31"),
            (
                {"kind": "rolling", "count": 1, "unit": "days", "round_to": "year", "round": "start"},
                "2026-01-15",
                "2026-01-15",
            ),
            ({"kind": "fixed", "last_days": ["12-31"]}, "2026-12-31", "2026-12-31"),
            ({"kind": "fixed", "last_days": ["12-31", "06-30"]}, "2026-07-01", "2026-12-31"),
            ({"kind": "fixed", "last_days": ["12-31"], "at_least_days": 30}, "2026-12-15", "2027-12-31"),
            ({"kind": "fixed", "last_days": ["02-29"]}, "2026-01-15", "2026-02-28"),
            ({"kind": "fixed", "last_days": ["2026-03-31"]}, "2026-01-15", "2026-03-31"),
            ({"kind": "fixed", "last_days": ["2026-03-31"]}, "2026-04-01", None),
            ({"kind": "inactivity", "count": 12, "unit": "months"}, "2026-01-15", "2027-01-15"),
        ],
    )
    def test_the_last_day_of_points(self, fields: dict[str, Any], earned: str, last: str | None) -> None:
        assert last_day(expiry(**fields), earned) == last

    def test_a_lot_ends_where_its_midnight_does_not_exist(self) -> None:
        santiago = ZoneInfo("America/Santiago")
        at = datetime(2026, 8, 6, 15, tzinfo=UTC)
        found = terms.expires_at(expiry(kind="rolling", count=30, unit="days"), at, santiago)
        assert found == datetime(2026, 9, 6, 4, tzinfo=UTC)  # 01:00 there: the first instant of 6 September

    def test_inactivity_starts_again_with_every_activity(self) -> None:
        idle = expiry(kind="inactivity", count=12, unit="months")
        earned, seen = datetime(2026, 1, 15, 3, tzinfo=UTC), datetime(2026, 7, 20, 3, tzinfo=UTC)
        first = terms.expires_at(idle, earned, SEOUL)
        later = terms.extended(idle, current=first, earned_at=earned, at=seen, last_activity_at=earned, zone=SEOUL)
        assert later == terms.expires_at(idle, seen, SEOUL)
        # An activity recorded late does not shorten, and one after the end does not wake.
        assert (
            terms.extended(idle, current=later, earned_at=earned, at=earned, last_activity_at=seen, zone=SEOUL) == later
        )
        over = datetime(2028, 1, 1, tzinfo=UTC)
        assert (
            terms.extended(idle, current=later, earned_at=earned, at=over, last_activity_at=seen, zone=SEOUL) == later
        )
        assert terms.sliding(idle) == idle

    def test_e1_green_stars_live_a_month_longer_for_each_active_month(self) -> None:
        stars = terms.parse(terms.templates()["stars"]).expiry
        zone = ZoneInfo("America/New_York")
        earned, buys = datetime(2026, 1, 15, 17, tzinfo=UTC), datetime(2026, 7, 20, 17, tzinfo=UTC)
        first = terms.expires_at(stars, earned, zone)
        assert first == datetime(2026, 8, 1, 4, tzinfo=UTC)  # step 10: last day 31 July
        longer = terms.extended(stars, current=first, earned_at=earned, at=buys, last_activity_at=earned, zone=zone)
        assert longer == datetime(2026, 9, 1, 4, tzinfo=UTC)  # step 11: last day 31 August
        again = datetime(2026, 7, 25, 17, tzinfo=UTC)
        assert (
            terms.extended(stars, current=longer, earned_at=earned, at=again, last_activity_at=buys, zone=zone)
            == longer
        )
        assert terms.sliding(stars) == stars


class TestPending:
    def test_days_are_local_and_a_date_that_has_passed_is_now(self) -> None:
        at = datetime(2026, 3, 1, 14, 59, tzinfo=UTC)  # 23:59 in Seoul
        assert terms.active_at(None, at, SEOUL) == at
        assert terms.active_at(terms.Pending(days=0), at, SEOUL) == at
        assert terms.active_at(terms.Pending(days=14), at, SEOUL) == datetime(2026, 3, 14, 15, tzinfo=UTC)
        assert terms.active_at(terms.Pending(until=date(2026, 4, 1)), at, SEOUL) == datetime(
            2026, 3, 31, 15, tzinfo=UTC
        )
        assert terms.active_at(terms.Pending(until=date(2026, 1, 1)), at, SEOUL) == at


class TestPayingWithPoints:
    pay = terms.PayWithPoints(points=100, amount_minor=100, minimum_points=500, step_points=100, max_share_percent=50)

    @pytest.mark.parametrize(
        ("spendable", "total", "most"),
        [(10_000, 4_000, 2_000), (1_999, 4_000, 1_900), (499, 4_000, 0), (10_000, 999, 0), (10_000, 1_000, 500)],
    )
    def test_the_most_that_can_pay(self, spendable: int, total: int, most: int) -> None:
        assert terms.most_points(self.pay, spendable=spendable, total_minor=total) == most

    @pytest.mark.parametrize(
        ("points", "why"),
        [(400, "below_minimum_points"), (550, "not_a_step"), (2_100, "above_share"), (2_000, None), (500, None)],
    )
    def test_why_not(self, points: int, why: str | None) -> None:
        assert terms.refusal(self.pay, points, total_minor=4_000) == why

    def test_ten_points_a_cent_never_buy_nothing(self) -> None:
        cheap = terms.PayWithPoints(points=100, amount_minor=1)
        assert terms.worth_minor(cheap, 199) == 1
        assert terms.most_points(cheap, spendable=1_099, total_minor=10_000) == 1_000
        assert terms.most_points(cheap, spendable=99, total_minor=10_000) == 0
        assert terms.refusal(cheap, 99, total_minor=10_000) == "worth_nothing"

    @given(
        st.builds(
            terms.PayWithPoints,
            points=st.integers(1, 500),
            amount_minor=st.integers(1, 500),
            minimum_points=st.integers(1, 50),
            maximum_points=st.none() | st.integers(50, 5_000),
            step_points=st.integers(1, 50),
            max_share_percent=st.integers(1, 100),
        ),
        st.integers(0, 20_000),
        st.integers(0, 20_000),
    )
    def test_what_is_offered_is_allowed_and_no_more_can_be_paid(
        self, pay: terms.PayWithPoints, spendable: int, total: int
    ) -> None:
        most = terms.most_points(pay, spendable=spendable, total_minor=total)
        assert 0 <= most <= spendable
        assert most == 0 or terms.refusal(pay, most, total_minor=total) is None
        for more in range(most + pay.step_points - most % pay.step_points, spendable + 1, pay.step_points):
            worth_more = terms.worth_minor(pay, more) > terms.worth_minor(pay, most)
            assert not worth_more or terms.refusal(pay, more, total_minor=total) is not None
