"""The poster to join as a PDF: one sheet to hang up, or four cards to stand on tables.

Text is set in the fonts every PDF reader brings along, so no font is in the file: Helvetica, and the Korean and Chinese
fonts of the standard collections.  The QR code is drawn as rectangles, black on white, with its quiet zone.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import segno
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont, defaultUnicodeEncodings
from reportlab.pdfgen.canvas import Canvas

from loyalty.ui.codes import QR_QUIET_MODULES

#: By name: how many posters stand on a sheet, across and down.
SHEETS: Final = {"a4": (1, 1), "cards": (2, 2)}

_LATIN, _KOREAN, _CHINESE = "Helvetica-Bold", "HYGothic-Medium", "MSung-Light"
# The library gives the traditional face the encoding of the simplified collection, and readers then show nothing.
defaultUnicodeEncodings[_CHINESE] = ("cht", "UniCNS-UCS2-H")
for _name in (_KOREAN, _CHINESE):
    pdfmetrics.registerFont(UnicodeCIDFont(_name))

_INK, _FAINT = "#1b1a17", "#57534b"


@dataclass(frozen=True, slots=True)
class Poster:
    """What stands on a poster: whose it is, what it asks for, what one gets (or nothing), and where to go."""

    name: str
    title: str
    gift: str
    how: str
    link: str
    brand: str
    on_brand: str
    language: str
    logo: bytes | None = None


def written(poster: Poster, sheet: str) -> bytes:
    """Return the PDF, one A4 sheet."""
    across, down = SHEETS[sheet]
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, lang=poster.language)
    canvas.setTitle(poster.title)
    canvas.setAuthor(poster.name)
    width, height = A4[0] / across, A4[1] / down
    for place in range(across * down):
        canvas.saveState()
        canvas.translate(place % across * width, A4[1] - (place // across + 1) * height)
        canvas.scale(1 / across, 1 / down)
        _draw(canvas, poster)
        canvas.restoreState()
    if across > 1:
        _cut_lines(canvas)
    canvas.save()
    return file.getvalue()


def _draw(canvas: Canvas, poster: Poster) -> None:
    """Draw one poster over a whole A4 sheet; the canvas makes it smaller."""
    width, height = A4
    band = height * 0.24
    canvas.setFillColor(HexColor(poster.brand))
    canvas.rect(0, height - band, width, band, stroke=0, fill=1)
    top = height - band / 2
    if poster.logo is not None:
        picture = ImageReader(io.BytesIO(poster.logo))
        canvas.setFillColor(HexColor("#ffffff"))
        canvas.roundRect(width / 2 - 48, top - 18, 96, 96, 12, stroke=0, fill=1)
        canvas.drawImage(picture, width / 2 - 40, top - 10, 80, 80, mask="auto", preserveAspectRatio=True)
        top -= 62
    _centred(canvas, poster.name, top - 10, 40, poster.on_brand, poster.language)
    _centred(canvas, poster.title, height - band - 78, 30, _INK, poster.language)
    if poster.gift:
        _centred(canvas, poster.gift, height - band - 116, 22, poster.brand, poster.language)
    side = 300.0
    _qr(canvas, poster.link, width / 2 - side / 2, 150, side)
    _centred(canvas, poster.how, 112, 18, _INK, poster.language)
    _centred(canvas, poster.link, 76, 12, _FAINT, poster.language)
    canvas.linkURL(poster.link, (0, 0, width, height), relative=1)


def _qr(canvas: Canvas, text: str, left: float, bottom: float, side: float) -> None:
    matrix = segno.make_qr(text, error="m").matrix
    count = len(matrix) + 2 * QR_QUIET_MODULES
    module = side / count
    canvas.setFillColor(HexColor("#000000"))
    for row, modules in enumerate(matrix):
        across = QR_QUIET_MODULES
        for is_dark, run in groupby(modules):
            length = len(list(run))
            if is_dark:
                y = bottom + side - (row + QR_QUIET_MODULES + 1) * module
                # A hair wider and higher: no reader may show a seam between modules.
                canvas.rect(left + across * module, y, length * module + 0.05, module + 0.05, stroke=0, fill=1)
            across += length


def _centred(canvas: Canvas, text: str, y: float, size: float, colour: str, language: str) -> None:
    """Write a line in the middle, smaller where it would not fit."""
    runs = list(_in_fonts(text, language))

    def length(points: float) -> float:
        return float(sum(pdfmetrics.stringWidth(part, font, points) for font, part in runs))

    size = min(size, size * A4[0] * 0.88 / max(length(size), 1))
    line = canvas.beginText(A4[0] / 2 - length(size) / 2, y)
    line.setFillColor(HexColor(colour))
    for font, part in runs:
        line.setFont(font, size)
        # The collections have no bold face: a thin line round each sign makes one.
        line.setTextRenderMode(0 if font == _LATIN else 2)
        line.textOut(part)
    canvas.setStrokeColor(HexColor(colour))
    canvas.setLineWidth(size / 60)
    canvas.drawText(line)


def _in_fonts(text: str, language: str) -> Iterator[tuple[str, str]]:
    """Cut a text into runs of one font."""
    for font, run in groupby(text, key=lambda sign: _font_of(sign, language)):
        yield font, "".join(run)


def _font_of(sign: str, language: str) -> str:
    try:
        sign.encode("cp1252")
    except UnicodeEncodeError:
        is_han = "\u2e80" <= sign <= "\u9fff" or "\uf900" <= sign <= "\ufaff" or "\u3000" <= sign <= "\u30ff"
        return _CHINESE if is_han and not language.startswith("ko") else _KOREAN
    return _LATIN


def _cut_lines(canvas: Canvas) -> None:
    canvas.setStrokeColor(HexColor("#a19e95"))
    canvas.setDash(2, 4)
    canvas.setLineWidth(0.5)
    canvas.line(A4[0] / 2, 0, A4[0] / 2, A4[1])
    canvas.line(0, A4[1] / 2, A4[0], A4[1] / 2)
