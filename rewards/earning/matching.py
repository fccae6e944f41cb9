"""Which rules apply to a basket, and the exact points each gives: rules, then the tier, then multipliers."""

from typing import Any

from merchants import money
from rewards.earning.basket import Basket, Line, TraceLine, lines_of, points_shares, towards_zero
from rewards.earning.conditions import Moment
from rewards.earning.plan import DISCOUNTS, POINTS, TAX, Plan, PlannedRule


class Given:
    """What one rule gives: `pieces` are exact scaled points, of the order as a whole first, then of each line.

    Lines are told apart only where somebody asks (`by_line`); else everything is in the first piece.
    """

    __slots__ = ("amount", "base", "flat", "pieces", "points", "rule", "values")

    def __init__(self, rule: PlannedRule, base: PlannedRule, pieces: list[int], amount: int, values: list[int]) -> None:
        self.rule = rule
        self.base = base
        self.pieces = pieces
        self.flat = pieces  # before the tier
        self.amount = amount
        self.values = values
        self.points = 0


def eligible(ready: Plan, basket: Basket, trace: list[TraceLine]) -> tuple[Line, ...]:
    """List the lines that may earn; what the programme excludes is noted in the trace."""
    lines = kept = lines_of(basket)
    if any(line.kind not in ready.kinds for line in lines):
        kept = tuple(line for line in lines if line.kind in ready.kinds)
    if ready.excluded is not None:
        kept = tuple(line for line in kept if ready.excluded.holds(line))
    if len(kept) < len(lines):
        held = {line.id for line in kept}
        out = [line for line in lines if line.id not in held]
        trace.append(
            TraceLine(
                code="goods_excluded",
                data={"lines": [line.id for line in out], "amount_minor": sum(line.amount_minor for line in out)},
            )
        )
    return kept


class _Amounts:
    """The amounts of the eligible lines on each basis, computed when first asked for."""

    __slots__ = ("_known", "_shares", "basket", "lines")

    def __init__(self, basket: Basket, lines: tuple[Line, ...]) -> None:
        self.basket = basket
        self.lines = lines
        self._known: dict[int, list[int]] = {DISCOUNTS: [line.amount_minor for line in lines]}
        self._shares: dict[str, int] | None = None

    def on(self, basis: int) -> list[int]:
        found = self._known.get(basis)
        if found is None:
            found = self._known[basis] = [self._amount(line, basis) for line in self.lines]
        return found

    def _amount(self, line: Line, basis: int) -> int:
        amount = line.amount_minor
        gross = amount if basis & DISCOUNTS else amount + line.discount_minor
        value = gross
        if basis & POINTS and self.basket.points_paid_minor > 0:
            if self._shares is None:
                self._shares = points_shares(self.basket)
            value = max(0, value - self._shares[line.id]) if value > 0 else value
        if basis & TAX and line.tax_minor and amount:
            # Tax is a part of the amount; what is left of the amount holds as much of it, in whole minor units.
            value -= money.round_ratio(line.tax_minor * value, amount, "half_up")
        return value


def matching(
    ready: Plan, lines: tuple[Line, ...], moment: Moment, trace: list[TraceLine]
) -> tuple[list[Given], list[PlannedRule]]:
    """Try every rule in order: what the giving ones give, and which multipliers apply."""
    given: list[Given] = []
    multipliers: list[PlannedRule] = []
    amounts = _Amounts(moment.basket, lines)
    stopped_by = ""
    for rule in ready.rules:
        reason: tuple[str, dict[str, Any]] | None = ("stopped", {"by": stopped_by}) if stopped_by else None
        for check in () if reason else rule.checks:
            reason = check(moment)
            if reason is not None:
                break
        made = None if reason else _looked_at(ready, rule, lines, amounts, moment.basket)
        if isinstance(made, tuple):
            reason = made
        if reason is not None:
            trace.append(TraceLine(code="skipped", rule=rule.code, data={"why": reason[0], **reason[1]}))
            continue
        if isinstance(made, Given):
            given.append(made)
        else:
            multipliers.append(rule)
        if rule.rule.stop:
            stopped_by = rule.code
    return given, multipliers


def _looked_at(
    ready: Plan, rule: PlannedRule, lines: tuple[Line, ...], amounts: _Amounts, basket: Basket
) -> Given | tuple[str, dict[str, Any]] | None:
    """The goods a rule looks at: its pieces, or why it does not apply, or None for a multiplier that does."""
    when = rule.rule.when
    values = amounts.on(rule.basis)
    if not rule.chosen.everything:
        holds = rule.chosen.holds
        chosen = [holds(line) for line in lines]
        if True not in chosen:
            return "no_goods", {}
        values = [value if held else 0 for value, held in zip(values, chosen, strict=True)]
    total = sum(values)
    # Below nothing everything is mirrored: so much is asked of what came back as would be of what is bought.
    sign = -1 if total < 0 else 1
    if rule.needs_goods and not any(
        line.amount_minor * sign >= 0 and rule.needs_goods.holds(line) for line in lines_of(basket)
    ):
        return "goods_missing", {}
    if total == 0 or (total < 0 and rule.is_of_the_order):
        return "nothing_paid", {}
    if when.minimum_amount_minor is not None and total * sign < when.minimum_amount_minor:
        return "below_minimum_amount", {"amount_minor": total, "needed_minor": when.minimum_amount_minor}
    if when.below_amount_minor is not None and total * sign >= when.below_amount_minor:
        return "not_below_amount", {"amount_minor": total, "below_minor": when.below_amount_minor}
    if rule.by_quantity or when.minimum_quantity_milli is not None:
        quantities = [_signed(line.quantity_milli, value) for line, value in zip(lines, values, strict=True)]
        if when.minimum_quantity_milli is not None and sum(quantities) * sign < when.minimum_quantity_milli:
            data = {"quantity_milli": sum(quantities), "needed_milli": when.minimum_quantity_milli}
            return "below_minimum_quantity", data
        if rule.by_quantity:
            values = quantities
    if rule.is_multiplier:
        return None
    counted = sum(values)
    if not ready.by_line:
        pieces = [rule.lump(counted)]
    elif rule.is_lump:
        pieces = [rule.lump(counted)] + [0] * len(lines)
    else:
        pieces = [0] + [value * rule.rate for value in values]
    return Given(rule, rule, pieces, counted, values)


