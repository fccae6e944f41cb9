"""QR and Code 128 as SVG: presentation attributes only, so the strict content security policy lets them show.

QR is always a full QR code: left to itself segno picks a Micro QR for a short code, which most till scanners cannot
read. Both carry their quiet zone, and black on white whatever the scheme of the page.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

import segno
from barcode.codex import Code128
from django.utils.html import format_html
from django.utils.safestring import SafeString

QR_QUIET_MODULES = 4
BARCODE_QUIET_MODULES = 10


class NotEncodable(ValueError):
    """The text has a character Code 128 (sets B and C) has no bars for."""


def qr(text: str, *, label: str) -> SafeString:
    """Return a QR code, error correction M, as one path; `label` is what a screen reader says."""
    matrix = segno.make_qr(text, error="m").matrix
    side = len(matrix) + 2 * QR_QUIET_MODULES
    path = "".join(
        f"M{start + QR_QUIET_MODULES} {row + QR_QUIET_MODULES}h{length}v1h-{length}z"
        for row, modules in enumerate(matrix)
        for start, length in _runs(modules)
    )
    return format_html(
        '<svg class="code code--qr" viewBox="0 0 {} {}" role="img" aria-label="{}" shape-rendering="crispEdges">'
        '<path fill="#fff" d="M0 0h{}v{}H0z"/><path fill="#000" d="{}"/></svg>',
        side, side, label, side, side, SafeString(path),
    )  # fmt: skip


def modules(text: str) -> tuple[int, str]:
    """Return a QR code as its side without quiet zone and its modules row by row, a bit each, in base64: for a script
    that draws one code after another and need not know how they are made."""
    matrix = segno.make_qr(text, error="m").matrix
    bits = "".join("1" if module else "0" for row in matrix for module in row)
    padded = bits + "0" * (-len(bits) % 8)
    return len(matrix), base64.b64encode(int(padded, 2).to_bytes(len(padded) // 8, "big")).decode()


# Symbol values of Code 128. The library begins in set C, changes at once where it must, and then makes the change the start.
_START_C = 105
_PAIR_OF_NINES = 99


class _Code128(Code128):
    """The library's, without one fault: it takes a pair of nines at the beginning for a change of the set, and drops it."""

    def _try_to_optimize(self, encoded: list[int]) -> list[int]:
        return encoded if encoded[:2] == [_START_C, _PAIR_OF_NINES] else super()._try_to_optimize(encoded)


def barcode(text: str, *, label: str) -> SafeString:
    """Return a Code 128 bar code as one path; `label` is what a screen reader says.

    :raises NotEncodable: a character outside printable ASCII, or no character at all.
    """
    if not text or any(not 32 <= ord(character) <= 126 for character in text):
        raise NotEncodable(f"Code 128 cannot carry {text!r}")
    # The library's own SVG has inline styles, which the content security policy blocks: only its modules are taken.
    elements = [module == "1" for module in _Code128(text).build()[0]]
    bars = "".join(f"M{start + BARCODE_QUIET_MODULES} 0h{width}v48h-{width}z" for start, width in _runs(elements))
    total = len(elements) + 2 * BARCODE_QUIET_MODULES
    return format_html(
        '<svg class="code code--bars" viewBox="0 0 {} 48" preserveAspectRatio="none" role="img" aria-label="{}"'
        ' shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{}v48H0z"/><path fill="#000" d="{}"/></svg>',
        total, label, total, SafeString(bars),
    )  # fmt: skip


def _runs(modules: Iterable[int]) -> list[tuple[int, int]]:
    """The dark stretches of a row as (start, length)."""
    runs: list[tuple[int, int]] = []
    start = None
    for index, module in enumerate((*modules, 0)):
        if module and start is None:
            start = index
        elif not module and start is not None:
            runs.append((start, index - start))
            start = None
    return runs
