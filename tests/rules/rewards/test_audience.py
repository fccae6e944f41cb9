"""For whom something is: one struct, asked alike by rules and rewards."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import translation

from rewards import terms
from rewards.terms import Audience

LEVELS = [{"code": "start", "name": "Start", "threshold": 0}, {"code": "gold", "name": "Gold", "threshold": 500}]
BASE = {"kind": "per_money", "code": "base", "name": "Every order", "points": 1, "per_amount_minor": 100}
COFFEE = {"kind": "text", "code": "coffee", "name": "Coffee", "price_points": 50}


@dataclass(frozen=True)
class Known:
    tier: str | None


def club(rule: dict[str, Any], reward: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "Club",
        "currency": "KRW",
        "tiers": {"basis": "spend", "levels": LEVELS},
        "earning": {"rules": [{**BASE, "when": rule}]},
        "rewards": [{**COFFEE, **reward}],
    }


def audiences(document: dict[str, Any]) -> list[tuple[str, Audience]]:
    return [(pointer, part) for pointer, part in terms.parse(document).whole().parts if isinstance(part, Audience)]


def test_rules_and_rewards_have_one() -> None:
    found = audiences(club({"tiers": ["gold"]}, {"tiers": ["gold"]}))
    assert [pointer for pointer, _audience in found] == ["/earning/rules/0/when", "/rewards/0"]
    for _pointer, audience in found:
        assert audience.refusal(Known("gold")) is None
        assert audience.refusal(Known("start")) == ("other_tier", {"needed": ["gold"]})
        assert audience.refusal(Known(None)) == ("other_tier", {"needed": ["gold"]})
        assert not audience.is_everybody


def test_one_that_names_nothing_is_everybody() -> None:
    for _pointer, audience in audiences(club({}, {})):
        assert audience.is_everybody
        assert audience.refusal(Known(None)) is None


@pytest.mark.parametrize(
    ("rule", "reward", "pointer"),
    [
        ({"tiers": ["gold", "ruby"]}, {}, "/earning/rules/0/when/tiers/1"),
        ({}, {"tiers": ["ruby"]}, "/rewards/0/tiers/0"),
    ],
)
def test_tiers_that_do_not_exist_are_refused_wherever_one_stands(
    rule: dict[str, Any], reward: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(terms.InvalidTerms) as refused:
        terms.parse(club(rule, reward))
    assert [(fault.pointer, fault.code) for fault in refused.value.errors] == [(pointer, "unknown_tier")]


def test_is_said_in_the_same_words() -> None:
    promised = terms.parse(club({"tiers": ["gold"]}, {"tiers": ["gold"]}))
    with translation.override("en"):
        said = terms.TermsWording(promised, "en").described()
    assert said["earning"].parts[0].lines == said["rewards"].parts[0].lines == ("for Gold",)
