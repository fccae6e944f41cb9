"""Computing the declared metrics for every window that can have changed, and keeping them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.db import connection

from analytics import metrics, windows
from analytics.metrics import Metric, Tally
from analytics.models import MetricValue
from analytics.windows import Window
from merchants import periods
from merchants.models.merchants import Merchant

#: Everything a value is made of; the key fields beside.
_FIELDS = ("ends_on", "numerator", "denominator", "value", "low", "high", "n", "parts", "computed_at")
_KEY = ("merchant", "metric", "definition", "period_kind", "starts_on")


def refresh(*, merchant: Merchant, now: datetime, first_day: date, changed_from: date) -> int:
    """This function will compute the windows touched by a change since a day, and say how many values it wrote.

    A window that ended before the earliest change keeps its value; windows no longer kept, and values of older
    definitions, are removed.  Answers to surveys change nothing but the NPS, which is always computed.
    """
    kept = windows.all_windows(first_day=first_day, today=periods.local_day(now, merchant.tzinfo))
    held = {
        (metric, definition, kind, first, end)
        for metric, definition, kind, first, end in MetricValue.objects.filter(merchant=merchant).values_list(
            "metric", "definition", "period_kind", "starts_on", "ends_on"
        )
    }
    whole = [w for w in kept if w.end > changed_from]
    rows: list[MetricValue] = []
    with connection.cursor() as cursor:
        shared = Tally(cursor, merchant, whole)
        for metric in metrics.METRICS:
            missing = [
                w
                for w in kept
                if w.end <= changed_from
                and (metric.key in ALWAYS or (metric.key, metric.version, w.kind, w.first, w.end) not in held)
            ]
            rows += computed(metric, shared, now) + computed(metric, Tally(cursor, merchant, missing), now)
    MetricValue.objects.bulk_create(
        rows, batch_size=500, update_conflicts=True, unique_fields=_KEY, update_fields=_FIELDS
    )
    _forget_others(merchant, kept)
    return len(rows)


#: Not made of purchases: answers may be dated back.
ALWAYS = frozenset({"nps"})


def computed(metric: Metric, tally: Tally, now: datetime) -> list[MetricValue]:
    """This function will count one metric for windows, as rows that are not yet saved."""
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
