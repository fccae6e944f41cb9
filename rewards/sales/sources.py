"""Where sales come from: what the caller's key says of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SaleSource:
    """What the caller's key says about where sales come from, and how far back they may lie."""

    location: str = ""
    terminal: str = ""
    channel: str = ""
    may_backfill: bool = False
    #: A sale whose time cannot be true is kept and marked, instead of refused.
    accepts_unknown_time: bool = False
    #: Others hear nothing of it, neither by message nor by webhook: the call asks for that, no key does.
    is_silent: bool = False


#: A sale with no key behind it that says more: the counter's, or a test's.
TILL = SaleSource()
