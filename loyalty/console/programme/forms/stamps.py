"""A stamp card: what gives a stamp, how many fill it, and which reward of the catalogue it brings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.console.programme.fields import DayField, ListField, MoneyField, QuantityField, code_from, with_look
from loyalty.console.programme.forms.rules import WEEKDAYS
from loyalty.console.programme.shapes import Document, PartForm
from loyalty.ui import formats

#: As the terms allow (rewards.terms.stamps).
MOST_STAMPS: Final = 1000
_MOST_BONUSES: Final = 10
#: Where a fault of the terms belongs that names no field of this form.
_FIELDS: Final = {"only": "only_categories", "excluding": "excluding_categories", "per_amount_minor": "per_amount",
                  "per_quantity_milli": "per_quantity"}  # fmt: skip


class SizesField(ListField):
    """The stamps that fill the first card, the second and so on: 10, or 6, 5, 4."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.required = True

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(str(each) for each in value) if isinstance(value, (list, tuple)) else value

    def clean(self, value: Any) -> Any:
        sizes = []
        for text in re.split(r"[,\s，、]+", str(value or "").strip()):
            if not text:
                raise ValidationError(self.error_messages["required"])
            if not (text.isascii() and text.isdecimal() and len(text) < 5 and 0 < int(text) <= MOST_STAMPS):
                raise ValidationError(_("Type whole numbers from 1 to 1000, such as 10 or 6, 5, 4."))
            sizes.append(int(text))
        return sizes


