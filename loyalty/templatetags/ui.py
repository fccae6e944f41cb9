"""`{% load ui %}`: what pages are written with.

Filters print numbers, points, money and time; tags draw a component from `templates/components/`. A tag with a body
(`card`, `alert`, `dialog`, `empty`) takes its content between start and end. plan: docs/screens.md shows them all, and
`/styleguide` draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import forms, template
from django.forms import BoundField
from django.http import HttpRequest
from django.template import Context
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from loyalty.ui import codes, formats, svg
from loyalty.ui.theme import DEFAULT_BRAND, palette

register = template.Library()

Number = int | float | Decimal


# -- Filters: what is None or empty prints as a dash, so a missing number never looks like zero ------------------------

DASH = "–"


@register.filter
def number(value: Number | None, decimals: int = 0) -> str:
    """`{{ 2481|number }}` 2,481; `{{ 4.5|number:1 }}` 4.5."""
    return DASH if value is None or value == "" else formats.number(value, decimals)


@register.filter
def signed(value: Number | None, decimals: int = 0) -> str:
    """`{{ 42|signed }}` +42; `{{ -42|signed }}` −42."""
    return DASH if value is None or value == "" else formats.signed(value, decimals)


@register.filter
def percent(share: Number | None, decimals: int = 1) -> str:
    """`{{ 0.386|percent }}` 38.6%."""
    return DASH if share is None or share == "" else formats.percent(share, decimals)


@register.filter
def points(units: int | None, decimals: int = 0) -> str:
    """`{{ balance|points:programme.points_decimals }}`: points in smallest units as a number."""
    return DASH if units is None or units == "" else formats.points(units, decimals)


@register.filter
def signed_points(units: int | None, decimals: int = 0) -> str:
    """Points with their sign: +120, −40."""
    if units is None or units == "":
        return DASH
    return formats.signed(Decimal(units).scaleb(-decimals), decimals)


@register.filter
def points_in_words(units: int | None, decimals: int = 0) -> str:
    """`{{ 1240|points_in_words }}` 1,240 points, 1,240포인트, 1,240 點."""
    return DASH if units is None or units == "" else formats.points_in_words(units, decimals)


@register.filter
def money(minor: int | None, currency: Any) -> str:
    """`{{ amount_minor|money:merchant }}` or `|money:"KRW"`: minor units of the currency.

    A merchant (anything with `currency` and `display_digits`) also says how many digits it likes to see.
    """
    if minor is None or minor == "":
        return DASH
    if isinstance(currency, str):
        return formats.money(minor, currency)
    return formats.money(minor, currency.currency, getattr(currency, "display_digits", None))


@register.filter
def day(value: date | datetime | None, length: str = "medium") -> SafeString | str:
    """`{{ expires_at|day }}` Nov 21, 2026, as a <time>; `:"short"`, `:"long"`, `:"full"`."""
    return _time(value, lambda known: formats.day(known, length))


@register.filter
def month(value: date | datetime | None) -> SafeString | str:
    """`{{ joined_at|month }}` November 2026."""
    return _time(value, formats.month)


@register.filter
def day_and_month(value: date | datetime | None) -> SafeString | str:
    """`{{ occurred_at|day_and_month }}` Nov 21."""
    return _time(value, formats.day_and_month)


@register.filter
def moment(value: datetime | None, length: str = "medium") -> SafeString | str:
    """`{{ occurred_at|moment }}` Nov 21, 2026, 2:02 PM, in the merchant's zone."""
    return _time(value, lambda known: formats.moment(known, length))


@register.filter
def clock(value: datetime | None) -> SafeString | str:
    """`{{ computed_at|clock }}` 2:02 PM, in the merchant's zone."""
    return _time(value, formats.clock)


@register.filter
def initial(name: object) -> str:
    """The first character of a name, for a mark or an avatar without a picture."""
    text = str(name or "").strip()
    return text[:1].upper() or "?"


