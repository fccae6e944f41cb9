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
    RefundTooLarge,
    Returned,
    Step,
    advance,
    lines_of,
    net_basket,
)
from rewards.earning.caps import CapKey, cap_keys
from rewards.earning.evaluation import NO_PROGRAMME_YET, evaluate
from rewards.earning.examples import Outcome, check_examples
from rewards.earning.plan import plan
from rewards.earning.settling import award
from rewards.earning.words import CODES, WHY, points_in_words, words

__all__ = [
    "CODES",
    "NO_PROGRAMME_YET",
    "WHY",
    "Basket",
    "CapKey",
    "Evaluation",
    "Facts",
    "Grant",
    "Line",
    "Outcome",
    "RefundTooLarge",
    "Returned",
    "Step",
    "advance",
    "award",
    "cap_keys",
    "check_examples",
    "evaluate",
    "lines_of",
    "net_basket",
    "plan",
    "points_in_words",
    "words",
]
