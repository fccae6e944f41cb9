"""Dice that fall alike on every machine, in every process and with every version of Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Of the module `random` only `random()` is promised to give the same for a seed for ever: all is made of that."""

    def __init__(self, seed: int) -> None:
        self._throw = random.Random(seed).random

    def below(self, count: int) -> int:
        return int(self._throw() * count)

    def number(self, least: int, most: int) -> int:
        return least + self.below(most - least + 1)

    def chance(self, share: float) -> bool:
        return self._throw() < share

    def choice(self, values: Sequence[T]) -> T:
        return values[self.below(len(values))]

    def sample(self, values: Sequence[T], count: int) -> list[T]:
        left = list(values)
        return [left.pop(self.below(len(left))) for _ in range(count)]

    def weighted(self, values: Sequence[tuple[int, T]]) -> T:
        thrown = self.below(sum(weight for weight, _value in values))
        for weight, value in values:
            thrown -= weight
            if thrown < 0:
                return value
        raise AssertionError("weights are above 0")
