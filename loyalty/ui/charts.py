"""What the chart components print: the drawing, its scale, and the same numbers as words for a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from loyalty.ui import formats, svg

NOTHING = "–"
X_LABELS_MAX = 6


def bars(rows: Sequence[tuple[str, formats.Number]], *, tone: str, decimals: int) -> list[dict[str, Any]]:
    """Return label, printed value and bar of each (label, value), scaled to the biggest."""
    top = max((float(value) for _label, value in rows), default=0) or 1
    return [
        {"label": label, "text": formats.number(value, decimals), "bar": svg.bar(float(value) / top, tone=tone)}
        for label, value in rows
    ]


def columns(rows: Sequence[Sequence[Any]], *, tone: str, decimals: int) -> list[dict[str, Any]]:
    """Return label, printed value and upright bar of each (label, value) or (label, value, tone)."""
    top = max((float(row[1]) for row in rows), default=0) or 1
    return [
        {
            "label": row[0],
            "text": formats.number(row[1], decimals),
            "bar": svg.bar(float(row[1]) / top, tone=row[2] if len(row) > 2 else tone, upright=True),
        }
        for row in rows
    ]


def stacks(bars: Sequence[Mapping[str, Any]], written: Callable[[float], str]) -> dict[str, Any]:
    """Return everything a chart of stacked bars shows: ticks from the highest down, each bar's drawing, rows of a table.

    A bar has `label`, `axis`, `parts` (lowest first), `mark` (or None), `href`, `is_current`.
    """
    # What came back beyond what was sold has no height; its number stands in the table.
    heights = [max(sum(max(0, part) for part in bar["parts"]), bar["mark"] or 0, 0) for bar in bars]
    scale = svg.nice_scale(heights, steps=3)
    span = scale.high
    return {
        "ticks": [written(tick) for tick in reversed(scale.ticks)],
        "bars": [
            {
                **bar,
                "drawing": svg.stack(
                    [part / span for part in bar["parts"]],
                    mark=None if bar["mark"] is None else bar["mark"] / span,
                ),
                "texts": [written(part) for part in bar["parts"]],
                "mark_text": NOTHING if bar["mark"] is None else written(bar["mark"]),
            }
            for bar in bars
        ],
    }


def lines(labels: Sequence[str], series: Sequence[Mapping[str, Any]], *, decimals: int, unit: str) -> dict[str, Any]:
    """Return everything a line chart shows: plot, ticks, x labels and table rows."""
    values = [list(line["values"]) for line in series]
    scale = svg.nice_scale([value for line in values for value in line])
    written = _writer(unit, decimals)
    tick = _writer(unit, max(decimals, _decimals_needed(scale.ticks, 100 if unit == "percent" else 1)))
    texts = [[None if value is None else written(value) for value in line] for line in values]
    ticks = [tick(value) for value in scale.ticks]
    return {
        "labels": labels,
        "shown_labels": _thinned(labels, X_LABELS_MAX),
        "series": [{"label": line["label"], "number": place} for place, line in enumerate(series, start=1)],
        "ticks": ticks,
        "plot": svg.plot(values, scale),
        "rows": [(label, [line[place] or NOTHING for line in texts]) for place, label in enumerate(labels)],
    }


def heat_rows(rows: Sequence[Mapping[str, Any]], *, smallest: int, judged_from: int = 0) -> list[dict[str, Any]]:
    """Return the rows of a heat map; the shares of a row smaller than `smallest` are hidden, below `judged_from` hatched."""
    return [
        {
            "label": row["label"],
            "size": formats.number(row["size"]),
            "is_hidden": row["size"] < smallest,
            "is_doubted": row["size"] < judged_from,
            "cells": [
                {
                    "text": NOTHING if share is None else formats.percent(share, 0),
                    "step": svg.heat_step(share),
                    "is_empty": share is None,
                }
                for share in row["shares"]
            ],
        }
        for row in rows
    ]


def _writer(unit: str, decimals: int) -> Callable[[formats.Number], str]:
    def write(value: formats.Number) -> str:
        return formats.percent(value, decimals) if unit == "percent" else formats.number(value, decimals)

    return write


def _thinned(labels: Sequence[str], most: int) -> list[str]:
    """At most `most` labels at even distances, first and last always among them."""
    if len(labels) <= most:
        return list(labels)
    return [labels[round(place * (len(labels) - 1) / (most - 1))] for place in range(most)]


def _decimals_needed(values: Sequence[float], factor: int) -> int:
    return max((len(f"{value * factor:.4f}".rstrip("0").partition(".")[2]) for value in values), default=0)
