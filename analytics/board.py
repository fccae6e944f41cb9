"""The console's dashboard: one period's numbers, of all locations or of one, read in one statement beside the kept values.

What the night computed is read; of a period of one's own choice the same metrics are counted from the rollups when
somebody asks.  All functions need the tenant open.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from django.db import connection

from analytics import dashboard, metrics, round_trip, today, values, windows
from analytics.answers import Board, Grain, LocationSums, PeriodSums, RewardSums, SalesBar, Tile
from analytics.metrics import (
    Tally,
    average_order_value,
    frequency,
    movement,
    nps,
    points_redeemed,
    reward_cost,
)
from analytics.models import MetricValue
from analytics.period_choices import choice_of, held, offered, parse_period
from analytics.round_trip import Select
from analytics.windows import Window
from merchants import periods
from merchants.models.merchants import Merchant

#: What a bar is, by the days up to which it is that: some fifteen bars fill a phone and can be hit by a thumb.
GRAINS: Final[tuple[tuple[Grain, int], ...]] = (("week", 100), ("month", 500), ("quarter", 1500), ("year", 10**6))
COHORT_MONTHS: Final = 12
REWARDS_SHOWN: Final = 8

#: What is counted for a period of one's own choice: statements shared by the metrics, and the columns of each.
_COUNTED: Final = {
    movement.COUNT: ("start", "end", "new", "lost"),
    frequency.COUNT: ("buyers", "repeat", "loyal", "repeat_by_days", "loyal_by_days"),
    average_order_value.COUNT: (
        "revenue_minor", "purchases", "guest_revenue_minor", "guest_purchases", "points_paid_minor", "free_purchases",
    ),
    nps.COUNT: ("answers", "promoters", "detractors"),
    reward_cost.COUNT: ("cost_minor", "redemptions", "unpriced", "revenue_minor"),
    points_redeemed.COUNT: ("issued", "redeemed", "expired"),
}  # fmt: skip
#: The metrics that these statements are enough for.
_OF_THOSE: Final = (
    "retention", "repeat_purchase_rate", "repeat_purchase_rate_by_days", "loyal_customer_rate",
    "loyal_customer_rate_by_days", "average_order_value", "average_order_value_in_money",
    "average_order_value_above_zero", "nps", "members_share_of_sales", "reward_cost_share", "points_redeemed_rate",
)  # fmt: skip

# Days by location where one is chosen; else the sums of days, a few hundred rows a year whatever is sold.
_ALL_DAYS: Final = """
    days AS (
        SELECT f.starts_on AS local_day, f.revenue_minor, f.guest_revenue_minor, f.purchases FROM analytics_figures f
        WHERE f.merchant_id = %(merchant)s AND f.grain = 'day'
            AND f.starts_on >= %(before)s AND f.starts_on < %(until)s
    )
"""
_DAYS_AT: Final = """
    days AS (
        SELECT d.local_day, sum(d.revenue_minor) AS revenue_minor,
            coalesce(sum(d.revenue_minor) FILTER (WHERE d.member_id = 0), 0) AS guest_revenue_minor,
            sum(d.purchases) AS purchases
        FROM analytics_memberdayatlocation d
        WHERE d.merchant_id = %(merchant)s AND d.location_id = %(location)s
            AND d.local_day >= %(before)s AND d.local_day < %(until)s
        GROUP BY 1
    )
"""
_BARS: Final = """
    SELECT b.n, coalesce(sum(d.revenue_minor - d.guest_revenue_minor), 0) AS members_minor,
        coalesce(sum(d.guest_revenue_minor), 0) AS guests_minor
    FROM unnest(%(b_n)s::int[], %(b_first)s::date[], %(b_end)s::date[]) AS b(n, first_day, end_day)
    LEFT JOIN days d ON d.local_day >= b.first_day AND d.local_day < b.end_day GROUP BY b.n ORDER BY b.n
"""
_SUMS: Final = """
    SELECT w.n, coalesce(sum(d.revenue_minor), 0) AS revenue_minor,
        coalesce(sum(d.guest_revenue_minor), 0) AS guest_revenue_minor, coalesce(sum(d.purchases), 0) AS purchases
    FROM unnest(%(w_n)s::int[], %(w_first)s::date[], %(w_end)s::date[]) AS w(n, first_day, end_day)
    LEFT JOIN days d ON d.local_day >= w.first_day AND d.local_day < w.end_day GROUP BY w.n ORDER BY w.n
