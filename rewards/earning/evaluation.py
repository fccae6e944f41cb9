"""What a purchase is worth: pure, exact, deterministic, rounded once.

The order of things: goods excluded from the programme go first; rules are tried by priority; those that apply give
exact points (times the tier); multipliers add to them; caps cut; then one rounding, in the stated scope; then the
whole points are shared out over rules and grants by largest remainder, so that every sum agrees.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from merchants import money
from rewards.earning.basket import Basket, Evaluation, Facts, Grant, Line, Step, lines_of
from rewards.earning.caps import EVERY_RULE, key_of
from rewards.earning.conditions import Moment
from rewards.earning.plan import DISCOUNTS, POINTS, TAX, Plan, PlannedRule, plan
from rewards.terms import Cap, Expiry, Multiplier, Pending, Terms, active_at, expires_at, is_sliding

Timing = tuple[datetime, datetime | None, bool]


class _Given:
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


NO_PROGRAMME_YET = Evaluation(
    points=0, qualifying_points=0, eligible_minor=0, grants=(), cap_uses=(), trace=(Step(code="no_programme_yet"),)
)


def evaluate(
    terms: Terms, basket: Basket, facts: Facts, *, zone: ZoneInfo, location_zone: ZoneInfo | None = None
) -> Evaluation:
    """This function will say what a basket earns for a member with these facts, and why.

    Points and caps are smallest units. `zone` is the merchant's (days, caps, birthdays, expiry), `location_zone` the
    location's (weekdays, hours). Raises nothing: a basket in another currency earns 0 and says so.
    """
    ready = plan(terms)
    if basket.currency != ready.currency:
        return _nothing(Step(code="other_currency", data={"currency": basket.currency}))
    tier = facts.tier if facts.tier is not None else ready.first_level
    moment = Moment(basket, facts, tier, zone, location_zone or zone)
    trace: list[Step] = []
    lines = _eligible(ready, basket, trace)
    eligible_minor = 0
    for line in lines:
        eligible_minor += line.amount_minor
    if basket.total_minor <= 0 or eligible_minor + sum([line.discount_minor for line in lines]) <= 0:
        trace.append(Step(code="nothing_paid"))
        return Evaluation(
            points=0,
            qualifying_points=0,
            eligible_minor=max(0, eligible_minor),
            grants=(),
            cap_uses=(),
            trace=tuple(trace),
        )
    given, multipliers = _matching(ready, lines, moment, trace)
    given = _stacked(ready, given, trace)
    _apply_tier(ready, given, tier, trace)
    given += _multiplied(ready, lines, given, multipliers, trace)
    points, qualifying, cap_uses = _settled(ready, given, moment, trace)
    return Evaluation(
        points=points,
        qualifying_points=qualifying,
        eligible_minor=eligible_minor,
        grants=_grants(ready, given, moment),
        cap_uses=cap_uses,
        trace=tuple(trace),
    )


def _nothing(step: Step) -> Evaluation:
    return Evaluation(points=0, qualifying_points=0, eligible_minor=0, grants=(), cap_uses=(), trace=(step,))


def _eligible(ready: Plan, basket: Basket, trace: list[Step]) -> tuple[Line, ...]:
    lines = lines_of(basket)
    if ready.excluded is None:
        return lines
    kept = tuple(line for line in lines if ready.excluded.holds(line.sku, line.category))
    if len(kept) < len(lines):
        held = {line.id for line in kept}
        out = [line for line in lines if line.id not in held]
        trace.append(
            Step(
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
            value = max(0, value - self._share(line))
        if basis & TAX and line.tax_minor and amount:
            # Tax is a part of the amount; what is left of the amount holds as much of it, in whole minor units.
            value -= money.round_ratio(line.tax_minor * value, amount, "half_up")
        return value

    def _share(self, line: Line) -> int:
        """What was paid with points belongs to all lines, pro rata: also to those that earn nothing."""
        if self._shares is None:
            every = lines_of(self.basket)
            weights = [each.amount_minor for each in every]
            paid = min(self.basket.points_paid_minor, sum(weights))
            self._shares = {each.id: share for each, share in zip(every, money.split(paid, weights), strict=True)}
        return self._shares[line.id]


def _matching(
    ready: Plan, lines: tuple[Line, ...], moment: Moment, trace: list[Step]
) -> tuple[list[_Given], list[PlannedRule]]:
    """Try every rule in order: what the giving ones give, and which multipliers apply."""
    given: list[_Given] = []
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
            trace.append(Step(code="skipped", rule=rule.code, data={"why": reason[0], **reason[1]}))
            continue
        if isinstance(made, _Given):
            given.append(made)
        else:
            multipliers.append(rule)
        if rule.rule.stop:
            stopped_by = rule.code
    return given, multipliers


def _looked_at(
    ready: Plan, rule: PlannedRule, lines: tuple[Line, ...], amounts: _Amounts, basket: Basket
) -> _Given | tuple[str, dict[str, Any]] | None:
    """The goods a rule looks at: its pieces, or why it does not apply, or None for a multiplier that does."""
    when = rule.rule.when
    if rule.needs_goods and not any(rule.needs_goods.holds(line.sku, line.category) for line in lines_of(basket)):
        return "goods_missing", {}
    values = amounts.on(rule.basis)
    if not rule.chosen.everything:
        holds = rule.chosen.holds
        chosen = [holds(line.sku, line.category) for line in lines]
        if True not in chosen:
            return "no_goods", {}
        values = [value if held else 0 for value, held in zip(values, chosen, strict=True)]
    total = sum(values)
    if total <= 0:
        return "nothing_paid", {}
    if when.minimum_amount_minor is not None and total < when.minimum_amount_minor:
        return "below_minimum_amount", {"amount_minor": total, "needed_minor": when.minimum_amount_minor}
    if when.below_amount_minor is not None and total >= when.below_amount_minor:
        return "not_below_amount", {"amount_minor": total, "below_minor": when.below_amount_minor}
    if rule.by_quantity or when.minimum_quantity_milli is not None:
        quantities = [line.quantity_milli if value > 0 else 0 for line, value in zip(lines, values, strict=True)]
        if when.minimum_quantity_milli is not None and sum(quantities) < when.minimum_quantity_milli:
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
    return _Given(rule, rule, pieces, counted, values)


def _stacked(ready: Plan, given: list[_Given], trace: list[Step]) -> list[_Given]:
    """Of the rules that apply: all, the best, or the first."""
    stacking = ready.terms.earning.stacking
    if stacking == "all" or len(given) < 2:
        return given
    kept = given[0] if stacking == "first" else max(given, key=lambda each: sum(each.pieces))
    why = "earlier_rule" if stacking == "first" else "better_rule"
    for each in given:
        if each is not kept:
            trace.append(Step(code="skipped", rule=each.rule.code, data={"why": why, "by": kept.rule.code}))
    return [kept]


def _apply_tier(ready: Plan, given: list[_Given], tier: str | None, trace: list[Step]) -> None:
    factor = ready.tier_factors.get(tier) if tier is not None else None
    if factor is None:
        return
    over, under = factor
    raised = [each for each in given if each.rule.by_tier]
    for each in raised:
        each.pieces = [piece * over // under for piece in each.pieces]
    if raised:
        trace.append(Step(code="tier", data={"tier": tier, "factor": f"{over}/{under}" if under > 1 else str(over)}))


def _multiplied(
    ready: Plan, lines: tuple[Line, ...], given: list[_Given], multipliers: list[PlannedRule], trace: list[Step]
) -> list[_Given]:
    """What multipliers add: those that `add` take the rule's points before the tier, those that `multiply` the sum so far."""
    adding = [rule for rule in multipliers if _mode(rule) == "add"]
    compounding = [rule for rule in multipliers if _mode(rule) == "multiply"]
    stacking = ready.terms.earning.stacking
    if stacking != "all" and len(multipliers) > 1:
        kept = multipliers[0]
        if stacking == "best":
            kept = max(multipliers, key=lambda rule: sum(sum(_gain(ready, rule, each, lines)) for each in given))
        why = "earlier_rule" if stacking == "first" else "better_rule"
        for rule in multipliers:
            if rule is not kept:
                trace.append(Step(code="skipped", rule=rule.code, data={"why": why, "by": kept.code}))
        adding, compounding = ([kept], []) if _mode(kept) == "add" else ([], [kept])
    found: list[_Given] = []
    running = {each.rule.code: each for each in given}
    for rule in adding:
        found += _bonuses(ready, rule, given, lines, trace)
    if compounding:
        for code, each in running.items():
            sums = [sum(pieces) for pieces in zip(*_pieces_of(each, found), strict=True)]
            running[code] = _Given(each.rule, each.base, sums, each.amount, each.values)
    for rule in compounding:
        bonuses = _bonuses(ready, rule, list(running.values()), lines, trace)
        for bonus in bonuses:
            before = running[bonus.base.code]
            sums = [one + more for one, more in zip(before.pieces, bonus.pieces, strict=True)]
            running[bonus.base.code] = _Given(before.rule, before.base, sums, before.amount, before.values)
        found += bonuses
    return found


