"""What the console and the API show: the numbers as they were computed, shaped and frozen, in the reader's language.

Only tables the night has filled are read here, and nothing is computed but differences; today's trade is counted beside
them (analytics/today).  All functions need the tenant open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

from django.db.models import Sum

from analytics import alerts, figures, metrics, today, windows
from analytics.answers import (
    Attention,
    Change,
    CohortRow,
    Dashboard,
    Freshness,
    GroupInfo,
    Owed,
    Series,
    SeriesPoint,
    SparkPoint,
    Tile,
)
from analytics.metrics import Metric
from analytics.models import CohortMonth, Figures, Insight, Liability, MetricRun, MetricValue
from analytics.period_choices import choice_of, choices, parse_period, why_empty
from analytics.windows import Window
from merchants import periods
from merchants.models.merchants import Merchant

SPARK_MONTHS: Final = 13
#: A cohort smaller than this is shown, and marked as too small to be judged.
COHORT_MIN: Final = 20
#: A change smaller than half of this, as people read it, is none.
_READ_TO: Final = {"share": Decimal("0.1"), "money": Decimal(1), "score": Decimal(1)}


# -- the page -----------------------------------------------------------------------------------------------------


def overview(*, merchant: Merchant, period: str, now: datetime) -> Dashboard:
    """Shape everything the dashboard shows for one period.

    :raises NoSuchPeriod: the key names no period.
    """
    window = parse_period(period, merchant=merchant, now=now)
    this_day = periods.local_day(now, merchant.tzinfo)
    shown = tiles(merchant=merchant, window=window)
    first_tiles = [t for t in shown if metrics.BY_KEY[t.metric].tile is not None]
    offered = choices(merchant=merchant, now=now)
    return Dashboard(
        period=choice_of(window, this_day),
        previous=choice_of(windows.previous(window), this_day),
        choices=offered,
        tiles=tuple(sorted(first_tiles, key=lambda t: metrics.BY_KEY[t.metric].tile or 0)),
        beside=tuple(t for t in shown if metrics.BY_KEY[t.metric].tile is None),
        series=series(
            merchant=merchant,
            grain="month" if window.end - window.first > timedelta(days=100) else "day",
            first=window.first,
            end=min(window.end, this_day + timedelta(days=1)),
            until=window.until,
        ),
        liability=liability(merchant=merchant),
        attention=insights(merchant=merchant),
        freshness=freshness(merchant=merchant),
        today=today.so_far(merchant=merchant, now=now),
        empty=None if shown else why_empty(merchant=merchant, window=window, offered=offered, now=now),
    )


def tiles(*, merchant: Merchant, window: Window) -> list[Tile]:
    """Shape every metric of one window; a metric without a value yet is left out.

    A running period is compared with as many days of the one before.
    """
    rows = MetricValue.objects.filter(merchant=merchant)
    now_rows = {r.metric: r for r in rows.filter(period_kind=window.kind, starts_on=window.first)}
    then = windows.previous(window)
    then_rows = {
        r.metric: r for r in rows.filter(period_kind=then.kind, starts_on=then.first, counted_until=then.until)
    }
    sparks: dict[str, list[MetricValue]] = {}
    since = spark_since(window)
    for row in rows.filter(period_kind="month", starts_on__gte=since, starts_on__lt=window.end).order_by("starts_on"):
        sparks.setdefault(row.metric, []).append(row)
    began = figures.first_trading_day(merchant) if now_rows else None
    return shape_tiles(merchant, window, now_rows, then_rows, sparks, began)


def spark_since(window: Window) -> date:
    """Return the first of the months that a window's sparklines show."""
    return periods.add_months(periods.first_day_of("month", window.end - timedelta(days=1)), 1 - SPARK_MONTHS)


def shape_tiles(
    merchant: Merchant,
    window: Window,
    now_rows: Mapping[str, MetricValue],
    then_rows: Mapping[str, MetricValue],
    sparks: Mapping[str, list[MetricValue]],
    began: date | None,
) -> list[Tile]:
    """Shape the values of a window, of the one before it and of the months, by metric; `began` is the first day of trade."""
    return [
        _tile(
            merchant, metric, window, now_rows[metric.key], then_rows.get(metric.key), sparks.get(metric.key, []), began
        )
        for metric in metrics.METRICS
        if metric.key in now_rows
    ]