@register.filter
def language_tag(code: str) -> str:
    """The tag `<html lang>` wants: zh-hant is zh-Hant, ko is ko. Fonts and line breaks hang on it."""
    first, _sep, rest = code.partition("-")
    return f"{first}-{rest.title() if len(rest) == 4 else rest.upper()}" if rest else first


@register.filter
def language_name(code: str) -> str:
    """A language in its own words: 한국어, 繁體中文."""
    try:
        return str(get_language_info(code)["name_local"])
    except KeyError:
        return code


def _time(value: Any, printed: Any) -> SafeString | str:
    if value is None or value == "":
        return DASH
    return format_html('<time datetime="{}">{}</time>', formats.machine(value), printed(value))


# -- Time that moves --------------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def ago(context: Context, value: datetime | None) -> SafeString | str:
    """`{% ago run.finished_at %}` 12 minutes ago. The page's `now` is used if the view passed one."""
    if value is None:
        return DASH
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        formats.machine(value), formats.moment(value), formats.ago(value, _now(context)),
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def days_left(context: Context, until: date | datetime | None) -> SafeString | str:
    """`{% days_left lot.expires_at %}` in 9 days, tomorrow, today; a date that has passed is printed."""
    if until is None:
        return DASH
    today = timezone.localtime(_now(context)).date()
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        formats.machine(until), formats.day(until, "long"), formats.days_left(until, today),
    )  # fmt: skip


def _now(context: Context) -> datetime:
    now = context.get("now")
    # Django's debug page and some libraries put other things under this name.
    return now if isinstance(now, datetime) else timezone.now()


# -- Small pieces -----------------------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """`{% icon "gift" %}`: a drawing of static/icons.svg; decorative unless it has a label."""
    named = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    extra = f" {css}" if css else ""
    return format_html(
        '<svg class="icon{}" {}><use href="{}#{}"></use></svg>', extra, named, static("icons.svg"), name
    )


@register.inclusion_tag("components/button.html")
def button(text: str, **options: Any) -> dict[str, Any]:
    """`{% button _("Save") variant="primary" icon="check" %}`.

    With `href` it is a link. `variant`: primary, soft, quiet, danger, danger-solid or none; `size="small"`;
    `wide=True`; `type` (submit), `name`, `value`, `form`, `id`; `dialog="redeem-12"` opens that dialog;
    `disabled=True`; `icon_only=True` keeps the text for screen readers.
    """
    return {"text": text, **_variants(options, ("variant", "size")), **options}


@register.inclusion_tag("components/chip.html")
def chip(text: str, tone: str = "", icon: str = "") -> dict[str, Any]:
    """`{% chip _("Live") "positive" icon="check" %}`; tones: brand, positive, warning, negative, info, outline."""
    return {"text": text, "tone": tone, "icon": icon}


@register.inclusion_tag("components/stat.html", takes_context=True)
def stat(context: Context, label: str, value: Any, **options: Any) -> dict[str, Any]:
    """One number with what it takes to trust it.

    `{% stat _("Repeat purchase rate") rate|percent delta="1.1 pt" trend="up" good=True against=_("previous 90 days")
    definition=… formula=… n=2481 computed_at=… spark=values href=… %}`

    `trend` is up, down or flat; `good` says whether that is good news (None: neither). `interval` is printed after the
    value (± 6). `href` leads to the members behind the number.
    """
    return {"label": label, "value": value, "now": _now(context), **options}


@register.inclusion_tag("components/steps.html")
def steps(labels: Sequence[str], current: int) -> dict[str, Any]:
    """`{% steps labels 2 %}`: a wizard's way, the current step counted from 1."""
    return {
        "steps": [
            {"label": label, "is_done": place < current, "is_current": place == current}
            for place, label in enumerate(labels, start=1)
        ]
    }


@register.inclusion_tag("components/tabs.html")
def tabs(items: Sequence[Mapping[str, Any]], label: str) -> dict[str, Any]:
    """`{% tabs items label=_("Member") %}` with items of `label`, `href`, `is_current`, `count` (optional)."""
    return {"items": items, "label": label}