def _mode(rule: PlannedRule) -> str:
    return rule.rule.mode if isinstance(rule.rule, Multiplier) else ""


def _pieces_of(base: _Given, bonuses: list[_Given]) -> list[list[int]]:
    return [base.pieces] + [bonus.pieces for bonus in bonuses if bonus.base is base.base]


def _bonuses(
    ready: Plan, rule: PlannedRule, given: list[_Given], lines: tuple[Line, ...], trace: list[Step]
) -> list[_Given]:
    multiplied = [each for each in given if rule.multiplies is None or each.rule.code in rule.multiplies]
    found = [
        _Given(rule, each.rule, gain, each.amount, each.values)
        for each in multiplied
        if any(gain := _gain(ready, rule, each, lines))
    ]
    if not found:
        trace.append(Step(code="skipped", rule=rule.code, data={"why": "nothing_to_multiply"}))
    return found


def _gain(ready: Plan, rule: PlannedRule, each: _Given, lines: tuple[Line, ...]) -> list[int]:
    """(factor - 1) x the pieces of the lines a multiplier looks at.

    Points of the order as a whole have no lines: of full steps, it is what the rule gives for those goods alone; of a
    rule per order, nothing unless the multiplier looks at everything.
    """
    if rule.multiplies is not None and each.rule.code not in rule.multiplies:
        return [0] * len(each.pieces)
    over, under = rule.factor
    pieces = each.flat if _mode(rule) == "add" else each.pieces
    if not rule.chosen.everything:
        held = [rule.chosen.holds(line.sku, line.category) for line in lines]
        whole = 0
        if each.rule.step:
            alone = each.rule.lump(sum(value for value, is_held in zip(each.values, held, strict=True) if is_held))
            everything = each.rule.lump(each.amount)
            # When compounding, the tier and earlier multipliers are in the pieces; take the same share of them, downwards.
            whole = pieces[0] * alone // everything if everything else 0
        pieces = [whole] + [piece if is_held else 0 for piece, is_held in zip(pieces[1:], held, strict=True)]
    return [piece * over // under for piece in pieces]


def _settled(
    ready: Plan, given: list[_Given], moment: Moment, trace: list[Step]
) -> tuple[int, int, tuple[tuple[str, int], ...]]:
    """Cap, round once, share out: the points, the qualifying points, and what is used of each cap."""
    scale = ready.scale
    exact = {id(each): sum(each.pieces) for each in given}
    if ready.sums_lines:
        exact = _rounded_by_line(ready, given)
    before = sum(exact.values())
    _cut(ready, given, exact, moment, trace)
    after = sum(exact.values())
    rounding = ready.terms.points.rounding.mode
    points = money.round_ratio(after, scale, rounding) if after % scale else after // scale
    minimum = ready.terms.points.minimum_points
    if minimum is not None and 0 < points < minimum:
        trace.append(Step(code="below_minimum_points", data={"points": points, "needed": minimum}))
        points = 0
    if points:
        _share_out(given, exact, points, scale)
    for each in given:
        bonus = each.rule is not each.base
        data: dict[str, Any] = {"exact": ready.exact(exact[id(each)])}
        if bonus:
            data["of"] = each.base.code
            data["factor"] = str(each.rule.rule.factor) if isinstance(each.rule.rule, Multiplier) else ""
        elif each.rule.by_quantity:
            data["quantity_milli"] = each.amount
        else:
            data["amount_minor"] = each.amount
        trace.append(Step(code="multiplied" if bonus else "gave", rule=each.rule.code, points=each.points, data=data))
    if after % scale or (ready.sums_lines and before != sum(sum(each.pieces) for each in given)):
        exactly = ready.exact(sum(sum(each.pieces) for each in given) if ready.sums_lines else after)
        data = {"exact": exactly, "mode": rounding, "scope": ready.terms.points.rounding.scope}
        trace.append(Step(code="rounded", points=points, data=data))
    elif not given:
        trace.append(Step(code="nothing_earned"))
    counting = sum([exact[id(each)] for each in given if each.rule.rule.qualifying])
    qualifying = points if counting == after else min(points, money.round_ratio(counting, scale, rounding))
    return points, qualifying, _cap_uses(ready, given, points, moment)


def _rounded_by_line(ready: Plan, given: list[_Given]) -> dict[int, int]:
    """Line scope: the points of each line are rounded together, then shared out over the rules, whole again."""
    found = {id(each): 0 for each in given}
    mode = ready.terms.points.rounding.mode
    for place in range(len(given[0].pieces) if given else 0):
        pieces = [each.pieces[place] for each in given]
        total = money.round_ratio(sum(pieces), ready.scale, mode)
        for each, share in zip(given, _shares(pieces, total, ready.scale), strict=True):
            found[id(each)] += share * ready.scale
    return found


def _shares(pieces: list[int], total: int, scale: int) -> list[int]:
    """Whole parts first, then one more to the largest remainders (ties: earlier): nobody gets more than rounded up."""
    shares = [piece // scale for piece in pieces]
    left = total - sum(shares)
    if left:
        for index in sorted(range(len(pieces)), key=lambda i: (-(pieces[i] % scale), i))[:left]:
            shares[index] += 1
    return shares


def _share_out(given: list[_Given], exact: dict[int, int], points: int, scale: int) -> None:
    if len(given) == 1:
        given[0].points = points
        return
    shares = _shares([exact[id(each)] for each in given], points, scale)
    for each, share in zip(given, shares, strict=True):
        each.points = share


def _cut(ready: Plan, given: list[_Given], exact: dict[int, int], moment: Moment, trace: list[Step]) -> None:
    """Caps: what is over is cut off, from the last given first; rules' own caps, then the programme's."""
    for rule in ready.rules:
        if rule.rule.caps:
            own = [each for each in given if each.rule is rule]
            _cut_to(ready, own, rule.rule.caps, rule.code, exact, moment, trace)
    if ready.terms.earning.caps:
        _cut_to(ready, given, ready.terms.earning.caps, EVERY_RULE, exact, moment, trace)


def _cut_to(
    ready: Plan,
    given: list[_Given],
    caps: tuple[Cap, ...],
    code: str,
    exact: dict[int, int],
    moment: Moment,
    trace: list[Step],
) -> None:
    for cap in caps:
        key = key_of(cap, code, moment.basket.occurred_at, moment.zone)
        used = moment.facts.caps.get(str(key), 0) if key is not None else 0
        left = max(0, cap.points - used)
        over = sum(exact[id(each)] for each in given) - left * ready.scale
        if over <= 0:
            continue
        data = {"per": cap.per, "scope": cap.scope, "most": cap.points, "left": left, "cut": ready.exact(over)}
        trace.append(Step(code="capped", rule="" if code == EVERY_RULE else code, data=data))
        for each in reversed(given):
            taken = min(over, exact[id(each)])
            exact[id(each)] -= taken
            over -= taken


def _cap_uses(ready: Plan, given: list[_Given], points: int, moment: Moment) -> tuple[tuple[str, int], ...]:
    uses: list[tuple[str, int]] = []
    for rule in ready.rules:
        if rule.rule.caps:
            own = sum(each.points for each in given if each.rule is rule)
            uses += [(cap_key, own) for cap_key in _keys(rule.rule.caps, rule.code, moment) if own]
    if ready.terms.earning.caps and points:
        uses += [(cap_key, points) for cap_key in _keys(ready.terms.earning.caps, EVERY_RULE, moment)]
    return tuple(uses)


def _keys(caps: tuple[Cap, ...], code: str, moment: Moment) -> list[str]:
    found = (key_of(cap, code, moment.basket.occurred_at, moment.zone) for cap in caps)
    return [str(key) for key in found if key is not None]


def _grants(ready: Plan, given: list[_Given], moment: Moment) -> tuple[Grant, ...]:
    """One grant for each instant at which points become spendable and end; a bonus follows the rule it multiplies."""
    at, zone = moment.basket.occurred_at, moment.zone
    usual: Timing | None = None
    groups: dict[Timing, tuple[int, dict[str, None]]] = {}
    for each in given:
        if not each.points:
            continue
        own, base = each.rule.rule, each.base.rule
        pending: Pending | None = own.pending or base.pending
        expiry: Expiry | None = own.expiry or base.expiry
        if pending is None and expiry is None:
            if usual is None:
                usual = _timing(ready.pending, ready.expiry(moment.tier), at, zone)
            timing = usual
        else:
            timing = _timing(pending or ready.pending, expiry or ready.expiry(moment.tier), at, zone)
        points, rules = groups.get(timing, (0, {}))
        rules[each.rule.code] = None
        groups[timing] = points + each.points, rules
    return tuple(
        [
            Grant(points=points, active_at=active, expires_at=expires, sliding=sliding, rules=tuple(rules))
            for (active, expires, sliding), (points, rules) in groups.items()
        ]
    )


def _timing(pending: Pending | None, expiry: Expiry, at: datetime, zone: ZoneInfo) -> Timing:
    return active_at(pending, at, zone), expires_at(expiry, at, zone), is_sliding(expiry)


def award(
    terms: Terms,
    points: int,
    *,
    at: datetime,
    zone: ZoneInfo,
    rule: str,
    tier: str | None = None,
    pending: Pending | None = None,
    expiry: Expiry | None = None,
) -> Grant:
    """This function will make the grant of points given outside a purchase (welcome, referral, adjustment).

    `pending` and `expiry` come from the part of the terms that gives them; without, points are spendable at once and
    end as the member's tier and the programme say.
    """
    active, expires, sliding = _timing(pending, expiry or plan(terms).expiry(tier), at, zone)
    return Grant(points=points, active_at=active, expires_at=expires, sliding=sliding, rules=(rule,))