"""
_BUYERS: Final = """
    SELECT w.n, count(DISTINCT coalesce(gone.merged_into_id, d.member_id)) AS members
    FROM unnest(%(w_n)s::int[], %(w_first)s::date[], %(w_end)s::date[]) AS w(n, first_day, end_day)
    JOIN analytics_memberdayatlocation d ON d.merchant_id = %(merchant)s AND d.location_id = %(location)s
        AND d.local_day >= w.first_day AND d.local_day < w.end_day AND d.member_id > 0 AND d.purchases > 0
    LEFT JOIN member_of_today gone ON gone.merchant_id = %(merchant)s AND gone.id = d.member_id
        AND gone.merged_into_id IS NOT NULL
    GROUP BY w.n
"""
# Each member once before they are counted: a hash instead of a sort of a year's rows.
_LOCATIONS: Final = """
    SELECT each.location_id, sum(each.revenue_minor)::bigint AS revenue_minor,
        coalesce(sum(each.revenue_minor) FILTER (WHERE each.person > 0), 0)::bigint AS members_revenue_minor,
        count(*) FILTER (WHERE each.person > 0 AND each.purchases > 0) AS active_members
    FROM (
        SELECT d.location_id, coalesce(gone.merged_into_id, d.member_id) AS person, sum(d.revenue_minor) AS revenue_minor,
            sum(d.purchases) AS purchases
        FROM analytics_memberdayatlocation d
        LEFT JOIN member_of_today gone ON gone.merchant_id = %(merchant)s AND gone.id = d.member_id
            AND gone.merged_into_id IS NOT NULL
        WHERE d.merchant_id = %(merchant)s AND d.local_day >= %(first)s AND d.local_day < %(until)s
        GROUP BY 1, 2
    ) AS each
    GROUP BY 1 ORDER BY 3 DESC, 1
"""
_COST: Final = """
    SELECT w.n, sum(d.redemptions) AS redemptions, sum(d.cost_minor) AS cost_minor, sum(d.unpriced) AS without_price
    FROM unnest(%(w_n)s::int[], %(w_first)s::date[], %(w_end)s::date[]) AS w(n, first_day, end_day)
    JOIN analytics_rewardday d ON d.merchant_id = %(merchant)s AND d.local_day >= w.first_day AND d.local_day < w.end_day
        AND (%(location)s::bigint IS NULL OR d.location_id = %(location)s)
    GROUP BY w.n
"""
_REWARDS: Final = """
    SELECT d.reward, sum(d.redemptions) AS redemptions, sum(d.cost_minor) AS cost_minor, sum(d.unpriced) AS without_price
    FROM analytics_rewardday d
    WHERE d.merchant_id = %(merchant)s AND d.local_day >= %(first)s AND d.local_day < %(until)s
        AND (%(location)s::bigint IS NULL OR d.location_id = %(location)s)
    GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1 LIMIT %(most)s
"""
_JOINED: Final = """
    SELECT coalesce(sum(f.enrolments) FILTER (WHERE f.starts_on < %(until)s), 0) AS members,
        coalesce(sum(f.enrolments) FILTER (WHERE f.starts_on >= %(first)s AND f.starts_on < %(until)s), 0) AS joined,
        coalesce(sum(f.enrolments) FILTER (WHERE f.starts_on >= %(before)s AND f.starts_on < %(before_end)s), 0) AS before,
        coalesce(sum(f.purchases), 0) AS purchases, min(f.starts_on) FILTER (WHERE f.purchases > 0) AS first_day
    FROM analytics_figures f WHERE f.merchant_id = %(merchant)s AND f.grain = 'day'
"""
_LIABILITY: Final = """
    SELECT l.outstanding, l.pending, l.held, l.debt, l.cost_minor, l.rate_points, l.rate_minor, l.computed_at
    FROM analytics_liability l WHERE l.merchant_id = %(merchant)s ORDER BY l.local_day DESC LIMIT 1
"""
_FRESHNESS: Final = """
    SELECT max(r.id) FILTER (WHERE r.finished_at IS NOT NULL) AS finished,
        max(r.id) FILTER (WHERE r.failed_at IS NOT NULL) AS failed,
        (array_agg(r.finished_at ORDER BY r.id DESC) FILTER (WHERE r.finished_at IS NOT NULL))[1] AS finished_at
    FROM analytics_metricrun r WHERE r.merchant_id = %(merchant)s
"""
_ATTENTION: Final = """
    SELECT i.kind, i.members, i.amount FROM analytics_insight i WHERE i.merchant_id = %(merchant)s AND i.members > 0
"""
# Decimals as text: they are read to the last digit.
_VALUES: Final = """
    SELECT v.metric, v.definition, v.period_kind, v.starts_on, v.ends_on, v.counted_until, v.value::text AS value,
        v.low::text AS low, v.high::text AS high, v.n, v.parts, v.computed_at
    FROM analytics_metricvalue v
    WHERE v.merchant_id = %(merchant)s AND (
        (v.period_kind = %(kind)s AND v.starts_on = %(first)s)
        OR (v.period_kind = %(kind_before)s AND v.starts_on = %(before)s AND v.counted_until = %(before_end)s)
        OR (v.period_kind = 'month' AND v.starts_on >= %(months_since)s AND v.starts_on < %(end)s))
    ORDER BY v.starts_on
