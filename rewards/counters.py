"""Counters of limits: how much is used of what there is only so much of (caps of points, stock of rewards).

Here are their names, their one lock rule, and their one way to be written: as differences, so that undoing needs no other
way than doing. Those that all members share are locked before they are read; a member's own are guarded by the lock of
the member's account. What a counter may come to is in the terms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec
from django.db import connection

from merchants.database import statements
from merchants.database.statements import Writing

PROGRAMME: Final = "programme"
MEMBER: Final = "member"
POINTS: Final = "points"
COUNT: Final = "count"
STAMPS: Final = "stamps"
_STOCK: Final = "stock:"
_encode = msgspec.json.Encoder().encode


class CounterName(NamedTuple):
    """What a counter counts, whoever it is of: one of all members, or one of each."""

    scope: str
    key: str
    unit: str

    def of(self, member_id: int) -> CounterKey:
        """Name the counter that counts for this member."""
        return CounterKey(self.scope, 0 if self.scope == PROGRAMME else member_id, self.key, self.unit)


class CounterKey(NamedTuple):
    """One counter: `scope_id` is the member's id, 0 for one that all members share."""

    scope: str
    scope_id: int
    key: str
    unit: str


def of_cap(cap: str) -> CounterName:
    """Name the counter of a cap by the cap's own name in the facts of an evaluation (`earning.CapKey`)."""
    scope, _colon, rest = cap.partition(":")
    return CounterName(scope, f"cap:{rest}", POINTS)


def of_stock(reward: str) -> CounterKey:
    """Name the counter of how many of a reward are taken."""
    return CounterKey(PROGRAMME, 0, f"{_STOCK}{reward}", COUNT)


def of_stamps(day: str) -> CounterName:
    """Name the counter of a card's limit per day, by its name in the outcomes of an evaluation."""
    return CounterName(MEMBER, day, STAMPS)


