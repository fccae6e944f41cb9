"""The filters of `{% load ui %}`: numbers, points, money and time in the reader's language and the merchant's zone.

What is None or empty prints as a dash, so a missing number never looks like zero.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, get_language_info

from loyalty.ui import formats
from rewards import terms

register = template.Library()

DASH = "–"
# A template passes "" for a name it does not know.
NOTHING: tuple[object, ...] = (None, "")


@register.filter
def number(value: Any, decimals: int = 0) -> str:
    """`{{ 2481|number }}` 2,481; `{{ 4.5|number:1 }}` 4.5."""
    return DASH if value in NOTHING else formats.number(value, decimals)


@register.filter
def signed(value: Any, decimals: int = 0) -> str:
    """`{{ 42|signed }}` +42; `{{ -42|signed }}` −42."""
    return DASH if value in NOTHING else formats.signed(value, decimals)


@register.filter
def percent(share: Any, decimals: int = 1) -> str:
    """`{{ 0.386|percent }}` 38.6%."""
    return DASH if share in NOTHING else formats.percent(share, decimals)


@register.filter
def points(units: Any, decimals: int = 0) -> str:
    """`{{ balance|points:programme.points_decimals }}`: points in smallest units as a number."""
    return DASH if units in NOTHING else formats.points(units, decimals)


@register.filter
def signed_points(units: Any, decimals: int = 0) -> str:
    """Points with their sign: +120, −40."""
    if units in NOTHING:
        return DASH
    return formats.signed(Decimal(units).scaleb(-decimals), decimals)


@register.filter
def points_in_words(units: Any, decimals: int = 0) -> str:
    """`{{ 1240|points_in_words }}` 1,240 points, 1,240포인트, 1,240 點."""
    return DASH if units in NOTHING else formats.points_in_words(units, decimals)


@register.filter
def money(minor: Any, currency: Any) -> str:
    """`{{ amount_minor|money:merchant }}` or `|money:"KRW"`: minor units of the currency.

    A merchant (anything with `currency` and `display_digits`) also says how many digits it likes to see.
    """
    if minor in NOTHING:
        return DASH
    if isinstance(currency, str):
        return formats.money(minor, currency)
    return formats.money(minor, currency.currency, getattr(currency, "display_digits", None))


@register.filter
def money_short(minor: Any, merchant: Any) -> str:
    """`{{ revenue_minor|money_short:merchant }}`: for headlines, ₩38.9M from a million on."""
    if minor in NOTHING:
        return DASH
    return formats.money_short(minor, merchant.currency, getattr(merchant, "display_digits", None))


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
def thousandths(quantity: Any) -> str:
    """`{{ line.quantity_milli|thousandths }}`: 2000 is 2, 375 is 0.375."""
    return DASH if quantity in NOTHING else formats.thousandths(quantity)


@register.filter
def localized(text: Any) -> str:
    """`{{ reward.name|localized }}`: a text of the programme, kept in one language or in several, in the reader's."""
    return "" if text in NOTHING else terms.text(text, get_language() or "en")


@register.filter
def initial(name: object) -> str:
    """The first character of a name, for a mark or an avatar without a picture."""
    text = str(name or "").strip()
    return text[:1].upper() or "?"


@register.filter
def logo_address(merchant: Any) -> str:
    """`{{ merchant|logo_address }}`: where the logo is, in full, for letters; empty without one."""
    path = logo_path(merchant)
    return f"{settings.PUBLIC_URL}{path}" if path else ""


def logo_path(merchant: Any) -> str:
    """Return the address of the logo on this site, which names its content; empty without one."""
    print_of_it = getattr(merchant, "logo", "")
    return f"{reverse('ui:logo', args=[merchant.slug])}?v={print_of_it}" if print_of_it else ""


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
    if value in NOTHING:
        return DASH
    return format_html('<time datetime="{}">{}</time>', formats.machine(value), printed(value))


@register.filter
def listed(items: Any) -> str:
    """`{{ benefits|listed }}`: names as the language lists them, with its own commas and "and"."""
    return formats.listed([str(item) for item in items]) if items else DASH


@register.filter
def sentences(items: Any) -> str:
    """Sentences one after another, as the language sets them."""
    return formats.sentences(items or [])


@register.filter
def named(value: Any, names: Any) -> str:
    """`{{ row.published_by|named:hands }}`: people's words for what a row keeps."""
    return DASH if value in NOTHING else str(names[value])