class StampCardForm(PartForm):
    """One stamp card."""

    plan: ClassVar[Any] = (
        ("", "", ("name", "sizes", "reward", "reward_days"), False),
        (gettext_lazy("In other languages"), "", ("name__*",), True),
        (gettext_lazy("What gives a stamp"), gettext_lazy("What was free gives none: only what somebody paid for counts."),
         ("gives", "per_quantity", "per_amount", "carries"), False),
        (gettext_lazy("Which goods"), gettext_lazy("Names of categories, SKUs or labels, as your till sends them."),
         ("only_categories", "only_skus", "only_labels", "only_name", "only_name__*", "excluding_categories",
          "excluding_skus", "excluding_labels", "excluding_name", "excluding_name__*"), True),
        (gettext_lazy("For whom, and limits"), "",
         ("minimum_amount_minor", "most_per_order", "most_per_day", "tiers"), True),
        (gettext_lazy("Days on which stamps count more"),
         gettext_lazy("The highest that applies counts. Save to get another row."), ("bonus_*",), True),
        (gettext_lazy("When stamps end, and what is left over"), "", ("life_count", "life_unit", "starts_next"), True),
    )  # fmt: skip
    together: ClassVar[Sequence[tuple[str, ...]]] = (
        ("most_per_order", "most_per_day"),
        ("life_count", "life_unit"),
        *(
            (f"bonus_factor_{place}", f"bonus_first_day_{place}", f"bonus_last_day_{place}")
            for place in range(_MOST_BONUSES)
        ),
    )

    def build(self) -> None:
        part = self.part
        self.add_text("name", _("Name"), help_text=_("Members read it on their card."))
        self.fields["sizes"] = with_look(
            SizesField(
                label=_("Stamps that fill it"),
                help_text=_("With several numbers the next cards take so many: 6, 5, 4 is 6, then 5, then always 4."),
            )
        )
        self.fields["reward"] = forms.ChoiceField(
            label=_("A full card brings"),
            choices=[(reward.code, self.edited.said(reward.name)) for reward in self.edited.terms.rewards],
            help_text=_("A reward of the catalogue. From a full card it costs no points."),
        )
        self.fields["reward_days"] = with_look(
            forms.IntegerField(
                label=_("It can be taken for"), min_value=1, max_value=3660, required=False,
                help_text=_("Empty: it has no last day."),
            ),
            after=_("days"),
        )  # fmt: skip
        self._build_source(part.get("gives") or {"kind": "per_visit"})
        self.add_goods(
            "only", part.get("only"), _("Only these categories"), _("Only these SKUs"), _("Only these labels")
        )
        self.add_goods(
            "excluding", part.get("excluding"), _("Not these categories"), _("Not these SKUs"), _("Not these labels")
        )
        self._build_limits()
        self._build_bonuses(part.get("bonuses") or [])
        self._build_end(part)

    def _build_source(self, gives: Mapping[str, Any]) -> None:
        self.fields["gives"] = with_look(
            forms.ChoiceField(
                label=_("One stamp for"), widget=forms.RadioSelect,
                choices=[("per_visit", _("each visit")), ("per_piece", _("pieces")), ("per_amount", _("money spent"))],
            ),
            look="segments",
        )  # fmt: skip
        self.fields["per_quantity"] = with_look(
            QuantityField(label=_("Pieces for a stamp"), required=False), after=_("pieces")
        )
        self.fields["per_amount"] = MoneyField(self.edited.currency, label=_("Amount for a stamp"), required=False)
        self.fields["carries"] = with_look(
            forms.BooleanField(label=_("What is short of a stamp counts with the next purchase"), required=False),
            look="switch",
        )
        self.initial["gives"] = gives["kind"]
        self.initial["per_quantity"] = gives.get("per_quantity_milli", 1000)
        self.initial["per_amount"] = gives.get("per_amount_minor")
        self.initial["carries"] = gives.get("carries", False)

    def _build_limits(self) -> None:
        self.fields["minimum_amount_minor"] = MoneyField(
            self.edited.currency, label=_("On orders from"), required=False,
            help_text=_("Paid for goods that count; a smaller order gives no stamp."),
        )  # fmt: skip
        for name, label in (("most_per_order", _("At most in an order")), ("most_per_day", _("At most in a day"))):
            most = forms.IntegerField(label=label, min_value=1, max_value=MOST_STAMPS, required=False)
            self.fields[name] = with_look(most, after=_("stamps"))
        if self.edited.tiers:
            tiers = forms.MultipleChoiceField(
                label=_("Only for members on"), required=False, widget=forms.CheckboxSelectMultiple,
                choices=self.edited.tiers, help_text=_("None chosen: for all."),
            )  # fmt: skip
            self.fields["tiers"] = with_look(tiers, look="choices")

    def _build_bonuses(self, kept: Sequence[Mapping[str, Any]]) -> None:
        """Add a row for each bonus, and one to spare."""
        self.kept_bonuses = kept
        self.bonus_count = min(_MOST_BONUSES, len(kept) + 1)
        if self.is_bound:
            typed = [name for name in self.data if name.startswith(self.add_prefix("bonus_factor_"))]
            self.bonus_count = min(_MOST_BONUSES, max(self.bonus_count, len(typed)))
        names = formats.locale().days["format"]["abbreviated"]
        for place in range(self.bonus_count):
            bonus, number = kept[place] if place < len(kept) else {}, {"number": place + 1}
            factor = forms.IntegerField(
                label=_("Bonus %(number)d: stamps times") % number, min_value=2, max_value=10, required=False
            )
            self.fields[f"bonus_factor_{place}"] = with_look(factor, before="×")
            self.fields[f"bonus_first_day_{place}"] = DayField(label=_("Bonus %(number)d: from") % number)
            self.fields[f"bonus_last_day_{place}"] = DayField(label=_("Bonus %(number)d: until") % number)
            self.fields[f"bonus_weekdays_{place}"] = with_look(
                forms.MultipleChoiceField(
                    label=_("Bonus %(number)d: weekdays") % number, required=False, widget=forms.CheckboxSelectMultiple,
                    choices=[(day, names[at]) for at, day in enumerate(WEEKDAYS)],
                ),
                look="choices",
            )  # fmt: skip
            for name in ("factor", "weekdays", "first_day", "last_day"):
                self.initial[f"bonus_{name}_{place}"] = bonus.get(name)

    def _build_end(self, part: Document) -> None:
        life = part.get("life") or {}
        self.fields["life_count"] = forms.IntegerField(
            label=_("Stamps end without a new one after"), min_value=1, max_value=3660, required=False,
            help_text=_("Empty: they do not end."),
        )  # fmt: skip
        self.fields["life_unit"] = forms.ChoiceField(
            label=_("Unit"), required=False,
            choices=[("months", _("months")), ("days", _("days")), ("years", _("years"))],
        )  # fmt: skip
        self.initial["life_count"], self.initial["life_unit"] = life.get("count"), life.get("unit", "months")
        self.fields["starts_next"] = with_look(
            forms.BooleanField(label=_("Stamps beyond a full card begin the next one"), required=False), look="switch"
        )
        self.initial["starts_next"] = part.get("starts_next", True)

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        if read.get("gives") == "per_amount" and not read.get("per_amount") and "per_amount" not in self.errors:
            self.add_error("per_amount", _("Type the amount that gives a stamp."))
        for place in range(self.bonus_count):
            names = [f"bonus_{name}_{place}" for name in ("weekdays", "first_day", "last_day")]
            factor = f"bonus_factor_{place}"
            if any(read.get(name) for name in names) and not read.get(factor) and factor not in self.errors:
                self.add_error(factor, _("Say how many times stamps count."))
        return read

    def written(self) -> Document:
        read, part = self.cleaned_data, self.part
        taken = {card["code"] for card in self.edited.document["stamps"]}
        return {
            "code": part.get("code") or code_from(read["name"], taken, "card"),
            "name": self.text("name"),
            "sizes": read["sizes"],
            "gives": self._gives(),
            "only": self.goods("only"),
            "excluding": self.goods("excluding"),
            "minimum_amount_minor": read["minimum_amount_minor"],
            "most_per_order": read["most_per_order"],
            "most_per_day": read["most_per_day"],
            "tiers": read.get("tiers", []),
            "bonuses": self._bonuses(),
            "life": {"count": read["life_count"], "unit": read["life_unit"] or "months"}
            if read["life_count"]
            else None,
            "reward": read["reward"],
            "reward_days": read["reward_days"],
            "starts_next": read["starts_next"],
        }

    def _gives(self) -> Document:
        read, kind = self.cleaned_data, self.cleaned_data["gives"]
        if kind == "per_piece":
            return {"kind": kind, "per_quantity_milli": read["per_quantity"] or 1000, "carries": read["carries"]}
        if kind == "per_amount":
            return {"kind": kind, "per_amount_minor": read["per_amount"], "carries": read["carries"]}
        return {"kind": kind}

    def _bonuses(self) -> list[Document]:
        """Return the rows that say how many times; the audience of one that is kept stays as it was."""
        found = []
        for place in range(self.bonus_count):
            kept = self.kept_bonuses[place] if place < len(self.kept_bonuses) else {"tiers": []}
            read = {name: self.cleaned_data[f"bonus_{name}_{place}"] for name in ("factor", "first_day", "last_day")}
            if read["factor"]:
                found.append({**kept, **read, "weekdays": list(self.cleaned_data[f"bonus_weekdays_{place}"])})
        return found

    def take_faults(self, faults: Any, pointer: str) -> None:
        """Put what the terms say of goods, of the source and of a bonus beside the field it is about."""
        for fault in faults:
            path = fault.pointer.removeprefix(pointer) if fault.pointer.startswith(f"{pointer}/") else ""
            names = path.strip("/").split("/")
            name = next((_FIELDS[each] for each in reversed(names) if each in _FIELDS), "")
            if names[0] == "bonuses" and len(names) > 2:
                name = f"bonus_{names[2]}_{names[1]}"
            if name in self.fields:
                self.add_error(name, fault.detail)
            else:
                super().take_faults([fault], pointer)
