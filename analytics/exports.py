"""Every table as CSV rows, for the spreadsheet: headed, complete, and safe to open."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

from analytics import dashboard
from analytics.answers import SeriesPoint
from analytics.models import MetricValue
from engagement import voices
from engagement.voices import Narrowed
from merchants.models.merchants import Merchant

Cell = str | int | Decimal | date | None
#: What makes a spreadsheet take a text for a formula, also behind blanks and at the start of a further line.
_SUSPICIOUS: Final = frozenset("=+-@\t\r\n|%＝＋－＠")
_CHUNK: Final = 500
_BLANKS: Final = " \u00a0\u3000\ufeff\u200b"


def safe(cell: Cell) -> str:
    """This function will write one cell: a text that could be a formula gets an apostrophe; a number stays one."""
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, str):
        text = cell.replace("\x00", "")
        risky = any(line.lstrip(_BLANKS)[:1] in _SUSPICIOUS for line in text.splitlines() if line.strip(_BLANKS))
        return "'" + text if risky or text[:1] in _SUSPICIOUS else text
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def lines(rows: Iterable[Iterable[Cell]]) -> Iterator[str]:
    """This function will turn rows into CSV lines (RFC 4180), for a streamed answer; the first begins with a BOM.

    Without the mark, the commonest spreadsheet reads 김민지 as Latin letters.
    """
    first = "\ufeff"
    for row in rows:
        buffer = io.StringIO()
        csv.writer(buffer, quoting=csv.QUOTE_MINIMAL).writerow([safe(cell) for cell in row])
        yield first + buffer.getvalue()
        first = ""


def metric_rows(*, merchant: Merchant) -> Iterator[tuple[Cell, ...]]:
    """This function will list every kept value of every metric; shares as fractions, money in minor units."""
    yield ("metric", "definition", "period", "starts_on", "ends_on", "value", "low", "high", "numerator",
           "denominator", "n", "computed_at")  # fmt: skip
    for row in MetricValue.objects.filter(merchant=merchant).order_by("metric", "period_kind", "starts_on"):
        yield (row.metric, row.definition, row.period_kind, row.starts_on, row.ends_on, row.value, row.low, row.high,
               row.numerator, row.denominator, row.n, row.computed_at)  # fmt: skip


def series_rows(
    *, merchant: Merchant, grain: Literal["day", "month"], first: date, end: date
) -> Iterator[tuple[Cell, ...]]:
    """This function will list the sums of each day or month; money in minor units."""
    names = list(SeriesPoint.__dataclass_fields__)
    yield tuple(names)
    for point in dashboard.series(merchant=merchant, grain=grain, first=first, end=end).points:
        yield tuple(getattr(point, name) for name in names)


def cohort_rows(*, merchant: Merchant) -> Iterator[tuple[Cell, ...]]:
    """This function will list the cohorts, one row a month of joining and month after."""
    yield "joined_month", "months_after", "members", "active", "revenue_minor"
    for row in dashboard.cohorts(merchant=merchant, months=60):
        for after, (active, revenue) in enumerate(zip(row.active, row.revenue_minor, strict=True)):
            yield row.joined_month, after, row.members, active, revenue


def answer_rows(*, merchant: Merchant, narrowed: Narrowed) -> Iterator[tuple[Cell, ...]]:
    """This function will list survey answers, newest day first, page by page; who answers meanwhile comes before."""
    yield ("answer", "answered_at", "score", "class", "comment", "member", "name", "channel", "purchase",
           "followed_up_at")  # fmt: skip
    after: voices.Place | None = None
    while found := voices.newest(merchant=merchant, narrowed=narrowed, limit=_CHUNK, after=after):
        for said in found:
            yield (said.id, said.answered_at, said.score, said.nps_class, said.comment, said.member, said.name,
                   said.channel, said.purchase, said.followed_up_at)  # fmt: skip
        after = found[-1].place


def member_rows(
    *, merchant: Merchant, metric: str, period: str, which: str, now: datetime
) -> Iterator[tuple[Cell, ...]]:
    """This function will list all members behind a number, page by page."""
    yield "member", "name", "purchases", "revenue_minor", "last_day"
    after: str | None = None
    while True:
        page = dashboard.members_behind(
            merchant=merchant, metric=metric, period=period, which=which, now=now, after=after,
            limit=dashboard.PAGE_MAX,
        )  # fmt: skip
        for member in page.members:
            yield member.id, member.name, member.purchases, member.revenue_minor, member.last_day
        after = page.next
        if after is None:
            return