def _tile(
    merchant: Merchant,
    metric: Metric,
    window: Window,
    row: MetricValue,
    before: MetricValue | None,
    spark: list[MetricValue],
    began: date | None,
) -> Tile:
    value, previous = _shown(merchant, metric, row), _shown(merchant, metric, before)
    delta = value - previous if value is not None and previous is not None else None
    alert = metric.alert(merchant, row.parts) if metric.alert else None
    change: Change | None = None
    if delta is not None:
        change = "up" if delta > 0 else "down"
        if not delta.quantize(_READ_TO[metric.unit], ROUND_HALF_UP):
            change = "same"
    is_short = metric.looks_back_to is not None and began is not None and metric.looks_back_to(window) < began
    is_whole = row.counted_until == row.ends_on
    return Tile(
        metric=metric.key,
        title=str(metric.title),
        unit="percent" if metric.unit == "share" else metric.unit,
        value=value,
        low=None if value is None else _read(metric, row.low),
        high=None if value is None else _read(metric, row.high),
        n=row.n,
        previous=previous,
        delta=delta,
        change=change,
        is_good=None if change in (None, "same") else change == metric.good,
        # Whoever has not come yet may still come: a running period is no reason to worry.
        is_alarming=is_whole and alert is not None and value is not None and value > alert.above,
        alert_above=alert.above if alert else None,
        alert_reason=alert.reason if alert else "",
        window=str(metric.window),
        formula=str(metric.formula),
        explanation=f"{metric.explanation} {metric.remark}" if metric.remark else str(metric.explanation),
        source=metric.source,
        definition=row.definition,
        parts=row.parts,
        groups=tuple(GroupInfo(g.key, str(g.title), row.parts.get(g.part)) for g in metric.groups),
        beside=metric.beside,
        too_few=str(metric.too_few) if is_too_few(merchant, metric, row) else "",
        counts_since=began if is_short else None,
        counted_until=row.counted_until,
        spark=tuple(SparkPoint(r.starts_on, _shown(merchant, metric, r)) for r in spark),
        computed_at=row.computed_at,
    )


def is_too_few(merchant: Merchant, metric: Metric, row: MetricValue) -> bool:
    """State whether a value rests on fewer answers than the merchant wants to read it from."""
    return metric.too_few is not None and 0 < row.n < merchant.answers_min


def _shown(merchant: Merchant, metric: Metric, row: MetricValue | None) -> Decimal | None:
    """Return a kept value as people read it; None where it rests on too few."""
    return None if row is None or is_too_few(merchant, metric, row) else _read(metric, row.value)


def _read(metric: Metric, kept: Decimal | None) -> Decimal | None:
    """Shares are kept as fractions and read as percent."""
    if kept is None:
        return None
    return kept * 100 if metric.unit == "share" else kept


def series(
    *, merchant: Merchant, grain: Literal["day", "month"], first: date, end: date, until: date | None = None
) -> Series:
    """List the sums of each day or month from `first` to `end` (exclusive), gaps filled with 0.

    The totals are of the days before `until`: those of a running period can be compared with another's.
    """
    names = [field.name for field in fields(SeriesPoint) if field.name != "starts_on"]
    rows = Figures.objects.filter(merchant=merchant, grain=grain, starts_on__lt=end)
    start = periods.first_day_of(grain, first)
    held = {r["starts_on"]: r for r in rows.filter(starts_on__gte=start).values("starts_on", *names)}
    points, day = [], start
    while day < end:
        points.append(SeriesPoint(**held[day]) if day in held else SeriesPoint(day))
        day = periods.end_day_of(grain, day)
    return Series(grain, tuple(points), totals(merchant=merchant, first=first, end=end if until is None else until))


