"""An auditor who trusts no rollup: every stored number once more, straight from the purchases, by another path.

Plain Python over the rows as they stand: sets and sums, no shared SQL, no stored local day, no rollup.  What is kept
must agree to the last digit; each difference is named.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from django.db import connection

from analytics import recount, rollups, values
from analytics.facts import DailyFacts, read, unseen
from analytics.metrics import BY_KEY
from analytics.models import (
    GUESTS,
    NEVER,
    CohortMonth,
    Figures,
    LedgerMark,
    MemberDay,
    MemberDayAtLocation,
    MemberFigure,
    MetricRun,
    MetricValue,
    PointsDay,
    RewardDay,
)
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
class MetricsReport:
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


def audit(merchant: Merchant, *, as_of: date | None = None) -> MetricsReport:
    """Compare all stored numbers with the purchases, in one snapshot.  Opens its own tenant.

    With `as_of` the periods are computed as a run on that day would, and compared in place of those that are kept;
    nothing is written.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_isolation = 'repeatable read'")
    try:
        with tenancy.tenant(merchant):
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = '15min'")
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '15min'")
            return verify(merchant=merchant, as_of=as_of)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET default_transaction_isolation")


def verify(*, merchant: Merchant, as_of: date | None = None) -> MetricsReport:
    """Compare all stored numbers of the open tenant with the purchases, answers and entries."""
    run = MetricRun.objects.filter(merchant=merchant, finished_at__isnull=False).order_by("-id").first()
    if run is None:
        return MetricsReport(0, 0, unseen(merchant, 0), ())
    facts = read(merchant)
    comparison = _Comparison()
    _check_member_days(merchant, facts, comparison)
    # A run of a release before this one filled none of these; the next run does.
    if run.layout == rollups.LAYOUT:
        _check_locations(merchant, facts, comparison)
        _check_rewards(merchant, facts, comparison)
        _check_members(merchant, facts, comparison)
    _check_points(merchant, facts, comparison)
    _check_figures(merchant, facts, comparison)
    _check_cohorts(merchant, facts, comparison)
    kept = MetricValue.objects.filter(merchant=merchant).order_by("metric", "period_kind", "starts_on")
    for value in kept if as_of is None else values.as_of(merchant=merchant, day=as_of):
        _check_value(value, facts, comparison)
    return MetricsReport(
        comparison.checked, facts.purchases, unseen(merchant, run.seen_through or 0), tuple(comparison.differences)
    )


# -- the rollups --------------------------------------------------------------------------------------------------


def _check_member_days(merchant: Merchant, facts: DailyFacts, comparison: _Comparison) -> None:
    kept = {
        (member, day): row
        for member, day, *row in MemberDay.objects.filter(merchant=merchant).values_list(
            "member_id",
            "local_day",
            "purchases",
            "revenue_minor",
            "points_paid_minor",
            "free_purchases",
            "points_earned",
        )
    }
    comparison.tables("member day", kept, facts.raw)


def _check_locations(merchant: Merchant, facts: DailyFacts, comparison: _Comparison) -> None:
    rows = MemberDayAtLocation.objects.filter(merchant=merchant)
    kept = {
        (member, day, location): figures
        for member, day, location, *figures in rows.values_list(
            "member_id", "local_day", "location_id", "purchases", "revenue_minor"
        )
    }
    comparison.tables("member day at location", kept, facts.at_locations)


def _check_rewards(merchant: Merchant, facts: DailyFacts, comparison: _Comparison) -> None:
    rows = RewardDay.objects.filter(merchant=merchant)
    kept = {
        (day, location, reward): figures
        for day, location, reward, *figures in rows.values_list(
            "local_day", "location_id", "reward", "redemptions", "points", "cost_minor", "unpriced"
        )
    }
    comparison.tables("rewards of", kept, facts.rewards)


def _check_members(merchant: Merchant, facts: DailyFacts, comparison: _Comparison) -> None:
    """Who is here and has figures: what they bought, by the purchases; what they have, by their account."""
    rows = MemberFigure.objects.filter(merchant=merchant).values_list(
        "member_id", "purchases", "revenue_minor", "last_day", "points", "pending"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.id, coalesce(a.balance - a.held, 0), coalesce(a.pending, 0) FROM member_of_today m "
            "LEFT JOIN reading_accounts a ON a.merchant_id = m.merchant_id AND a.member_id = m.id "
            "WHERE m.merchant_id = %s AND m.state IN ('active', 'blocked')",
            [merchant.pk],
        )
        has = {member_id: (points, pending) for member_id, points, pending in cursor.fetchall()}
    for member_id, *kept in rows:
        if member_id not in has:
            continue
        days = facts.days.get(member_id, {})
        bought = [day for day, row in days.items() if row[0]]
        sums = (sum(row[0] for row in days.values()), sum(row[1] for row in days.values()), max(bought, default=NEVER))
        comparison.equal(f"figures of member {member_id}", tuple(kept), (*sums, *has[member_id]))


