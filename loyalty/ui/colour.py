"""Colours as numbers: sRGB hex, OKLCH, and the contrast WCAG 2.2 asks for.

OKLCH is used to make a colour lighter or darker because its lightness is the eye's: a blue and a yellow of the
same L look equally light, which is not so in HSL.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

_HEX = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})\Z")


class NotAColour(ValueError):
    """The text is not `#rgb` or `#rrggbb`."""


@dataclass(frozen=True)
class Oklch:
    """A colour by lightness (0..1), chroma (0..about 0.37) and hue (degrees)."""

    lightness: float
    chroma: float
    hue: float


def parse(text: str) -> str:
    """Return the colour as `#rrggbb` in small letters.

    :raises NotAColour: anything else than three or six hex digits.
    """
    match = _HEX.match(text.strip())
    if match is None:
        raise NotAColour(f"{text!r} is not a colour like #0b6b4f")
    digits = match.group(1).lower()
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return f"#{digits}"


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two hex colours, 1.0 to 21.0, as WCAG 2.2 defines it."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def to_oklch(colour: str) -> Oklch:
    """Return the hex colour in OKLCH (matrices of Björn Ottosson's OKLab)."""
    red, green, blue = (_linear(channel) for channel in _channels(colour))
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return Oklch(lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360)


def to_hex(colour: Oklch) -> str:
    """Return the nearest colour a screen can show, keeping lightness and hue and giving up chroma."""
    low, high = 0.0, colour.chroma
    if _inside(_to_linear(colour)):
        low = high
    else:
        for _ in range(24):
            middle = (low + high) / 2
            if _inside(_to_linear(replace(colour, chroma=middle))):
                low = middle
            else:
                high = middle
    channels = _to_linear(replace(colour, chroma=low))
    return "#" + "".join(f"{round(_gamma(min(1.0, max(0.0, channel))) * 255):02x}" for channel in channels)


def readable(colour: str, *, on: tuple[str, ...], ratio: float, darker: bool) -> str:
    """Return the colour, moved towards black (`darker`) or white until it has `ratio` on every ground in `on`."""
    current = to_oklch(colour)
    step = -0.005 if darker else 0.005
    candidate = colour
    while min(contrast(candidate, ground) for ground in on) < ratio:
        lightness = current.lightness + step
        if not 0 < lightness < 1:
            return "#000000" if darker else "#ffffff"
        current = replace(current, lightness=lightness)
        candidate = to_hex(current)
    return candidate


def _channels(colour: str) -> tuple[float, float, float]:
    digits = parse(colour)[1:]
    return int(digits[0:2], 16) / 255, int(digits[2:4], 16) / 255, int(digits[4:6], 16) / 255


def _linear(channel: float) -> float:
    # 0.04045 is the sRGB standard's own threshold; WCAG's older 0.03928 gives the same 8-bit values.
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _gamma(channel: float) -> float:
    return channel * 12.92 if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _to_linear(colour: Oklch) -> tuple[float, float, float]:
    a = colour.chroma * math.cos(math.radians(colour.hue))
    b = colour.chroma * math.sin(math.radians(colour.hue))
    long = (colour.lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (colour.lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (colour.lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _inside(channels: tuple[float, float, float]) -> bool:
    return all(-0.0005 <= channel <= 1.0005 for channel in channels)