def _signed(quantity: int, value: int) -> int:
    return quantity if value > 0 else -quantity if value < 0 else 0


def stacked(ready: Plan, given: list[Given], sign: int, trace: list[TraceLine]) -> list[Given]:
    """Choose of the rules that apply: all, the best (where more comes back than is bought, of that), or the first."""
    stacking = ready.terms.earning.stacking
    if stacking == "all" or len(given) < 2:
        return given
    kept = given[0] if stacking == "first" else max(given, key=lambda each: sign * sum(each.pieces))
    why = "earlier_rule" if stacking == "first" else "better_rule"
    for each in given:
        if each is not kept:
            trace.append(TraceLine(code="skipped", rule=each.rule.code, data={"why": why, "by": kept.rule.code}))
    return [kept]


def apply_tier(ready: Plan, given: list[Given], tier: str | None, trace: list[TraceLine]) -> None:
    """Multiply by the member's tier what rules with `by_tier` give."""
    factor = ready.tier_factors.get(tier) if tier is not None else None
    if factor is None:
        return
    over, under = factor
    raised = [each for each in given if each.rule.by_tier]
    for each in raised:
        each.pieces = [piece * over // under for piece in each.pieces]
    if raised:
        trace.append(
            TraceLine(code="tier", data={"tier": tier, "factor": f"{over}/{under}" if under > 1 else str(over)})
        )


def multiplied(
    ready: Plan, lines: tuple[Line, ...], given: list[Given], multipliers: list[PlannedRule], sign: int,
    trace: list[TraceLine],
) -> list[Given]:  # fmt: skip
    """Find what multipliers add: those that `add` take the rule's points before the tier, those that `multiply` the sum so far."""
    adding = [rule for rule in multipliers if not rule.compounds]
    compounding = [rule for rule in multipliers if rule.compounds]
    stacking = ready.terms.earning.stacking
    if stacking != "all" and len(multipliers) > 1:
        kept = multipliers[0]
        if stacking == "best":
            kept = max(multipliers, key=lambda rule: sign * sum(sum(_gain(ready, rule, each, lines)) for each in given))
        why = "earlier_rule" if stacking == "first" else "better_rule"
        for rule in multipliers:
            if rule is not kept:
                trace.append(TraceLine(code="skipped", rule=rule.code, data={"why": why, "by": kept.code}))
        adding, compounding = ([kept], []) if not kept.compounds else ([], [kept])
    found: list[Given] = []
    running = {each.rule.code: each for each in given}
    for rule in adding:
        found += _bonuses(ready, rule, given, lines, trace)
    if compounding:
        for code, each in running.items():
            sums = [sum(pieces) for pieces in zip(*_pieces_of(each, found), strict=True)]
            running[code] = Given(each.rule, each.base, sums, each.amount, each.values)
    for rule in compounding:
        bonuses = _bonuses(ready, rule, list(running.values()), lines, trace)
        for bonus in bonuses:
            before = running[bonus.base.code]
            sums = [one + more for one, more in zip(before.pieces, bonus.pieces, strict=True)]
            running[bonus.base.code] = Given(before.rule, before.base, sums, before.amount, before.values)
        found += bonuses
    return found


def _pieces_of(base: Given, bonuses: list[Given]) -> list[list[int]]:
    return [base.pieces] + [bonus.pieces for bonus in bonuses if bonus.base is base.base]


def _bonuses(
    ready: Plan, rule: PlannedRule, given: list[Given], lines: tuple[Line, ...], trace: list[TraceLine]
) -> list[Given]:
    multiplied = [each for each in given if rule.multiplies is None or each.rule.code in rule.multiplies]
    found = [
        Given(rule, each.rule, gain, each.amount, each.values)
        for each in multiplied
        if any(gain := _gain(ready, rule, each, lines))
    ]
    if not found:
        trace.append(TraceLine(code="skipped", rule=rule.code, data={"why": "nothing_to_multiply"}))
    return found


def _gain(ready: Plan, rule: PlannedRule, each: Given, lines: tuple[Line, ...]) -> list[int]:
    """(factor - 1) x the pieces of the lines a multiplier looks at.

    Points of the order as a whole have no lines: of full steps, it is what the rule gives for those goods alone; of a
    rule per order, nothing unless the multiplier looks at everything.
    """
    if rule.multiplies is not None and each.rule.code not in rule.multiplies:
        return [0] * len(each.pieces)
    over, under = rule.factor
    pieces = each.pieces if rule.compounds else each.flat
    if not rule.chosen.everything:
        held = [rule.chosen.holds(line) for line in lines]
        whole = 0
        if each.rule.step:
            alone = each.rule.lump(sum(value for value, is_held in zip(each.values, held, strict=True) if is_held))
            everything = each.rule.lump(each.amount)
            # When compounding, the tier and earlier multipliers are in the pieces; take the same share, towards nothing.
            whole = towards_zero(pieces[0] * alone, everything) if everything else 0
        pieces = [whole] + [piece if is_held else 0 for piece, is_held in zip(pieces[1:], held, strict=True)]
    return [piece * over // under for piece in pieces]
