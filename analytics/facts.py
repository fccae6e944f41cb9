"""What the auditor reads: purchases, people, answers and points as they stand, by another path than the rollups.

Plain rows in pages, summed in Python: no shared SQL, no stored local day.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final

from django.db import connection

from analytics.models import GUESTS
from merchants import periods
from merchants.models.merchants import Merchant

_PAGE: Final = 50_000


@dataclass(slots=True)
class DailyFacts:
    """Everything read, by person and day: (purchases, revenue, paid with points, free purchases)."""

    days: dict[int, dict[date, list[int]]] = field(default_factory=lambda: defaultdict(dict))
    raw: dict[tuple[int, date], list[int]] = field(default_factory=dict)
    joined: dict[int, date] = field(default_factory=dict)
    #: person or None, score, day, (answered_at, id)
    answers: list[tuple[int | None, int, date, tuple[datetime, int]]] = field(default_factory=list)
    points: Counter[tuple[date, str]] = field(default_factory=Counter)
    #: member (0: guests), day, location: (purchases, revenue)
    at_locations: dict[tuple[int, date, int], list[int]] = field(default_factory=dict)
    #: day, location, reward: (redemptions, points, cost, without a price)
    rewards: dict[tuple[date, int, str], list[int]] = field(default_factory=dict)
    purchases: int = 0
    #: The same days from the other side: the person first.
    by_day: dict[date, list[tuple[int, ...]]] = field(default_factory=lambda: defaultdict(list))
    buyers: dict[tuple[date, date], dict[int, int]] = field(default_factory=dict)

    def between(self, first: date, end: date) -> Iterator[tuple[int, ...]]:
        for day, rows in self.by_day.items():
            if first <= day < end:
                yield from rows


def _pages(sql: str, merchant: Merchant) -> Iterator[tuple[Any, ...]]:
    """Rows in pages by id, the first column."""
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(f"{sql} ORDER BY 1 LIMIT {_PAGE}", {"merchant": merchant.pk, "after": after})
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def read(merchant: Merchant) -> DailyFacts:
    """Read everything of the open tenant that a number is made of."""
    facts = DailyFacts()
    zone = merchant.tzinfo
    becomes: dict[int, int] = {}
    for identity, merged_into, joined_at in _pages(
        "SELECT id, merged_into_id, joined_at FROM member_of_today WHERE merchant_id = %(merchant)s AND id > %(after)s",
        merchant,
    ):
        if merged_into is None:
            facts.joined[identity] = periods.local_day(joined_at, zone)
        else:
            becomes[identity] = merged_into
    for _id, member, at, total, refunded, is_gone, paid, points, location in _pages(
        "SELECT id, member_id, occurred_at, total_minor, refunded_minor, came_back_whole, points_paid_minor, points_kept, "
        "location_id "
        "FROM reading_purchases WHERE merchant_id = %(merchant)s AND id > %(after)s",
        merchant,
    ):
        facts.purchases += 1
        day = periods.local_day(at, zone)
        # What was wholly given back is no purchase, nor is a return; what was free from the start is one till then.
        counts = int(refunded < total or (total == refunded == 0 and not is_gone))
        left = paid - paid * min(refunded, total) // total if total > 0 else paid
        row = facts.raw.setdefault((member or GUESTS, day), [0, 0, 0, 0, 0])
        mine = facts.days[becomes.get(member, member) or GUESTS].setdefault(day, [0, 0, 0, 0])
        for place, amount in enumerate((counts, total - refunded, left, int(counts and total == 0))):
            row[place] += amount
            mine[place] += amount
        row[4] += points if member else 0
        there = facts.at_locations.setdefault((member or GUESTS, day, location or 0), [0, 0])
        there[0] += counts
        there[1] += total - refunded
    facts.at_locations = {key: row for key, row in facts.at_locations.items() if row[0] or row[1]}
    facts.raw = {key: row for key, row in facts.raw.items() if row[0] or row[1]}
    facts.days = {
        person: {day: row for day, row in days.items() if row[0] or row[1]} for person, days in facts.days.items()
    }
    for person, days in facts.days.items():
        for day, row in days.items():
            facts.by_day[day].append((person, *row))
    for identity, member, score, at in _pages(
        "SELECT id, member_id, score, answered_at FROM survey_answers "
        "WHERE merchant_id = %(merchant)s AND id > %(after)s",
        merchant,
    ):
        facts.answers.append((becomes.get(member, member), score, periods.local_day(at, zone), (at, identity)))
    for _id, kind, balance, pending, at in _pages(
        "SELECT id, kind, balance_change, pending_change, occurred_at FROM reading_ledger "
        "WHERE merchant_id = %(merchant)s AND id > %(after)s",
        merchant,
    ):
        facts.points[periods.local_day(at, zone), kind] += balance + pending
    _read_rewards(merchant, facts)
    return facts


def _read_rewards(merchant: Merchant, facts: DailyFacts) -> None:
    terms = {
        number: document
        for _place, number, document in _pages(
            "SELECT number, number, document FROM reading_terms WHERE merchant_id = %(merchant)s AND number > %(after)s",
            merchant,
        )
    }
    for _id, reward, captured, returned, amount, at, location, version, is_own in _pages(
        "SELECT id, reward, points_captured, points_returned, amount_minor, occurred_at, location_id, terms_version, is_own "
        "FROM reading_redemptions WHERE merchant_id = %(merchant)s AND state = 'captured' AND id > %(after)s",
        merchant,
    ):
        if not is_own and captured == returned:
            continue
        key = (periods.local_day(at, merchant.tzinfo), location or 0, reward)
        row = facts.rewards.setdefault(key, [0, 0, 0, 0])
        cost = _cost(terms.get(version), reward, captured - returned, captured, amount, is_own=is_own)
        for place, figure in enumerate((1, captured - returned, cost or 0, int(cost is None))):
            row[place] += figure


def _cost(document: Any, reward: str, kept: int, captured: int, amount: int | None, *, is_own: bool) -> int | None:
    """What one redemption cost, in minor units, halves up; None where the terms of its day say no price."""
    if amount is not None:
        return amount if is_own else _half_up(Fraction(amount * kept, captured))
    document = json.loads(document) if isinstance(document, str) else document
    rate = (document or {}).get("pay_with_points")
    points: int | None = kept
    if is_own:
        prices = [each["price_points"] for each in (document or {}).get("rewards", ()) if each["code"] == reward]
        points = prices[0] if prices else None
    return None if rate is None or points is None else _half_up(Fraction(points * rate["amount_minor"], rate["points"]))


def _half_up(figure: Fraction) -> int:
    return math.floor(figure + Fraction(1, 2))


def unseen(merchant: Merchant, seen_through: int) -> int:
    """Count the changes that no run has taken in yet.

    Rows of a restored dump may carry ids this cluster has not come to; they were taken in by their keys.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            " + ".join(
                f"(SELECT count(*) FROM {view} WHERE merchant_id = %(m)s AND xid >= %(x)s::text::xid8 "
                "AND xid < pg_snapshot_xmax(pg_current_snapshot()))"
                for view in ("reading_purchases", "reading_refunds", "reading_merges")
            ).join(("SELECT ", "")),
            {"m": merchant.pk, "x": seen_through},
        )
        return int(cursor.fetchone()[0])
