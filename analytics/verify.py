"""An auditor who trusts no rollup: every stored number once more, straight from the purchases, by another path.

Plain Python over the rows as they stand: sets and sums, no shared SQL, no stored local day, no rollup.  What is kept
must agree to the last digit; each difference is named.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from django.db import connection

from analytics.facts import Facts, read, unseen
from analytics.metrics import BY_KEY
from analytics.models import GUESTS, CohortMonth, Figures, LedgerMark, MemberDay, MetricRun, MetricValue, PointsDay
from merchants import tenancy
from merchants.models.merchants import Merchant


@dataclass(frozen=True, slots=True)
class Difference:
    """One number that is not what the purchases say."""

    what: str
    kept: str
    found: str

    def __str__(self) -> str:
        return f"{self.what}: kept {self.kept}, the purchases say {self.found}"


@dataclass(frozen=True, slots=True)
class Report:
    """`checked` numbers were compared; `unseen` changes have arrived since the last run, and explain differences."""

    checked: int
    purchases: int
    unseen: int
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        return not self.differences


@dataclass(slots=True)
class _Comparison:
    checked: int = 0
    differences: list[Difference] = field(default_factory=list)

    def equal(self, what: str, kept: Any, found: Any) -> None:
        self.checked += 1
        if kept != found:
            self.differences.append(Difference(what, str(kept), str(found)))

    def tables(self, what: str, kept: dict[Any, Any], found: dict[Any, Any]) -> None:
        for key in sorted(kept.keys() | found.keys(), key=str):
            name = " ".join(str(part) for part in key) if isinstance(key, tuple) else str(key)
            self.equal(f"{what} {name}", kept.get(key, "nothing"), found.get(key, "nothing"))


def audit(merchant: Merchant) -> Report:
    """This function will compare all stored numbers with the purchases, in one snapshot.  Opens its own tenant."""
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_isolation = 'repeatable read'")
    try:
        with tenancy.tenant(merchant):
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = '15min'")
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '15min'")
            return verify(merchant=merchant)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET default_transaction_isolation")


def verify(*, merchant: Merchant) -> Report:
    """This function will compare all stored numbers of the open tenant with the purchases, answers and entries."""
    run = MetricRun.objects.filter(merchant=merchant, finished_at__isnull=False).order_by("-id").first()
    if run is None:
        return Report(0, 0, unseen(merchant, 0), ())
    facts = read(merchant)
    comparison = _Comparison()
    _check_member_days(merchant, facts, comparison)
    _check_points(merchant, facts, comparison)
    _check_figures(merchant, facts, comparison)
    _check_cohorts(merchant, facts, comparison)
    for value in MetricValue.objects.filter(merchant=merchant).order_by("metric", "period_kind", "starts_on"):
        _check_value(value, facts, comparison)
    return Report(
        comparison.checked, facts.purchases, unseen(merchant, run.seen_through or 0), tuple(comparison.differences)
    )


# -- the rollups --------------------------------------------------------------------------------------------------


def _check_member_days(merchant: Merchant, facts: Facts, comparison: _Comparison) -> None:
    kept = {
        (member, day): [purchases, revenue, points]
        for member, day, purchases, revenue, points in MemberDay.objects.filter(merchant=merchant).values_list(
            "member_id", "local_day", "purchases", "revenue_minor", "points_earned"
        )
    }
    comparison.tables("member day", kept, facts.raw)


def _check_points(merchant: Merchant, facts: Facts, comparison: _Comparison) -> None:
    kept = {
        (day, kind): points
        for day, kind, points in PointsDay.objects.filter(merchant=merchant).values_list("local_day", "kind", "points")
    }
    comparison.tables("points of", kept, dict(facts.points))
    # The other end of the same thread: all movements together are what the accounts hold.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id, a.seq FROM reading_accounts a WHERE a.merchant_id = %s AND a.seq > 0", [merchant.pk]
        )
        seqs = dict(cursor.fetchall())
        cursor.execute(
            "SELECT coalesce(sum(balance + pending), 0) FROM reading_accounts WHERE merchant_id = %s", [merchant.pk]
        )
        outstanding = int(cursor.fetchone()[0])
    marks = dict(LedgerMark.objects.filter(merchant=merchant).values_list("account_id", "seq"))
    comparison.tables("ledger taken in of account", marks, seqs)
    comparison.equal("points outstanding", sum(kept.values()), outstanding)


def _check_figures(merchant: Merchant, facts: Facts, comparison: _Comparison) -> None:
    for grain in ("day", "month"):
        found: dict[date, Counter[str]] = defaultdict(Counter)

        def bucket(day: date, grain: str = grain) -> date:
            return day if grain == "day" else day.replace(day=1)

        active: dict[date, set[int]] = defaultdict(set)
        for person, days in facts.days.items():
            for day, (purchases, revenue) in days.items():
                sums = found[bucket(day)]
                sums["purchases"] += purchases
                sums["revenue_minor"] += revenue
                if person == GUESTS:
                    sums["guest_purchases"] += purchases
                    sums["guest_revenue_minor"] += revenue
                else:
                    active[bucket(day)].add(person)
        for start, people in active.items():
            found[start]["active_members"] = len(people)
        for joined in facts.joined.values():
            found[bucket(joined)]["enrolments"] += 1
        for (day, kind), points in facts.points.items():
            if kind == "accrue":
                found[bucket(day)]["points_issued"] += points
            elif kind in {"redeem", "capture", "reverse"}:
                found[bucket(day)]["points_redeemed"] -= points
            elif kind == "expire":
                found[bucket(day)]["points_expired"] -= points
        rows = Figures.objects.filter(merchant=merchant, grain=grain)
        names = [
            f.name for f in Figures._meta.concrete_fields if f.name not in {"id", "merchant", "grain", "starts_on"}
        ]
        kept = {
            (row["starts_on"], name): row[name]
            for row in rows.values("starts_on", *names)
            for name in names
            if row[name]
        }
        comparison.tables(
            f"{grain}", kept, {(start, n): v for start, sums in found.items() for n, v in sums.items() if v}
        )


def _check_cohorts(merchant: Merchant, facts: Facts, comparison: _Comparison) -> None:
    sizes = Counter(joined.replace(day=1) for joined in facts.joined.values())
    active: dict[tuple[date, int], set[int]] = defaultdict(set)
    revenue: Counter[tuple[date, int]] = Counter()
    for person, days in facts.days.items():
        if person not in facts.joined:
            continue
        cohort = facts.joined[person].replace(day=1)
        for day, (_purchases, minor) in days.items():
            after = (day.year - cohort.year) * 12 + day.month - cohort.month
            active[cohort, after].add(person)
            revenue[cohort, after] += minor
    for row in CohortMonth.objects.filter(merchant=merchant):
        key = (row.joined_month, row.months_after)
        comparison.equal(
            f"cohort {row.joined_month} after {row.months_after} months",
            (row.members, row.active, row.revenue_minor),
            (sizes[row.joined_month], len(active.get(key, ())), revenue[key]),
        )


# -- the metrics --------------------------------------------------------------------------------------------------


def _check_value(value: MetricValue, facts: Facts, comparison: _Comparison) -> None:
    name = f"{value.metric} of {value.period_kind} from {value.starts_on}"
    metric = BY_KEY.get(value.metric)
    if metric is None or metric.version != value.definition:
        comparison.equal(f"{name}: definition", value.definition, "none in force")
        return
    numerator, denominator, n = _COUNTED[value.metric](facts, value.starts_on, value.ends_on, _before(value))
    comparison.equal(f"{name}: numerator", value.numerator, numerator)
    comparison.equal(f"{name}: denominator", value.denominator, denominator)
    comparison.equal(f"{name}: n", value.n, n)
    factor = 100 if metric.unit == "score" else 1
    comparison.equal(
        f"{name}: value", value.value, _eight(Fraction(numerator * factor, denominator)) if denominator else None
    )
    parts = _PARTS[value.metric](facts, value.starts_on, value.ends_on) if value.metric in _PARTS else {}
    for part, parted in parts.items():
        comparison.equal(f"{name}: {part}", value.parts.get(part), parted)
    if metric.unit == "share":
        low, high = _wilson(numerator, denominator) if denominator else (None, None)
        comparison.equal(f"{name}: low", value.low, low)
        comparison.equal(f"{name}: high", value.high, high)


def _before(value: MetricValue) -> date:
    """The first day of the window before, by calendar arithmetic of its own."""
    first = value.starts_on
    back = {"month": 1, "quarter": 3, "year": 12}.get(value.period_kind)
    if back is None:
        return first - (value.ends_on - first)
    month = first.year * 12 + first.month - 1 - back
    return date(month // 12, month % 12 + 1, 1)


def _buyers(facts: Facts, first: date, end: date) -> dict[int, int]:
    """Members with purchases in [first, end), and how many."""
    if (first, end) not in facts.buyers:
        found: dict[int, int] = defaultdict(int)
        for person, purchases, _revenue in facts.between(first, end):
            if person != GUESTS:
                found[person] += purchases
        facts.buyers[first, end] = found
    return facts.buyers[first, end]


def _retention(facts: Facts, first: date, end: date, before: date) -> tuple[int, int, int]:
    earlier, later = set(_buyers(facts, before, first)), set(_buyers(facts, first, end))
    return len(earlier & later), len(earlier), len(earlier)


def _churn(facts: Facts, first: date, end: date, before: date) -> tuple[int, int, int]:
    earlier, later = set(_buyers(facts, before, first)), set(_buyers(facts, first, end))
    return len(earlier - later), len(earlier), len(earlier)


def _pauses(facts: Facts, first: date, end: date) -> dict[str, int]:
    """Pauses between two days of shopping that ended within a year, and those longer than the window."""
    found = {"pauses": 0, "longer": 0}
    for person, days in facts.days.items():
        shopped = sorted(days) if person != GUESTS else []
        for before, after in pairwise(shopped):
            if end - timedelta(days=365) <= after < end:
                found["pauses"] += 1
                found["longer"] += after - before > end - first
    return found


def _often(facts: Facts, end: date, least: int) -> tuple[int, int]:
    counts = sorted(_buyers(facts, end - timedelta(days=365), end).values())
    return len(counts) - bisect_left(counts, least), len(counts)


def _repeat(facts: Facts, first: date, end: date, before: date) -> tuple[int, int, int]:
    repeat, buyers = _often(facts, end, 2)
    return repeat, buyers, buyers


def _loyal(facts: Facts, first: date, end: date, before: date) -> tuple[int, int, int]:
    loyal, buyers = _often(facts, end, 4)
    return loyal, buyers, buyers


def _repeat_of_all(facts: Facts, first: date, end: date, before: date) -> tuple[int, int, int]:
    repeat, _buying = _often(facts, end, 2)
    everybody = {person for person, joined in facts.joined.items() if joined < end}
    everybody |= set(_buyers(facts, end - timedelta(days=365), end)) & facts.joined.keys()
    return repeat, len(everybody), len(everybody)


def _order_value(facts: Facts, first: date, end: date, before: date) -> tuple[int, int, int]:
    purchases = revenue = 0
    for _person, count, minor in facts.between(first, end):
        purchases += count
        revenue += minor
    return revenue, purchases, purchases


def _nps(facts: Facts, first: date, end: date, before: date) -> tuple[int, int, int]:
    voices: dict[Any, int] = {}
    for person, score, day, order in sorted(facts.answers, key=lambda answer: answer[3]):
        if first <= day < end:
            voices[("member", person) if person is not None else ("answer", order)] = score
    promoters = sum(score >= 9 for score in voices.values())
    detractors = sum(score <= 6 for score in voices.values())
    return promoters - detractors, len(voices), len(voices)


_PARTS: Final = {"churn": _pauses}

_COUNTED: Final = {
    "retention": _retention,
    "churn": _churn,
    "repeat_purchase_rate": _repeat,
    "repeat_share_of_all": _repeat_of_all,
    "loyal_customer_rate": _loyal,
    "average_order_value": _order_value,
    "nps": _nps,
}


def _eight(number: Fraction) -> Decimal:
    """Eight decimals, halves away from zero, by whole numbers only."""
    scaled = abs(number) * 10**8
    whole, rest = divmod(scaled.numerator, scaled.denominator)
    whole += 2 * rest >= scaled.denominator
    return Decimal(whole if number >= 0 else -whole).scaleb(-8)


def _wilson(successes: int, n: int) -> tuple[Decimal, Decimal]:
    """The roots of (p - share)² = z² p (1 - p) / n: the other way to the same interval."""
    with localcontext(prec=50):
        z = Decimal("1.959963984540054")
        share = Decimal(successes) / n
        a, b, c = 1 + z * z / n, -(2 * share + z * z / n), share * share
        root = max(b * b - 4 * a * c, Decimal(0)).sqrt()
        least, most = max((-b - root) / (2 * a), Decimal(0)), min((-b + root) / (2 * a), Decimal(1))
        step = Decimal(1).scaleb(-8)
        return least.quantize(step, ROUND_HALF_UP), most.quantize(step, ROUND_HALF_UP)