def totals(*, merchant: Merchant, first: date, end: date) -> SeriesPoint:
    """Add up the days from `first` to `end` (exclusive); who bought on two days is no sum, and left at 0."""
    names = [field.name for field in fields(SeriesPoint) if field.name not in ("starts_on", "active_members")]
    days = Figures.objects.filter(merchant=merchant, grain="day", starts_on__gte=first, starts_on__lt=end)
    sums = days.aggregate(**{name: Sum(name) for name in names})
    return SeriesPoint(first, **{name: int(found or 0) for name, found in sums.items()})


def cohorts(
    *, merchant: Merchant, months: int = 18, basis: Literal["joined", "first_purchase"] = "joined"
) -> tuple[CohortRow, ...]:
    """Show, for each month of joining or of first purchases, which share of its members bought in the months after."""
    rows = CohortMonth.objects.filter(merchant=merchant, basis=basis).order_by("joined_month", "months_after")
    found = cohort_rows(rows.values_list("joined_month", "members", "active", "revenue_minor"))
    return found[-max(1, min(months, 60)) :]


def cohort_rows(months: Iterable[tuple[date, int, int, int]]) -> tuple[CohortRow, ...]:
    """Shape (month of beginning, members, active, revenue_minor), ordered by the beginning and the months after it."""
    found: dict[date, list[tuple[int, int, int]]] = {}
    for joined, *row in months:
        found.setdefault(joined, []).append((row[0], row[1], row[2]))
    return tuple(
        CohortRow(
            joined_month=joined,
            members=rows[0][0],
            active=tuple(active for _members, active, _revenue in rows),
            shares=tuple((Decimal(active) * 100 / members).quantize(Decimal("0.1")) for members, active, _ in rows),
            revenue_minor=tuple(revenue for _members, _active, revenue in rows),
            is_small=rows[0][0] < COHORT_MIN,
        )
        for joined, rows in found.items()
    )


def liability(*, merchant: Merchant) -> Owed | None:
    """State what the points still owed are, as the last run read them."""
    row = Liability.objects.filter(merchant=merchant).order_by("-local_day").first()
    if row is None:
        return None
    names = ("outstanding", "pending", "held", "debt", "cost_minor", "rate_points", "rate_minor", "computed_at")
    return owed(**{name: getattr(row, name) for name in names})


def owed(
    *,
    outstanding: int,
    pending: int,
    held: int,
    debt: int,
    cost_minor: int | None,
    rate_points: int | None,
    rate_minor: int | None,
    computed_at: datetime,
) -> Owed:
    """Shape a row of the liability."""
    return Owed(
        outstanding=outstanding,
        spendable=outstanding - pending - held,
        pending=pending,
        held=held,
        debt=debt,
        cost_minor=cost_minor,
        rate=f"{rate_points}:{rate_minor}" if rate_points else None,
        computed_at=computed_at,
    )


def freshness(*, merchant: Merchant) -> Freshness:
    """State how old the numbers are."""
    runs = MetricRun.objects.filter(merchant=merchant).order_by("-id")
    finished = runs.filter(finished_at__isnull=False).first()
    failed = runs.filter(failed_at__isnull=False).first()
    return fresh(
        finished=finished.pk if finished else None,
        failed=failed.pk if failed else None,
        finished_at=finished.finished_at if finished else None,
    )


def fresh(*, finished: int | None, failed: int | None, finished_at: datetime | None) -> Freshness:
    """Shape the newest run that finished and the newest that failed, by key."""
    return Freshness(finished_at, failed is not None and (finished is None or failed > finished))


def insights(*, merchant: Merchant) -> tuple[Attention, ...]:
    """List what needs attention; what concerns nobody is left out."""
    rows = Insight.objects.filter(merchant=merchant, members__gt=0)
    return attention({row.kind: (row.members, row.amount) for row in rows})


def attention(found: Mapping[str, tuple[int, int]]) -> tuple[Attention, ...]:
    """Shape the members and the amount of each kind, in the order of the kinds."""
    return tuple(
        Attention(
            kind=alert.kind,
            title=alert.title(found[alert.kind][0]),
            detail=str(alert.detail),
            members=found[alert.kind][0],
            amount=found[alert.kind][1],
            unit=alert.unit,
        )
        for alert in alerts.ALERTS
        if alert.kind in found
    )
