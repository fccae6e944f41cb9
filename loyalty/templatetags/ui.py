"""`{% load ui %}`: what pages are written with.

Filters (`loyalty.ui.filters`) print numbers, points, money and time; tags draw a component from `templates/components/`, charts and
codes among them (`loyalty.ui.drawing_tags`). A tag with a body
(`card`, `alert`, `dialog`, `empty`) takes its content between start and end. docs/screens.md tells
how to write a page with them, `/styleguide` draws them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import forms, template
from django.contrib.messages.storage.base import Message
from django.forms import BoundField
from django.http import HttpRequest
from django.template import Context
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import NoReverseMatch, resolve, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from loyalty.ui import drawing_tags, fields, filters, formats, undo
from loyalty.ui.theme import DEFAULT_BRAND, palette

register = template.Library()

Number = int | float | Decimal


register.filters.update(filters.register.filters)
register.tags.update(drawing_tags.register.tags)

# -- Time that moves --------------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def ago(context: Context, value: datetime | None) -> SafeString | str:
    """`{% ago run.finished_at %}` 12 minutes ago. The page's `now` is used if the view passed one."""
    if value is None:
        return filters.DASH
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        formats.machine(value), formats.moment(value), formats.ago(value, _now(context)),
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def days_left(context: Context, until: date | datetime | None) -> SafeString | str:
    """`{% days_left lot.expires_at %}` in 9 days, tomorrow, today; a date that has passed is printed."""
    if until is None:
        return filters.DASH
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
    return format_html('<svg class="icon{}" {}><use href="{}#{}"></use></svg>', extra, named, static("icons.svg"), name)


@register.inclusion_tag("components/button.html")
def button(text: str, **options: Any) -> dict[str, Any]:
    """`{% button _("Save") variant="primary" icon="check" %}`.

    With `href` it is a link. `variant`: primary, soft, quiet, danger, danger-solid or none; `size="small"`;
    `wide=True`; `type` (submit), `name`, `value`, `form`, `id`; `dialog="redeem-12"` opens that dialog;
    `disabled=True`; `focus=True` is where the page begins; `icon_only=True` keeps the text for screen readers; `about` is for them too: which of many.
    """
    return {"text": text, **_variants(options, ("variant", "size")), **options}


@register.inclusion_tag("components/chip.html")
def chip(text: str, tone: str = "", icon: str = "") -> dict[str, Any]:
    """`{% chip _("Live") "positive" icon="check" %}`; tones: brand, positive, warning, negative, info, outline."""
    return {"text": text, "tone": tone, "icon": icon}


@register.inclusion_tag("components/mark.html")
def mark(merchant: Any, css: str = "") -> dict[str, Any]:
    """`{% mark merchant css="mark--large" %}`: the merchant's logo, or the first letter of its name on its colour."""
    return {"name": getattr(merchant, "name", ""), "address": filters.logo_path(merchant), "css": css}


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
def pager(
    context: Context, next_cursor: str | None, previous_cursor: str | None = None, note: str = ""
) -> dict[str, Any]:
    """`{% pager page.next_cursor page.previous_cursor note=… %}`: cursor links that keep the page's other parameters."""
    return {
        "next_url": _with_parameter(context, "cursor", next_cursor),
        "previous_url": _with_parameter(context, "cursor", previous_cursor),
        "note": note,
    }


@register.inclusion_tag("components/toast.html")
def toast(text: str) -> dict[str, Any]:
    """A passing word, as the scripts show them; on the server only for the style guide."""
    return {"text": text}


@register.filter
def undo_of(message: Message) -> undo.Undo | None:
    """`{{ message|undo_of }}`: the form that undoes that of which a message tells, or None."""
    return undo.undo_of(message)


@register.filter
def undoable(messages: Iterable[Message]) -> list[tuple[Message, undo.Undo]]:
    """`{% for message, undo in messages|undoable %}`: the messages that can be undone, each with its form."""
    return [(message, form) for message in messages or () if (form := undo.undo_of(message)) is not None]


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
def dialog(content: str, name: str, title: str, **options: Any) -> str:
    """`{% dialog "redeem-12" title=… %} … {% enddialog %}`, opened by `{% button … dialog="redeem-12" %}`.

    Without script the link's #id opens it. Put the confirming form inside; its buttons in `.dialog__actions`.
    """
    return render_to_string("components/dialog.html", {"content": content, "id": name, "title": title, **options})


