"""QR and Code 128 as SVG: presentation attributes only, so the strict content security policy lets them show.

QR is always a full QR code: left to itself segno picks a Micro QR for a short code, which most till scanners cannot
read. Both carry their quiet zone, and black on white whatever the scheme of the page.
"""

from __future__ import annotations

import base64

import segno
from django.utils.html import format_html
from django.utils.safestring import SafeString

QR_QUIET_MODULES = 4
BARCODE_QUIET_MODULES = 10

# Widths of bar, space, bar, space, bar, space of the values 0 to 105; 106 is the stop with a seventh element.
_PATTERNS = [
    "212222",
    "222122",
    "222221",
    "121223",
    "121322",
    "131222",
    "122213",
    "122312",
    "132212",
    "221213",
    "221312",
    "231212",
    "112232",
    "122132",
    "122231",
    "113222",
    "123122",
    "123221",
    "223211",
    "221132",
    "221231",
    "213212",
    "223112",
    "312131",
    "311222",
    "321122",
    "321221",
    "312212",
    "322112",
    "322211",
    "212123",
    "212321",
    "232121",
    "111323",
    "131123",
    "131321",
    "112313",
    "132113",
    "132311",
    "211313",
    "231113",
    "231311",
    "112133",
    "112331",
    "132131",
    "113123",
    "113321",
    "133121",
    "313121",
    "211331",
    "231131",
    "213113",
    "213311",
    "213131",
    "311123",
    "311321",
    "331121",
    "312113",
    "312311",
    "332111",
    "314111",
    "221411",
    "431111",
    "111224",
    "111422",
    "121124",
    "121421",
    "141122",
    "141221",
    "112214",
    "112412",
    "122114",
    "122411",
    "142112",
    "142211",
    "241211",
    "221114",
    "413111",
    "241112",
    "134111",
    "111242",
    "121142",
    "121241",
    "114212",
    "124112",
    "124211",
    "411212",
    "421112",
    "421211",
    "212141",
    "214121",
    "412121",
    "111143",
    "111341",
    "131141",
    "114113",
    "114311",
    "411113",
    "411311",
    "113141",
    "114131",
    "311141",
    "411131",
    "211412",
    "211214",
    "211232",
    "2331112",
]
_TO_C, _TO_B, _START_B, _START_C, _STOP = 99, 100, 104, 105, 106


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


def barcode(text: str, *, label: str) -> SafeString:
    """Return a Code 128 bar code as one path; `label` is what a screen reader says.

    :raises NotEncodable: a character outside printable ASCII, or no character at all.
    """
    widths = "".join(_PATTERNS[value] for value in symbols(text))
    position, bars = BARCODE_QUIET_MODULES, []
    for index, width in enumerate(map(int, widths)):
        if index % 2 == 0:
            bars.append(f"M{position} 0h{width}v48h-{width}z")
        position += width
    total = position + BARCODE_QUIET_MODULES
    return format_html(
        '<svg class="code code--bars" viewBox="0 0 {} 48" preserveAspectRatio="none" role="img" aria-label="{}"'
        ' shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{}v48H0z"/><path fill="#000" d="{}"/></svg>',
        total, label, total, SafeString("".join(bars)),
    )  # fmt: skip


def symbols(text: str) -> list[int]:
    """Return the symbol values from start to stop, check symbol included.

    Even runs of four or more digits use set C, two digits a symbol: a shorter code is read from further away.
    """
    if not text or any(not 32 <= ord(character) <= 126 for character in text):
        raise NotEncodable(f"Code 128 cannot carry {text!r}")
    values: list[int] = []
    in_c = False
    position = 0
    while position < len(text):
        digits = _digits_from(text, position)
        # Inside other text a change of set costs two symbols, so only a longer run is worth it.
        enough = 4 if position == 0 or position + digits == len(text) else 6
        if digits >= enough:
            # An odd digit stays in set B: before the run, or after it where the text begins with the run.
            pairs_from = position + digits % 2 if position else 0
            if pairs_from > position:
                values += _in_set_b(text[position], first=not values, in_c=in_c)
                in_c = False
            values.append(_TO_C if values else _START_C)
            in_c = True
            end = pairs_from + (position + digits - pairs_from) // 2 * 2
            values += [int(text[start : start + 2]) for start in range(pairs_from, end, 2)]
            position = end
        else:
            values += _in_set_b(text[position], first=not values, in_c=in_c)
            in_c = False
            position += 1
    check = (values[0] + sum(place * value for place, value in enumerate(values[1:], start=1))) % 103
    return [*values, check, _STOP]


def _in_set_b(character: str, *, first: bool, in_c: bool) -> list[int]:
    change = [_START_B] if first else [_TO_B] if in_c else []
    return [*change, ord(character) - 32]


def _digits_from(text: str, position: int) -> int:
    end = position
    while end < len(text) and text[end] in "0123456789":
        end += 1
    return end - position


def _runs(modules: bytearray | tuple[int, ...]) -> list[tuple[int, int]]:
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
