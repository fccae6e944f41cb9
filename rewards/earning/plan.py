"""A terms document made ready for arithmetic: rules in order, goods as sets, every rate an integer over one scale.

All exact points are integers of 1/scale of the smallest unit. The scale is chosen so that no rate, tier or multiplier
can ever leave a remainder, so the one rounding at the end is the only one.
"""

from collections.abc import Callable
from fractions import Fraction
from math import lcm

from rewards.earning.conditions import Check, checks_of
from rewards.terms import (
    AnyRule,
    Expiry,
    Goods,
    Multiplier,
    Pending,
    PerItem,
    PerMoney,
    Terms,
    ratio,
)

DISCOUNTS, TAX, POINTS = 1, 2, 4
_FLAG = {"discounts": DISCOUNTS, "tax": TAX, "points": POINTS}


class Chosen:
    """Which goods a rule looks at, as sets; `everything` when there is nothing to look up."""

    __slots__ = ("everything", "excluded_categories", "excluded_skus", "only_categories", "only_skus")

    def __init__(self, only: Goods | None, excluding: Goods | None) -> None:
        self.only_skus = frozenset(only.skus) if only else None
        self.only_categories = frozenset(only.categories) if only else frozenset()
        self.excluded_skus = frozenset(excluding.skus) if excluding else frozenset()
        self.excluded_categories = frozenset(excluding.categories) if excluding else frozenset()
        self.everything = only is None and not self.excluded_skus and not self.excluded_categories

    def holds(self, sku: str, category: str) -> bool:
        """This function will say whether a line of this SKU and category is looked at."""
        if sku in self.excluded_skus or category in self.excluded_categories:
            return False
        return self.only_skus is None or sku in self.only_skus or category in self.only_categories


class PlannedRule:
    """One rule, ready. `rate` x amount (or quantity) is scaled points; `step` > 0 counts full steps; else a lump."""

    __slots__ = (
        "basis",
        "by_quantity",
        "by_tier",
        "checks",
        "chosen",
        "code",
        "factor",
        "is_multiplier",
        "multiplies",
        "needs_goods",
        "rate",
        "rule",
        "step",
    )

    def __init__(self, rule: AnyRule, scale: int) -> None:
        self.rule = rule
        self.code = rule.code
        self.checks: tuple[Check, ...] = checks_of(rule.when)
        self.chosen = Chosen(rule.only, rule.excluding)
        self.needs_goods = Chosen(rule.when.with_goods, None) if rule.when.with_goods else None
        self.basis = sum(_FLAG[name] for name in rule.net_of)
        self.is_multiplier = isinstance(rule, Multiplier)
        self.by_quantity = isinstance(rule, PerItem)
        self.rate, self.step, self.by_tier = 0, 0, False
        self.factor: tuple[int, int] = (1, 1)
        self.multiplies: frozenset[str] | None = None
        if isinstance(rule, Multiplier):
            more = ratio(rule.factor) - 1
            self.factor = more.numerator, more.denominator
            self.multiplies = frozenset(rule.of) or None
            return
        self.by_tier = rule.by_tier
        points = ratio(rule.points)
        per = rule.per_amount_minor if isinstance(rule, PerMoney) else 1
        per = rule.per_quantity_milli if isinstance(rule, PerItem) else per
        full_steps = isinstance(rule, (PerMoney, PerItem)) and rule.full_steps
        self.step = per if full_steps else 0
        self.rate = int(points * scale / (1 if full_steps else per))

    @property
    def is_lump(self) -> bool:
        """This property will be true for points of the order as a whole: per order, or by full steps."""
        return self.rule.kind == "per_order" or self.step > 0

    def lump(self, amount: int) -> int:
        """This function will give the scaled points of an amount (or quantity) taken as a whole."""
        if self.rule.kind == "per_order":
            return self.rate if amount > 0 else 0
        return amount // self.step * self.rate if self.step else amount * self.rate


class Plan:
    """Terms made ready. `by_line`: line scope, or a multiplier looks at some goods only, so lines must be told apart."""

    __slots__ = (
        "by_line",
        "currency",
        "exact",
        "excluded",
        "expiry_on",
        "first_level",
        "pending",
        "rules",
        "scale",
        "sums_lines",
        "terms",
        "tier_factor",
        "tier_factors",
    )

    def __init__(self, terms: Terms) -> None:
        rules = sorted(terms.earning.rules, key=lambda rule: -rule.priority)
        self.terms = terms
        self.currency = terms.currency
        self.scale = _scale(terms)
        self.rules = tuple(PlannedRule(rule, self.scale) for rule in rules)
        excluding = Chosen(None, terms.earning.excluding)
        self.excluded: Chosen | None = None if excluding.everything else excluding
        self.sums_lines = terms.points.rounding.scope == "line"
        self.by_line = self.sums_lines or any(rule.is_multiplier and not rule.chosen.everything for rule in self.rules)
        self.pending: Pending | None = terms.earning.pending
        levels = terms.tiers.levels if terms.tiers else ()
        self.first_level = levels[0].code if levels else None
        self.tier_factors: dict[str, tuple[int, int]] = {
            level.code: (ratio(level.multiplier).numerator, ratio(level.multiplier).denominator)
            for level in levels
            if ratio(level.multiplier) != 1
        }
        self.expiry_on: dict[str, Expiry] = {level.code: level.expiry for level in levels if level.expiry is not None}
        self.exact: Callable[[int], str] = _printer(self.scale)

    def expiry(self, tier: str | None) -> Expiry:
        """This function will find when points end that are earned on a tier."""
        return self.expiry_on.get(tier, self.terms.expiry) if tier is not None else self.terms.expiry


def plan(terms: Terms) -> Plan:
    """This function will make terms ready for evaluation, once: the plan stays with the document it was made from."""
    kept = terms.__dict__.get("plan")
    if isinstance(kept, Plan):
        return kept
    made = terms.__dict__["plan"] = Plan(terms)
    return made


def _scale(terms: Terms) -> int:
    bases, added, compounded = 1, 1, 1
    for rule in terms.earning.rules:
        if isinstance(rule, Multiplier):
            denominator = ratio(rule.factor).denominator
            if rule.mode == "add":
                added = lcm(added, denominator)
            else:
                compounded *= denominator
            continue
        per = rule.per_amount_minor if isinstance(rule, PerMoney) and not rule.full_steps else 1
        per = rule.per_quantity_milli if isinstance(rule, PerItem) and not rule.full_steps else per
        bases = lcm(bases, (ratio(rule.points) / per).denominator)
    tiers = lcm(*(ratio(level.multiplier).denominator for level in (terms.tiers.levels if terms.tiers else ())))
    return bases * added * compounded * tiers


def _printer(scale: int) -> Callable[[int], str]:
    """Scaled points as people write them: decimals where the scale allows, else a fraction."""
    places = next((places for places in range(13) if 10**places % scale == 0), None)

    def as_decimal(scaled: int) -> str:
        whole, part = divmod(scaled * (10 ** (places or 0) // scale), 10 ** (places or 0))
        return f"{whole}.{part:0{places}d}".rstrip("0") if part else str(whole)

    def as_fraction(scaled: int) -> str:
        return str(Fraction(scaled, scale))

    return as_fraction if places is None else as_decimal