@dataclass(slots=True)
class Counters:
    """The counters that one transaction looks at: as they were read under their locks, and by how much they changed."""

    _read: dict[CounterKey, int] = field(default_factory=dict)
    _changes: dict[CounterKey, int] = field(default_factory=dict)
    #: The changes are a mark's too: copied before the next one.
    _is_marked: bool = False
    #: What goes back to counters of others, which were not read.
    _back_unread: dict[CounterKey, int] = field(default_factory=dict)

    # -- locking and reading ------------------------------------------------------------------------------------------

    def lock(self, merchant_id: int, wanted: Iterable[CounterKey]) -> None:
        """Lock and read counters that all members share, in the order of their keys, making those that are not there yet.

        Waiting for one that comes, in that order, before another that is locked could deadlock: that is not done.

        :raises OperationalError: SQLSTATE 55P03, such a one is not free: the whole verb has to run again.
        """
        missing = sorted({each for each in wanted if each.scope == PROGRAMME} - self._read.keys())
        if not missing:
            return
        last = max((each for each in self._read if each.scope == PROGRAMME), default=missing[0])
        self._take(merchant_id, missing, waits=missing[0] >= last)
        new = [each for each in missing if each not in self._read]
        if new:
            with connection.cursor() as cursor:
                cursor.execute(_MAKE, [merchant_id, [each.key for each in new], [each.unit for each in new]])
            self._take(merchant_id, new, waits=False)

    def _take(self, merchant_id: int, wanted: Sequence[CounterKey], *, waits: bool) -> None:
        keys = [each.key for each in wanted]
        with connection.cursor() as cursor:
            statements.execute(
                cursor, _LOCK if waits else f"{_LOCK} NOWAIT", {"merchant": merchant_id, "keys": keys}, _LOCK_TYPES
            )
            for key, unit, used in cursor.fetchall():
                self._read.setdefault(CounterKey(PROGRAMME, 0, key, unit), used)

    def load(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take in the members' own counters, as READ_SQL finds them; their accounts are locked."""
        for member_id, key, unit, used in rows:
            self._read[CounterKey(MEMBER, member_id, key, unit)] = used

    # -- counting -----------------------------------------------------------------------------------------------------

    def used(self, counter: CounterKey) -> int:
        """Return how much is used, with what this transaction changed."""
        return self._read.get(counter, 0) + self._changes.get(counter, 0)

    def add(self, counter: CounterKey, more: int) -> None:
        """Use so much more of it; below zero gives back, never below nothing used."""
        if counter.scope == PROGRAMME and counter not in self._read:
            raise AssertionError(f"the counter {counter.key} was changed without its lock")
        if self._is_marked:
            self._changes, self._is_marked = dict(self._changes), False
        read = self._read.get(counter, 0)
        self._changes[counter] = max(0, read + self._changes.get(counter, 0) + more) - read

    def give_back_unread(self, counter: CounterKey, less: int) -> None:
        """Give back to a counter of a member whose account is not locked: of one who was merged since."""
        if counter in self._read:
            raise AssertionError(f"the counter {counter.key} was read, and is written as if it was not")
        self._back_unread[counter] = self._back_unread.get(counter, 0) + less

    def mark(self) -> Mapping[CounterKey, int]:
        """Return what `go_back` needs to undo everything that follows."""
        self._is_marked = True
        return self._changes

    def go_back(self, mark: Mapping[CounterKey, int]) -> None:
        """Become again what `mark` saw; what was locked since stays locked."""
        self._changes, self._is_marked = dict(mark), False

    # -- writing ------------------------------------------------------------------------------------------------------

    def add_to(self, writing: Writing) -> None:
        """Let the differences go out: what is used more makes its row where there is none, what is given back never does."""
        changes = sorted((counter, change) for counter, change in self._changes.items() if change)
        more = [_row(counter, change) for counter, change in changes if change > 0]
        back = [_row(counter, -change) for counter, change in changes if change < 0]
        back += [_row(counter, less) for counter, less in sorted(self._back_unread.items())]
        if more:
            writing.add("counters", _ADD, counters=("jsonb", _encode(more).decode()))
        if back:
            writing.add(
                "counters_back", _GIVE_BACK, is_rare=True, counters_back=("jsonb", _encode(back).decode()),
                counters_back_ids=("bigint[]", sorted({row["i"] for row in back})),
                counters_back_keys=("text[]", sorted({row["k"] for row in back})),
            )  # fmt: skip


def _row(counter: CounterKey, points: int) -> dict[str, Any]:
    return {"s": counter.scope, "i": counter.scope_id, "k": counter.key, "u": counter.unit, "n": points}


def stock_taken(merchant_id: int, rewards: Collection[str]) -> dict[str, int]:
    """State how many of each reward are taken, by its code, of those of which any ever were; nothing is locked."""
    if not rewards:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_STOCK_TAKEN, [merchant_id, [of_stock(reward).key for reward in rewards]])
        return {key.removeprefix(_STOCK): used for key, used in cursor.fetchall()}


def merge(merchant_id: int, *, source: int, target: int) -> None:
    """Let what is used of the source's counters count for the target, at once; theirs stay, for undoing the merge."""
    _execute(_MERGE, merchant_id, source, target)


def unmerge(merchant_id: int, *, source: int, target: int) -> None:
    """Take off the target's counters what those of the source say now, at once."""
    _execute(_UNMERGE, merchant_id, source, target)


