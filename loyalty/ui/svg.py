"""Small charts drawn on the server: they need no script, print well and weigh a few hundred bytes.

Only presentation attributes and classes are used (no `style`): the content security policy would drop it. Colours are
classes of `static/css/components.css`, so that the scheme and the merchant's brand apply. Text stands beside the
drawing in HTML, never inside it: it keeps its size when the drawing is stretched.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

Value = int | float | None

_WIDTH, _HEIGHT = 100.0, 40.0


@dataclass(frozen=True)
class Scale:
    """The ticks of an axis, lowest first: round numbers that enclose the values."""

    ticks: tuple[float, ...]

    @property
    def low(self) -> float:
        return self.ticks[0]

    @property
    def high(self) -> float:
        return self.ticks[-1]

    def share(self, value: float) -> float:
        """Where the value lies between the lowest (0) and the highest tick (1)."""
        return (value - self.low) / (self.high - self.low)


def nice_scale(values: Sequence[Value], *, steps: int = 4, from_zero: bool = True) -> Scale:
    """Return round ticks around the values: about `steps` steps of 1, 2, 2.5 or 5 times a power of ten."""
    known = [value for value in values if value is not None] or [0]
    low, high = min(known), max(known)
    if from_zero:
        low, high = min(low, 0), max(high, 0)
    if low == high:
        high = low + 1
    rough = (high - low) / steps
    power = 10.0 ** math.floor(math.log10(rough))
    # The tolerance keeps 0.30000000000000004 from asking for the next bigger step.
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Scale(tuple(round(index * step, 10) for index in range(first, last + 1)))


def sparkline(values: Sequence[Value], *, label: str = "", tone: str = "brand") -> SafeString:
    """Return a line with a faint area, scaled to its own extremes; a None is a gap. Empty without two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return SafeString("")
    low, high = min(known), max(known)
    spread = (high - low) or 1
    # Two units stay free above and below, or the stroke would be cut off.
    points = [None if value is None else 36 - 32 * (value - low) / spread for value in values]
    return format_html(
        '<svg class="spark spark--{}" viewBox="0 0 100 40" preserveAspectRatio="none" {}>{}{}</svg>',
        tone, _named(label), _areas(points, "spark__area"), _lines(points, "spark__line"),
    )  # fmt: skip


def month_bars(values: Sequence[int], *, label: str) -> SafeString:
    """Return a small upright bar for each value, the oldest first, scaled to the biggest; a nought is a short line."""
    most = max(values, default=0) or 1
    bars = format_html_join(
        "",
        '<rect class="months__bar{}" x="{}" y="{}" width="4" height="{}"/>',
        (
            ("" if value else " months__bar--none", 5 * place, 16 - height, height)
            for place, value in enumerate(values)
            for height in [max(2, round(16 * value / most)) if value else 1]
        ),
    )
    width = 5 * len(values) - 1
    return format_html('<svg class="months" viewBox="0 0 {} 16" {}>{}</svg>', width, _named(label), bars)


def ring(share: float, *, label: str = "", tone: str = "brand") -> SafeString:
    """Return a ring filled clockwise from the top; a share outside 0..1 is drawn full or empty."""
    filled = round(100 * min(1.0, max(0.0, share)), 2)
    arc = (
        format_html(
            '<circle class="ring__arc" cx="60" cy="60" r="52" fill="none" stroke-width="10" stroke-linecap="round"'
            ' pathLength="100" stroke-dasharray="{} 100" transform="rotate(-90 60 60)"/>',
            filled,
        )
        if filled
        else ""
    )
    return format_html(
        '<svg class="ring__drawing ring__drawing--{}" viewBox="0 0 120 120" {}>'
        '<circle class="ring__track" cx="60" cy="60" r="52" fill="none" stroke-width="10"/>{}</svg>',
        tone, _named(label), arc,
    )  # fmt: skip


def bar(share: float, *, tone: str = "brand", upright: bool = False) -> SafeString:
    """Return one bar of a bar chart, to be stretched by the page; decorative, its number stands beside it."""
    filled = round(100 * min(1.0, max(0.0, share)), 2)
    if upright:
        return format_html(
            '<svg class="bar bar--upright bar--{}" viewBox="0 0 10 100" preserveAspectRatio="none" aria-hidden="true">'
            '<rect class="bar__fill" x="0" y="{}" width="10" height="{}"/></svg>',
            tone, round(100 - filled, 2), filled,
        )  # fmt: skip
    return format_html(
        '<svg class="bar bar--{}" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="bar__track" width="100" height="10"/><rect class="bar__fill" width="{}" height="10"/></svg>',
        tone, filled,
    )  # fmt: skip


