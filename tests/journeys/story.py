"""A whole story: steps thrown by dice, what each was answered, and what the tables hold in between and in the end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.journeys import tables
from tests.journeys.dice import Dice
from tests.journeys.people import People
from tests.journeys.plain import Naming, canonical, plain
from tests.journeys.programmes import programme

STEPS = 40
#: After so many steps the tables are looked at for the recordings.
LOOK_EVERY = 20
#: Signs of a digest in the recordings; each takes in all before it, so that none can miss what an earlier one missed.
SIGNS = 5


class Story(People):
    """Everything that can happen to purchases and points, thrown by the dice of one seed."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, programme(Dice(seed * 7_919 + 1)))
        if seed % 5 == 4:
            self.cafe.merchant.till_word_points_max = 120
        self.weights: list[tuple[int, Callable[[], None]]] = [
            (22, self.sells), (6, self.sells_from_elsewhere), (4, self.sells_oddly), (7, self.quotes), (4, self.sends_again),
            (18, self.refunds), (2, self.refunds_oddly), (8, self.claims), (5, self.unclaims),
            (9, self.spends), (8, self.ends), (4, self.takes_what_was_held), (5, self.holds_and_takes),
            (5, self.holds_and_ends), (1, self.is_refused_a_referral), (1, self.loses_a_card),
            (4, self.gives), (5, self.corrects), (2, self.corrects_back), (6, self.joins), (3, self.merges_two),
            (3, self.unmerges), (4, self.spends_and_gets_back), (2, self.is_blocked), (1, self.stops_spending), (1, self.is_frozen), (1, self.leaves),
            (3, self.publishes), (8, self.waits), (4, self.clocks_strike),
        ]  # fmt: skip

    def steps(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Play step by step; yield each one's name and the calls it made, as plain data."""
        for _ in range(STEPS):
            step = self.dice.weighted(self.weights)
            self.calls = []
            step()
            yield step.__name__, self.calls

    def picture(self) -> Any:
        return plain(self.cafe.does(lambda: tables.picture(self.names())))


@dataclass(frozen=True)
class Step:
    """One step as it is compared: what was asked and answered, and the tables where they were looked at."""

    name: str
    calls: Any
    rows: Any


def play(seed: int, *, look_every: int = LOOK_EVERY) -> list[Step]:
    """Play a seed's story and return its steps, with names for everything that is drawn; the last holds all rows."""
    story = Story(seed)
    steps = []
    for number, (name, calls) in enumerate(story.steps(), start=1):
        looks = number % look_every == 0 or number == STEPS
        steps.append((name, calls, story.picture() if looks else None))
    naming = Naming(story.cafe.does(lambda: tables.names(story.names())).public)
    return [Step(name, naming.named(calls), naming.named(rows)) for name, calls, rows in steps]


def digests(steps: list[Step]) -> list[str]:
    """Return a short digest of each step, which takes in all steps before it."""
    found, before = [], ""
    for step in steps:
        told = canonical([step.name, step.calls, step.rows])
        before = hashlib.sha256(f"{before}{told}".encode()).hexdigest()
        found.append(before[:SIGNS])
    return found
