"""Tags of `{% load ui %}` that draw: progress, charts, and codes to be scanned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from loyalty.ui import charts, codes, svg
from merchants import photos
from merchants.directory import Merchant

register = template.Library()

Number = int | float | Decimal
#: More places than these are no picture any more.
MOST_DRAWN = 30
_IN_A_ROW = 6


@register.inclusion_tag("components/progress.html")
def progress(value: Number, total: Number, label: str, text: str = "", tone: str = "brand") -> dict[str, Any]:
    """`{% progress 430 600 label=_("Free latte") text=_("170 points to go") %}`."""
    share = float(value) / float(total) if total else 0.0
    return {"bar": svg.bar(share, tone=tone), "label": label, "text": text}


@register.inclusion_tag("components/ring.html")
def ring(value: Number, total: Number, label: str, **options: Any) -> dict[str, Any]:
    """`{% ring 1240 2000 label=_("1,240 of 2,000 points to Gold") big="760" small=_("to Gold") %}`; tone `on-brand` too."""
    share = float(value) / float(total) if total else 0.0
    return {"drawing": svg.ring(share, label=label, tone=options.pop("tone", "brand")), **options}


@register.inclusion_tag("components/stamps.html")
def stamps(count: int, size: int, label: str) -> dict[str, Any]:
    """`{% stamps 7 10 label=_("7 of 10 stamps") %}`: a place for each stamp of a card; a bar where there are too many."""
    held = max(0, min(count, size))
    is_drawn = size <= MOST_DRAWN
    return {
        "label": label,
        "places": [place < held for place in range(size)] if is_drawn else (),
        "bar": "" if is_drawn else svg.bar(held / size),
        # Rows of the same length, as on a card of paper: ten are two fives.
        "columns": -(-size // -(-size // _IN_A_ROW)),
    }


@register.simple_tag
def sparkline(values: Sequence[svg.Value], label: str = "", tone: str = "brand") -> SafeString:
    """`{% sparkline values label=_("Last twelve weeks, rising") %}`."""
    return svg.sparkline(values, label=label, tone=tone)


@register.simple_tag
def progress_bar(share: Number | None) -> SafeString:
    """`{% progress_bar share %}`: a bar alone, of a share of one; its number stands beside it."""
    return svg.bar(float(share or 0), tone="series")


@register.simple_tag
def histogram(values: Sequence[svg.Value]) -> SafeString:
    """`{% histogram today.revenue_by_hour %}`: small bars without an axis; the numbers stand beside it."""
    return svg.histogram(values)


@register.inclusion_tag("components/stacked_bars.html")
def stacked_bars(chart: Mapping[str, Any], title: str, **options: Any) -> dict[str, Any]:
    """Bars of two parts each with a mark, drawn on the server; each is a link that chooses it.

    `chart` is `loyalty.ui.charts.stacks` with `legend` (rows of `label`, `text`; the last is the mark's) and `when`: the
    chosen bar read out.  `part_names` head the table; `id` is unique on the page.
    """
    return {"title": title, "id": "bars", **chart, **options}


@register.simple_tag
def month_bars(values: Sequence[int]) -> SafeString:
    """`{% month_bars row.months %}`: purchases of the last months as small bars, for a row of a table."""
    label = _("Purchases by month: %(numbers)s") % {"numbers": ", ".join(map(str, values))}
    return svg.month_bars(values, label=label)


@register.inclusion_tag("components/bars.html")
def bars(rows: Sequence[tuple[str, Number]], tone: str = "brand", decimals: int = 0) -> dict[str, Any]:
    """`{% bars rows %}`: a horizontal bar for each (label, value), scaled to the biggest."""
    return {"rows": charts.bars(rows, tone=tone, decimals=decimals)}


@register.inclusion_tag("components/columns.html")
def columns(rows: Sequence[Sequence[Any]], label: str, tone: str = "brand", decimals: int = 0) -> dict[str, Any]:
    """`{% columns rows label=_("Answers by score") %}`: an upright bar for each (label, value) or (label, value, tone)."""
    return {"label": label, "columns": charts.columns(rows, tone=tone, decimals=decimals)}


@register.inclusion_tag("components/chart.html")
def line_chart(
    labels: Sequence[str], series: Sequence[Mapping[str, Any]], title: str, **options: Any
) -> dict[str, Any]:
    """A series over time: drawn on the server, and as a table on demand.

    `labels` name the x values (already in the reader's language); each series has `label` and `values` (None: a gap).
    `decimals` and `unit` ("percent" or nothing) format the values; `small=True`.
    """
    drawn = charts.lines(labels, series, decimals=options.get("decimals", 0), unit=options.get("unit", ""))
    return {**drawn, "title": title, "small": options.get("small", False)}


@register.inclusion_tag("components/heat.html")
def heat_map(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], caption: str, **options: Any) -> dict[str, Any]:
    """Cohorts: rows of `label`, `size` and `shares` (0..1, or None where there is nothing yet or too few).

    `corner`, `size_label` name the first columns; `smallest` hides shares of cohorts below that size, `judged_from` hatches
    them.
    """
    return {
        "caption": caption,
        "corner": options.get("corner", ""),
        "size_label": options.get("size_label", ""),
        "columns": columns,
        "rows": charts.heat_rows(rows, smallest=options.get("smallest", 0), judged_from=options.get("judged_from", 0)),
    }


@register.simple_tag
def qr(text: str, label: str) -> SafeString:
    """`{% qr member.code label=_("Your code") %}`: never a Micro QR, always black on white."""
    return codes.qr(text, label=label)


@register.simple_tag
def barcode(text: str, label: str) -> SafeString:
    """`{% barcode member.code label=_("Your code as bars") %}`: Code 128."""
    return codes.barcode(text, label=label)


@register.inclusion_tag("components/plate.html")
def code_plate(code: str, **options: Any) -> dict[str, Any]:
    """`{% code_plate member.code note=… bars=True %}`: QR, bars and the code to say aloud on white."""
    return {"code": code, "bars": True, **options}


@register.simple_tag
def photo(merchant: Merchant, subject: str, sizes: str = "100vw") -> SafeString:
    """`{% photo merchant "cover" sizes="100vw" %}`: the merchant's photo of a subject in fitting widths; empty without one."""
    shown = photos.shown(merchant, subject)
    if shown is None:
        return SafeString("")
    places = [
        (f"{reverse('ui:photo', args=[merchant.slug, subject, width])}?v={shown.print}", width)
        for width in shown.widths
    ]
    return render_to_string(
        "components/photo.html",
        {
            "address": places[-1][0], "srcset": ", ".join(f"{address} {width}w" for address, width in places),
            "sizes": sizes, "width": shown.widths[-1], "height": shown.height,
        },
    )  # fmt: skip


@register.simple_tag
def reward_picture(merchant: Merchant, code: str, kind: str, words: str = "", sizes: str = "11rem") -> SafeString:
    """`{% reward_picture merchant reward.code reward.kind words="₩3,000" %}`: its photo, or a drawing of its kind.

    `words` stand on the ticket that is drawn for what takes something off.
    """
    return photo(merchant, photos.of_reward(code), sizes) or render_to_string(
        f"components/drawings/{kind}.html", {"words": words}
    )
