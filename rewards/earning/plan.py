"""A terms document made ready for arithmetic: rules in order, goods as sets, every rate an integer over one scale.

All exact points are integers of 1/scale of the smallest unit. The scale is chosen so that no rate, tier or multiplier
can ever leave a remainder, so the one rounding at the end is the only one.
"""

from collections.abc import Callable
from fractions import Fraction
from math import lcm

from rewards.earning.basket import towards_zero
from rewards.earning.chosen import Chosen
from rewards.earning.conditions import Check, checks_of
from rewards.earning.stamps import ReadyCard, ready
from rewards.terms import AnyRule, Expiry, Pending, Terms, ratio

DISCOUNTS, TAX, POINTS = 1, 2, 4
_FLAG = {"discounts": DISCOUNTS, "tax": TAX, "points": POINTS}


class PlannedRule:
    """One rule, ready. `rate` x amount (or quantity) is scaled points; `step` > 0 counts full steps; else a lump."""

    __slots__ = (
        "basis",
        "by_quantity",
        "by_tier",
        "checks",
        "chosen",
        "code",
        "compounds",
        "factor",
        "factor_written",
        "is_multiplier",
        "is_of_the_order",
        "is_per_order",
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
        rate = rule.compile()
        self.is_multiplier = rate.factor is not None
        self.by_quantity = rate.by_quantity
        self.is_per_order = rate.per_order
        self.by_tier = rate.by_tier
        self.compounds = rate.compounds
        # Points for an order are an order's: what comes back over the counter is none, and takes none of them back.
        when = rule.when
        self.is_of_the_order = rate.per_order or when.nth_purchase is not None or when.every_nth_purchase is not None
        self.step = rate.per if rate.full_steps else 0
        self.rate = 0 if self.is_multiplier else int(rate.of_one * scale)
        more = Fraction(0) if rate.factor is None else rate.factor - 1
        self.factor: tuple[int, int] = (more.numerator, more.denominator)
        self.factor_written = rate.factor_written
        self.multiplies: frozenset[str] | None = frozenset(rate.of) or None

    @property
    def is_lump(self) -> bool:
        """Return whether the points belong to the order as a whole: per order, or by full steps."""
        return self.is_per_order or self.step > 0

    def lump(self, amount: int) -> int:
        """Give the scaled points of an amount (or quantity) taken as a whole; full steps on either side of zero.

        An order has an amount above zero: of any other, a rule per order is skipped before.
        """
        if self.is_per_order:
            return self.rate
        return towards_zero(amount, self.step) * self.rate if self.step else amount * self.rate


class Plan:
    """Terms made ready. `by_line`: line scope, or a multiplier looks at some goods only, so lines must be told apart."""

    __slots__ = (
        "by_line",
        "currency",
        "exact",
        "excluded",
        "expiry_on",
        "first_level",
        "held_on",
        "kinds",
        "pending",
        "rules",
        "scale",
        "stamps",
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
        self.kinds = frozenset(terms.earning.kinds)
        excluding = Chosen(None, terms.earning.excluding)
        self.excluded: Chosen | None = None if excluding.everything else excluding
        self.sums_lines = terms.points.rounding.scope == "line"
        self.by_line = self.sums_lines or any(rule.is_multiplier and not rule.chosen.everything for rule in self.rules)
        self.pending: Pending | None = terms.earning.pending
        self.stamps: tuple[ReadyCard, ...] = ready(terms.stamps, terms)
        levels = terms.tiers.levels if terms.tiers else ()
        self.first_level = levels[0].code if levels else None
        self.tier_factors: dict[str, tuple[int, int]] = {
            level.code: (ratio(level.multiplier).numerator, ratio(level.multiplier).denominator)
            for level in levels
            if ratio(level.multiplier) != 1
        }
        self.expiry_on: dict[str, Expiry] = {level.code: level.expiry for level in levels if level.expiry is not None}
        self.held_on: dict[str, Expiry] = {
            level.code: level.expiry for level in levels if level.expiry is not None and level.expiry_for == "held"
        }
        self.exact: Callable[[int], str] = _printer(self.scale)

    def expiry(self, tier: str | None) -> Expiry:
        """Find when points end that are earned on a tier."""
        return self.expiry_on.get(tier, self.terms.expiry) if tier is not None else self.terms.expiry

    def held_expiry(self, tier: str | None) -> Expiry | None:
        """Find the expiry that holds for all points held while on a tier; None where the tier promises none."""
        return self.held_on.get(tier) if tier is not None else None


def plan(terms: Terms) -> Plan:
    """Make terms ready for evaluation, once: the plan stays with the document it was made from."""
    kept = terms.__dict__.get("plan")
    if isinstance(kept, Plan):
        return kept
    made = terms.__dict__["plan"] = Plan(terms)
    return made


def _scale(terms: Terms) -> int:
    bases, added, compounded = 1, 1, 1
    for rule in terms.earning.rules:
        rate = rule.compile()
        if rate.factor is None:
            bases = lcm(bases, rate.of_one.denominator)
        elif rate.compounds:
            compounded *= rate.factor.denominator
        else:
            added = lcm(added, rate.factor.denominator)
    tiers = lcm(*(ratio(level.multiplier).denominator for level in (terms.tiers.levels if terms.tiers else ())))
    return bases * added * compounded * tiers


def _printer(scale: int) -> Callable[[int], str]:
    """Scaled points as people write them: decimals where the scale allows, else a fraction."""
    places = next((places for places in range(13) if 10**places % scale == 0), None)

    def as_decimal(scaled: int) -> str:
        sign = "-" if scaled < 0 else ""
        whole, part = divmod(abs(scaled) * (10 ** (places or 0) // scale), 10 ** (places or 0))
        return f"{sign}{whole}.{part:0{places}d}".rstrip("0") if part else f"{sign}{whole}"

    def as_fraction(scaled: int) -> str:
        return str(Fraction(scaled, scale))

    return as_fraction if places is None else as_decimal
