"""What counts towards tiers: by day, on each basis that a programme may choose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QualifyingSums:
    """What counts, net of refunds; below zero where it is a difference."""

    points: int = 0
    spend_minor: int = 0
    purchases: int = 0

    def plus(self, other: QualifyingSums) -> QualifyingSums:
        return QualifyingSums(
            self.points + other.points, self.spend_minor + other.spend_minor, self.purchases + other.purchases
        )

    def minus(self, other: QualifyingSums) -> QualifyingSums:
        return QualifyingSums(
            self.points - other.points, self.spend_minor - other.spend_minor, self.purchases - other.purchases
        )

    def on(self, basis: str) -> int:
        if basis == "qualifying_points":
            return self.points
        return self.spend_minor if basis == "spend" else self.purchases


NOTHING = QualifyingSums()
