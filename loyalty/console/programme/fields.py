"""Form fields for what a terms document is written in: money, points, ratios, quantities, lists, hours.

Each shows what people type (₩ 4,500; 1.5 points) and gives what the document holds (minor units, smallest units).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.text import slugify
from django.utils.translation import gettext as _

from loyalty.ui.amounts import MoneyField as MoneyField
from loyalty.ui.amounts import PointsField as PointsField
from merchants.languages import LANGUAGES
from rewards import terms
from rewards.terms import ratio


def with_look(field: forms.Field, *, look: str = "", before: str = "", after: str = "") -> Any:
    """Say how the `field` tag shall draw it; templates read `bound.field.look`, `.before`, `.after`."""
    field.look, field.before, field.after = look, before, after  # type: ignore[attr-defined]
    return field


def code_from(name: str, taken: set[str], fallback: str) -> str:
    """Make a code for machines out of a name; it never changes afterwards."""
    stem = slugify(name)[:34].strip("-_") or fallback
    code, number = stem, 2
    while code in taken:
        code, number = f"{stem}-{number}", number + 1
    return code


class RatioField(forms.CharField):
    """An exact rate such as 2, 1.2 or 1/3; `decimals` scales it to the smallest unit of points."""

    def __init__(self, *, decimals: int = 0, **options: Any) -> None:
        super().__init__(max_length=20, **options)
        self.decimals = decimals
        self.widget.attrs.setdefault("inputmode", "decimal")

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int) or (isinstance(value, str) and self.decimals and re.fullmatch(r"[0-9./]+", value)):
            return written_ratio(ratio(value) / 10**self.decimals)
        return value

    def clean(self, value: Any) -> Any:
        text = super().clean(value).strip()
        if not text:
            return None
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?|[0-9]{1,9}/[1-9][0-9]{0,8}", text):
            raise ValidationError(_("Type a number such as 2, 1.5 or 1/3."))
        written = written_ratio(Fraction(text) * 10**self.decimals)
        return int(written) if written.isdecimal() else written


def written_ratio(value: Fraction) -> str:
    """Return the shortest exact way to write a ratio: 2, 1.2 or 1/3."""
    if value.denominator == 1:
        return str(value.numerator)
    printed = f"{Decimal(value.numerator) / Decimal(value.denominator):f}"
    return printed if len(printed.partition(".")[2]) <= 6 else f"{value.numerator}/{value.denominator}"


class QuantityField(forms.DecimalField):
    """A number of pieces, kilograms or litres; gives thousandths, None when empty."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=Decimal("0.001"), max_value=10**6, decimal_places=3, **options)

    def prepare_value(self, value: Any) -> Any:
        return f"{(Decimal(value) / 1000).normalize():f}" if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        number = super().clean(value)
        return None if number is None else int(number * 1000)


_DIVIDER = r"[,\n，、]"


class ListField(forms.CharField):
    """Names, divided by commas or lines."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=20_000, required=False, **options)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, (list, tuple)) else value

    def clean(self, value: Any) -> Any:
        return list(dict.fromkeys(listed(super().clean(value))))


class ChosenNames(forms.Widget):
    """Names to tick, those seen in sales first with how many sales each was in, and a line for others."""

    template_name = "console/programme/chosen_names.html"

    def __init__(self, seen: Sequence[tuple[str, int]], attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__(dict(attrs or {}))
        self.seen = tuple(seen)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        chosen = listed(value)
        known = [each for each, _count in self.seen]
        return {
            **super().get_context(name, value, attrs),
            "options": [(each, count, each in chosen) for each, count in self.seen],
            "others": ", ".join(each for each in chosen if each not in known),
        }

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        # By the site's own templates, with its tags; Django's forms have an engine of their own.
        return render_to_string(self.template_name, self.get_context(name, value, attrs))

    def value_from_datadict(self, data: Any, files: Any, name: str) -> str:
        ticked = data.getlist(name) if hasattr(data, "getlist") else listed(data.get(name))
        return ", ".join([*ticked, *listed(data.get(f"{name}-others"))])

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data and f"{name}-others" not in data


def listed(value: Any) -> list[str]:
    names = value if isinstance(value, (list, tuple)) else re.split(_DIVIDER, value or "")
    return [name for name in map(str.strip, names) if name]


class NumbersField(ListField):
    """Whole numbers in their order, divided by commas or spaces: 10, or 6, 5, 4."""

    def __init__(self, *, required: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.required = required

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(str(each) for each in value) if isinstance(value, (list, tuple)) else value

    def clean(self, value: Any) -> Any:
        numbers = []
        for text in re.split(r"[,\s，、]+", str(value or "").strip()):
            if not text:
                raise ValidationError(self.error_messages["required"])
            if not (text.isascii() and text.isdecimal() and len(text) < 5 and 0 < int(text) <= 1000):
                raise ValidationError(_("Type whole numbers from 1 to 1000, such as 10 or 6, 5, 4."))
            numbers.append(int(text))
        return numbers


class HoursField(ListField):
    """Spans of the clock: 07:00-10:00, 17:00-19:00."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return ", ".join(span if isinstance(span, str) else f"{span['start']}–{span['end']}" for span in value)
        return value

    def clean(self, value: Any) -> Any:
        spans = []
        for text in super().clean(value):
            match = re.fullmatch(r"([0-9]{1,2}:[0-9]{2})\s*[-–—~]\s*([0-9]{1,2}:[0-9]{2})", text)
            if match is None:
                raise ValidationError(_("Type hours such as 07:00-10:00."))
            spans.append({"start": match[1].zfill(5), "end": match[2].zfill(5)})
        return spans


class DayField(forms.DateField):
    """A calendar day; shown and given as the document writes it (2026-12-31)."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, input_formats=["%Y-%m-%d"], **options)

    def clean(self, value: Any) -> Any:
        day = super().clean(value)
        return day.isoformat() if day else None


def tag_of(code: str) -> str:
    """Django's zh-hant is the document's zh-Hant."""
    first, _dash, rest = code.partition("-")
    return f"{first}-{rest.title()}" if rest else first


def tagged(kept: Any) -> Any:
    """Return a text whose languages are written as the screens' are: whoever wrote zh-hant meant zh-Hant."""
    if not isinstance(kept, dict):
        return kept
    spelled = {tag.lower(): tag for tag in tags()}
    return {spelled.get(tag.lower(), tag): words for tag, words in kept.items()}


def tags() -> list[str]:
    return [tag_of(code) for code, _name in LANGUAGES]


def of_language(kept: Any, tag: str) -> str:
    return terms.text(kept, tag) if kept else ""