@register.inclusion_tag("components/choices.html")
def choices(items: Sequence[Mapping[str, Any]], label: str) -> dict[str, Any]:
    """Filter chips as links, for example over a list: items of `label`, `href`, `is_current`."""
    return {"items": items, "label": label}


@register.inclusion_tag("components/segments.html")
def segments(items: Sequence[Mapping[str, Any]], label: str) -> dict[str, Any]:
    """Two to four exclusive choices as links, for example a period: items of `label`, `href`, `is_current`."""
    return {"items": items, "label": label}


@register.inclusion_tag("components/pager.html", takes_context=True)
def pager(context: Context, next_cursor: str | None, previous_cursor: str | None = None, note: str = "") -> dict[str, Any]:
    """`{% pager page.next_cursor page.previous_cursor note=… %}`: cursor links that keep the page's other parameters."""
    return {
        "next_url": _with_parameter(context, "cursor", next_cursor),
        "previous_url": _with_parameter(context, "cursor", previous_cursor),
        "note": note,
    }


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


@register.simple_tag
def sparkline(values: Sequence[svg.Value], label: str = "", tone: str = "brand") -> SafeString:
    """`{% sparkline values label=_("Last twelve weeks, rising") %}`."""
    return svg.sparkline(values, label=label, tone=tone)


@register.inclusion_tag("components/bars.html")
def bars(rows: Sequence[tuple[str, Number]], tone: str = "brand", decimals: int = 0) -> dict[str, Any]:
    """`{% bars rows %}`: a horizontal bar for each (label, value), scaled to the biggest."""
    top = max((float(value) for _label, value in rows), default=0) or 1
    return {
        "rows": [
            {"label": label, "text": formats.number(value, decimals), "bar": svg.bar(float(value) / top, tone=tone)}
            for label, value in rows
        ]
    }


@register.inclusion_tag("components/columns.html")
def columns(rows: Sequence[Sequence[Any]], label: str, tone: str = "brand", decimals: int = 0) -> dict[str, Any]:
    """`{% columns rows label=_("Answers by score") %}`: an upright bar for each (label, value) or (label, value, tone)."""
    top = max((float(row[1]) for row in rows), default=0) or 1
    return {
        "label": label,
        "columns": [
            {
                "label": row[0],
                "text": formats.number(row[1], decimals),
                "bar": svg.bar(float(row[1]) / top, tone=row[2] if len(row) > 2 else tone, upright=True),
            }
            for row in rows
        ],
    }


@register.inclusion_tag("components/chart.html")
def line_chart(labels: Sequence[str], series: Sequence[Mapping[str, Any]], title: str, **options: Any) -> dict[str, Any]:
    """A series over time: drawn on the server, taken over by uPlot where there is script, and as a table on demand.

    `labels` name the x values (already in the reader's language); each series has `label` and `values` (None: a gap).
    `id` must be unique on the page; `decimals` and `unit` ("percent" or nothing) format the values; `small=True`.
    """
    decimals, unit = options.get("decimals", 0), options.get("unit", "")
    scale = svg.nice_scale([value for line in series for value in line["values"]])
    written = (lambda value: formats.percent(value, decimals)) if unit == "percent" else (
        lambda value: formats.number(value, decimals)
    )
    tick_decimals = max(decimals, _decimals_needed(scale.ticks, 100 if unit == "percent" else 1))
    tick = (lambda value: formats.percent(value, tick_decimals)) if unit == "percent" else (
        lambda value: formats.number(value, tick_decimals)
    )
    return {
        "id": options.get("id", "chart"),
        "title": title,
        "labels": labels,
        "shown_labels": _thinned(labels, 6),
        "series": [{"label": line["label"], "number": place} for place, line in enumerate(series, start=1)],
        "ticks": [tick(value) for value in scale.ticks],
        "plot": svg.plot([line["values"] for line in series], scale),
        "rows": [
            (label, [DASH if line["values"][place] is None else written(line["values"][place]) for line in series])
            for place, label in enumerate(labels)
        ],
        "data": {
            "labels": [str(label) for label in labels],
            "series": [{"label": str(line["label"]), "values": [_plain(value) for value in line["values"]]} for line in series],
            "ticks": list(scale.ticks),
            "tick_labels": [tick(value) for value in scale.ticks],
            "texts": [[None if value is None else written(value) for value in line["values"]] for line in series],
        },
        "small": options.get("small", False),
    }


