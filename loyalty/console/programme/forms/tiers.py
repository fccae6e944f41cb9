"""The ladder of tiers, and each of its levels."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.console.programme.fields import (
    MoneyField,
    PointsField,
    RatioField,
    code_from,
    worn,
)
from loyalty.console.programme.shapes import Desk, Document, PartForm


class TiersForm(PartForm):
    """The ladder: what counts, over which window, and what happens when it ends."""

    plan: ClassVar[Any] = (
        ("", "", ("is_on", "basis", "window_kind", "window_months", "downgrade", "grace_days"), False),
    )  # fmt: skip

    def build(self) -> None:
        self.fields["is_on"] = worn(
            forms.BooleanField(label=_("Members rise through tiers"), required=False), look="switch"
        )
        self.fields["basis"] = forms.ChoiceField(
            label=_("What counts"),
            choices=[("qualifying_points", _("points earned")), ("spend", _("money spent")), ("purchases", _("number of purchases"))],
        )  # fmt: skip
        self.fields["window_kind"] = forms.ChoiceField(
            label=_("Counted over"),
            choices=[("rolling", _("the last months")), ("calendar_year", _("the calendar year")),
                     ("anniversary", _("a year from the day of joining"))],
        )  # fmt: skip
        months = forms.IntegerField(label=_("How many"), min_value=1, max_value=120, required=False)
        self.fields["window_months"] = worn(months, after=_("months"))
        self.fields["downgrade"] = forms.ChoiceField(
            label=_("When a window ends short of the tier"),
            choices=[("none", _("the tier stays")), ("one_level", _("one tier down")), ("by_value", _("down to what the value says"))],
        )  # fmt: skip
        grace = forms.IntegerField(label=_("Days of grace"), min_value=0, max_value=3660, required=False)
        self.fields["grace_days"] = worn(grace, after=_("days"))
        window = self.part.get("window") or {"kind": "rolling", "months": 12}
        self.initial = {
            "is_on": bool(self.part), "basis": self.part.get("basis", "qualifying_points"),
            "window_kind": window["kind"], "window_months": window.get("months", 12),
            "downgrade": self.part.get("downgrade", "by_value"), "grace_days": self.part.get("grace_days", 0),
        }  # fmt: skip

    def furnish(self) -> None:
        """A form for each level, and an empty one; a level without a name is taken away."""
        levels = self.part.get("levels") or [{"code": "member", "name": _("Member"), "threshold": 0}]
        data = self.data if self.is_bound else None
        basis = (data.get("basis") if data is not None else None) or self.initial["basis"]
        for place, level in enumerate([*levels, {}]):
            self.inner[f"levels/{place}"] = LevelForm(
                self.desk, level, data, basis=basis, place=place, is_new=not level, prefix=f"level{place}"
            )
        for form in self.inner.values():
            form.empty_permitted = True

    def written(self) -> Document | None:
        read = self.cleaned_data
        if not read["is_on"]:
            return None
        window: Document = {"kind": read["window_kind"]}
        if read["window_kind"] == "rolling":
            window["months"] = read["window_months"] or 12
        levels: list[Document] = []
        for form in self.inner.values():
            level = form.written()
            if level is not None:
                taken = {each["code"] for each in levels}
                if not level["code"]:
                    level["code"] = code_from(form.cleaned_data["name"], taken, "tier")
                levels.append(level)
        levels.sort(key=lambda level: level["threshold"])
        return {
            "basis": read["basis"], "levels": levels, "window": window, "downgrade": read["downgrade"],
            "grace_days": read["grace_days"] or 0,
        }  # fmt: skip

    def take_faults(self, faults: Any, pointer: str) -> None:
        """What is said of a level stands beside that level."""
        for fault in faults:
            names = fault.pointer.removeprefix(pointer).strip("/").split("/")
            form = self.inner.get("/".join(names[:2]))
            if form is not None and names[-1] in form.fields:
                form.add_error(names[-1], fault.detail)
            else:
                super().take_faults([fault], pointer)


class LevelForm(PartForm):
    """One tier."""

    plan: ClassVar[Any] = (
        ("", "", ("name", "threshold", "multiplier"), False),
        (gettext_lazy("In other languages"), "", ("name__*",), True),
        (gettext_lazy("What it gives"), "", ("benefits",), True),
    )

    def __init__(
        self,
        desk: Desk,
        part: Document | None,
        data: Any = None,
        *,
        basis: str,
        place: int,
        is_new: bool,
        **options: Any,
    ) -> None:
        self.basis, self.place, self.is_new = basis, place, is_new
        super().__init__(desk, part, data, **options)

    def build(self) -> None:
        self.add_text("name", _("Name"), required=False)
        label = _("Reached at")
        threshold: Any
        if self.basis == "spend":
            threshold = MoneyField(self.desk.currency, label=label, required=False)
        elif self.basis == "purchases":
            threshold = worn(forms.IntegerField(label=label, min_value=0, required=False), after=_("purchases"))
        else:
            threshold = worn(PointsField(self.desk.decimals, minimum=0, label=label, required=False), after=_("points"))
        self.fields["threshold"] = threshold
        self.fields["multiplier"] = worn(RatioField(label=_("Earns times"), required=False), before="×")
        self.fields["benefits"] = forms.CharField(
            label=_("Benefits"),
            required=False,
            widget=forms.Textarea(attrs={"rows": 3}),
            help_text=_("One on each line."),
        )
        self.initial.setdefault("multiplier", 1)
        kept = self.part.get("benefits") or []
        self.initial["benefits"] = "\n".join(self.desk.said(benefit) for benefit in kept)

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        if read.get("name") and read.get("threshold") is None and "threshold" not in self.errors:
            self.add_error("threshold", _("Say from where on members have this tier; 0 is everybody's."))
        return read

    def written(self) -> Document | None:
        read = self.cleaned_data
        if not read.get("name"):
            return None
        return {
            **{name: self.part[name] for name in ("expiry",) if self.part.get(name) is not None},
            "code": self.part.get("code", ""),
            "name": self.text("name"),
            "threshold": read["threshold"],
            "multiplier": read["multiplier"] if read["multiplier"] is not None else 1,
            "benefits": self._benefits(read["benefits"]),
        }

    def _benefits(self, typed: str) -> list[Any]:
        """A line that was not changed keeps its translations."""
        kept = {self.desk.said(benefit): benefit for benefit in self.part.get("benefits") or ()}
        return [kept.get(line.strip(), line.strip()) for line in typed.splitlines() if line.strip()]
