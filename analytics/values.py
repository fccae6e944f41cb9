"""Computing the declared metrics for every window that can have changed, and keeping them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import cast

from django.db import connection
from django.db.backends.utils import CursorWrapper

from analytics import figures, metrics, windows
from analytics.metrics import Metric, Tally
from analytics.models import MetricValue
from analytics.windows import CALENDAR_KINDS, CalendarKind, Window
from merchants import periods
from merchants.models.merchants import Merchant

#: Everything a value is made of; the key fields beside.
_FIELDS = ("ends_on", "counted_until", "numerator", "denominator", "value", "low", "high", "n", "parts", "computed_at")
_KEY = ("merchant", "metric", "definition", "period_kind", "starts_on")
#: Windows counted by one statement: four years of months, quarters and years.
_AT_ONCE = 64


def refresh(*, merchant: Merchant, now: datetime, first_day: date, changed_from: date) -> int:
    """Compute the windows touched by a change since a day, and say how many values it wrote.

    A window that was counted to its end before the earliest change keeps its value.  Months, quarters and years that
    were computed once stay, however old; of the last n days only the newest are kept, and of definitions those in force.
    Metrics whose facts are no purchases are always computed.
    """
    rows = MetricValue.objects.filter(merchant=merchant)
    held = set(rows.values_list("metric", "definition", "period_kind", "starts_on", "counted_until"))
    kept = windows.all_windows(
        first_day=first_day, today=periods.local_day(now, merchant.tzinfo), held=_computed_before(merchant)
    )
    whole = [w for w in kept if w.end > changed_from]
    written: list[MetricValue] = []
    with connection.cursor() as cursor:
        written += _counted(cursor, merchant, whole, metrics.METRICS, now)
        for metric in metrics.METRICS:
            missing = [
                w
                for w in kept
                if w.end <= changed_from
                and (metric.is_always_computed or (metric.key, metric.version, w.kind, w.first, w.until) not in held)
            ]
            written += _counted(cursor, merchant, missing, [metric], now)
    MetricValue.objects.bulk_create(
        written, batch_size=500, update_conflicts=True, unique_fields=_KEY, update_fields=_FIELDS
    )
    _forget_others(merchant, kept)
    return len(written)


def _counted(
    cursor: CursorWrapper, merchant: Merchant, found: Sequence[Window], counting: Sequence[Metric], now: datetime
) -> list[MetricValue]:
    """Count metrics for windows, so many in one statement that a long history takes longer and no more memory."""
    written: list[MetricValue] = []
    for start in range(0, len(found), _AT_ONCE):
        shared = Tally(cursor, merchant, found[start : start + _AT_ONCE])
        for metric in counting:
            written += computed(metric, shared, now)
    return written


def as_of(*, merchant: Merchant, day: date) -> list[MetricValue]:
    """Compute every metric for the windows that a run on a day keeps, from the rollups as they are; nothing is saved."""
    first_day = figures.first_day_of_anything(merchant) or day
    found = windows.all_windows(first_day=min(first_day, day), today=day)
    with connection.cursor() as cursor:
        noon = datetime.combine(day, time(12), tzinfo=merchant.tzinfo)
        return _counted(cursor, merchant, found, metrics.METRICS, noon)


def window_of(value: MetricValue) -> Window:
    """Rebuild the window that a calendar value was counted in."""
    whole = windows.calendar_window(cast(CalendarKind, value.period_kind), value.starts_on)
    return Window(whole.kind, whole.first, whole.end, whole.before, value.counted_until)


def _computed_before(merchant: Merchant) -> list[Window]:
    rows = MetricValue.objects.filter(merchant=merchant, period_kind__in=CALENDAR_KINDS)
    newest = rows.order_by("period_kind", "starts_on", "-counted_until").distinct("period_kind", "starts_on")
    return [window_of(row) for row in newest]


def computed(metric: Metric, tally: Tally, now: datetime) -> list[MetricValue]:
    """Count one metric for windows, as rows that are not yet saved."""
    if not tally.windows:
        return []
    counts = metric.count(tally)
    rows = []
    for window, count in zip(tally.windows, counts, strict=True):
        low, high = metric.interval(count) or (None, None)
        rows.append(
            MetricValue(
                merchant=tally.merchant,
                metric=metric.key,
                definition=metric.version,
                period_kind=window.kind,
                starts_on=window.first,
                ends_on=window.end,
                counted_until=window.until,
                numerator=count.numerator,
                denominator=count.denominator,
                value=metric.value(count),
                low=low,
                high=high,
                n=count.n,
                parts=dict(count.parts),
                computed_at=now,
            )
        )
    return rows


def _forget_others(merchant: Merchant, kept: Sequence[Window]) -> None:
    """Remove earlier last days and first days, and what definitions no longer in force said of the kept periods."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM analytics_metricvalue v WHERE v.merchant_id = %s AND NOT EXISTS (
                SELECT FROM unnest(%s::text[], %s::date[]) AS w(kind, first_day)
                JOIN unnest(%s::text[], %s::int[]) AS m(metric, definition) ON true
                WHERE w.kind = v.period_kind AND w.first_day = v.starts_on
                    AND m.metric = v.metric AND m.definition = v.definition
            )
            """,
            [
                merchant.pk,
                [w.kind for w in kept],
                [w.first for w in kept],
                [m.key for m in metrics.METRICS],
                [m.version for m in metrics.METRICS],
            ],
        )
