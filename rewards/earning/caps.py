"""Caps: which counters a purchase needs, and under which stable names they are kept."""

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from merchants import periods
from rewards.terms import Cap, Terms

EVERY_RULE = "*"


class CapKey(Struct, frozen=True):
    """The counter of a cap: whose (member or programme), of which rule (`*` is all together), in which period."""

    scope: Literal["member", "programme"]
    rule: str
    period: str

    def __str__(self) -> str:
        return f"{self.scope}:{self.rule}:{self.period}"


def key_of(cap: Cap, rule: str, at: datetime, zone: ZoneInfo) -> CapKey | None:
    """Name a cap's counter at an instant; None for a cap per order, which needs none."""
    if cap.per == "order":
        return None
    if cap.per == "ever":
        return CapKey(cap.scope, rule, "ever")
    label = periods.label_of(cap.per, periods.local_day(at, zone))
    return CapKey(cap.scope, rule, f"{cap.per}:{label}")


def cap_keys(terms: Terms, occurred_at: datetime, zone: ZoneInfo) -> tuple[CapKey, ...]:
    """List the counters that must be read (locked, and put in Facts.caps by `str(key)`) beforehand."""
    caps = [(cap, EVERY_RULE) for cap in terms.earning.caps]
    caps += [(cap, rule.code) for rule in terms.earning.rules for cap in rule.caps]
    keys = (key_of(cap, rule, occurred_at, zone) for cap, rule in caps)
    return tuple(key for key in keys if key is not None)
