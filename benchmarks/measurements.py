"""What a benchmark found, round by round, and how it prints that."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass
class Measurements:
    """Values by name, one a round. All that is printed at the end is made of their medians, as `kind name value`."""

    found: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, value: float) -> None:
        self.found.setdefault(name, []).append(value)

    def print_round(self, unit: str = "") -> None:
        """Print the newest value of each."""
        print(", ".join(f"{name} {values[-1]:,.1f}{unit}" for name, values in self.found.items()), flush=True)

    def median(self, name: str) -> float:
        return statistics.median(self.found[name])

    def print(self, kind: str, *names: str, digits: int = 1, prefix: str = "") -> None:
        """Print medians; of everything noted, when no name is given."""
        for name in names or tuple(self.found):
            print(f"{kind} {prefix}{name} {self.median(name):.{digits}f}")

    def print_ratio(self, name: str, above: str, below: str, *, digits: int = 2) -> None:
        """Print one median as a multiple of another."""
        print(f"ratio {name} {self.median(above) / self.median(below):.{digits}f}")
