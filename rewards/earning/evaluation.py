"""What a purchase is worth: pure, exact, deterministic, rounded once.

The order of things: kinds of lines that do not count and goods excluded from the programme go first; rules are tried
by priority; those that apply give exact points (times the tier); multipliers add to them; caps cut; then one rounding,
in the stated scope; then the whole points are shared out over rules and grants by largest remainder, so that every sum
agrees.

A line below zero (a returned article, a coupon) earns by the same rules with its sign kept.  What a rule looks at may
so come to less than nothing: then it takes back what it would give for as much above nothing, thresholds, steps, caps
and rounding mirrored.  Points for an order as a whole, and those of an n-th purchase, are neither given nor taken then.
"""

from zoneinfo import ZoneInfo

from rewards.earning.basket import Basket, Evaluation, Facts, Grant, Line, TraceLine, lines_of
from rewards.earning.conditions import Moment
from rewards.earning.matching import apply_tier, eligible, matching, multiplied, stacked
from rewards.earning.outcomes import OUTCOMES, earned_beside
from rewards.earning.plan import Plan, plan
from rewards.earning.settling import grants, settled
from rewards.terms import Terms

NO_PROGRAMME_YET = Evaluation(
    points=0, qualifying_points=0, eligible_minor=0, grants=(), cap_uses=(), trace=(TraceLine(code="no_programme_yet"),)
)


def evaluate(
    terms: Terms, basket: Basket, facts: Facts, *, zone: ZoneInfo, location_zone: ZoneInfo | None = None
) -> Evaluation:
    """State what a basket earns for a member with these facts, and why.

    Points and caps are smallest units. `zone` is the merchant's (days, caps, birthdays, expiry), `location_zone` the
    location's (weekdays, hours). Raises nothing: a basket in another currency earns 0 and says so.
    """
    ready = plan(terms)
    if basket.currency != ready.currency:
        return _nothing(TraceLine(code="other_currency", data={"currency": basket.currency}))
    tier = facts.tier if facts.tier is not None else ready.first_level
    moment = Moment(basket, facts, tier, zone, location_zone or zone)
    trace: list[TraceLine] = []
    points, qualifying, eligible_minor, granted, cap_uses = _points(ready, moment, trace)
    return Evaluation(
        points=points,
        qualifying_points=qualifying,
        eligible_minor=eligible_minor,
        grants=granted,
        cap_uses=cap_uses,
        # Orders that earn no points may earn something else.
        outcomes=earned_beside(terms, moment, trace) if OUTCOMES else {},
        trace=tuple(trace),
    )


def _points(
    ready: Plan, moment: Moment, trace: list[TraceLine]
) -> tuple[int, int, int, tuple[Grant, ...], tuple[tuple[str, int], ...]]:
    """The points, those that qualify, the amount that could earn, the grants, and what is used of caps."""
    basket, tier = moment.basket, moment.tier
    lines = eligible(ready, basket, trace)
    eligible_minor = 0
    for line in lines:
        eligible_minor += line.amount_minor
    if _is_nothing_paid(basket, lines, eligible_minor):
        trace.append(TraceLine(code="nothing_paid"))
        return 0, 0, eligible_minor, (), ()
    given, multipliers = matching(ready, lines, moment, trace)
    sign = 1 if eligible_minor >= 0 else -1
    given = stacked(ready, given, sign, trace)
    apply_tier(ready, given, tier, trace)
    given += multiplied(ready, lines, given, multipliers, sign, trace)
    points, qualifying, cap_uses = settled(ready, given, moment, trace)
    return points, qualifying, eligible_minor, grants(ready, given, moment), cap_uses


def _is_nothing_paid(basket: Basket, lines: tuple[Line, ...], eligible_minor: int) -> bool:
    """Whether no money stands behind what may earn; on a receipt with lines below zero, whether none of these has any."""
    if any(line.is_return for line in lines_of(basket)):
        return not any(line.amount_minor or line.discount_minor for line in lines)
    return basket.total_minor <= 0 or eligible_minor + sum([line.discount_minor for line in lines]) <= 0


def _nothing(step: TraceLine) -> Evaluation:
    return Evaluation(points=0, qualifying_points=0, eligible_minor=0, grants=(), cap_uses=(), trace=(step,))
