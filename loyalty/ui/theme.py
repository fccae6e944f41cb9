"""One brand colour in, a whole accessible palette out.

A merchant picks any colour. What the screens use is derived from it here, so that text on it, text in it and tints
of it keep the contrast WCAG 2.2 AA asks for, on light and on dark surfaces. The neutral surfaces are those of
`static/css/tokens.css`; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from loyalty.ui import colour

#: The brand of pages that belong to no merchant, and of a merchant who chose none.
DEFAULT_BRAND = "#0b6e4f"

WHITE = "#ffffff"
INK = "#1b1a17"


@dataclass(frozen=True)
class Surfaces:
    """The neutral surfaces of one scheme, from the page's ground to the raised card; `ink` is the text on them."""

    paper: str
    surface: str
    sunken: str
    ink: str
    is_dark: bool


LIGHT = Surfaces(paper="#f7f5f1", surface="#ffffff", sunken="#f4f2ed", ink="#1b1a17", is_dark=False)
DARK = Surfaces(paper="#121310", surface="#191a17", sunken="#242521", ink="#f1f0ec", is_dark=True)


@lru_cache(maxsize=256)
def palette(brand: str, *, dark: bool) -> dict[str, str]:
    """Return the custom properties (without `--`) that depend on the brand, for one scheme.

    `brand` is the solid colour of buttons and the member's card, `on-brand` its text (4.5:1), `brand-deep` the far end
    of its gradient (also 4.5:1), `brand-edge` a border that shows a pale brand on the surface (3:1), `brand-text` the
    brand as text on any ground (4.5:1), `brand-graphic` as line or icon (3:1), `brand-soft` a tint and
    `on-brand-soft` the text on it (4.5:1).  Charts have hues of their own: beside any brand they stay apart.
    """
    surfaces = DARK if dark else LIGHT
    solid, on_solid = _solid(colour.parse(brand), surfaces)
    shape = colour.to_oklch(solid)
    # Darker reads as deeper; only where ink stands on a mid-tone would darkening cost the contrast of the text.
    away = -1 if on_solid == WHITE or colour.contrast(solid, INK) > 9 else 1
    deep = colour.to_hex(replace(shape, lightness=min(1.0, max(0.0, shape.lightness + away * 0.085))))
    hover = colour.to_hex(replace(shape, lightness=min(1.0, max(0.0, shape.lightness + away * 0.045))))
    soft_lightness, soft_chroma = (0.285, 0.04) if dark else (0.957, 0.022)
    soft = colour.to_hex(colour.Oklch(soft_lightness, min(shape.chroma, soft_chroma), shape.hue))
    on_every_ground = (surfaces.paper, surfaces.surface, surfaces.sunken, soft)
    # Thin strokes glow less than they should on dark surfaces: a little more than the 4.5 required.
    text = colour.readable(solid, on=on_every_ground, ratio=5.5 if dark else 4.6, darker=not dark)
    return {
        "brand": solid,
        "on-brand": on_solid,
        "brand-deep": deep,
        "brand-hover": hover,
        "brand-edge": colour.readable(solid, on=(surfaces.surface, surfaces.paper), ratio=3.0, darker=not dark),
        "brand-text": text,
        "brand-graphic": colour.readable(solid, on=on_every_ground, ratio=4.0 if dark else 3.0, darker=not dark),
        "brand-soft": soft,
        "on-brand-soft": text,
    }


def stylesheet(brand: str) -> str:
    """Return the stylesheet of a brand: the same selectors as tokens.css, in the layer that follows it.

    :raises loyalty.ui.colour.NotAColour: `brand` is not a hex colour.
    """
    light, dark = _block(palette(brand, dark=False)), _block(palette(brand, dark=True))
    return (
        "@layer theme {\n"
        f':root, [data-theme="light"] {{\n{light}}}\n'
        f'@media (prefers-color-scheme: dark) {{\n:root:not([data-theme="light"]) {{\n{dark}}}\n}}\n'
        f'[data-theme="dark"] {{\n{dark}}}\n'
        "}\n"
    )


def _block(properties: dict[str, str]) -> str:
    return "".join(f"  --{name}: {value};\n" for name, value in properties.items())


def _solid(brand: str, surfaces: Surfaces) -> tuple[str, str]:
    """The brand as a filled area, and the text on it.

    Mid-tones carry neither white nor ink at 4.5:1; they are moved towards the text that needs less change. On dark
    surfaces a brand darker than the page would vanish, so it is lifted until it stands out 2.2:1.
    """
    shape = colour.to_oklch(brand)
    if surfaces.is_dark and shape.chroma < 0.03 and shape.lightness < 0.4:
        # A black brand means "the strongest contrast": on dark surfaces that is near-white, not a dull grey.
        brand = colour.to_hex(replace(shape, lightness=0.93))
    elif surfaces.is_dark:
        brand = colour.readable(brand, on=(surfaces.surface,), ratio=2.2, darker=False)
    on_brand = WHITE if colour.contrast(brand, WHITE) >= 4.0 else INK
    return colour.readable(brand, on=(on_brand,), ratio=4.5, darker=on_brand == WHITE), on_brand
