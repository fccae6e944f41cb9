"""What a purchase is worth: pure, exact, deterministic, rounded once.

The order of things: goods excluded from the programme go first; rules are tried by priority; those that apply give
exact points (times the tier); multipliers add to them; caps cut; then one rounding, in the stated scope; then the
whole points are shared out over rules and grants by largest remainder, so that every sum agrees.
"""

from zoneinfo import ZoneInfo

from rewards.earning.basket import Basket, Evaluation, Facts, Step
from rewards.earning.conditions import Moment
from rewards.earning.matching import apply_tier, eligible, matching, multiplied, stacked
from rewards.earning.plan import plan
from rewards.earning.settling import grants, settled
from rewards.terms import Terms

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
    lines = eligible(ready, basket, trace)
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
    given, multipliers = matching(ready, lines, moment, trace)
    given = stacked(ready, given, trace)
    apply_tier(ready, given, tier, trace)
    given += multiplied(ready, lines, given, multipliers, trace)
    points, qualifying, cap_uses = settled(ready, given, moment, trace)
    return Evaluation(
        points=points,
        qualifying_points=qualifying,
        eligible_minor=eligible_minor,
        grants=grants(ready, given, moment),
        cap_uses=cap_uses,
        trace=tuple(trace),
    )


def _nothing(step: Step) -> Evaluation:
    return Evaluation(points=0, qualifying_points=0, eligible_minor=0, grants=(), cap_uses=(), trace=(step,))
