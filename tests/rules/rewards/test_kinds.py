"""A kind of rule, reward, end or window owns what is said of it: nothing about kinds is decided anywhere else."""

import ast
from pathlib import Path
from typing import get_args

import pytest
from django.utils import translation

from rewards import terms
from rewards.terms.expiry import Ending
from rewards.terms.parts import Part
from rewards.terms.rewards import Reward
from rewards.terms.rules import Rule
from rewards.terms.stamps import AnyStampSource, StampSource
from rewards.terms.tiers import TierWindow

ROOT = Path(__file__).resolve().parents[3]

#: The union the document reads, what its kinds have in common, and what each kind must say itself: of its description, the part
#: that is its own.
FAMILIES = {
    "rules": (terms.AnyRule, Rule, ("check", "compile", "advise", "figure")),
    "rewards": (terms.AnyReward, Reward, ("check", "worth_on", "advise", "benefit")),
    "expiry": (terms.Expiry, Ending, ("check", "gone_on", "advise", "describe")),
    "stamps": (AnyStampSource, StampSource, ("check", "compile", "advise", "describe")),
    "windows": (terms.Window, TierWindow, ("check", "days_on", "advise", "describe")),
}


def left_unsaid(kind: type[Part], owed: tuple[str, ...]) -> list[str]:
    return [name for name in owed if name not in vars(kind)]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_says_itself_what_a_kind_must_say(family: str) -> None:
    union, base, owed = FAMILIES[family]
    kinds = get_args(union)
    assert len(kinds) >= 3
    assert {kind.__name__: left_unsaid(kind, owed) for kind in kinds} == {kind.__name__: [] for kind in kinds}
    assert all(issubclass(kind, base) and kind.kind for kind in kinds)
    assert len({kind.kind for kind in kinds}) == len(kinds)


def test_a_kind_that_leaves_something_unsaid_is_noticed() -> None:
    class PerVisit(Rule, frozen=True, kw_only=True, tag="per_visit"):
        kind = "per_visit"
        check = Rule.check

    assert left_unsaid(PerVisit, FAMILIES["rules"][2]) == ["compile", "advise", "figure"]
    with pytest.raises(NotImplementedError):
        PerVisit(code="visit", name="Visit").compile()


def kinds_asked_for(source: str) -> list[str]:
    """What is decided by the class of a part in a text of Python: `isinstance(x, Kind)`, `case Kind()`, `type(x) is Kind`."""
    kinds = {kind.__name__ for union, _base, _owed in FAMILIES.values() for kind in get_args(union)}
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        asked: list[ast.AST] = []
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"isinstance", "issubclass"}
        ):
            asked = list(node.args[1:])
        if isinstance(node, ast.MatchClass):
            asked = [node.cls]
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Call):
            asked = list(node.comparators)
        names = [part for each in asked for part in ast.walk(each) if isinstance(part, (ast.Name, ast.Attribute))]
        found += [name for part in names if (name := part.id if isinstance(part, ast.Name) else part.attr) in kinds]
    return found


