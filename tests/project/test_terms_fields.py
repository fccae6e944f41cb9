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
APPS = ("merchants", "members", "rewards", "engagement", "analytics", "loyalty")

_PLAN, _SETTLING = "rewards/earning/plan.py", "rewards/earning/settling.py"
_CHOSEN = "rewards/earning/chosen.py"
_EXPIRY, _OFFERS = "rewards/terms/expiry.py", "rewards/redemptions/offers.py"
_RULES, _STAMPS = "rewards/terms/rules.py", "rewards/earning/stamps.py"
_PAYING, _EXAMPLES = "rewards/terms/rewards.py", "rewards/earning/examples.py"
_CONDITIONS, _MATCHING = "rewards/earning/conditions.py", "rewards/earning/matching.py"
_ENROLMENT, _REFERRALS, _TRANSFERS = "rewards/enrolment.py", "rewards/referrals/settling.py", "rewards/transfers.py"

#: part.field -> the module that reads it, and how.
READ_AT = {
    "Audience.tiers": ("rewards/terms/audience.py", "member.tier not in self.tiers"),
    "Cap.per": ("rewards/earning/caps.py", "cap.per"),
    "Cap.points": (_SETTLING, "cap.points"),
    "Cap.scope": ("rewards/earning/caps.py", "cap.scope"),
    "Conditions.birthday": (_CONDITIONS, "when.birthday"),
    "Conditions.first_day": (_CONDITIONS, "when.first_day"),
    "Conditions.last_day": (_CONDITIONS, "when.last_day"),
    "Conditions.minimum_amount_minor": (_MATCHING, "when.minimum_amount_minor"),
    "Discount.amount_minor": (_PAYING, "min(self.amount_minor, order_total_minor)"),
    "Discount.minimum_total_minor": (_PAYING, "return self.minimum_total_minor"),
    "Earning.caps": (_SETTLING, "ready.terms.earning.caps"),
    "Earning.excluding": (_PLAN, "terms.earning.excluding"),
    "Earning.pending": (_PLAN, "terms.earning.pending"),
    "Example.birthday": (_EXAMPLES, "example.birthday"),
    "Example.name": ("rewards/programmes.py", "outcome.example.name"),
    "Example.points": (_EXAMPLES, "example.points"),
    "ExampleLine.amount_minor": (_EXAMPLES, "line.amount_minor"),
    "ExampleLine.labels": (_EXAMPLES, "line.labels"),
    "Fixed.at_least_days": (_EXPIRY, "self.at_least_days"),
    "Fixed.last_days": (_EXPIRY, "self.last_days if len"),
    "Goods.name": ("rewards/terms/goods.py", "say.text(self.name)"),
    "Goods.labels": (_CHOSEN, "only.labels"),
    "Inactivity.count": (_EXPIRY, "after.count"),
    "Inactivity.round": (_EXPIRY, "expiry.round)"),
    "Inactivity.round_to": (_EXPIRY, "after.round_to"),
    "Inactivity.unit": (_EXPIRY, "after.unit"),
    "Level.code": (_PLAN, "level.code"),
    "Inactivity.at_latest": (_EXPIRY, "rule.at_latest"),
    "Latest.count": (_EXPIRY, "after.count"),
    "Latest.round_to": (_EXPIRY, "after.round_to"),
    "Latest.unit": (_EXPIRY, "after.unit"),
    "Level.expiry": (_PLAN, "level.expiry"),
    "Level.name": ("rewards/terms/tiers.py", "say.text(self.name)"),
    "MemberLimit.count": (_OFFERS, "reward.per_member.count"),
    "MemberLimit.per": ("rewards/redemptions/folding.py", "reward.per_member.per"),
    "Multiplier.mode": (_RULES, "compounds=self.mode == "),
    "PayWithPoints.amount_minor": (_PAYING, "pay.amount_minor"),
    "PayWithPoints.excluding": ("rewards/earning/paying.py", "pay.excluding"),
    "PayWithPoints.maximum_points": (_PAYING, "pay.maximum_points"),
    "PayWithPoints.minimum_points": (_PAYING, "pay.minimum_points"),
    "PayWithPoints.points": (_PAYING, "pay.points"),
    "Percentage.max_minor": (_PAYING, "min(share, self.max_minor)"),
    "Percentage.minimum_total_minor": (_PAYING, "return self.minimum_total_minor"),
    "PerItem.by_tier": (_RULES, "by_tier=self.by_tier"),
    "PerItem.full_steps": (_RULES, "full_steps=self.full_steps"),
    "PerItem.points": (_RULES, "ratio(self.points)"),
    "PerMoney.by_tier": (_RULES, "by_tier=self.by_tier"),
    "PerMoney.full_steps": (_RULES, "full_steps=self.full_steps"),
    "PerMoney.points": (_RULES, "ratio(self.points)"),
    "PerItem.per_quantity_milli": (_RULES, "self.points), self.per_quantity_milli"),
    "PerMoney.per_amount_minor": (_RULES, "per=self.per_amount_minor"),
    "PerOrder.by_tier": (_RULES, "by_tier=self.by_tier"),
    "PerOrder.points": (_RULES, "ratio(self.points)"),
    "Points.minimum_points": (_SETTLING, "ready.terms.points.minimum_points"),
    "Product.max_minor": (_PAYING, "say.money(self.max_minor)"),
    "ReferralTerms.expiry": (_REFERRALS, "promised.expiry"),
    "ReferralTerms.minimum_amount_minor": (_REFERRALS, "referral.minimum_amount_minor"),
    "ReferralTerms.pending": (_REFERRALS, "promised.pending"),
    "ReferralTerms.qualifying": ("rewards/mechanics/referrals.py", "referral.qualifying"),
    "Reward.code": (_OFFERS, "reward.code"),
    "Reward.first_day": (_OFFERS, "reward.first_day"),
    "Reward.last_day": (_OFFERS, "reward.last_day"),
    "Reward.name": (_OFFERS, "reward.name"),
    "Rolling.activity_adds_months": (_EXPIRY, "self.activity_adds_months)"),
    "Rolling.at_latest": (_EXPIRY, "expiry.at_latest"),
    "Rolling.count": (_EXPIRY, "after.count"),
    "Rolling.round": (_EXPIRY, "expiry.round)"),
    "Rolling.round_to": (_EXPIRY, "after.round_to"),
    "Rolling.unit": (_EXPIRY, "after.unit"),
    "Rounding.mode": (_SETTLING, "rounding.mode"),
    "Rounding.scope": (_PLAN, "rounding.scope"),
    "Rule.caps": (_SETTLING, "rule.rule.caps"),
    "Rule.code": (_PLAN, "rule.code"),
    "Rule.excluding": (_PLAN, "rule.excluding"),
    "Rule.expiry": (_SETTLING, "own.expiry"),
    "Rule.name": ("rewards/earning/texts.py", "rule.name"),
    "Rule.pending": (_SETTLING, "own.pending"),
    "Rule.qualifying": (_SETTLING, "each.rule.rule.qualifying"),
    "Conditions.weekdays": (_CONDITIONS, "_weekdays(when.weekdays)"),
    "Multiplier.factor": (_RULES, "factor=ratio(self.factor)"),
    "Rule.only": (_PLAN, "Chosen(rule.only, rule.excluding)"),
    "StampBonus.factor": (_STAMPS, "bonus.factor for bonus"),
    "StampBonus.first_day": (_STAMPS, "moment.day < bonus.first_day"),
    "StampBonus.last_day": (_STAMPS, "moment.day > bonus.last_day"),
    "StampBonus.weekdays": (_STAMPS, "in bonus.weekdays"),
    "StampCard.code": (_STAMPS, "name_of(card.code)"),
    "StampCard.excluding": (_STAMPS, "Chosen(card.only, card.excluding)"),
    "StampCard.minimum_amount_minor": (_STAMPS, "< card.minimum_amount_minor"),
    "StampCard.name": ("rewards/terms/stamps.py", "say.text(self.name)"),
    "StampCard.only": (_STAMPS, "Chosen(card.only, card.excluding)"),
    "StampLife.count": (_STAMPS, "card.life.count"),
    "StampLife.unit": (_STAMPS, "card.life.unit"),
    "StampPerAmount.carries": ("rewards/terms/stamps.py", "carries=self.carries"),
    "StampPerAmount.per_amount_minor": ("rewards/terms/stamps.py", "per=self.per_amount_minor"),
    "StampPerPiece.carries": ("rewards/terms/stamps.py", "carries=self.carries"),
    "StampPerPiece.per_quantity_milli": ("rewards/terms/stamps.py", "per=self.per_quantity_milli"),
    "Terms.expiry": (_PLAN, "self.terms.expiry"),
    "Terms.name": ("loyalty/console/programme/overview.py", "promised.name"),
    "Terms.notices": ("rewards/terms/document.py", "_described(getattr(self, field), say)"),
    "Terms.points": (_SETTLING, "ready.terms.points"),
    "Terms.tiers": ("rewards/tiers/changing.py", "version.terms.tiers"),
    "TransferTerms.maximum_points": (_TRANSFERS, "allowed.maximum_points"),
    "TransferTerms.minimum_points": (_TRANSFERS, "allowed.minimum_points"),
    "Welcome.expiry": (_ENROLMENT, "promised.expiry"),
    "Welcome.pending": (_ENROLMENT, "promised.pending"),
    "Welcome.points": (_ENROLMENT, "promised.points"),
    "Welcome.qualifying": (_ENROLMENT, "promised.qualifying"),
}
#: Says which shape the document has; the parser accepts nothing else.
OF_THE_DOCUMENT = {"Terms.format"}


