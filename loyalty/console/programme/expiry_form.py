"""When points end: the form of an expiry, of the programme or of a rule or tier of its own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from loyalty.console.programme.fields import (
    ListField,
    with_look,
)
from loyalty.console.programme.shapes import Document, EditedDraft, PartForm


class ExpiryForm(PartForm):
    """When points end; empty where the part may leave it to the programme."""

    kind = forms.ChoiceField(required=False)
    count = forms.IntegerField(min_value=1, max_value=3660, required=False)
    unit = forms.ChoiceField(required=False)
    round_to = forms.ChoiceField(required=False)
    round = forms.ChoiceField(required=False)
    activity_adds_months = forms.IntegerField(min_value=0, max_value=120, required=False)
    at_latest = forms.IntegerField(min_value=1, max_value=3660, required=False)
    at_latest_unit = forms.ChoiceField(required=False)
    at_latest_round_to = forms.ChoiceField(required=False)
    last_days = ListField()
    at_least_days = forms.IntegerField(min_value=0, max_value=3660, required=False)

    def __init__(
        self, edited: EditedDraft, part: Document | None, data: Any = None, *, may_inherit: bool, **options: Any
    ) -> None:
        self.may_inherit = may_inherit
        super().__init__(edited, part, data, **options)

    def build(self) -> None:
        kinds = [
            ("never", _("never")),
            ("rolling", _("a while after they were earned")),
            ("fixed", _("on fixed days")),
            ("inactivity", _("when the member has done nothing for a while")),
        ]
        inherit = [("", _("as the programme says"))] if self.may_inherit else []
        self._label("kind", _("Points expire"), [*inherit, *kinds])
        self._label("count", _("After"))
        units = [("months", _("months")), ("days", _("days")), ("years", _("years"))]
        self._label("unit", _("Unit"), units)
        periods = [("month", _("month")), ("quarter", _("quarter")), ("half", _("half-year")), ("year", _("year"))]
        self._label("round_to", _("Rounded to"), [("", _("not rounded")), *periods])
        self._label("round", _("Rounded to the"), [("end", _("end of it")), ("start", _("beginning of it"))])
        self._label("activity_adds_months", _("Each month with a purchase adds"))
        with_look(self.fields["activity_adds_months"], after=_("months"))
        self._label("at_latest", _("Expire after, at the latest"))
        self.fields["at_latest"].help_text = _(
            "Counted from the day they were earned. For points whose end activity moves; empty is without a last day."
        )
        self._label("at_latest_unit", _("Unit"), units)
        self._label("at_latest_round_to", _("Rounded to the end of the"), [("", _("not rounded")), *periods])
        latest = self.part.get("at_latest") or {}
        self.initial["at_latest"] = latest.get("count")
        self.initial["at_latest_unit"] = latest.get("unit", "months")
        self.initial["at_latest_round_to"] = latest.get("round_to") or ""
        self._label("last_days", _("Last days"))
        self.fields["last_days"].help_text = _("12-31 is every year, 2027-03-31 is one day. Divide several by commas.")
        self._label("at_least_days", _("But not within"))
        with_look(self.fields["at_least_days"], after=_("days of earning"))

    def _label(self, name: str, label: str, choices: Any = None) -> None:
        self.fields[name].label = label
        if choices is not None:
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        if read.get("kind") in ("rolling", "inactivity") and not read.get("count") and "count" not in self.errors:
            self.add_error("count", _("Say after how long."))
        if read.get("kind") == "fixed" and not read.get("last_days"):
            self.add_error("last_days", _("Name at least one day."))
        return read

    def written(self) -> Document | None:
        read, kind = self.cleaned_data, self.cleaned_data["kind"]
        if not kind:
            return None
        if kind == "never":
            return {"kind": "never"}
        if kind == "fixed":
            return {"kind": kind, "last_days": read["last_days"], "at_least_days": read["at_least_days"] or 0}
        found: Document = {
            "kind": kind,
            "count": read["count"],
            "unit": read["unit"] or "months",
            "round_to": read["round_to"] or None,
            "round": read["round"] or "end",
        }
        if kind == "rolling":
            found["activity_adds_months"] = read["activity_adds_months"] or 0
        if read["at_latest"]:
            found["at_latest"] = {
                "count": read["at_latest"],
                "unit": read["at_latest_unit"] or "months",
                "round_to": read["at_latest_round_to"] or None,
            }
        return found
