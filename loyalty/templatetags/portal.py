"""`{% load portal %}`: points under the name the programme gives them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.translation import get_language

from rewards import earning
from rewards.terms import Terms

register = template.Library()


@register.filter
def in_points(units: Any, promised: Terms | None) -> str:
    """`{{ 1240|in_points:terms }}` 1,240 Stars, 1,240콩: the programme's own name, in the reader's language."""
    if units in (None, "") or promised is None:
        return ""
    return earning.points_in_words(int(units), promised, get_language() or "en")


@register.filter
def last_day(end: Any) -> Any:
    """`{{ lot.expires_at|last_day|day }}`: an end is the first instant after the last day on which points count."""
    return end - timedelta(microseconds=1) if end else end


@register.filter
def no_wrap(text: Any) -> str:
    """`{{ title|no_wrap }}`: a heading whose words with a hyphen (e-mail) stay on one line."""
    return str(text).replace("-", "\u2011")


@register.filter
def in_one_line(contact: Any) -> str:
    """`{{ contact.masked|in_one_line }}`: m…@example.org is not torn behind its dots."""
    return format_html('<span class="whole">{}</span>', contact)