ALERT_ICONS = {"positive": "check-circle", "warning": "alert", "negative": "stop", "info": "info", "neutral": "info"}


# -- Forms ------------------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, **options: Any) -> dict[str, Any]:
    """`{% field form.email %}`: label, input, help and error of a Django form field, tied together for screen readers.

    `label` and `help` override the form's; `prefix`, `suffix` stand in the frame (₩, points); `icon` before it;
    `look`: `switch` (checkbox), `choices` or `segments` (radio), `scale` (0-10), `stepper` (a number with − and +), `code`
    or `code-text` (one-time code of digits, or of letters too); `hide_label=True` keeps the label for screen readers; `plain=True` does not say
    "optional" (a filter); other names become attributes of the input (`hx_get`, `rows`).
    """
    return fields.drawn(bound, options)


@register.simple_tag
def control(bound: BoundField, css: str = "input", **attributes: Any) -> SafeString:
    """`{% control form.points size=4 as points %}`: the input alone, named for screen readers, to stand in a sentence."""
    return fields.alone(bound, css, attributes)


@register.inclusion_tag("components/field_error.html")
def field_error(bound: BoundField) -> dict[str, Any]:
    """`{% field_error form.points %}`: the errors of a field whose input stands elsewhere (`control`)."""
    return {"errors": [str(error) for error in bound.errors], "bound": bound}


@register.inclusion_tag("components/form_errors.html")
def form_errors(form: forms.BaseForm) -> dict[str, Any]:
    """`{% form_errors form %}`: says above the form that something is wrong, with links to the fields."""
    return fields.errors(form)


# -- Page furniture ---------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/nav_link.html", takes_context=True)
def nav_link(context: Context, name: str, label: str, icon: str, css: str = "", area: str = "") -> dict[str, Any]:
    """`{% nav_link "console:members" _("Members") "people" %}`: nothing while no such page exists.

    Nor where the role of whoever reads has no right to the page (`can`, console.screens.frame).
    The merchant's slug of the present page is passed on. Current is the page itself and every page whose url name
    begins with `area` (else with the name): `members`, `members_detail`.
    """
    match = getattr(context.get("request"), "resolver_match", None)
    kwargs = {}
    if match is not None and "merchant_slug" in match.kwargs:
        kwargs["merchant_slug"] = match.kwargs["merchant_slug"]
    url = _url(name, kwargs) or _url(name, {})
    if url and not _may_open(url, context.get("can")):
        url = ""
    is_current = match is not None and (match.view_name == name or match.view_name.startswith(f"{area or name}_"))
    return {"url": url, "label": label, "icon": icon, "css": css, "is_current": is_current}


def _may_open(url: str, can: Mapping[str, bool] | None) -> bool:
    """State whether the reader's role includes what the page behind the address asks for; pages that ask nothing are everybody's."""
    permission = getattr(resolve(url).func, "permission", None)
    return can is None or permission is None or can.get(permission, False)


@register.simple_tag(takes_context=True)
def theme_attribute(context: Context) -> SafeString:
    """The `data-theme` the reader chose, on <html>; nothing follows the device."""
    chosen = _cookie(context, "theme")
    return SafeString(f'data-theme="{chosen}"') if chosen in {"light", "dark"} else SafeString("")


@register.simple_tag(takes_context=True)
def density_attribute(context: Context) -> SafeString:
    """The `data-density` the reader chose, on <html>; nothing is compact."""
    return SafeString('data-density="roomy"') if chosen_density(context) == "roomy" else SafeString("")


@register.simple_tag(takes_context=True)
def chosen_density(context: Context) -> str:
    """`{% chosen_density as density %}`: compact or roomy."""
    return "roomy" if _cookie(context, "density") == "roomy" else "compact"


@register.simple_tag(takes_context=True)
def chosen_theme(context: Context) -> str:
    """`{% chosen_theme as theme %}`: light, dark or system."""
    chosen = _cookie(context, "theme")
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


def _cookie(context: Context, name: str) -> str | None:
    request = context.get("request")
    return request.COOKIES.get(name) if isinstance(request, HttpRequest) else None


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
