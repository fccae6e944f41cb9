"""Caps and budgets: counters of what rules gave to a member, or to all members together, in a period.

The cut itself is part of the evaluation (`rewards.earning`), which knows what was used before from the facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from rewards import counters
from rewards.counters import CounterName
from rewards.earning import Evaluation, cap_keys
from rewards.parties import Party
from rewards.sales import returns
from rewards.sales.batch import Batch
from rewards.sales.protocol import Change, Contributions, Read, State
from rewards.sales.sale import Sale
from rewards.versions import Version


class LimitsState(State):
    """The caps that the sales of one transaction look at, as each of them leaves them."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._names: dict[tuple[int, datetime], dict[str, CounterName]] = {}

    def _names_at(self, version: Version, moment: datetime, zone: ZoneInfo) -> dict[str, CounterName]:
        """The counters that count at a moment, by the cap's name in the facts."""
        found = self._names.get((version.number, moment))
        if found is None:
            caps = (str(key) for key in cap_keys(version.terms, moment, zone))
            found = self._names[version.number, moment] = {cap: counters.of_cap(cap) for cap in caps}
        return found

    def counters(self) -> Iterable[CounterName]:
        for occasion in self.batch.occasions():
            yield from self._names_at(*occasion).values()

    def facts(self, sale: Sale, buyer: Party) -> Mapping[str, Any]:
        version = self.batch.timeline.at(sale.occurred_at)
        if version is None:
            return {}
        names = self._names_at(version, sale.occurred_at, self.batch.zone)
        return {"caps": {cap: self.batch.counters.used(name.of(buyer.id)) for cap, name in names.items()}}

    def apply(self, sale: Sale, buyer: Party | None, left: Evaluation) -> None:
        if buyer is not None:
            self._change(buyer, left.cap_uses)

    def undo(self, sale: Sale, buyer: Party | None, change: Change) -> Mapping[str, Any]:
        if buyer is None or change.is_early:
            return {}
        back = returns.caps_back(change.before, change.after)
        self._change(buyer, [(cap, -points) for cap, points in back])
        own = [(name, points) for cap, points in back if (name := counters.of_cap(cap)).scope == counters.MEMBER]
        if own:
            # Undoing a merge divides the counters by what those of the merged member say then.
            for member_id in counters.merged_since(self.batch.merchant.pk, buyer.id, sale.id):
                for name, points in own:
                    self.batch.counters.give_back_unread(name.of(member_id), points)
        return {}

    def _change(self, buyer: Party, uses: Sequence[tuple[str, int]]) -> None:
        for cap, points in uses:
            self.batch.counters.add(counters.of_cap(cap).of(buyer.id), points)


class LimitsMechanic(Contributions):
    """Caps of rules and of the programme."""

    key: Final = "limits"
    for_guests: Final = False
    read: Final = Read(has_counters=True)

    def is_used(self, version: Version) -> bool:
        return version.has_counted_caps

    def begin(self, batch: Batch) -> State:
        return LimitsState(batch)


MECHANIC: Final = LimitsMechanic()
