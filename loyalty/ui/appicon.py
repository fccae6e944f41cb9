"""The app icon of a merchant: an open ring around a dot on the brand colour, as PNG for phones and as SVG for tabs."""

from __future__ import annotations

import io
import math
from functools import lru_cache

from PIL import Image, ImageDraw

from loyalty.ui.theme import palette

SIZES = (180, 192, 512)

# Shares of the icon's side. The drawing keeps inside the inner 80 %, so a launcher may cut the corners round.
_RING_RADIUS, _RING_WIDTH, _DOT_RADIUS = 0.27, 0.085, 0.105
# The gap of the ring, at the upper left, in degrees clockwise from the top.
_GAP_FROM, _GAP_TO = 300.0, 360.0
#: Pillow draws without smoothing: drawn larger and shrunk, the edges are smooth.
_OVERSAMPLING = 4


@lru_cache(maxsize=64)
def png(brand: str, size: int) -> bytes:
    """Return the icon as PNG bytes, `size` pixels square, opaque.

    :raises loyalty.ui.colour.NotAColour: `brand` is not a hex colour.
    """
    properties = palette(brand, dark=False)
    side = size * _OVERSAMPLING
    icon = Image.new("RGB", (side, side), properties["brand"])
    draw, mark = ImageDraw.Draw(icon), properties["on-brand"]
    middle, radius, width = side / 2, side * _RING_RADIUS, side * _RING_WIDTH
    outer = radius + width / 2
    draw.arc(_square(middle, middle, outer), _GAP_TO - 90, _GAP_FROM + 270, fill=mark, width=round(width))
    for degrees in (_GAP_FROM, _GAP_TO):
        turn = math.radians(degrees)
        end = (middle + radius * math.sin(turn), middle - radius * math.cos(turn))
        draw.ellipse(_square(*end, width / 2), fill=mark)
    draw.ellipse(_square(middle, middle, side * _DOT_RADIUS), fill=mark)
    kept = io.BytesIO()
    icon.resize((size, size), Image.Resampling.LANCZOS).save(kept, "PNG", optimize=True)
    return kept.getvalue()


def _square(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return (x - radius, y - radius, x + radius, y + radius)


def svg(brand: str) -> str:
    """Return the same icon as SVG, for browsers' tabs."""
    properties = palette(brand, dark=False)
    radius, width, dot = 64 * _RING_RADIUS, 64 * _RING_WIDTH, 64 * _DOT_RADIUS
    start = _on_ring(_GAP_TO, radius)
    end = _on_ring(_GAP_FROM, radius)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        f'<rect width="64" height="64" rx="15" fill="{properties["brand"]}"/>'
        f'<path d="M{start}A{radius:.2f} {radius:.2f} 0 1 1 {end}" fill="none" stroke="{properties["on-brand"]}"'
        f' stroke-width="{width:.2f}" stroke-linecap="round"/>'
        f'<circle cx="32" cy="32" r="{dot:.2f}" fill="{properties["on-brand"]}"/></svg>'
    )


def _on_ring(degrees: float, radius: float) -> str:
    radians = math.radians(degrees)
    return f"{32 + radius * math.sin(radians):.2f} {32 - radius * math.cos(radians):.2f}"
