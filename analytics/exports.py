"""Every table as CSV rows, for the spreadsheet: headed in the reader's language, complete; money is money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Final, Literal

from django.utils.translation import gettext as _

from analytics import board, dashboard, metrics
from analytics.members_behind import PAGE_MAX, members_behind
from analytics.models import MetricValue
from engagement import survey_answers
from engagement.survey_answers import Narrowed
from merchants.csv_cells import Cell, amount
from merchants.models.merchants import Merchant

_CHUNK: Final = 500


def metric_rows(*, merchant: Merchant) -> Iterator[tuple[Cell, ...]]:
    """List every kept value of every metric; shares as fractions, money as money; none where it rests on too few answers."""
    yield (_("Number"), _("Code"), _("Definition"), _("Period"), _("From"), _("Until"), _("Value"), _("Unit"), _("Low"),
           _("High"), _("Numerator"), _("Denominator"), _("n"), _("Computed"), _("Counted until"))  # fmt: skip
    titles = {metric.key: str(metric.title) for metric in metrics.METRICS}
    money = {metric.key for metric in metrics.METRICS if metric.unit == "money"}
    units = {"money": merchant.currency, "share": _("share of 1"), "score": _("score")}
    said = {metric.key: units[metric.unit] for metric in metrics.METRICS}
    declared = {metric.key: metric for metric in metrics.METRICS}
    for row in MetricValue.objects.filter(merchant=merchant).order_by("metric", "period_kind", "starts_on"):
        figures = (row.value, row.low, row.high, row.numerator)
        if row.metric in money:
            figures = tuple(amount(each, merchant.currency) for each in figures)  # type: ignore[assignment]
        value, low, high, numerator = figures
        if row.metric in declared and dashboard.is_too_few(merchant, declared[row.metric], row):
            value = low = high = None
        yield (titles.get(row.metric, row.metric), row.metric, row.definition, row.period_kind, row.starts_on,
               row.ends_on, value, said.get(row.metric, ""), low, high, numerator, row.denominator, row.n,
               row.computed_at, row.counted_until)  # fmt: skip


def board_rows(
    *,
    merchant: Merchant,
    period: str,
    now: datetime,
    location: int | None,
    names: Mapping[int, str],
    rewards: Mapping[str, str],
) -> Iterator[tuple[Cell, ...]]:
    """List what the dashboard shows of one period: one row a number, the period before beside it; money as money.

    `names` are those of the locations by key, `rewards` those of the rewards by code.
    """
    found = board.read(merchant=merchant, period=period, now=now, location=location)
    currency = merchant.currency
    yield _("Part"), _("Name"), _("From"), _("Until"), _("Value"), _("Before"), _("Unit")
    first, end, sums, earlier = found.period.starts_on, found.period.ends_on, found.sums, found.before
    for name, now_minor, then_minor in (
        (_("Sales to members"), sums.members_revenue_minor, earlier.members_revenue_minor),
        (_("All sales"), sums.revenue_minor, earlier.revenue_minor),
        (_("Reward cost"), sums.reward_cost_minor, earlier.reward_cost_minor),
    ):
        yield _("Period"), name, first, end, amount(now_minor, currency), amount(then_minor, currency), currency
    for name, count, before in (
        (_("Purchases"), sums.purchases, earlier.purchases),
        (_("Active members"), sums.active_members, earlier.active_members),
        (_("New members"), sums.joined, earlier.joined),
        (_("Rewards redeemed"), sums.rewards, earlier.rewards),
    ):
        yield _("Period"), name, first, end, count, before, ""
    for bar in found.bars:
        for name, minor, then in (
            (_("Sales to members"), bar.members_minor, bar.members_before_minor),
            (_("Other sales"), bar.guests_minor, None),
        ):
            yield (_("Series"), name, bar.starts_on, bar.ends_on, amount(minor, currency), amount(then, currency),
                   currency)  # fmt: skip
    for tile in found.tiles.values():
        values = (tile.value, tile.previous)
        if tile.unit == "money":
            values = (amount(tile.value, currency), amount(tile.previous, currency))
        unit = {"money": currency, "percent": "%"}.get(tile.unit, _("score"))
        yield _("Number"), tile.title, first, end, *values, unit
    for place in found.locations:
        named = names.get(place.location_id, _("Without a shop"))
        yield _("Shop"), named, first, end, amount(place.members_revenue_minor, currency), None, currency
    for each in found.rewards:
        named = rewards.get(each.reward, each.reward) if each.reward else _("Paid with points")
        yield _("Reward"), named, first, end, amount(each.cost_minor, currency), None, currency


def series_rows(
    *, merchant: Merchant, grain: Literal["day", "month"], first: date, end: date
) -> Iterator[tuple[Cell, ...]]:
    """List the sums of each day or month; money as money."""
    in_money = {"currency": merchant.currency}
    yield (_("Begins"), _("Purchases"), _("Purchases without a member"), _("Revenue (%(currency)s)") % in_money,
           _("Revenue without a member (%(currency)s)") % in_money, _("Active members"), _("New members"),
           _("Points issued"), _("Points redeemed"), _("Points expired"))  # fmt: skip
    for point in dashboard.series(merchant=merchant, grain=grain, first=first, end=end).points:
        yield (point.starts_on, point.purchases, point.guest_purchases, amount(point.revenue_minor, merchant.currency),
               amount(point.guest_revenue_minor, merchant.currency), point.active_members, point.enrolments,
               point.points_issued, point.points_redeemed, point.points_expired)  # fmt: skip


def cohort_rows(*, merchant: Merchant) -> Iterator[tuple[Cell, ...]]:
    """List the cohorts, one row a month of joining and month after."""
    yield (_("Joined in"), _("Months after"), _("Members"), _("Active members"),
           _("Revenue (%(currency)s)") % {"currency": merchant.currency})  # fmt: skip
    for row in dashboard.cohorts(merchant=merchant, months=60):
        for after, (active, revenue) in enumerate(zip(row.active, row.revenue_minor, strict=True)):
            yield row.joined_month, after, row.members, active, amount(revenue, merchant.currency)


def answer_rows(*, merchant: Merchant, narrowed: Narrowed) -> Iterator[tuple[Cell, ...]]:
    """List survey answers, newest day first, page by page; who answers meanwhile comes before."""
    yield (_("Answer"), _("Answered"), _("Score"), _("Class"), _("Comment"), _("Member"), _("Name"), _("Channel"),
           _("Purchase"), _("Followed up"))  # fmt: skip
    after: survey_answers.Place | None = None
    while found := survey_answers.newest(merchant=merchant, narrowed=narrowed, limit=_CHUNK, after=after):
        for said in found:
            yield (said.id, said.answered_at, said.score, said.nps_class, said.comment, said.member, said.name,
                   said.channel, said.purchase, said.followed_up_at)  # fmt: skip
        after = found[-1].place


def member_rows(
    *, merchant: Merchant, metric: str, period: str, which: str, now: datetime
) -> Iterator[tuple[Cell, ...]]:
    """List all members behind a number, page by page."""
    yield (_("Member"), _("Name"), _("Purchases"), _("Revenue (%(currency)s)") % {"currency": merchant.currency},
           _("Last day"))  # fmt: skip
    after: str | None = None
    while True:
        page = members_behind(
            merchant=merchant, metric=metric, period=period, which=which, now=now, after=after,
            limit=PAGE_MAX,
        )  # fmt: skip
        for member in page.members:
            yield (
                member.id,
                member.name,
                member.purchases,
                amount(member.revenue_minor, merchant.currency),
                member.last_day,
            )
        after = page.next
        if after is None:
            return
