"""Who did it: comes in from the entry point as `actor=` and is stored on every entry and audit record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """A staff seat, an API key, a member or the system itself; `id` is public, never an internal key."""

    kind: Literal["staff", "key", "member", "system"]
    id: str
    label: str = ""
    role: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


SYSTEM = Actor("system", "clock")
