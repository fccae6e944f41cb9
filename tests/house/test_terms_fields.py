"""A merchant can write nothing into the terms that changes nothing: every field is read by somebody who acts on it.

A field whose name is its own is looked for by that name outside `rewards/terms`.  A name several parts share, or one
that the arithmetic of `rewards/terms` itself reads, stands in a table below with the place that reads it.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from rewards import terms

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("merchants", "members", "rewards", "engagement", "analytics", "loyalty")

_PLAN, _SETTLING = "rewards/earning/plan.py", "rewards/earning/settling.py"
_EXPIRY, _OFFERS = "rewards/terms/expiry.py", "rewards/redemptions/offers.py"
_PAYING, _EXAMPLES = "rewards/terms/rewards.py", "rewards/earning/examples.py"
_CONDITIONS, _MATCHING = "rewards/earning/conditions.py", "rewards/earning/matching.py"
_ENROLMENT, _REFERRALS, _TRANSFERS = "rewards/enrolment.py", "rewards/referrals.py", "rewards/transfers.py"

#: part.field -> the room that reads it, and how.
READ_AT = {
    "Cap.per": ("rewards/earning/caps.py", "cap.per"),
    "Cap.points": (_SETTLING, "cap.points"),
    "Cap.scope": ("rewards/earning/caps.py", "cap.scope"),
    "Conditions.birthday": (_CONDITIONS, "when.birthday"),
    "Conditions.first_day": (_CONDITIONS, "when.first_day"),
    "Conditions.last_day": (_CONDITIONS, "when.last_day"),
    "Conditions.minimum_amount_minor": (_MATCHING, "when.minimum_amount_minor"),
    "Conditions.tiers": (_CONDITIONS, "when.tiers"),
    "Discount.amount_minor": (_OFFERS, "reward.amount_minor"),
    "Discount.minimum_total_minor": (_OFFERS, '"minimum_total_minor"'),
    "Earning.caps": (_SETTLING, "ready.terms.earning.caps"),
    "Earning.excluding": (_PLAN, "terms.earning.excluding"),
    "Earning.pending": (_PLAN, "terms.earning.pending"),
    "Example.birthday": (_EXAMPLES, "example.birthday"),
    "Example.name": ("rewards/programmes.py", "outcome.example.name"),
    "Example.points": (_EXAMPLES, "example.points"),
    "ExampleLine.amount_minor": (_EXAMPLES, "line.amount_minor"),
    "Fixed.at_least_days": (_EXPIRY, "expiry.at_least_days"),
    "Fixed.last_days": (_EXPIRY, "expiry.last_days"),
    "Inactivity.count": (_EXPIRY, "expiry.count"),
    "Inactivity.round": (_EXPIRY, "expiry.round =="),
    "Inactivity.round_to": (_EXPIRY, "expiry.round_to"),
    "Inactivity.unit": (_EXPIRY, "expiry.unit"),
    "Level.code": (_PLAN, "level.code"),
    "Level.expiry": (_PLAN, "level.expiry"),
    "Level.name": ("loyalty/portal/pledge.py", "level.name"),
    "MemberLimit.count": (_OFFERS, "reward.per_member.count"),
    "MemberLimit.per": ("rewards/redemptions/folding.py", "reward.per_member.per"),
    "Multiplier.mode": (_MATCHING, "rule.rule.mode"),
    "PayWithPoints.amount_minor": (_PAYING, "pay.amount_minor"),
    "PayWithPoints.maximum_points": (_PAYING, "pay.maximum_points"),
    "PayWithPoints.minimum_points": (_PAYING, "pay.minimum_points"),
    "PayWithPoints.points": (_PAYING, "pay.points"),
    "Percentage.max_minor": (_OFFERS, "reward.max_minor"),
    "Percentage.minimum_total_minor": (_OFFERS, '"minimum_total_minor"'),
    "PerItem.by_tier": (_PLAN, "rule.by_tier"),
    "PerItem.full_steps": (_PLAN, "rule.full_steps"),
    "PerItem.points": (_PLAN, "rule.points"),
    "PerMoney.by_tier": (_PLAN, "rule.by_tier"),
    "PerMoney.full_steps": (_PLAN, "rule.full_steps"),
    "PerMoney.points": (_PLAN, "rule.points"),
    "PerOrder.by_tier": (_PLAN, "rule.by_tier"),
    "PerOrder.points": (_PLAN, "rule.points"),
    "Points.minimum_points": (_SETTLING, "ready.terms.points.minimum_points"),
    "Product.max_minor": ("loyalty/portal/speaking.py", "reward.max_minor"),
    "Referral.expiry": (_REFERRALS, "promised.expiry"),
    "Referral.minimum_amount_minor": (_REFERRALS, "referral.minimum_amount_minor"),
    "Referral.pending": (_REFERRALS, "promised.pending"),
    "Referral.qualifying": ("rewards/purchases/folding.py", "referral.qualifying"),
    "Reward.code": (_OFFERS, "reward.code"),
    "Reward.first_day": (_OFFERS, "reward.first_day"),
    "Reward.last_day": (_OFFERS, "reward.last_day"),
    "Reward.name": (_OFFERS, "reward.name"),
    "Reward.tiers": (_OFFERS, "reward.tiers"),
    "Rolling.activity_adds_months": (_EXPIRY, "expiry.activity_adds_months"),
    "Rolling.count": (_EXPIRY, "expiry.count"),
    "Rolling.round": (_EXPIRY, "expiry.round =="),
    "Rolling.round_to": (_EXPIRY, "expiry.round_to"),
    "Rolling.unit": (_EXPIRY, "expiry.unit"),
    "Rounding.mode": (_SETTLING, "rounding.mode"),
    "Rounding.scope": (_PLAN, "rounding.scope"),
    "Rule.caps": (_SETTLING, "rule.rule.caps"),
    "Rule.code": (_PLAN, "rule.code"),
    "Rule.excluding": (_PLAN, "rule.excluding"),
    "Rule.expiry": (_SETTLING, "own.expiry"),
    "Rule.name": ("rewards/earning/words.py", "rule.name"),
    "Rule.pending": (_SETTLING, "own.pending"),
    "Rule.qualifying": (_SETTLING, "each.rule.rule.qualifying"),
    "Terms.expiry": (_PLAN, "self.terms.expiry"),
    "Terms.name": ("loyalty/console/programme/overview.py", "promised.name"),
    "Terms.points": (_SETTLING, "ready.terms.points"),
    "Terms.tiers": ("rewards/tiers.py", "version.terms.tiers"),
    "Transfers.maximum_points": (_TRANSFERS, "allowed.maximum_points"),
    "Transfers.minimum_points": (_TRANSFERS, "allowed.minimum_points"),
    "Welcome.expiry": (_ENROLMENT, "promised.expiry"),
    "Welcome.pending": (_ENROLMENT, "promised.pending"),
    "Welcome.points": (_ENROLMENT, "promised.points"),
    "Welcome.qualifying": (_ENROLMENT, "promised.qualifying"),
}
#: Says which shape the document has; the parser accepts nothing else.
OF_THE_DOCUMENT = {"Terms.format"}


def _is_part(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__.startswith("rewards.terms.")


def _parts() -> dict[str, type[msgspec.Struct]]:
    rooms = [importlib.import_module(f"rewards.terms.{room.name}") for room in pkgutil.iter_modules(terms.__path__)]
    return {kind.__name__: kind for room in rooms for kind in vars(room).values() if _is_part(kind)}


def _own_fields(kind: type[msgspec.Struct]) -> list[str]:
    inherited = {name for base in kind.__mro__[1:] if _is_part(base) for name in base.__struct_fields__}
    return [name for name in kind.__struct_fields__ if name not in inherited]


FIELDS = [f"{name}.{field}" for name, kind in sorted(_parts().items()) for field in _own_fields(kind)]


def _reads() -> set[str]:
    """The names of all attributes that are read outside the terms themselves."""
    found: set[str] = set()
    for floor in FLOORS:
        for room in (ROOT / floor).rglob("*.py"):
            if "rewards/terms/" in room.as_posix() or "/migrations/" in room.as_posix():
                continue
            for node in ast.walk(ast.parse(room.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                    found.add(node.attr)
    return found


def test_every_field_of_the_terms_is_read_by_somebody_who_acts_on_it():
    owners: dict[str, list[str]] = defaultdict(list)
    for field in FIELDS:
        owners[field.split(".")[1]].append(field)
    reads = _reads()

    unclear = [
        field
        for field in FIELDS
        if field not in READ_AT and field not in OF_THE_DOCUMENT and len(owners[field.split(".")[1]]) > 1
    ]
    unread = [f for f in FIELDS if f not in READ_AT and f not in OF_THE_DOCUMENT and f.split(".")[1] not in reads]

    assert (unclear, unread) == ([], [])


@pytest.mark.parametrize("field", READ_AT)
def test_the_place_that_reads_a_field_reads_it(field):
    assert field in FIELDS, "the terms have no such field any more"
    room, words = READ_AT[field]
    assert words in (ROOT / room).read_text(encoding="utf-8")