"""
_COHORTS: Final = """
    SELECT c.joined_month, c.members, c.active, c.revenue_minor FROM analytics_cohortmonth c
    WHERE c.merchant_id = %(merchant)s AND c.basis = %(basis)s AND c.joined_month >= %(since)s
    ORDER BY c.joined_month, c.months_after
"""


def read(
    *,
    merchant: Merchant,
    period: str,
    now: datetime,
    location: int | None = None,
    basis: Literal["joined", "first_purchase"] = "joined",
    by_location: bool = True,
) -> Board:
    """Read what the dashboard shows of one period; `location` narrows sales, buyers, rewards and today to one.

    Without `by_location` the sums of each location are left out: where there is one only, nobody compares.

    :raises NoSuchPeriod: the key names no period.
    """
    this_day = periods.local_day(now, merchant.tzinfo)
    windows_held = held(merchant)
    window = parse_period(period, merchant=merchant, now=now, windows_held=windows_held)
    then = windows.previous(window)
    grain, bars = _bars(window)
    selects = _selects(merchant, window, then, bars, now=now, location=location, basis=basis)
    if not by_location:
        del selects["locations"]
    found = {"locations": [], **round_trip.ask(selects)}
    joined = found["joined"][0]
    began = date.fromisoformat(joined["first_day"]) if joined["first_day"] else None
    tiles, buyers = _tiles(merchant, window, then, found, began, now)
    if location is not None:
        buyers = tuple(_row(found["buyers"], place).get("members", 0) for place in (0, 1))
    sums, before = (_period_sums(found, place, location, buyers[place]) for place in (0, 1))
    return Board(
        choices=offered(windows_held, today=this_day),
        period=choice_of(window, this_day),
        previous=choice_of(then, this_day),
        sums=sums,
        before=before,
        grain=grain,
        bars=tuple(
            SalesBar(
                first, end, row["members_minor"], row["guests_minor"], found["bars"][len(bars) + place]["members_minor"]
            )
            for place, ((first, end), row) in enumerate(zip(bars, found["bars"], strict=False))
        ),
        tiles=tiles,
        locations=tuple(LocationSums(**row) for row in found["locations"]),
        rewards=tuple(RewardSums(**row) for row in found["rewards"]),
        cohorts=dashboard.cohort_rows(
            (date.fromisoformat(row["joined_month"]), row["members"], row["active"], row["revenue_minor"])
            for row in found["cohorts"]
        ),
        members=joined["members"],
        purchases=joined["purchases"],
        liability=dashboard.owed(**_instants(found["liability"][0])) if found["liability"] else None,
        attention=dashboard.attention({row["kind"]: (row["members"], row["amount"]) for row in found["attention"]}),
        freshness=dashboard.fresh(**_instants(found["freshness"][0])),
        today=today.answer(found["today"][0], merchant=merchant, now=now),
        first_day=began,
    )


def _bars(window: Window) -> tuple[Grain, list[tuple[date, date]]]:
    """Cut the counted days into weeks from the first on, or into calendar months and more where there are too many."""
    length = (window.until - window.first).days
    grain = next(grain for grain, days in GRAINS if length <= days)
    found, day = [], window.first
    while day < window.until:
        end = day + timedelta(days=7) if grain == "week" else periods.end_day_of(grain, day)
        found.append((day, min(end, window.until)))
        day = end
    return grain, found


def _shifted(window: Window, then: Window, bars: list[tuple[date, date]]) -> list[tuple[date, date]]:
    """Lay the same bars over the period before: as many days from its beginning, and none past its end."""
    back = window.first - then.first
    return [(min(first - back, then.until), min(end - back, then.until)) for first, end in bars]


def _selects(
    merchant: Merchant,
    window: Window,
    then: Window,
    bars: list[tuple[date, date]],
    *,
    now: datetime,
    location: int | None,
    basis: str,
) -> dict[str, Select]:
    both = bars + _shifted(window, then, bars)
    this_month = periods.first_day_of("month", periods.local_day(now, merchant.tzinfo))
    asked: dict[str, Any] = {
        "merchant": merchant.pk, "location": location, "before": then.first, "before_end": then.until,
        "first": window.first, "until": window.until, "most": REWARDS_SHOWN, "basis": basis,
        "kind": window.kind, "kind_before": then.kind, "end": window.end, "months_since": dashboard.spark_since(window),
        "since": periods.add_months(this_month, 1 - COHORT_MONTHS),
        "b_n": list(range(len(both))), "b_first": [first for first, _end in both], "b_end": [end for _first, end in both],
        "w_n": [0, 1], "w_first": [window.first, then.first], "w_end": [window.until, then.until],
    }  # fmt: skip
    days = _ALL_DAYS if location is None else _DAYS_AT
    statements = {
        "bars": f"WITH {days} {_BARS}", "sums": f"WITH {days} {_SUMS}", "cost": _COST, "locations": _LOCATIONS,
        "rewards": _REWARDS, "joined": _JOINED, "liability": _LIABILITY, "freshness": _FRESHNESS,
        "attention": _ATTENTION, "cohorts": _COHORTS,
        "values": _VALUES,
    }  # fmt: skip
    if location is not None:
        statements["buyers"] = _BUYERS
    selects = {name: _select(sql, asked) for name, sql in statements.items()}
    selects["today"] = today.select(merchant=merchant, now=now, location=location)
    if window.kind == "custom":
        # The earlier one first, as the windows of `_tally`.
        placed = {"merchant": merchant.pk, **windows.arrays([then, window])}
        selects |= {sql: _select(sql, placed) for sql in _COUNTED}
    return selects


def _select(sql: str, values: Mapping[str, Any]) -> Select:
    return Select(sql, {name: value for name, value in values.items() if f"%({name})s" in sql})


def _tiles(
    merchant: Merchant,
    window: Window,
    then: Window,
    found: Mapping[str, list[dict[str, Any]]],
    began: date | None,
    now: datetime,
) -> tuple[dict[str, Tile], tuple[int, ...]]:
    """Shape the kept values of the period, or count those of a period of one's own choice.

    Beside them, how many members bought in the period and in the one before.
    """
    since = dashboard.spark_since(window)
    kept = [_value(merchant, row) for row in found["values"]]
    counted = _counted(merchant, [then, window], found, now) if window.kind == "custom" else kept
    now_rows = {row.metric: row for row in counted if row.starts_on == window.first and row.period_kind == window.kind}
    then_rows = {
        row.metric: row
        for row in counted
        if (row.period_kind, row.starts_on, row.counted_until) == (then.kind, then.first, then.until)
    }
    sparks: dict[str, list[MetricValue]] = {}
    for row in kept:
        if row.period_kind == "month" and since <= row.starts_on < window.end:
            sparks.setdefault(row.metric, []).append(row)
    shaped = dashboard.shape_tiles(merchant, window, now_rows, then_rows, sparks, began)
    buyers = tuple(rows["retention"].parts["end"] if "retention" in rows else 0 for rows in (now_rows, then_rows))
    return {tile.metric: tile for tile in shaped}, buyers


def _value(merchant: Merchant, row: Mapping[str, Any]) -> MetricValue:
    """A kept value as its model, which is never saved again."""
    return MetricValue(
        merchant=merchant, metric=row["metric"], definition=row["definition"], period_kind=row["period_kind"],
        n=row["n"], parts=row["parts"], computed_at=datetime.fromisoformat(row["computed_at"]),
        **{name: date.fromisoformat(row[name]) for name in ("starts_on", "ends_on", "counted_until")},
        **{name: None if row[name] is None else Decimal(row[name]) for name in ("value", "low", "high")},
    )  # fmt: skip


def _counted(
    merchant: Merchant, both: list[Window], found: Mapping[str, list[dict[str, Any]]], now: datetime
) -> list[MetricValue]:
    with connection.cursor() as cursor:
        tally = Tally(cursor, merchant, both)
        for sql, names in _COUNTED.items():
            rows = {row["n"]: row for row in found[sql]}
            tally.answered[sql] = [{name: int(rows.get(n, {}).get(name) or 0) for name in names} for n in (0, 1)]
        return [row for key in _OF_THOSE for row in values.computed(metrics.BY_KEY[key], tally, now)]


def _period_sums(
    found: Mapping[str, list[dict[str, Any]]], place: int, location: int | None, buyers: int
) -> PeriodSums:
    sums, cost, joined = found["sums"][place], _row(found["cost"], place), found["joined"][0]
    return PeriodSums(
        revenue_minor=sums["revenue_minor"],
        guest_revenue_minor=sums["guest_revenue_minor"],
        purchases=sums["purchases"],
        active_members=buyers,
        joined=joined[("joined", "before")[place]] if location is None else None,
        reward_cost_minor=cost.get("cost_minor", 0),
        rewards=cost.get("redemptions", 0),
        rewards_without_price=cost.get("without_price", 0),
    )


def _row(rows: list[dict[str, Any]], place: int) -> dict[str, Any]:
    return next((row for row in rows if row["n"] == place), {})


def _instants(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value) if name.endswith("_at") and value else value for name, value in row.items()
    }
