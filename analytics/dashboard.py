"""What the console and the API show: the numbers as they were computed, shaped and frozen, in the reader's language.

Only tables the night has filled are read here; nothing is computed but differences.  The lists of members behind a
number are asked of the rollups, a bounded page at a time.  All functions need the tenant open.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal, cast

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import attention, metrics, windows
from analytics.answers import (
    Attention,
    Change,
    CohortRow,
    Dashboard,
    Freshness,
    GroupInfo,
    MemberBehind,
    MembersPage,
    Owed,
    PeriodChoice,
    Series,
    SeriesPoint,
    SparkPoint,
    Tile,
)
from analytics.metrics import Metric
from analytics.models import CohortMonth, Figures, Insight, Liability, MetricRun, MetricValue
from analytics.windows import Window
from merchants import periods
from merchants.errors import Invalid, NotFound
from merchants.models.merchants import Merchant

PAGE_MAX: Final = 200
SPARK_MONTHS: Final = 13
#: A cohort smaller than this is shown, and marked as too small to be judged.
COHORT_MIN: Final = 20


class NoSuchPeriod(Invalid):
    code: ClassVar[str] = "no_such_period"


# -- periods ------------------------------------------------------------------------------------------------------


def choices(*, merchant: Merchant, now: datetime) -> tuple[PeriodChoice, ...]:
    """This function will list the periods that have numbers: the last days first, then months, quarters and years."""
    today = periods.local_day(now, merchant.tzinfo)
    held = MetricValue.objects.filter(merchant=merchant, metric=metrics.METRICS[0].key)
    kinds = ("days_30", "days_90", "days_365", "month", "quarter", "year")
    rows = sorted(
        held.values_list("period_kind", "starts_on", "ends_on"), key=lambda r: (kinds.index(r[0]), -r[1].toordinal())
    )
    found = []
    last_rolling: dict[str, date] = {}
    for kind, first, end in rows:
        # Of the last days, the window before the last one is kept for comparing only.
        if kind.startswith("days_") and last_rolling.setdefault(kind, first) != first:
            continue
        found.append(_choice(Window(cast(windows.Kind, kind), first, end, first), today))
    return tuple(found)


def parse_period(key: str, *, merchant: Merchant, now: datetime) -> Window:
    """This function will read a period's key: `last_30`, `last_90`, `last_365`, `2026-10`, `2026-Q3`, `2026`.

    A last-days window is the newest one computed, so that a page shown before the night's run is not empty.

    :raises NoSuchPeriod: anything else.
    """
    if key in ("last_30", "last_90", "last_365"):
        kind = cast(Literal["days_30", "days_90", "days_365"], "days_" + key.removeprefix("last_"))
        newest = (
            MetricValue.objects.filter(merchant=merchant, period_kind=kind).order_by("-ends_on").values("ends_on")[:1]
        )
        end = newest[0]["ends_on"] if newest else periods.local_day(now, merchant.tzinfo)
        return windows.rolling_window(kind, end)
    if match := re.fullmatch(r"([0-9]{4})(?:-(?:(0[1-9]|1[0-2])|Q([1-4])))?", key, re.ASCII):
        year = int(match[1])
        if 2 <= year <= 9998:
            if match[2]:
                return windows.calendar_window("month", date(year, int(match[2]), 1))
            if match[3]:
                return windows.calendar_window("quarter", date(year, int(match[3]) * 3, 1))
            return windows.calendar_window("year", date(year, 1, 1))
    raise NoSuchPeriod(
        _("A period is last_30, last_90, last_365, a month (2026-10), a quarter (2026-Q3) or a year (2026)."),
        pointer="/period",
    )


def _choice(window: Window, today: date) -> PeriodChoice:
    return PeriodChoice(window.label, _label(window), window.first, window.end, window.is_running(today))


def _label(window: Window) -> str:
    if window.kind.startswith("days_"):
        days = int(window.kind.removeprefix("days_"))
        return ngettext("Last %(count)d day", "Last %(count)d days", days) % {"count": days}
    # Months, quarters and years are named by their ISO labels: the same in every language.
    return window.label


# -- the page -----------------------------------------------------------------------------------------------------


def overview(*, merchant: Merchant, period: str, now: datetime) -> Dashboard:
    """This function will shape everything the dashboard shows for one period.

    :raises NoSuchPeriod: the key names no period.
    """
    window = parse_period(period, merchant=merchant, now=now)
    today = periods.local_day(now, merchant.tzinfo)
    shown = tiles(merchant=merchant, window=window)
    first_tiles = [t for t in shown if metrics.BY_KEY[t.metric].tile is not None]
    return Dashboard(
        period=_choice(window, today),
        previous=_choice(windows.previous(window), today),
        choices=choices(merchant=merchant, now=now),
        tiles=tuple(sorted(first_tiles, key=lambda t: metrics.BY_KEY[t.metric].tile or 0)),
        beside=tuple(t for t in shown if metrics.BY_KEY[t.metric].tile is None),
        series=series(
            merchant=merchant,
            grain="month" if window.end - window.first > timedelta(days=100) else "day",
            first=window.first,
            end=min(window.end, today + timedelta(days=1)),
        ),
        liability=liability(merchant=merchant),
        attention=insights(merchant=merchant),
        freshness=freshness(merchant=merchant),
    )


def tiles(*, merchant: Merchant, window: Window) -> list[Tile]:
    """This function will shape every metric of one window; a metric without a value yet is left out."""
    rows = MetricValue.objects.filter(merchant=merchant)
    now_rows = {r.metric: r for r in rows.filter(period_kind=window.kind, starts_on=window.first)}
    then = windows.previous(window)
    then_rows = {r.metric: r for r in rows.filter(period_kind=then.kind, starts_on=then.first)}
    sparks: dict[str, list[MetricValue]] = {}
    since = periods.add_months(periods.first_day_of("month", window.end - timedelta(days=1)), 1 - SPARK_MONTHS)
    for row in rows.filter(period_kind="month", starts_on__gte=since, starts_on__lt=window.end).order_by("starts_on"):
        sparks.setdefault(row.metric, []).append(row)
    return [
        _tile(merchant, metric, now_rows[metric.key], then_rows.get(metric.key), sparks.get(metric.key, []))
        for metric in metrics.METRICS
        if metric.key in now_rows
    ]


def _tile(
    merchant: Merchant, metric: Metric, row: MetricValue, before: MetricValue | None, spark: list[MetricValue]
) -> Tile:
    value, previous = _read(metric, row.value), _read(metric, before.value if before else None)
    delta = value - previous if value is not None and previous is not None else None
    alert = metric.alert(merchant, row.parts) if metric.alert else None
    change: Change | None = None
    if delta is not None:
        change = "same" if not delta else ("up" if delta > 0 else "down")
    return Tile(
        metric=metric.key,
        title=str(metric.title),
        unit="percent" if metric.unit == "share" else metric.unit,
        value=value,
        low=_read(metric, row.low),
        high=_read(metric, row.high),
        n=row.n,
        previous=previous,
        delta=delta,
        change=change,
        is_good=None if change in (None, "same") else change == metric.good,
        is_alarming=alert is not None and value is not None and value > alert.above,
        alert_above=alert.above if alert else None,
        alert_reason=alert.reason if alert else "",
        window=str(metric.window),
        formula=str(metric.formula),
        explanation=str(metric.explanation),
        source=metric.source,
        definition=row.definition,
        parts=row.parts,
        groups=tuple(GroupInfo(g.key, str(g.title), row.parts.get(g.part)) for g in metric.groups),
        spark=tuple(SparkPoint(r.starts_on, _read(metric, r.value)) for r in spark),
        computed_at=row.computed_at,
    )


def _read(metric: Metric, kept: Decimal | None) -> Decimal | None:
    """Shares are kept as fractions and read as percent."""
    if kept is None:
        return None
    return kept * 100 if metric.unit == "share" else kept


def series(*, merchant: Merchant, grain: Literal["day", "month"], first: date, end: date) -> Series:
    """This function will list the sums of each day or month from `first` to `end` (exclusive), gaps filled with 0."""
    names = [name for name in SeriesPoint.__dataclass_fields__ if name != "starts_on"]
    rows = Figures.objects.filter(merchant=merchant, grain=grain, starts_on__lt=end)
    start = periods.first_day_of(grain, first)
    held = {r["starts_on"]: r for r in rows.filter(starts_on__gte=start).values("starts_on", *names)}
    points, day = [], start
    while day < end:
        points.append(SeriesPoint(**held[day]) if day in held else SeriesPoint(day))
        day = periods.end_day_of(grain, day)
    totals = {name: sum(getattr(p, name) for p in points) for name in names if name != "active_members"}
    return Series(grain, tuple(points), SeriesPoint(start, **totals))


def cohorts(*, merchant: Merchant, months: int = 18) -> tuple[CohortRow, ...]:
    """This function will show, for each month of joining, which share of its members bought in the months after."""
    found: dict[date, list[CohortMonth]] = {}
    for row in CohortMonth.objects.filter(merchant=merchant).order_by("joined_month", "months_after"):
        found.setdefault(row.joined_month, []).append(row)
    return tuple(
        CohortRow(
            joined_month=joined,
            members=rows[0].members,
            active=tuple(r.active for r in rows),
            shares=tuple((Decimal(r.active) * 100 / r.members).quantize(Decimal("0.1")) for r in rows),
            revenue_minor=tuple(r.revenue_minor for r in rows),
            is_small=rows[0].members < COHORT_MIN,
        )
        for joined, rows in list(found.items())[-max(1, min(months, 60)) :]
    )


def liability(*, merchant: Merchant) -> Owed | None:
    """This function will say what the points still owed are, as the last run read them."""
    row = Liability.objects.filter(merchant=merchant).order_by("-local_day").first()
    if row is None:
        return None
    return Owed(
        outstanding=row.outstanding,
        pending=row.pending,
        held=row.held,
        debt=row.debt,
        cost_minor=row.cost_minor,
        rate=f"{row.rate_points}:{row.rate_minor}" if row.rate_points else None,
        computed_at=row.computed_at,
    )


def freshness(*, merchant: Merchant) -> Freshness:
    """This function will say how old the numbers are."""
    runs = MetricRun.objects.filter(merchant=merchant).order_by("-id")
    finished = runs.filter(finished_at__isnull=False).first()
    failed = runs.filter(failed_at__isnull=False).first()
    return Freshness(
        finished.finished_at if finished else None,
        failed is not None and (finished is None or failed.pk > finished.pk),
    )


def insights(*, merchant: Merchant) -> tuple[Attention, ...]:
    """This function will list what needs attention; what concerns nobody is left out."""
    rows = {row.kind: row for row in Insight.objects.filter(merchant=merchant, members__gt=0)}
    return tuple(_attention(rows[kind]) for kind in attention.KINDS if kind in rows)


def _attention(row: Insight) -> Attention:
    count = row.members
    if row.kind == "regulars_slipping":
        title = ngettext("%(count)d regular is slipping away", "%(count)d regulars are slipping away", count)
        detail = _("They came four times or more within a year, and have been away for twice as long as usual.")
        return Attention(row.kind, title % {"count": count}, detail, count, row.amount, "money")
    if row.kind == "points_expiring":
        title = ngettext(
            "Points of %(count)d member expire this month", "Points of %(count)d members expire this month", count
        )
        detail = _("A reminder brings them back while the points are still good.")
        return Attention(row.kind, title % {"count": count}, detail, count, row.amount, "points")
    if row.kind == "unusually_busy":
        title = ngettext("%(count)d member bought unusually often", "%(count)d members bought unusually often", count)
        detail = _(
            "More purchases in a day than your settings expect: a family's card, or one a cashier uses for others."
        )
        return Attention(row.kind, title % {"count": count}, detail, count, row.amount, "purchases")
    title = ngettext(
        "%(count)d unhappy member has had no answer", "%(count)d unhappy members have had no answer", count
    )
    detail = _("They scored 0 to 6 within 30 days, and nobody has noted a follow-up.")
    return Attention(row.kind, title % {"count": count}, detail, count, row.amount, "answers")


# -- the members behind -------------------------------------------------------------------------------------------


def members_behind(
    *,
    merchant: Merchant,
    metric: str,
    period: str,
    which: str,
    now: datetime,
    after: str | None = None,
    limit: int = 50,
) -> MembersPage:
    """This function will list the members behind a number (or, with `insight`, behind what needs attention).

    Ordered by joining; at most 200 a page; `after` is the id of the last member seen.

    :raises NotFound: no such metric or group.  :raises NoSuchPeriod: the key names no period.
    """
    listing, parameters, title = _listing(merchant, metric, period, which, now)
    limit = max(1, min(limit, PAGE_MAX))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH listed AS ({listing})
            SELECT m.public_id, m.name, l.purchases, l.revenue_minor, l.last_day, (SELECT count(*) FROM listed)
            FROM listed l JOIN members_member m ON m.merchant_id = %(merchant)s AND m.id = l.person
            WHERE m.id > coalesce((SELECT id FROM members_member WHERE merchant_id = %(merchant)s
                AND public_id = %(after)s), 0)
            ORDER BY m.id LIMIT %(rows)s
            """,
            {**parameters, "after": after, "rows": limit + 1},
        )
        rows = cursor.fetchall()
    found = tuple(MemberBehind(r[0], r[1], _whole(r[2]), _whole(r[3]), r[4]) for r in rows[:limit])
    return MembersPage(title, found, rows[0][5] if rows else 0, found[-1].id if len(rows) > limit else None)


def _whole(figure: Decimal | int | None) -> int | None:
    return None if figure is None else int(figure)


def _listing(
    merchant: Merchant, metric: str, period: str, which: str, now: datetime
) -> tuple[str, dict[str, Any], str]:
    if metric == "insight":
        if which not in attention.LISTINGS:
            raise NotFound(_("There is no such list."))
        row = Insight.objects.filter(merchant=merchant, kind=which).first()
        return attention.LISTINGS[which], attention.asked(merchant, now), _attention(row).title if row else ""
    declared = metrics.BY_KEY.get(metric)
    group = next((g for g in declared.groups if g.key == which), None) if declared else None
    if group is None:
        raise NotFound(_("There is no such list."))
    window = parse_period(period, merchant=merchant, now=now)
    return group.sql, {"merchant": merchant.pk, **windows.arrays([window])}, str(group.title)
