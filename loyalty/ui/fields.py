"""A Django form field as the page shows it: the input with its class and the ids that tie label, help and error to it."""

from __future__ import annotations

from collections.abc import Mapping
from html import unescape
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.html import strip_tags
from django.utils.safestring import SafeString

OWN = ("label", "help", "prefix", "suffix", "icon", "look", "hide_label", "plain", "optional")
CODE_LOOKS = {
    "code": {"inputmode": "numeric"},
    "code-text": {"autocapitalize": "characters"},
}
_LISTS = (forms.RadioSelect, forms.CheckboxSelectMultiple)


def drawn(bound: BoundField, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what components/field.html draws. Options that are not ours become attributes of the input."""
    own = {name: options.get(name) for name in OWN}
    widget = bound.field.widget
    kind = _kind(widget)
    found = [str(error) for error in bound.errors]
    help_text = bound.help_text if own["help"] is None else own["help"]
    # The same ids Django would write: where it adds the attribute by itself it points to the same place.
    described = [f"{bound.auto_id}_helptext"] if help_text else []
    described += [f"{bound.auto_id}_error"] if found else []
    attributes: dict[str, Any] = {name.replace("_", "-"): value for name, value in options.items() if name not in OWN}
    attributes["class"] = _css(kind, widget, own["look"])
    attributes |= {"aria-describedby": " ".join(described)} if described else {}
    attributes |= {"aria-invalid": "true"} if found else {}
    attributes |= {"role": "switch"} if own["look"] == "switch" else {}
    if own["look"] in CODE_LOOKS:
        attributes |= {"autocomplete": "one-time-code", "spellcheck": "false", **CODE_LOOKS[own["look"]]}
    return {
        **own,
        "bound": bound,
        "kind": kind,
        "label": own["label"] or bound.label,
        "help": help_text,
        "errors": found,
        "is_optional": not bound.field.required and (kind != "check" or bool(own["optional"])) and not own["plain"],
        "control": "" if kind == "list" else bound.as_widget(attrs=attributes),
        "options": [_option(choice, attributes) for choice in bound] if kind == "list" else [],
        "describedby": " ".join(described),
    }


def alone(bound: BoundField, css: str, attributes: Mapping[str, Any]) -> SafeString:
    """Return the input without label, help and error: its label is its name for screen readers."""
    found = {name.replace("_", "-"): value for name, value in attributes.items()}
    found |= {"class": css, "aria-label": str(bound.label)}
    if bound.errors:
        found |= {"aria-invalid": "true", "aria-describedby": f"{bound.auto_id}_error"}
    return bound.as_widget(attrs=found)


def errors(form: forms.BaseForm) -> dict[str, Any]:
    """Return the form's own errors and the first of each field, with the id to go to.

    A label that is a sentence loses its last sign, since a colon follows; one with a link in it loses the link.
    """
    return {
        "general": [str(error) for error in form.non_field_errors()],
        "fields": [
            (_first_id(bound), _plain(bound.label).rstrip(".?!。？！"), str(bound.errors[0]))
            for bound in form
            if bound.errors
        ],
    }


def _plain(label: Any) -> str:
    return unescape(strip_tags(label)) if isinstance(label, SafeString) else str(label)


def _first_id(bound: forms.BoundField) -> str:
    """Where a link to the field goes: a list of buttons or boxes has no id of its own, its first one has."""
    return f"{bound.auto_id}_0" if _kind(bound.field.widget) == "list" else str(bound.auto_id)


def _kind(widget: forms.Widget) -> str:
    if isinstance(widget, _LISTS):
        return "list"
    return "check" if isinstance(widget, forms.CheckboxInput) else "input"


def _css(kind: str, widget: forms.Widget, look: str | None) -> str:
    if kind != "input":
        base = "switch" if look == "switch" else "box"
    else:
        base = "input"
        base += " input--code" if look in CODE_LOOKS else ""
        base += " input--number" if isinstance(widget, forms.NumberInput) else ""
    return f"{base} {widget.attrs.get('class', '')}".strip()


def _option(choice: Any, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """One radio button or box of a list, without the frame Django puts around it; the group carries the description."""
    passed = {name: value for name, value in attributes.items() if name != "aria-describedby"}
    choice.data["attrs"] = {**choice.data["attrs"], **passed}
    return {"control": choice.tag(), "label": choice.choice_label, "id": choice.id_for_label}