@register.inclusion_tag("components/heat.html")
def heat_map(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], caption: str, **options: Any) -> dict[str, Any]:
    """Cohorts: rows of `label`, `size` and `shares` (0..1, or None where there is nothing yet or too few).

    `corner`, `size_label` name the first columns; `smallest` hides shares of cohorts below that size.
    """
    smallest = options.get("smallest", 0)
    return {
        "caption": caption,
        "corner": options.get("corner", ""),
        "size_label": options.get("size_label", ""),
        "columns": columns,
        "rows": [
            {
                "label": row["label"],
                "size": formats.number(row["size"]),
                "is_hidden": row["size"] < smallest,
                "cells": [
                    {"text": formats.percent(share, 0) if share is not None else DASH, "step": svg.heat_step(share), "is_empty": share is None}
                    for share in row["shares"]
                ],
            }
            for row in rows
        ],
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


@register.inclusion_tag("components/toast.html")
def toast(text: str) -> dict[str, Any]:
    """A passing word, as the scripts show them; on the server only for the style guide."""
    return {"text": text}


@register.inclusion_tag("components/skeleton.html")
def skeleton(lines: int = 3) -> dict[str, Any]:
    """Grey lines where content will be, the same height as what comes, so nothing jumps."""
    return {"lines": range(lines)}


# -- Components with a body -------------------------------------------------------------------------------------------


@register.simple_block_tag
def card(content: str, title: str = "", **options: Any) -> str:
    """`{% card title=_("Earning rules") note=… %} … {% endcard %}`; `href` makes the whole card a link, `level` its heading."""
    return render_to_string("components/card.html", {"content": content, "title": title, "level": 2, **options})


@register.simple_block_tag
def alert(content: str, tone: str = "info", title: str = "", **options: Any) -> str:
    """`{% alert "warning" title=… %} … {% endalert %}`; `action` and `action_href` add a button; `live=True` is announced."""
    return render_to_string(
        "components/alert.html",
        {"content": content, "tone": tone, "title": title, "icon": ALERT_ICONS.get(tone, "info"), **options},
    )


@register.simple_block_tag
def empty(content: str, title: str, icon: str = "sparkle", **options: Any) -> str:
    """`{% empty _("No points yet") icon="cup" action=… action_href=… %} what to do {% endempty %}`."""
    return render_to_string("components/empty.html", {"content": content, "title": title, "icon": icon, **options})


@register.simple_block_tag
def dialog(content: str, id: str, title: str, **options: Any) -> str:
    """`{% dialog "redeem-12" title=… %} … {% enddialog %}`, opened by `{% button … dialog="redeem-12" %}`.

    Without script the link's #id opens it. Put the confirming form inside; its buttons in `.dialog__actions`.
    """
    return render_to_string("components/dialog.html", {"content": content, "id": id, "title": title, **options})


ALERT_ICONS = {"positive": "check-circle", "warning": "alert", "negative": "stop", "info": "info", "neutral": "info"}


# -- Forms ------------------------------------------------------------------------------------------------------------

_CHECKS = (forms.CheckboxInput,)
_CHOICE_LISTS = (forms.RadioSelect, forms.CheckboxSelectMultiple)


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, **options: Any) -> dict[str, Any]:
    """`{% field form.email %}`: label, input, help and error of a Django form field, tied together for screen readers.

    `label` and `help` override the form's; `prefix`, `suffix` stand in the frame (₩, points); `icon` before it;
    `look`: `switch` (checkbox), `choices` or `segments` (radio), `scale` (0-10), `code` or `code-text` (one-time code
    of digits, or of letters too);
    `hide_label=True` keeps the label for screen readers; other names become attributes of the input (`hx_get`, `rows`).
    """
    own = {name: options.pop(name, None) for name in ("label", "help", "prefix", "suffix", "icon", "look", "hide_label")}
    widget = bound.field.widget
    errors = [str(error) for error in bound.errors]
    help_text = own["help"] if own["help"] is not None else bound.help_text
    ids = [f"{bound.auto_id}_helptext"] if help_text else []
    ids += [f"{bound.auto_id}_error"] if errors else []
    attributes: dict[str, Any] = {name.replace("_", "-"): value for name, value in options.items()}
    if ids:
        attributes["aria-describedby"] = " ".join(ids)
    if errors:
        attributes["aria-invalid"] = "true"
    kind = _kind(widget, own["look"])
    attributes["class"] = _css_of(kind, widget, own["look"])
    if kind == "check" and own["look"] == "switch":
        attributes["role"] = "switch"
    if own["look"] in {"code", "code-text"}:
        numeric = {"inputmode": "numeric"} if own["look"] == "code" else {"autocapitalize": "characters"}
        attributes |= {"autocomplete": "one-time-code", "spellcheck": "false", **numeric}
    return {
        "bound": bound,
        "kind": kind,
        "look": own["look"],
        "label": own["label"] or bound.label,
        "help": help_text,
        "errors": errors,
        "is_optional": not bound.field.required and kind != "check",
        "hide_label": own["hide_label"],
        "prefix": own["prefix"],
        "suffix": own["suffix"],
        "icon": own["icon"],
        "control": "" if kind == "list" else bound.as_widget(attrs=attributes),
        "options": [_option(choice, attributes) for choice in bound] if kind == "list" else [],
        "describedby": " ".join(ids),
    }


