"""The Django field for each kind of field that a part of the terms has, and whether it was touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext as _

from loyalty.console.programme.fields import (
    ChosenNames,
    DayField,
    HoursField,
    ListField,
    MoneyField,
    NumbersField,
    PointsField,
    QuantityField,
    RatioField,
    listed,
    with_look,
)
from loyalty.console.programme.shapes import EditedDraft
from loyalty.ui import formats
from rewards.terms.editing.kinds import PartField

Maker = Callable[[PartField, EditedDraft, Any, dict[str, Any]], forms.Field | None]
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def made(field: PartField, kind: str, edited: EditedDraft, kept: Any, label: str, *, is_required: bool) -> Any:
    """Return the Django field of a part's field; None where there is nothing to choose from."""
    options = {"label": label, "help_text": str(field.edit.help), "required": is_required}
    if field.edit.missing:
        options["error_messages"] = {"required": str(field.edit.missing)}
    found = _MAKERS[kind](field, edited, kept, options)
    if found is None:
        return None
    look, before, after = (getattr(found, name, "") for name in ("look", "before", "after"))
    after = str(field.edit.unit) or after or str(field.edit.words.get(kind, "")) * (field.edit.by is not None)
    return with_look(found, look=look, before=field.edit.sign or before, after=after)


def choices_of(field: PartField, edited: EditedDraft) -> list[tuple[str, str]]:
    """Return what can be chosen: the values the document allows, or what has a code."""
    of = field.edit.of
    if of == "weekday":
        names = formats.locale().days["format"]["abbreviated"]
        return [(day, names[place]) for place, day in enumerate(_WEEKDAYS)]
    coded = {
        "tier": edited.tiers,
        "rule": edited.giving_rules,
        "place": [*edited.places.items()],
        "reward": edited.rewards,
    }
    if of in coded:
        return coded[of]
    return [(str(value), str(words)) for value, words in field.edit.words.items() if value not in ("on", "off")]


def first_choice(field: forms.Field) -> Any:
    """Return what a list shows and sends while nothing is chosen: its first option; None of any other field."""
    if not isinstance(field.widget, forms.Select):
        return None
    options: Any = getattr(field, "choices", ())
    return next((value for value, _label in options), None)


def is_as_shown(bound: BoundField) -> bool:
    """Return whether a field came back as it was shown: what nobody touched is not written anew."""
    field, sent = bound.field, bound.data
    shown = field.prepare_value(bound.initial)
    if isinstance(field, forms.BooleanField):
        return bool(sent) == bool(shown)
    if isinstance(field, forms.MultipleChoiceField):
        return {str(each) for each in sent or ()} == {str(each) for each in shown or ()}
    if isinstance(field, ListField) and not isinstance(field, NumbersField):
        return set(listed(sent)) == set(listed(shown))
    is_long = isinstance(field.widget, forms.Textarea)
    return _as_sent(sent, is_long) == _as_sent(field.widget.format_value(shown), is_long)


def _as_sent(value: Any, is_long: bool) -> str:
    """Write a value as a browser sends it: lines end with one sign in a long text, and there are none in a short one."""
    if isinstance(value, (list, tuple)):
        value = value[0] if value else ""
    text = "" if value is None else str(value).replace("\r\n", "\n").replace("\r", "\n")
    return text if is_long else text.replace("\n", "")


def in_words(bound: BoundField, default: Any, words: Any) -> str:
    """Return what a field holds as people read it; nothing when it is what it is by itself."""
    field, value = bound.field, bound.value()
    if value in (None, "", [], ()) or _is_default(field, value, default):
        return ""
    if isinstance(field, forms.BooleanField):
        return str(bound.label) if value else str(words.get("off", ""))
    if isinstance(field, forms.ChoiceField):
        chosen = [str(each) for each in value] if isinstance(value, (list, tuple)) else [str(value)]
        options: Any = field.choices
        return ", ".join(str(label) for code, label in options if str(code) in chosen and code)
    shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(field.prepare_value(value))
    return " ".join(filter(None, (getattr(field, "before", ""), shown, str(getattr(field, "after", "")))))


def _is_default(field: forms.Field, value: Any, default: Any) -> bool:
    shown = field.prepare_value(default)
    if isinstance(value, (list, tuple)):
        return {str(each) for each in value} == {str(each) for each in shown or ()}
    return str(value) == str(shown)


