"""Tables as CSV files: streamed in chunks, each with the merchant's data open no longer than it takes to read it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from django.http import StreamingHttpResponse

from merchants import csv_cells, tenancy
from merchants.csv_cells import Cell
from merchants.directory import Merchant

Row = tuple[Cell, ...]
CHUNK = 500


def download(
    *, merchant: Merchant, name: str, head: list[Row], rows: Iterator[Row], now: datetime
) -> StreamingHttpResponse:
    """Answer with the rows; `head` was read while the view still had the merchant's data open."""
    response = StreamingHttpResponse(
        csv_cells.lines(_in_tenants(merchant, head, rows)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{merchant.slug}-{name}-{now:%Y-%m-%d}.csv"'
    return response


def _in_tenants(merchant: Merchant, head: list[Row], rows: Iterator[Row]) -> Iterator[Row]:
    """A stream opens the merchant's data for each chunk, not for as long as somebody's line is slow."""
    yield from head
    while True:
        with tenancy.tenant(merchant):
            chunk = list(islice(rows, CHUNK))
        yield from chunk
        if len(chunk) < CHUNK:
            return