def _is_part(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, terms.Part)


def _parts() -> dict[str, type[msgspec.Struct]]:
    modules = [
        importlib.import_module(f"rewards.terms.{module.name}") for module in pkgutil.iter_modules(terms.__path__)
    ]
    return {kind.__name__: kind for module in modules for kind in vars(module).values() if _is_part(kind)}


def _own_fields(kind: type[msgspec.Struct]) -> list[str]:
    inherited = {name for base in kind.__mro__[1:] if _is_part(base) for name in base.__struct_fields__}
    return [name for name in kind.__struct_fields__ if name not in inherited]


FIELDS = [f"{name}.{field}" for name, kind in sorted(_parts().items()) for field in _own_fields(kind)]


def _parsed(module: Path) -> ast.AST:
    """Read a module; once more where threads of another test parse too, which Python 3.11 cannot do side by side."""
    text = module.read_text(encoding="utf-8")
    try:
        return ast.parse(text)
    except SystemError:
        return ast.parse(text)


def _reads() -> set[str]:
    """The names of all attributes that are read outside the terms themselves."""
    found: set[str] = set()
    for app in APPS:
        for module in (ROOT / app).rglob("*.py"):
            if "rewards/terms/" in module.as_posix() or "/migrations/" in module.as_posix():
                continue
            for node in ast.walk(_parsed(module)):
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
    module, words = READ_AT[field]
    assert words in (ROOT / module).read_text(encoding="utf-8")