def merged_since(merchant_id: int, member_id: int, purchase_id: int) -> list[int]:
    """Return the members whom a purchase belonged to before they were merged into whose it is now."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, {"merchant": merchant_id, "member": member_id, "purchase": purchase_id})
        return [merged_id for (merged_id,) in cursor.fetchall()]


def _execute(sql: str, merchant_id: int, source: int, target: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"merchant": merchant_id, "source": source, "target": target})


#: A scalar for the one read of a journey: members' own counters by their keys.
READ_SQL: Final = """(SELECT jsonb_agg(jsonb_build_array(c.scope_id, c.key, c.unit, c.used)) FROM rewards_counter c
    WHERE c.merchant_id = %(merchant)s AND c.scope = 'member' AND c.scope_id = ANY(%(counter_members)s)
    AND c.key = ANY(%(counter_keys)s))"""
READ_TYPES: Final = {"counter_members": "bigint[]", "counter_keys": "text[]"}
# In the order in which `sorted` puts keys, whatever language the database sorts by.
_LOCK = """
    SELECT c.key, c.unit, c.used FROM rewards_counter c WHERE c.merchant_id = %(merchant)s AND c.scope = 'programme'
        AND c.scope_id = 0 AND c.key = ANY(%(keys)s) ORDER BY c.key COLLATE "C", c.unit COLLATE "C" FOR UPDATE
"""
_LOCK_TYPES = {"merchant": "bigint", "keys": "text[]"}
_MAKE = """
    INSERT INTO rewards_counter (merchant_id, scope, scope_id, key, unit, used)
    SELECT %s, 'programme', 0, n.k, n.u, 0 FROM unnest(%s::text[], %s::text[]) AS n (k, u)
    ORDER BY n.k COLLATE "C", n.u COLLATE "C" ON CONFLICT DO NOTHING
"""
_ROWS = "jsonb_to_recordset(%({})s::jsonb) AS r(s text, i bigint, k text, u text, n bigint)"
_ADD = f"""
    INSERT INTO rewards_counter (merchant_id, scope, scope_id, key, unit, used)
    SELECT %(merchant)s, r.s, r.i, r.k, r.u, r.n FROM {_ROWS.format("counters")}
    ON CONFLICT (merchant_id, scope, scope_id, key, unit) DO UPDATE SET used = rewards_counter.used + excluded.used
"""
_GIVE_BACK = f"""
    UPDATE rewards_counter c SET used = greatest(0, c.used - r.n) FROM {_ROWS.format("counters_back")}
    WHERE c.merchant_id = %(merchant)s AND c.scope = r.s AND c.scope_id = r.i AND c.key = r.k AND c.unit = r.u
        AND c.scope IN ('programme', 'member') AND c.scope_id = ANY(%(counters_back_ids)s)
        AND c.key = ANY(%(counters_back_keys)s)
"""
_MERGE = """
    INSERT INTO rewards_counter (merchant_id, scope, scope_id, key, unit, used)
    SELECT merchant_id, scope, %(target)s, key, unit, used FROM rewards_counter
    WHERE merchant_id = %(merchant)s AND scope = 'member' AND scope_id = %(source)s
    ON CONFLICT (merchant_id, scope, scope_id, key, unit) DO UPDATE SET used = rewards_counter.used + excluded.used
"""
_UNMERGE = """
    UPDATE rewards_counter t SET used = greatest(0, t.used - s.used) FROM rewards_counter s
    WHERE t.merchant_id = %(merchant)s AND t.scope = 'member' AND t.scope_id = %(target)s
        AND s.merchant_id = %(merchant)s AND s.scope = 'member' AND s.scope_id = %(source)s
        AND (s.key, s.unit) = (t.key, t.unit)
"""
_STOCK_TAKEN = """
    SELECT c.key, c.used FROM rewards_counter c WHERE c.merchant_id = %s AND c.scope = 'programme'
        AND c.scope_id = 0 AND c.key = ANY(%s)
"""
_BEHIND = """
    WITH RECURSIVE behind (id, member_id) AS (
        SELECT id, source_id FROM rewards_merge WHERE merchant_id = %(merchant)s AND target_id = %(member)s
            AND unmerged_at IS NULL AND moved -> 'purchases' @> to_jsonb(%(purchase)s)
        UNION SELECT g.id, g.source_id FROM behind b JOIN rewards_merge g ON g.merchant_id = %(merchant)s
            AND g.target_id = b.member_id AND g.unmerged_at IS NULL AND g.moved -> 'purchases' @> to_jsonb(%(purchase)s)
    )
    SELECT DISTINCT member_id FROM behind ORDER BY member_id
"""
