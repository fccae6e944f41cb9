"""Cells and lines of CSV files that a spreadsheet opens without running anything: the one guard of every export."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from merchants import money

Cell = str | int | Decimal | date | None
#: What makes a spreadsheet take a text for a formula, also behind blanks and at the start of a further line.
_SUSPICIOUS: Final = frozenset("=+-@\t\r\n|%＝＋－＠")
_BLANKS: Final = " \u00a0\u3000\ufeff\u200b"
#: A telephone number is a number, whatever a spreadsheet makes of it; a mail tool wants it as it is.
_PHONE: Final = re.compile(r"\+[0-9]{7,15}")


def safe(cell: Cell) -> str:
    """Write one cell: a text that could be a formula gets an apostrophe; numbers and telephone numbers stay."""
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, str):
        text = cell.replace("\x00", "")
        if _PHONE.fullmatch(text):
            return text
        risky = any(line.lstrip(_BLANKS)[:1] in _SUSPICIOUS for line in text.splitlines() if line.strip(_BLANKS))
        return "'" + text if risky or text[:1] in _SUSPICIOUS else text
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def lines(rows: Iterable[Iterable[Cell]]) -> Iterator[str]:
    """Turn rows into CSV lines (RFC 4180), for a streamed answer; the first begins with a BOM.

    Without the mark, the commonest spreadsheet reads 김민지 as Latin letters.
    """
    first = "\ufeff"
    for row in rows:
        buffer = io.StringIO()
        csv.writer(buffer, quoting=csv.QUOTE_MINIMAL).writerow([safe(cell) for cell in row])
        yield first + buffer.getvalue()
        first = ""


def amount(minor: int | Decimal | None, currency: str) -> Decimal | None:
    """Write money as money: minor units as a number of the currency, `41.15`; the column's head names the currency."""
    return None if minor is None else Decimal(minor).scaleb(-money.exponent(currency))