def _figure(make: Callable[..., forms.Field], after: Any = "") -> Maker:
    def maker(field: PartField, edited: EditedDraft, kept: Any, options: dict[str, Any]) -> forms.Field:
        found: forms.Field = with_look(make(edited, **options), after=str(after))
        return found

    return maker


def _points(field: PartField, edited: EditedDraft, kept: Any, options: dict[str, Any]) -> forms.Field:
    least = field.least if field.least is not None else 1
    found: forms.Field = with_look(PointsField(edited.decimals, minimum=least, **options), after=edited.unit)
    return found


def _money(field: PartField, edited: EditedDraft, kept: Any, options: dict[str, Any]) -> forms.Field:
    found: forms.Field = with_look(
        MoneyField(edited.currency, **options), before=formats.currency_sign(edited.currency)
    )
    return found


def _rate(field: PartField, edited: EditedDraft, kept: Any, options: dict[str, Any]) -> forms.Field:
    found: forms.Field = with_look(RatioField(decimals=edited.decimals, **options), after=edited.unit)
    return found


def _number(field: PartField, edited: EditedDraft, kept: Any, options: dict[str, Any]) -> forms.Field:
    if field.edit.words and field.edit.by is None:
        return forms.TypedChoiceField(coerce=int, choices=choices_of(field, edited), **options)
    return forms.IntegerField(min_value=field.least, max_value=field.most, **options)


def _choice(field: PartField, edited: EditedDraft, kept: Any, options: dict[str, Any]) -> forms.Field:
    none = [("", str(field.edit.none))] if field.is_optional else []
    return forms.ChoiceField(choices=[*none, *choices_of(field, edited)], **options)


def _code(field: PartField, edited: EditedDraft, kept: Any, options: dict[str, Any]) -> forms.Field:
    return forms.ChoiceField(choices=_with_kept(choices_of(field, edited), [kept] if kept else []), **options)


def _choices(field: PartField, edited: EditedDraft, kept: Any, options: dict[str, Any]) -> forms.Field | None:
    choices = _with_kept(choices_of(field, edited), kept or ())
    if not choices:
        return None
    found = forms.MultipleChoiceField(choices=choices, widget=forms.CheckboxSelectMultiple, **options)
    return with_look(found, look="choices")  # type: ignore[no-any-return]


def _with_kept(choices: list[tuple[str, str]], kept: Sequence[str]) -> list[tuple[str, str]]:
    """What the document names stays to be chosen, also where it is not there any more."""
    return [*choices, *((code, code) for code in kept if code not in dict(choices))]


def _names(field: PartField, edited: EditedDraft, kept: Any, options: dict[str, Any]) -> forms.Field:
    del options["required"]
    seen = getattr(edited.goods, field.edit.of) if field.edit.of else ()
    found = ListField(**options, **({"widget": ChosenNames(seen)} if field.edit.of else {}))
    found.required = bool(field.is_required)
    return found


def _switch(field: PartField, edited: EditedDraft, kept: Any, options: dict[str, Any]) -> forms.Field:
    return with_look(forms.BooleanField(**{**options, "required": False}), look="switch")  # type: ignore[no-any-return]


def _day(field: PartField, edited: EditedDraft, kept: Any, options: dict[str, Any]) -> forms.Field:
    return DayField(**{name: value for name, value in options.items() if name != "required"})


def _hours(field: PartField, edited: EditedDraft, kept: Any, options: dict[str, Any]) -> forms.Field:
    return HoursField(**{name: value for name, value in options.items() if name != "required"})


_MAKERS: Final[dict[str, Maker]] = {
    "points": _points, "money": _money, "rate": _rate, "number": _number, "choice": _choice, "code": _code,
    "quantity": _figure(lambda edited, **options: QuantityField(**options)),
    "ratio": _figure(lambda edited, **options: RatioField(**options)),
    "numbers": _figure(lambda edited, **options: NumbersField(**options)),
    "choices": _choices, "codes": _choices, "names": _names, "switch": _switch, "day": _day, "hours": _hours,
}  # fmt: skip


def switched(label: str) -> Any:
    """Return a switch of the form's own: whether a part is there, whether one of several goes."""
    return with_look(forms.BooleanField(label=label, required=False), look="switch")


def needed() -> str:
    """Say that a field cannot stay empty."""
    return _("This field is required.")
