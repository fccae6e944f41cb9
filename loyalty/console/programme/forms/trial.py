"""A basket to try on a programme: up to three lines, where and when, and whose it is."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _

from loyalty.console.programme.fields import MoneyField, QuantityField, with_look
from loyalty.console.programme.shapes import EditedDraft
from rewards.earning import Line
from rewards.terms import GOODS, LINE_KINDS

LINES: Final = 3


class TrialForm(forms.Form):
    """A basket to try."""

    tier = forms.ChoiceField(required=False)
    place = forms.ChoiceField(required=False)
    at = forms.DateTimeField(
        required=False, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    ordinal = forms.IntegerField(min_value=1, max_value=10**6, required=False)
    is_birthday = forms.BooleanField(required=False)

    def __init__(self, edited: EditedDraft, data: Any = None, **options: Any) -> None:
        super().__init__(data, prefix="try", **options)
        self.use_required_attribute = False
        for place in range(LINES):
            self._add_line(edited, place)
        self._choose("tier", _("Member's tier"), edited.tiers)
        self._choose("place", _("Shop"), list(edited.places.items()) if len(edited.places) > 1 else [])
        self.fields["at"].label = _("When")
        self.fields["ordinal"].label = _("Their purchase number")
        self.fields["is_birthday"].label = _("It is their birthday")

    def _add_line(self, edited: EditedDraft, place: int) -> None:
        mark = _mark(place)
        amount = _("Basket") if place == 0 else _("Line %(number)d") % {"number": place + 1}
        self.fields[f"amount{mark}"] = MoneyField(edited.currency, label=amount, required=False)
        self.fields[f"category{mark}"] = forms.CharField(label=_("Category"), max_length=100, required=False)
        self.fields[f"sku{mark}"] = forms.CharField(label=_("SKU"), max_length=100, required=False)
        quantity = QuantityField(label=_("Pieces"), required=False)
        self.fields[f"quantity{mark}"] = with_look(quantity)
        self.fields[f"kind{mark}"] = forms.ChoiceField(
            label=_("What it is"), required=False, choices=list(LINE_KINDS.items())
        )
        self.fields[f"back{mark}"] = forms.BooleanField(label=_("Came back"), required=False)

    def _choose(self, name: str, label: str, choices: list[tuple[str, str]]) -> None:
        if not choices:
            del self.fields[name]
            return
        self.fields[name] = forms.ChoiceField(label=label, required=False, choices=choices)

    def further_lines(self) -> list[list[Any]]:
        """Return what a first look does not need: goods of the first line, and the other lines."""
        marks = [_mark(place) for place in range(LINES)]
        return [
            [
                self[f"{name}{mark}"]
                for name in ("amount", "category", "sku", "quantity", "kind", "back")
                if mark or name not in ("amount", "category")
            ]
            for mark in marks
        ]

    def has_further(self) -> bool:
        plain = (None, "", False, GOODS)
        return any(bound.value() not in plain or bound.errors for fields in self.further_lines() for bound in fields)

    def lines(self) -> tuple[Line, ...]:
        """Return the lines that cost something; call it on a valid form."""
        read = self.cleaned_data
        found = [
            Line(
                id=str(place + 1), amount_minor=read[f"amount{mark}"] * (-1 if read[f"back{mark}"] else 1),
                category=read[f"category{mark}"], sku=read[f"sku{mark}"], kind=read[f"kind{mark}"] or GOODS,
                quantity_milli=read[f"quantity{mark}"] or 1000,
            )
            for place, mark in enumerate(_mark(place) for place in range(LINES))
            if read[f"amount{mark}"]
        ]  # fmt: skip
        return tuple(found) or (Line(id="1", amount_minor=0),)


def _mark(place: int) -> str:
    return f"_{place + 1}" if place else ""