def stack(shares: Sequence[float], *, mark: float | None = None) -> SafeString:
    """Return one upright bar of parts above each other, the lowest first, each a share of the whole height.

    `mark` is a line across it: what stands beside it for comparison.  Decorative; the page says the numbers.
    """
    drawn, top = [], 100.0
    for number, share in enumerate(shares, start=1):
        height = round(100 * max(0.0, share), 2)
        top -= height
        if height:
            drawn.append((number, round(top, 2), height))
    parts = format_html_join(
        "", '<rect class="stack__part stack__part--{}" x="12" y="{}" width="76" height="{}"/>', drawn
    )
    line = ""
    if mark is not None:
        line = format_html(
            '<line class="stack__mark" x1="2" x2="98" y1="{0}" y2="{0}" vector-effect="non-scaling-stroke"/>',
            round(100 - 100 * min(1.0, max(0.0, mark)), 2),
        )
    return format_html(
        '<svg class="stack-bar" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">{}{}</svg>',
        parts,
        line,
    )


def histogram(values: Sequence[Value]) -> SafeString:
    """Return small bars side by side, scaled to the highest; a value of nothing is a dash on the ground.  Decorative."""
    top = max((float(value or 0) for value in values), default=0) or 1
    heights = [max(4.0, round(100 * max(0.0, float(value or 0)) / top, 2)) for value in values]
    rects = format_html_join(
        "",
        '<rect class="histogram__bar{}" x="{}" y="{}" width="7" height="{}"/>',
        (
            ("" if value else " histogram__bar--none", place * 10, round(100 - height, 2), height)
            for place, (value, height) in enumerate(zip(values, heights, strict=True))
        ),
    )
    return format_html(
        '<svg class="histogram" viewBox="0 0 {} 100" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        10 * max(1, len(values)) - 3, rects,
    )  # fmt: skip


def plot(series: Sequence[Sequence[Value]], scale: Scale) -> SafeString:
    """Return the lines of one or more series over the scale's grid; the first has a faint area."""
    grid = format_html_join(
        "",
        '<line class="plot__grid" x1="0" x2="100" y1="{0}" y2="{0}" vector-effect="non-scaling-stroke"/>',
        ((round(_HEIGHT * (1 - scale.share(tick)), 3),) for tick in scale.ticks),
    )
    drawn = []
    for number, values in reversed(list(enumerate(series, start=1))):
        heights = [None if value is None else _HEIGHT * (1 - scale.share(value)) for value in values]
        if number == 1:
            drawn.append(_areas(heights, "plot__area"))
        drawn.append(_lines(heights, f"plot__line plot__line--{number}"))
    return format_html(
        '<svg class="plot" viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true">{}{}</svg>',
        grid,
        SafeString("".join(drawn)),
    )


def heat_step(share: float | None, *, top: float = 1.0) -> int:
    """Return the step 0..6 of a heat map for a share of `top`; 0 is no value or none."""
    if share is None or share <= 0 or top <= 0:
        return 0
    return min(6, 1 + math.floor(5.999 * share / top))


def _named(label: str) -> SafeString:
    return format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')


def _stretches(heights: Sequence[float | None]) -> Iterator[list[tuple[float, float]]]:
    """The points between gaps, as (x, y)."""
    step = _WIDTH / max(1, len(heights) - 1)
    for is_known, group in groupby(enumerate(heights), key=lambda item: item[1] is not None):
        if is_known:
            yield [(round(index * step, 2), round(height, 2)) for index, height in group if height is not None]


def _lines(heights: Sequence[float | None], css: str) -> SafeString:
    return format_html_join(
        "",
        '<path class="{}" d="{}" fill="none" vector-effect="non-scaling-stroke"/>',
        ((css, _path(stretch)) for stretch in _stretches(heights)),
    )


def _areas(heights: Sequence[float | None], css: str) -> SafeString:
    return format_html_join(
        "",
        '<path class="{}" d="{}V40H{}Z"/>',
        ((css, _path(stretch), f"{stretch[0][0]:g}") for stretch in _stretches(heights) if len(stretch) > 1),
    )


def _path(stretch: list[tuple[float, float]]) -> str:
    if len(stretch) == 1:
        # A lone value between two gaps: a line of no length shows as a dot with round caps.
        return f"M{stretch[0][0]:g} {stretch[0][1]:g}h0.01"
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in stretch)
