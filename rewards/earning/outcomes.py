"""What a purchase earns beside points: whole numbers by name, from pure functions, each over the whole basket.

An outcome is a module with one function and one line in `OUTCOMES`.  Its numbers add up: what two purchases earn is the sum
of what each earns, and what a refund takes back is the difference of two evaluations with the same facts.  Whatever must be
known of earlier purchases (used of a limit, carried over) is a sum of such numbers too: it comes in `Facts.more`, by the
outcome's key, and goes on by `advance`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from msgspec import structs

from rewards.earning import stamps
from rewards.earning.basket import Evaluation, Facts, TraceLine
from rewards.earning.conditions import Moment
from rewards.earning.plan import plan
from rewards.terms import Terms

#: (terms, moment, trace) -> numbers by name.  A name is the outcome's key, or begins with it: `stamps`, `stamps:coffee`.
Earned = Callable[[Terms, Moment, list[TraceLine]], Mapping[str, int]]


class Outcome(NamedTuple):
    """One thing a purchase earns beside points."""

    #: Its name, and the name of what it knows of earlier purchases in `Facts.more`.
    key: str
    earned: Earned
    #: The sentences of its steps in the trace, by code.
    texts: Mapping[str, Any]


def _stamps(terms: Terms, moment: Moment, trace: list[TraceLine]) -> Mapping[str, int]:
    return stamps.earned(plan(terms).stamps, moment, trace)


OUTCOMES: Final[tuple[Outcome, ...]] = (Outcome(stamps.KEY, _stamps, stamps.TEXTS),)


def earned_beside(
    terms: Terms, moment: Moment, trace: list[TraceLine], *, outcomes: tuple[Outcome, ...] = OUTCOMES
) -> dict[str, int]:
    """State what a basket earns beside points; what comes to nothing is left out."""
    found: dict[str, int] = {}
    for outcome in outcomes:
        for name, number in outcome.earned(terms, moment, trace).items():
            if owner_of(name) != outcome.key:
                raise ValueError(f"the outcome {outcome.key} may not earn {name}")
            if number:
                found[name] = number
    return found


def nothing_yet(outcomes: tuple[Outcome, ...] | None = None) -> dict[str, dict[str, int]]:
    """Return what is known of somebody who has earned nothing beside points yet, for trials and worked examples."""
    return {outcome.key: {} for outcome in (OUTCOMES if outcomes is None else outcomes)}


def owner_of(name: str) -> str:
    """Return the key of the outcome that a name belongs to."""
    return name.partition(":")[0]


def advance(facts: Facts, evaluation: Evaluation) -> Facts:
    """Give the facts for the member's next purchase in a batch: one further, caps used up, what was earned beside added.

    What is absent in `Facts.more` stays absent: nothing is known of it.
    """
    caps = dict(facts.caps)
    for key, points in evaluation.cap_uses:
        caps[key] = caps.get(key, 0) + points
    more = dict(facts.more)
    for name, number in evaluation.outcomes.items():
        if (owner := owner_of(name)) in more:
            more[owner] = {**more[owner], name: more[owner].get(name, 0) + number}
    return structs.replace(facts, ordinal=facts.ordinal + 1, caps=caps, more=more)