def test_nobody_asks_which_kind_it_is() -> None:
    found = {
        module.relative_to(ROOT).as_posix(): kinds
        for app in ("rewards", "engagement", "analytics", "loyalty")
        for module in sorted((ROOT / app).rglob("*.py"))
        if "migrations" not in module.parts and (kinds := kinds_asked_for(module.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_asking_is_found() -> None:
    assert kinds_asked_for("isinstance(rule, terms.PerItem)") == ["PerItem"]
    assert kinds_asked_for("isinstance(expiry, (Rolling, Inactivity))") == ["Rolling", "Inactivity"]
    assert kinds_asked_for("match reward:\n    case Product():\n        pass") == ["Product"]


class TestDescriptions:
    """What console, portal and API show is one description; only who reads it makes a difference."""

    CAFE = {
        "name": "Haneul Beans",
        "currency": "KRW",
        "points": {"singular": "bean", "plural": "beans"},
        "earning": {
            "excluding": {"categories": ["tobacco"]},
            "rules": [
                {"kind": "per_money", "code": "base", "name": "Every order", "points": 1, "per_amount_minor": 100},
                {
                    "kind": "multiplier", "code": "double", "name": "Double", "factor": 2, "of": ["base"], "stop": True,
                    "when": {"tiers": ["gold"], "birthday": "week", "minimum_amount_minor": 5000},
                },
            ],
        },
        "expiry": {"kind": "rolling", "count": 12, "unit": "months", "round_to": "month"},
        "tiers": {
            "basis": "spend",
            "levels": [
                {"code": "start", "name": "Start", "threshold": 0},
                {"code": "gold", "name": "Gold", "threshold": 300_000, "multiplier": "1.2"},
            ],
        },
        "rewards": [
            {
                "kind": "percentage", "code": "tenth", "name": "A tenth off", "price_points": 200, "percent": 10,
                "max_minor": 3000, "tiers": ["gold"], "stock": 50, "per_member": {"count": 1, "per": "week"},
            }
        ],
        "transfers": {"minimum_points": 10},
    }  # fmt: skip

    def said(self, *, for_staff: bool) -> dict[str, terms.Description]:
        with translation.override("en"):
            return terms.TermsWording(terms.parse(self.CAFE), "en", for_staff=for_staff).described()

    def test_are_of_every_part_the_document_holds(self) -> None:
        assert list(self.said(for_staff=True)) == ["points", "earning", "expiry", "tiers", "rewards", "transfers"]

    def test_speak_to_members_of_them_and_to_staff_of_the_member(self) -> None:
        double, for_staff = (self.said(for_staff=reader)["earning"].parts[1] for reader in (False, True))
        assert double.says == for_staff.says == "× 2"
        assert double.lines == (
            "for Gold", "for orders from ₩5,000", "in the week of your birthday", "on top of: Every order",
        )  # fmt: skip
        assert for_staff.lines == (
            "for Gold", "for orders from ₩5,000", "in the birthday week", "on top of: Every order",
        )  # fmt: skip
        assert (double.details, for_staff.details) == ((), ("later rules are not looked at", "less discounts"))

    def test_read_codes_to_nobody_but_staff(self) -> None:
        members, staff = (
            {fact.key: fact.all for fact in self.said(for_staff=reader)["earning"].facts} for reader in (False, True)
        )
        assert members == {"excluded": ["certain goods"]}
        assert staff == {"excluded": ["“tobacco”"], "stacking": ["all rules that apply count"]}

    def test_say_rewards_tiers_and_ends_alike(self) -> None:
        said = self.said(for_staff=False)
        (tenth,) = said["rewards"].parts
        assert (tenth.title, tenth.says) == ("A tenth off", "200 beans")
        assert tenth.lines == ("10% off, at most ₩3,000", "for Gold", "once a week", "as long as there are any")
        assert [(level.title, level.says, level.lines) for level in said["tiers"].parts] == [
            ("Start", "for everybody", ()), ("Gold", "from ₩300,000 spent", ("points × 1.2",)),
        ]  # fmt: skip
        assert said["expiry"].says == "points end 12 months after they were earned, at the end of that month"

    @pytest.mark.parametrize("language", ["en", "ko", "zh-hant"])
    @pytest.mark.parametrize("template", sorted(terms.templates()))
    def test_leave_no_part_of_a_template_without_words(self, template: str, language: str) -> None:
        promised = terms.parse(terms.templates()[template])
        with translation.override(language):
            for for_staff in (False, True):
                for part in terms.TermsWording(promised, language, for_staff=for_staff).described().values():
                    assert part.title
                    is_silent = part.key == "points" or (part.key == "earning" and not promised.earning.rules)
                    assert part.all or part.parts or part.facts or is_silent, part.key
                    assert all(each.title and (each.all or each.facts) for each in (*part.facts, *part.parts))
