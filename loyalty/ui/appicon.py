"""The app icon of a merchant, drawn without an imaging library: an open ring around a dot on the brand colour.

Phones want PNG for the home screen; one shape on one ground is 40 lines of arithmetic and zlib.
"""

from __future__ import annotations

import math
import struct
import zlib
from functools import lru_cache

from loyalty.ui import colour
from loyalty.ui.theme import palette

SIZES = (180, 192, 512)

# Shares of the icon's side. The drawing keeps inside the inner 80 %, so a launcher may cut the corners round.
_RING_RADIUS, _RING_WIDTH, _DOT_RADIUS = 0.27, 0.085, 0.105
# The gap of the ring, at the upper left, in degrees clockwise from the top.
_GAP_FROM, _GAP_TO = 300.0, 360.0


@lru_cache(maxsize=64)
def png(brand: str, size: int) -> bytes:
    """Return the icon as PNG bytes, `size` pixels square, opaque.

    :raises loyalty.ui.colour.NotAColour: `brand` is not a hex colour.
    """
    properties = palette(brand, dark=False)
    ground, mark = _rgb(properties["brand"]), _rgb(properties["on-brand"])
    blends = [bytes(round(g + (m - g) * step / 16) for g, m in zip(ground, mark, strict=True)) for step in range(17)]
    rows = []
    for y in range(size):
        row = [blends[round(16 * _covered(x + 0.5, y + 0.5, size))] for x in range(size)]
        # Each row begins with its filter type: none.
        rows.append(b"\0" + b"".join(row))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(b"".join(rows), 9))
        + _chunk(b"IEND", b"")
    )


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


def _covered(x: float, y: float, size: int) -> float:
    """How much of a pixel the drawing covers, 0 to 1, by its distance from the drawing's edge in pixels."""
    dx, dy = x - size / 2, y - size / 2
    distance = math.hypot(dx, dy)
    inside_dot = _DOT_RADIUS * size - distance
    angle = math.degrees(math.atan2(dx, -dy)) % 360
    if _GAP_FROM < angle < _GAP_TO:
        # Round ends: the distance to the nearer end of the arc.
        radians = (math.radians(end) for end in (_GAP_FROM, _GAP_TO))
        ends = [(math.sin(r) * _RING_RADIUS * size, -math.cos(r) * _RING_RADIUS * size) for r in radians]
        from_ring = min(math.hypot(dx - end_x, dy - end_y) for end_x, end_y in ends)
    else:
        from_ring = abs(distance - _RING_RADIUS * size)
    inside_ring = _RING_WIDTH * size / 2 - from_ring
    return min(1.0, max(0.0, 0.5 + max(inside_dot, inside_ring)))


def _on_ring(degrees: float, radius: float) -> str:
    radians = math.radians(degrees)
    return f"{32 + radius * math.sin(radians):.2f} {32 - radius * math.cos(radians):.2f}"


def _rgb(text: str) -> tuple[int, int, int]:
    digits = colour.parse(text)[1:]
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