@register.inclusion_tag("components/form_errors.html")
def form_errors(form: forms.BaseForm) -> dict[str, Any]:
    """`{% form_errors form %}`: says above the form that something is wrong, with links to the fields."""
    return {
        "general": [str(error) for error in form.non_field_errors()],
        "fields": [(bound.auto_id, bound.label, str(bound.errors[0])) for bound in form if bound.errors],
    }


def _kind(widget: forms.Widget, look: str | None) -> str:
    if isinstance(widget, _CHECKS) and not isinstance(widget, _CHOICE_LISTS):
        return "check"
    return "list" if isinstance(widget, _CHOICE_LISTS) else "input"


def _css_of(kind: str, widget: forms.Widget, look: str | None) -> str:
    base = {"check": "switch" if look == "switch" else "box", "list": "box", "input": "input"}[kind]
    more = str(widget.attrs.get("class", ""))
    extra = " input--code" if look in {"code", "code-text"} else ""
    if isinstance(widget, forms.NumberInput):
        extra += " input--number"
    return f"{base}{extra} {more}".strip()


def _option(choice: Any, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """One radio button or box of a list, without the frame Django puts around it."""
    passed = {name: value for name, value in attributes.items() if name not in {"aria-describedby"}}
    choice.data["attrs"] = {**choice.data["attrs"], **passed}
    return {"control": choice.tag(), "label": choice.choice_label, "id": choice.id_for_label}


# -- Page furniture ---------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/nav_link.html", takes_context=True)
def nav_link(context: Context, name: str, label: str, icon: str, css: str = "", area: str = "") -> dict[str, Any]:
    """`{% nav_link "console:members" _("Members") "people" %}`: nothing while no such page exists.

    The merchant's slug of the present page is passed on. Current is the page itself and every page whose url name
    begins with `area` (else with the name): `members`, `members_detail`.
    """
    match = getattr(context.get("request"), "resolver_match", None)
    kwargs = {}
    if match is not None and "merchant_slug" in match.kwargs:
        kwargs["merchant_slug"] = match.kwargs["merchant_slug"]
    url = _url(name, kwargs) or _url(name, {})
    is_current = match is not None and (match.view_name == name or match.view_name.startswith(f"{area or name}_"))
    return {"url": url, "label": label, "icon": icon, "css": css, "is_current": is_current}


@register.simple_tag(takes_context=True)
def theme_attribute(context: Context) -> SafeString:
    """The `data-theme` the reader chose, on <html>; nothing follows the device."""
    request = context.get("request")
    chosen = request.COOKIES.get("theme") if isinstance(request, HttpRequest) else None
    return mark_safe(f'data-theme="{chosen}"') if chosen in {"light", "dark"} else SafeString("")


@register.simple_tag(takes_context=True)
def chosen_theme(context: Context) -> str:
    """`{% chosen_theme as theme %}`: light, dark or system."""
    request = context.get("request")
    chosen = request.COOKIES.get("theme") if isinstance(request, HttpRequest) else None
    return chosen if chosen in {"light", "dark"} else "system"


@register.simple_tag(takes_context=True)
def brand_stylesheet(context: Context) -> SafeString:
    """The link to the merchant's colours; nothing for the default brand. The colour in the address lets it be cached."""
    merchant = context.get("merchant")
    colour = getattr(merchant, "brand_colour", "") or DEFAULT_BRAND
    if merchant is None or colour == DEFAULT_BRAND:
        return SafeString("")
    url = _url("ui:theme", {"merchant_slug": merchant.slug})
    return format_html('<link rel="stylesheet" href="{}?v={}">', url, colour.lstrip("#")) if url else SafeString("")


@register.simple_tag
def brand_colours(merchant: Any) -> dict[str, str]:
    """The light palette as values, for e-mail, where no stylesheet reaches: `brand`, `on_brand`, `brand_text` …"""
    colours = palette(getattr(merchant, "brand_colour", "") or DEFAULT_BRAND, dark=False)
    return {name.replace("-", "_"): value for name, value in colours.items()}


@register.simple_tag(takes_context=True)
def here(context: Context) -> str:
    """The address of this page, for `next` fields of the theme and language forms."""
    request = context.get("request")
    return request.get_full_path() if isinstance(request, HttpRequest) else "/"


@register.simple_tag(takes_context=True)
def url_if_any(context: Context, name: str, **kwargs: Any) -> str:
    """Like `{% url %}`, but empty while there is no such page; passes the merchant's slug on."""
    match = getattr(context.get("request"), "resolver_match", None)
    if match is not None and "merchant_slug" in match.kwargs:
        found = _url(name, {"merchant_slug": match.kwargs["merchant_slug"], **kwargs})
        if found:
            return found
    return _url(name, kwargs)


def _url(name: str, kwargs: Mapping[str, Any]) -> str:
    try:
        return reverse(name, kwargs=dict(kwargs))
    except NoReverseMatch:
        return ""


def _with_parameter(context: Context, name: str, value: str | None) -> str:
    if not value:
        return ""
    request = context.get("request")
    parameters = request.GET.copy() if isinstance(request, HttpRequest) else None
    if parameters is None:
        return f"?{name}={value}"
    parameters[name] = value
    return "?" + parameters.urlencode()


def _variants(options: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The class names of the variants asked for, as one string."""
    css = " ".join(f"button--{options[name]}" for name in names if options.get(name))
    if options.get("wide"):
        css += " button--wide"
    if options.get("icon_only"):
        css += " button--icon"
    return {"css": css.strip()}


def _thinned(labels: Sequence[str], most: int) -> list[str]:
    """At most `most` labels at even distances, first and last always among them."""
    if len(labels) <= most:
        return list(labels)
    return [labels[round(place * (len(labels) - 1) / (most - 1))] for place in range(most)]


def _decimals_needed(values: Sequence[float], factor: int) -> int:
    return max((len(f"{value * factor:.4f}".rstrip("0").partition(".")[2]) for value in values), default=0)


def _plain(value: Number | None) -> float | int | None:
    return float(value) if isinstance(value, Decimal) else value
