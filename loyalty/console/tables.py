"""Tables as CSV files: streamed in chunks, each with the merchant's data open no longer than it takes to read it.

Heads and words are in the language of whoever takes the file, days and times in the merchant's zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeVar

from django.http import StreamingHttpResponse
from django.utils import timezone, translation

from merchants import csv_cells, tenancy
from merchants.csv_cells import Cell
from merchants.directory import Merchant

Row = tuple[Cell, ...]
CHUNK = 500

T = TypeVar("T")
M = TypeVar("M")


def download(
    *, merchant: Merchant, name: str, head: list[Row], rows: Iterator[Row], now: datetime
) -> StreamingHttpResponse:
    """Answer with the rows; `head` was read while the view still had the merchant's data open."""
    response = StreamingHttpResponse(
        csv_cells.lines(_in_tenants(merchant, head, rows, translation.get_language())),
        content_type="text/csv; charset=utf-8",
    )
    response["Content-Disposition"] = f'attachment; filename="{merchant.slug}-{name}-{now:%Y-%m-%d}.csv"'
    return response


def pages(read: Callable[[M | None], Sequence[T]], mark: Callable[[T], M]) -> Iterator[Sequence[T]]:
    """Walk a list page by page: `read` takes what `mark` made of the last row of the page before, None at first."""
    last: M | None = None
    while page := read(last):
        yield page
        last = mark(page[-1])


def moment(at: datetime | None) -> str:
    """Write a moment as a spreadsheet reads it, in the zone that is active; empty for None."""
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}" if at else ""


def _in_tenants(merchant: Merchant, head: list[Row], rows: Iterator[Row], language: str | None) -> Iterator[Row]:
    """A stream opens the merchant's data for each chunk, not for as long as somebody's line is slow."""
    yield from head
    while True:
        with tenancy.tenant(merchant), translation.override(language), timezone.override(merchant.tzinfo):
            chunk = list(islice(rows, CHUNK))
        yield from chunk
        if len(chunk) < CHUNK:
            return
