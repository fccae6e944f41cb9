"""Each metric counted once more by the auditor, in plain Python over the facts: no SQL and no rollup."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from analytics.facts import DailyFacts
from analytics.models import GUESTS, MetricValue


def first_day_before(value: MetricValue) -> date:
    """Find the first day of the window before, by calendar arithmetic of its own."""
    first = value.starts_on
    back = {"month": 1, "quarter": 3, "year": 12}.get(value.period_kind.removesuffix("_part"))
    if back is None:
        return first - (value.ends_on - first)
    month = first.year * 12 + first.month - 1 - back
    return date(month // 12, month % 12 + 1, 1)


def _buyers(facts: DailyFacts, first: date, end: date) -> dict[int, int]:
    """Members with purchases in [first, end), and how many."""
    if (first, end) not in facts.buyers:
        found: dict[int, int] = defaultdict(int)
        for person, purchases, *_rest in facts.between(first, end):
            if person != GUESTS and purchases:
                found[person] += purchases
        facts.buyers[first, end] = found
    return facts.buyers[first, end]


def _retention(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    earlier, later = set(_buyers(facts, before, first)), set(_buyers(facts, first, end))
    return len(earlier & later), len(earlier), len(earlier)


def _churn(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    earlier, later = set(_buyers(facts, before, first)), set(_buyers(facts, first, end))
    return len(earlier - later), len(earlier), len(earlier)


def _pauses(facts: DailyFacts, first: date, until: date, end: date) -> dict[str, int]:
    """Pauses between two days of shopping that ended within 365 days, and those longer than the whole period."""
    found = {"pauses": 0, "longer": 0}
    for person, days in facts.days.items():
        shopped = sorted(day for day, row in days.items() if row[0]) if person != GUESTS else []
        for before, after in pairwise(shopped):
            if until - timedelta(days=365) <= after < until:
                found["pauses"] += 1
                found["longer"] += after - before > end - first
    return found


def _often(facts: DailyFacts, end: date, least: int) -> tuple[int, int]:
    counts = sorted(_buyers(facts, end - timedelta(days=365), end).values())
    return len(counts) - bisect_left(counts, least), len(counts)


def _repeat(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    repeat, buyers = _often(facts, end, 2)
    return repeat, buyers, buyers


def _loyal(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    loyal, buyers = _often(facts, end, 4)
    return loyal, buyers, buyers


def _days_of(facts: DailyFacts, end: date, least: int) -> tuple[int, int, int]:
    days: Counter[int] = Counter()
    for day, rows in facts.by_day.items():
        if end - timedelta(days=365) <= day < end:
            days.update({person for person, purchases, *_rest in rows if person != GUESTS and purchases})
    return sum(n >= least for n in days.values()), len(days), len(days)


def _repeat_by_days(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    return _days_of(facts, end, 2)


def _loyal_by_days(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    return _days_of(facts, end, 4)


def _repeat_of_all(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    repeat, _buying = _often(facts, end, 2)
    everybody = {person for person, joined in facts.joined.items() if joined < end}
    everybody |= set(_buyers(facts, end - timedelta(days=365), end)) & facts.joined.keys()
    return repeat, len(everybody), len(everybody)


def _order_value(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    purchases, revenue, _paid, _free = _orders(facts, first, end)
    return revenue, purchases, purchases


def _order_value_in_money(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    purchases, revenue, paid, _free = _orders(facts, first, end)
    return revenue - paid, purchases, purchases


def _order_value_above_zero(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    purchases, revenue, _paid, free = _orders(facts, first, end)
    return revenue, purchases - free, purchases - free


def _orders(facts: DailyFacts, first: date, end: date) -> tuple[int, int, int, int]:
    """Purchases, revenue, what points paid of it, and free purchases in [first, end)."""
    sums = [0, 0, 0, 0]
    for _person, *row in facts.between(first, end):
        for place, figure in enumerate(row):
            sums[place] += figure
    return sums[0], sums[1], sums[2], sums[3]


def _nps(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    voices: dict[Any, int] = {}
    for person, score, day, order in sorted(facts.answers, key=lambda answer: answer[3]):
        if first <= day < end:
            voices[("member", person) if person is not None else ("answer", order)] = score
    promoters = sum(score >= 9 for score in voices.values())
    detractors = sum(score <= 6 for score in voices.values())
    return promoters - detractors, len(voices), len(voices)


def _members_share(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    purchases, revenue, _paid, _free = _orders(facts, first, end)
    guests = sum(row[2] for row in facts.between(first, end) if row[0] == GUESTS)
    return revenue - guests, revenue, purchases


def _reward_cost(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    rows = [row for (day, _location, _reward), row in facts.rewards.items() if first <= day < end]
    revenue = _orders(facts, first, end)[1]
    return sum(row[2] for row in rows), max(0, revenue), sum(row[0] for row in rows)


def _points_redeemed(facts: DailyFacts, first: date, end: date, before: date) -> tuple[int, int, int]:
    sums: Counter[str] = Counter()
    for (day, kind), points in facts.points.items():
        if first <= day < end:
            sums[kind] += points
    issued = max(0, sums["accrue"])
    return -(sums["redeem"] + sums["capture"] + sums["reverse"]), issued, issued


PARTS: Final = {"churn": _pauses}

#: Shares of sums, not of members: no interval is kept.
WITHOUT_INTERVAL: Final = ("members_share_of_sales", "reward_cost_share", "points_redeemed_rate")

COUNTED: Final = {
    "retention": _retention,
    "churn": _churn,
    "repeat_purchase_rate": _repeat,
    "repeat_purchase_rate_by_days": _repeat_by_days,
    "repeat_share_of_all": _repeat_of_all,
    "loyal_customer_rate": _loyal,
    "loyal_customer_rate_by_days": _loyal_by_days,
    "average_order_value": _order_value,
    "average_order_value_in_money": _order_value_in_money,
    "average_order_value_above_zero": _order_value_above_zero,
    "nps": _nps,
    "members_share_of_sales": _members_share,
    "reward_cost_share": _reward_cost,
    "points_redeemed_rate": _points_redeemed,
}


def to_eight_decimals(number: Fraction) -> Decimal:
    """Round to eight decimals, halves away from zero, by whole numbers only."""
    scaled = abs(number) * 10**8
    whole, rest = divmod(scaled.numerator, scaled.denominator)
    whole += 2 * rest >= scaled.denominator
    return Decimal(whole if number >= 0 else -whole).scaleb(-8)


def wilson(successes: int, n: int) -> tuple[Decimal, Decimal]:
    """Find the roots of (p - share)² = z² p (1 - p) / n: the other way to the same interval."""
    with localcontext(prec=50):
        z = Decimal("1.959963984540054")
        share = Decimal(successes) / n
        a, b, c = 1 + z * z / n, -(2 * share + z * z / n), share * share
        root = max(b * b - 4 * a * c, Decimal(0)).sqrt()
        least, most = max((-b - root) / (2 * a), Decimal(0)), min((-b + root) / (2 * a), Decimal(1))
        step = Decimal(1).scaleb(-8)
        return least.quantize(step, ROUND_HALF_UP), most.quantize(step, ROUND_HALF_UP)
