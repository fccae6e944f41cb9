"""From exact points to whole ones: caps, the one rounding, the shares of rules, and the grants that become lots."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from merchants import money
from rewards.earning.basket import Grant, TraceLine
from rewards.earning.caps import EVERY_RULE, key_of
from rewards.earning.conditions import Moment
from rewards.earning.matching import Given
from rewards.earning.plan import Plan, plan
from rewards.terms import (
    Cap,
    Expiry,
    Pending,
    Sliding,
    Terms,
    active_at,
    expires_at,
    later,
    sliding,
)

Timing = tuple[datetime, datetime | None, Sliding | None]


def settled(
    ready: Plan, given: list[Given], moment: Moment, trace: list[TraceLine]
) -> tuple[int, int, tuple[tuple[str, int], ...]]:
    """Cap, round once and share out: the points, the qualifying points, and what is used of each cap."""
    scale = ready.scale
    exact = {id(each): sum(each.pieces) for each in given}
    if ready.sums_lines:
        exact = _rounded_by_line(ready, given)
    before = sum(exact.values())
    _cut(ready, given, exact, moment, trace)
    after = sum(exact.values())
    rounding = ready.terms.points.rounding.mode
    points = _rounded(after, scale, rounding)
    minimum = ready.terms.points.minimum_points
    if minimum is not None and 0 < abs(points) < minimum:
        trace.append(TraceLine(code="below_minimum_points", data={"points": points, "needed": minimum}))
        points = 0
    if points:
        _share_out(given, exact, points, scale)
    for each in given:
        bonus = each.rule is not each.base
        data: dict[str, Any] = {"exact": ready.exact(exact[id(each)])}
        if bonus:
            data["of"] = each.base.code
            data["factor"] = each.rule.factor_written
        elif each.rule.by_quantity:
            data["quantity_milli"] = each.amount
        else:
            data["amount_minor"] = each.amount
        code = "took_back" if each.points < 0 else "multiplied" if bonus else "gave"
        trace.append(TraceLine(code=code, rule=each.rule.code, points=each.points, data=data))
    if after % scale or (ready.sums_lines and before != sum(sum(each.pieces) for each in given)):
        exactly = ready.exact(sum(sum(each.pieces) for each in given) if ready.sums_lines else after)
        data = {"exact": exactly, "mode": rounding, "scope": ready.terms.points.rounding.scope}
        trace.append(TraceLine(code="rounded", points=points, data=data))
    elif not given:
        trace.append(TraceLine(code="nothing_earned"))
    counting = sum([exact[id(each)] for each in given if each.rule.rule.qualifying])
    qualifying = points
    if counting != after:
        qualifying = _rounded(counting, scale, rounding)
        qualifying = min(points, qualifying) if after >= 0 else max(points, qualifying)
    return points, qualifying, _cap_uses(ready, given, points, moment)


def _rounded(exact: int, scale: int, mode: money.Mode) -> int:
    """Round once; below zero as above it, so that what one receipt gives another takes back, to the last unit."""
    if exact < 0:
        return -_rounded(-exact, scale, mode)
    return money.round_ratio(exact, scale, mode)


def _rounded_by_line(ready: Plan, given: list[Given]) -> dict[int, int]:
    """Line scope: the points of each line are rounded together, then shared out over the rules, whole again."""
    found = {id(each): 0 for each in given}
    mode = ready.terms.points.rounding.mode
    for place in range(len(given[0].pieces) if given else 0):
        pieces = [each.pieces[place] for each in given]
        total = _rounded(sum(pieces), ready.scale, mode)
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


def _share_out(given: list[Given], exact: dict[int, int], points: int, scale: int) -> None:
    if len(given) == 1:
        given[0].points = points
        return
    shares = _shares([exact[id(each)] for each in given], points, scale)
    for each, share in zip(given, shares, strict=True):
        each.points = share


def _cut(ready: Plan, given: list[Given], exact: dict[int, int], moment: Moment, trace: list[TraceLine]) -> None:
    """Caps: what is over is cut off, from the last given first; rules' own caps, then the programme's.

    Below zero a cap is the most that one receipt takes back, whatever is used of it.
    """
    for rule in ready.rules:
        if rule.rule.caps:
            own = [each for each in given if each.rule is rule]
            _cut_to(ready, own, rule.rule.caps, rule.code, exact, moment, trace)
    if ready.terms.earning.caps:
        _cut_to(ready, given, ready.terms.earning.caps, EVERY_RULE, exact, moment, trace)


def _cut_to(
    ready: Plan,
    given: list[Given],
    caps: tuple[Cap, ...],
    code: str,
    exact: dict[int, int],
    moment: Moment,
    trace: list[TraceLine],
) -> None:
    for cap in caps:
        key = key_of(cap, code, moment.basket.occurred_at, moment.zone)
        sum_given = sum(exact[id(each)] for each in given)
        sign = -1 if sum_given < 0 else 1
        used = moment.facts.caps.get(str(key), 0) if key is not None and sign > 0 else 0
        left = max(0, cap.points - used)
        over = sum_given * sign - left * ready.scale
        if over <= 0:
            continue
        data = {"per": cap.per, "scope": cap.scope, "most": cap.points, "left": left, "cut": ready.exact(over)}
        trace.append(TraceLine(code="capped", rule="" if code == EVERY_RULE else code, data=data))
        for each in reversed(given):
            taken = min(over, max(0, exact[id(each)] * sign))
            exact[id(each)] -= taken * sign
            over -= taken


def _cap_uses(ready: Plan, given: list[Given], points: int, moment: Moment) -> tuple[tuple[str, int], ...]:
    uses: list[tuple[str, int]] = []
    for rule in ready.rules:
        if rule.rule.caps:
            own = sum(each.points for each in given if each.rule is rule)
            uses += [(cap_key, own) for cap_key in _keys(rule.rule.caps, rule.code, moment) if own > 0]
    if ready.terms.earning.caps and points > 0:
        uses += [(cap_key, points) for cap_key in _keys(ready.terms.earning.caps, EVERY_RULE, moment)]
    return tuple(uses)


def _keys(caps: tuple[Cap, ...], code: str, moment: Moment) -> list[str]:
    found = (key_of(cap, code, moment.basket.occurred_at, moment.zone) for cap in caps)
    return [str(key) for key in found if key is not None]


def grants(ready: Plan, given: list[Given], moment: Moment) -> tuple[Grant, ...]:
    """Make one grant for each pair of first and last instant; a bonus follows what it multiplies.

    They come to the points of the purchase: what one rule takes back is taken from what others give, from the last of
    them first. There is none where points are taken back in all.
    """
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
                usual = _timing(ready, ready.pending, ready.expiry(moment.tier), moment.tier, at, zone)
            timing = usual
        else:
            expiry = expiry or ready.expiry(moment.tier)
            timing = _timing(ready, pending or ready.pending, expiry, moment.tier, at, zone)
        sum_so_far, rules = groups.get(timing, (0, {}))
        rules[each.rule.code] = None
        groups[timing] = sum_so_far + each.points, rules
    back = -sum(min(0, granted) for granted, _rules in groups.values())
    found: list[Grant] = []
    for (active, expires, slides), (granted, rules) in reversed(groups.items()):
        less = min(back, max(0, granted))
        back -= less
        if granted > less:
            found.append(
                Grant(points=granted - less, active_at=active, expires_at=expires, sliding=slides, rules=tuple(rules))
            )
    return tuple(reversed(found))


def _timing(
    ready: Plan, pending: Pending | None, expiry: Expiry, tier: str | None, at: datetime, zone: ZoneInfo
) -> Timing:
    ends, held = expires_at(expiry, at, zone), ready.held_expiry(tier)
    if held is not None:
        ends = later(ends, expires_at(held, at, zone))
    return active_at(pending, at, zone), ends, sliding(expiry)


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
    """Make the grant of points given outside a purchase (welcome, referral, adjustment).

    `pending` and `expiry` come from the part of the terms that gives them; without, points are spendable at once and
    end as the member's tier and the programme say.
    """
    ready = plan(terms)
    active, expires, slides = _timing(ready, pending, expiry or ready.expiry(tier), tier, at, zone)
    return Grant(points=points, active_at=active, expires_at=expires, sliding=slides, rules=(rule,))
