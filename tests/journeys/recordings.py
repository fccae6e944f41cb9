"""What earlier code made of each seed, as digests in a file of the repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).with_name("recordings.txt")
_HEAD = "# A seed, and a digest of each step of its story: see CONTRIBUTING, 'Old against new'.\n"


def read() -> dict[int, list[str]]:
    """Return the digests of each seed that was recorded."""
    if not FILE.exists():
        return {}
    lines = [line for line in FILE.read_text().splitlines() if line and not line.startswith("#")]
    return {int(seed): digests.split() for seed, digests in (line.split(":") for line in lines)}


def write(recorded: Mapping[int, list[str]]) -> None:
    """Replace the file by these recordings."""
    FILE.write_text(_HEAD + "".join(f"{seed}: {' '.join(each)}\n" for seed, each in sorted(recorded.items())))
