"""The tiers, and each of their levels."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.console.programme.expiry_form import ExpiryForm
from loyalty.console.programme.fields import MoneyField, PointsField, RatioField, code_from, with_look
from loyalty.console.programme.shapes import Document, EditedDraft, PartForm

#: As the terms allow (rewards.terms.tiers), and how many empty boxes a tier shows.
_MOST_BENEFITS: Final = 30
_SPARE_BENEFITS: Final = 2


class TiersForm(PartForm):
    """What all tiers share: what counts, over which window, and what happens when it ends."""

    plan: ClassVar[Any] = (
        ("", "", ("is_on", "basis", "window_kind", "window_months", "downgrade", "grace_days"), False),
    )  # fmt: skip

    def build(self) -> None:
        self.fields["is_on"] = with_look(
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
        self.fields["window_months"] = with_look(months, after=_("months"))
        self.fields["downgrade"] = forms.ChoiceField(
            label=_("If a member no longer qualifies"),
            choices=[("none", _("the tier stays")), ("one_level", _("one tier down")), ("by_value", _("drops to the tier their last months earn"))],
        )  # fmt: skip
        grace = forms.IntegerField(label=_("Days of grace"), min_value=0, max_value=3660, required=False)
        self.fields["grace_days"] = with_look(grace, after=_("days"))
        window = self.part.get("window") or {"kind": "rolling", "months": 12}
        self.initial = {
            "is_on": bool(self.part), "basis": self.part.get("basis", "qualifying_points"),
            "window_kind": window["kind"], "window_months": window.get("months", 12),
            "downgrade": self.part.get("downgrade", "by_value"), "grace_days": self.part.get("grace_days", 0),
        }  # fmt: skip

    def set_choices(self) -> None:
        """Add a form for each level, and an empty one."""
        levels = self.part.get("levels") or [{"code": "member", "name": _("Member"), "threshold": 0}]
        data = self.data if self.is_bound else None
        basis = (data.get("basis") if data is not None else None) or self.initial["basis"]
        for place, level in enumerate([*levels, {}]):
            self.inner[f"levels/{place}"] = LevelForm(
                self.edited, level, data, basis=basis, place=place, is_new=not level, prefix=f"level{place}"
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
            if form is not None:
                form.take_faults([fault], f"{pointer}/{'/'.join(names[:2])}")
            else:
                super().take_faults([fault], pointer)


class LevelForm(PartForm):
    """One tier."""

    plan: ClassVar[Any] = (
        ("", "", ("name", "threshold", "multiplier"), False),
        (gettext_lazy("In other languages"), "", ("name__*",), True),
        (
            gettext_lazy("What it gives"),
            gettext_lazy("One benefit in each box; an empty one is removed."),
            ("benefit_*",),
            True,
        ),
        ("", "", ("remove",), False),
    )

    def __init__(
        self,
        edited: EditedDraft,
        part: Document | None,
        data: Any = None,
        *,
        basis: str,
        place: int,
        is_new: bool,
        **options: Any,
    ) -> None:
        self.basis, self.place, self.is_new = basis, place, is_new
        super().__init__(edited, part, data, **options)

    def build(self) -> None:
        self.add_text("name", _("Name"), required=False)
        label = _("Reached at")
        threshold: Any
        if self.basis == "spend":
            threshold = MoneyField(self.edited.currency, label=label, required=False)
        elif self.basis == "purchases":
            threshold = with_look(forms.IntegerField(label=label, min_value=0, required=False), after=_("purchases"))
        else:
            threshold = with_look(
                PointsField(self.edited.decimals, minimum=0, label=label, required=False), after=_("points")
            )
        self.fields["threshold"] = threshold
        self.fields["multiplier"] = with_look(RatioField(label=_("Earns times"), required=False), before="×")
        self._add_benefits(self.part.get("benefits") or [])
        if self.place and not self.is_new:
            remove = forms.BooleanField(label=_("Remove this tier"), required=False)
            self.fields["remove"] = with_look(remove, look="switch")
        self.fields["expiry_for"] = forms.ChoiceField(
            label=_("This holds for"),
            choices=[("earned", _("points earned on this tier")), ("held", _("all points held while on it"))],
            required=False,
            help_text=_("No point ends earlier than it would have, also when the member leaves the tier."),
        )
        self.initial.setdefault("expiry_for", "earned")
        self.initial.setdefault("multiplier", 1)

    def set_choices(self) -> None:
        data = self.data if self.is_bound else None
        kept = self.part.get("expiry")
        self.inner["expiry"] = ExpiryForm(self.edited, kept, data, may_inherit=True, prefix=f"{self.prefix}-expiry")

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        if not read.get("name") and not self.is_new and not read.get("remove") and "name" not in self.errors:
            self.add_error("name", _("Type a name, or remove the tier."))
        if read.get("name") and read.get("threshold") is None and "threshold" not in self.errors:
            self.add_error("threshold", _("Say from where on members have this tier; 0 is everybody's."))
        return read

    def written(self) -> Document | None:
        read = self.cleaned_data
        if not read.get("name") or read.get("remove"):
            return None
        ends = self.inner["expiry"].written()
        return {
            "code": self.part.get("code", ""),
            "name": self.text("name"),
            "threshold": read["threshold"],
            "multiplier": read["multiplier"] if read["multiplier"] is not None else 1,
            "benefits": self._benefits(),
            **({"expiry": ends, "expiry_for": read["expiry_for"] or "earned"} if ends else {}),
        }

    def _add_benefits(self, kept: list[Any]) -> None:
        """Add a text for each benefit, in every language of its own, and some to spare."""
        self.benefit_count = min(_MOST_BENEFITS, len(kept) + _SPARE_BENEFITS)
        if self.is_bound:
            typed = [name for name in self.data if name.startswith(self.add_prefix("benefit_")) and "__" not in name]
            self.benefit_count = min(_MOST_BENEFITS, max(self.benefit_count, len(typed)))
        for place in range(self.benefit_count):
            self.add_text(
                f"benefit_{place}", _("Benefit %(number)d") % {"number": place + 1}, required=False,
                kept=kept[place] if place < len(kept) else "",
            )  # fmt: skip

    def _benefits(self) -> list[Any]:
        return [text for place in range(self.benefit_count) if (text := self.text(f"benefit_{place}"))]
