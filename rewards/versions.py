"""Which terms were in force when: the published versions of a merchant's programme, parsed once.

Versions never change once written, so the parsed ones are kept for the life of the process; a look at the newest
number tells whether there are more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from django.db import connection
from msgspec import json

from rewards import terms
from rewards.terms import Terms, sliding


@dataclass(frozen=True, slots=True)
class Version:
    number: int
    effective_from: datetime
    terms: Terms
    #: Activity moves the end of some points, so a purchase has to look at all sliding lots.
    has_sliding: bool
    #: Some cap holds for longer than one order, so it has a counter.
    has_counted_caps: bool

    @classmethod
    def of(cls, number: int, effective_from: datetime, promised: Terms) -> Version:
        rules = promised.earning.rules
        levels = promised.tiers.levels if promised.tiers else ()
        given = (promised.welcome, promised.referral)
        expiries = [promised.expiry, *(each.expiry for each in (*rules, *levels, *given) if each is not None)]
        caps = [*promised.earning.caps, *(cap for r in rules for cap in r.caps)]
        return cls(
            number,
            effective_from,
            promised,
            has_sliding=any(sliding(expiry) is not None for expiry in expiries if expiry is not None),
            has_counted_caps=any(cap.per != "order" for cap in caps),
        )


@dataclass(frozen=True, slots=True)
class Timeline:
    """The versions of one merchant, in the order they came into force."""

    versions: tuple[Version, ...] = ()
    newest: int = 0
    _starts: tuple[datetime, ...] = field(default=())

    def at(self, instant: datetime) -> Version | None:
        """Return the version in force at an instant, or None before the first."""
        place = bisect_right(self._starts, instant)
        return self.versions[place - 1] if place else None

    def numbered(self, number: int) -> Version:
        return next(version for version in self.versions if version.number == number)


_known: dict[int, Timeline] = {}
_lock = Lock()
_NONE = Timeline()


def last_seen(merchant_id: int) -> Timeline:
    """Return the timeline as this process last read it, without asking: compare `newest` with NEWEST_SQL."""
    return _known.get(merchant_id, _NONE)


#: A scalar for journeys that read it together with everything else, after their locks.
NEWEST_SQL = "(SELECT max(v.number) FROM rewards_termsversion v WHERE v.merchant_id = %(merchant)s)"


_asked: ContextVar[dict[int, Timeline] | None] = ContextVar("timelines_asked_once", default=None)


@contextmanager
def asked_once() -> Iterator[None]:
    """Ask for each merchant's newest number once inside: for an answer that only reads, all of it by the same terms."""
    token = _asked.set({})
    try:
        yield
    finally:
        _asked.reset(token)


def timeline(merchant_id: int) -> Timeline:
    """Return the merchant's versions, reading only those this process has not seen.  The tenant is open."""
    known = _asked.get()
    if known is None:
        return _newest(merchant_id)
    if merchant_id not in known:
        known[merchant_id] = _newest(merchant_id)
    return known[merchant_id]


def _newest(merchant_id: int) -> Timeline:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {NEWEST_SQL}", {"merchant": merchant_id})
        return refreshed(merchant_id, cursor.fetchone()[0] or 0)


def refreshed(merchant_id: int, newest: int) -> Timeline:
    """Return the merchant's versions up to the number `newest`, reading those not seen yet."""
    seen = last_seen(merchant_id)
    if seen.newest == newest:
        return seen
    if seen.newest > newest:
        # This process once looked inside a transaction that was then undone.
        seen = _NONE
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, effective_from, document FROM rewards_termsversion WHERE merchant_id = %s AND number > %s",
            [merchant_id, seen.newest],
        )
        new = [Version.of(number, since, terms.parse(json.decode(text))) for number, since, text in cursor.fetchall()]
    versions = sorted((*seen.versions, *new), key=lambda version: (version.effective_from, version.number))
    grown = Timeline(
        versions=tuple(versions),
        newest=max((version.number for version in versions), default=0),
        _starts=tuple(version.effective_from for version in versions),
    )
    with _lock:
        _known[merchant_id] = grown
    return grown
