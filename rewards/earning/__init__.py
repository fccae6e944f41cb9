"""What a purchase is worth, and why: pure arithmetic over a terms document, no database and no clock.

from rewards import earning
found = earning.evaluate(terms, basket, facts, zone=zone)
left = earning.evaluate(terms, earning.net_basket(basket, amount_minor=250), facts, zone=zone)
take_back = max(0, found.points - left.points) - already_taken_back
"""

from rewards.earning.basket import (
    Basket,
    Evaluation,
    Facts,
    Grant,
    Line,
    MoreThanBought,
    Returned,
    TraceLine,
    lines_of,
    net_basket,
)
from rewards.earning.caps import CapKey, cap_keys
from rewards.earning.evaluation import NO_PROGRAMME_YET, evaluate
from rewards.earning.examples import BrokenPromise, ExampleOutcome, check_examples
from rewards.earning.outcomes import OUTCOMES, Outcome, advance, nothing_yet
from rewards.earning.paying import not_by_points
from rewards.earning.plan import plan
from rewards.earning.settling import award
from rewards.earning.texts import CODES, WHY, points_in_words, words
from rewards.terms import counted

__all__ = [
    "CODES",
    "NO_PROGRAMME_YET",
    "OUTCOMES",
    "WHY",
    "Basket",
    "BrokenPromise",
    "CapKey",
    "Evaluation",
    "ExampleOutcome",
    "Facts",
    "Grant",
    "Line",
    "MoreThanBought",
    "Outcome",
    "Returned",
    "TraceLine",
    "advance",
    "award",
    "cap_keys",
    "check_examples",
    "counted",
    "evaluate",
    "lines_of",
    "net_basket",
    "not_by_points",
    "nothing_yet",
    "plan",
    "points_in_words",
    "words",
]