def _check_points(merchant: Merchant, facts: DailyFacts, comparison: _Comparison) -> None:
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


def _check_figures(merchant: Merchant, facts: DailyFacts, comparison: _Comparison) -> None:
    for grain in ("day", "month"):
        found: dict[date, Counter[str]] = defaultdict(Counter)

        def bucket(day: date, grain: str = grain) -> date:
            return day if grain == "day" else day.replace(day=1)

        active: dict[date, set[int]] = defaultdict(set)
        for person, days in facts.days.items():
            for day, (purchases, revenue, paid, free) in days.items():
                sums = found[bucket(day)]
                sums["purchases"] += purchases
                sums["revenue_minor"] += revenue
                sums["points_paid_minor"] += paid
                sums["free_purchases"] += free
                if person == GUESTS:
                    sums["guest_purchases"] += purchases
                    sums["guest_revenue_minor"] += revenue
                elif purchases:
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


def _check_cohorts(merchant: Merchant, facts: DailyFacts, comparison: _Comparison) -> None:
    first_bought = {
        person: min(day for day, row in days.items() if row[0])
        for person, days in facts.days.items()
        if person != GUESTS and any(row[0] for row in days.values())
    }
    for basis, begun in (("joined", facts.joined), ("first_purchase", first_bought)):
        sizes = Counter(day.replace(day=1) for day in begun.values())
        active: dict[tuple[date, int], set[int]] = defaultdict(set)
        revenue: Counter[tuple[date, int]] = Counter()
        for person, days in facts.days.items():
            if person not in begun:
                continue
            cohort = begun[person].replace(day=1)
            for day, (purchases, minor, *_rest) in days.items():
                after = (day.year - cohort.year) * 12 + day.month - cohort.month
                if purchases:
                    active[cohort, after].add(person)
                revenue[cohort, after] += minor
        rows = CohortMonth.objects.filter(merchant=merchant, basis=basis)
        for row in rows:
            key = (row.joined_month, row.months_after)
            comparison.equal(
                f"cohort {basis} {row.joined_month} after {row.months_after} months",
                (row.members, row.active, row.revenue_minor),
                (sizes[row.joined_month], len(active.get(key, ())), revenue[key]),
            )
        # Each cohort has every month from its own to the latest known.
        latest = max(
            (12 * row.joined_month.year + row.joined_month.month + row.months_after for row in rows), default=0
        )
        comparison.equal(
            f"cohorts {basis}",
            Counter(row.joined_month for row in rows),
            Counter({month: latest - 12 * month.year - month.month + 1 for month in sizes}),
        )


# -- the metrics -----------------------------------------------------------------------------------------------------


def _check_value(value: MetricValue, facts: DailyFacts, comparison: _Comparison) -> None:
    name = f"{value.metric} of {value.period_kind} from {value.starts_on}"
    metric = BY_KEY.get(value.metric)
    if metric is None or metric.version != value.definition:
        comparison.equal(f"{name}: definition", value.definition, "none in force")
        return
    # A running period is counted up to the day of the run.
    until = value.counted_until
    numerator, denominator, n = recount.COUNTED[value.metric](
        facts, value.starts_on, until, recount.first_day_before(value)
    )
    comparison.equal(f"{name}: numerator", value.numerator, numerator)
    comparison.equal(f"{name}: denominator", value.denominator, denominator)
    comparison.equal(f"{name}: n", value.n, n)
    factor = 100 if metric.unit == "score" else 1
    comparison.equal(
        f"{name}: value",
        value.value,
        recount.to_eight_decimals(Fraction(numerator * factor, denominator)) if denominator else None,
    )
    parts = (
        recount.PARTS[value.metric](facts, value.starts_on, until, value.ends_on)
        if value.metric in recount.PARTS
        else {}
    )
    for part, parted in parts.items():
        comparison.equal(f"{name}: {part}", value.parts.get(part), parted)
    if metric.unit == "share" and value.metric not in recount.WITHOUT_INTERVAL:
        low, high = recount.wilson(numerator, denominator) if denominator else (None, None)
        comparison.equal(f"{name}: low", value.low, low)
        comparison.equal(f"{name}: high", value.high, high)
