"""An earning rule of any kind: what it gives, when it applies, on which goods, within which limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from loyalty.console.programme.expiry_form import ExpiryForm
from loyalty.console.programme.fields import (
    DayField,
    HoursField,
    ListField,
    MoneyField,
    QuantityField,
    RatioField,
    code_from,
    with_look,
)
from loyalty.console.programme.shapes import Document, EditedDraft, PartForm, Section
from loyalty.ui import formats

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RULE_KINDS: dict[str, Any] = {
    "per_money": gettext_lazy("Points for money spent"),
    "per_order": gettext_lazy("Points for an order"),
    "per_item": gettext_lazy("Points for each piece"),
    "multiplier": gettext_lazy("Multiply what other rules give"),
}


#: Which clauses of the terms a token says, by its first field; without any it says its fields.
_CLAUSES: dict[str, tuple[str, ...]] = {
    "only_categories": ("only",),
    "first_day": ("first_day",),
    "cap_*": ("caps",),
    "minimum_amount_minor": ("minimum_amount_minor", "below_amount_minor", "minimum_quantity_milli"),
    "nth_purchase": ("nth_purchase", "every_nth_purchase"),
    "with_goods_categories": ("with_goods",),
    "excluding_categories": ("excluding",),
    "locations": ("locations", "channels", "without_points"),
    "full_steps": (),
}
#: Which token a clause is changed in.
TOKEN_OF = {clause: key.rstrip("*_") for key, clauses in _CLAUSES.items() for clause in clauses} | {
    "qualifying": "full_steps"
}


class RuleForm(PartForm):
    """An earning rule of any kind, with its conditions, limits and details."""

    #: The sentence a rule is: each of these is one token of it, and says what is set in it.
    plan: ClassVar[Any] = (
        (gettext_lazy("goods"), gettext_lazy("Seen in your latest sales, with the number of sales; or as your till sends them."),
         ("only_categories", "only_skus", "only_labels", "only_name", "only_name__*"), True),
        (gettext_lazy("weekdays"), "", ("weekdays",), True),
        (gettext_lazy("hours"), "", ("hours",), True),
        (gettext_lazy("dates"), "", ("first_day", "last_day"), True),
        (gettext_lazy("tiers"), "", ("tiers",), True),
        (gettext_lazy("birthday"), "", ("birthday",), True),
        (gettext_lazy("limit"), gettext_lazy("The most points this rule gives. Save to get another row."), ("cap_*",), True),
        (gettext_lazy("order total"), "", ("minimum_amount_minor", "below_amount_minor", "minimum_quantity_milli"), True),
        (gettext_lazy("which purchase"), "", ("nth_purchase", "every_nth_purchase"), True),
        (gettext_lazy("goods in the basket"), gettext_lazy("The rule applies when the basket holds one of these."),
         ("with_goods_categories", "with_goods_skus", "with_goods_labels", "with_goods_name", "with_goods_name__*"), True),
        (gettext_lazy("goods left out"), "",
         ("excluding_categories", "excluding_skus", "excluding_labels", "excluding_name", "excluding_name__*"), True),
        (gettext_lazy("shops and channels"), "", ("locations", "channels", "without_points"), True),
        (gettext_lazy("which rules"), "", ("of",), True),
        (gettext_lazy("details"), "",
         ("full_steps", "mode", "net_of", "by_tier", "qualifying", "priority", "stop", "pending_days", "pending_until"), True),
    )  # fmt: skip

    #: What the terms say of the rule, by the name of the field (`Rule.clauses`); empty while it cannot be read.
    phrases: Mapping[str, Sequence[str]] | None = {}

    def says(self, key: str, fields: Sequence[BoundField]) -> str:
        clauses = _CLAUSES.get(key, (key,))
        if self.phrases and clauses:
            return " · ".join(phrase for clause in clauses for phrase in self.phrases.get(clause, ()))
        said = super().says(key, fields)
        return said if clauses or not said else _("details")

    @property
    def tokens(self) -> list[Section]:
        """The sentence's tokens: what is set first, in the order of the plan, then what may be added."""
        return sorted(self.sections(), key=lambda section: not section.says)

    @property
    def start(self) -> list[BoundField]:
        """The figures that the sentence begins with."""
        names = ("points", "factor", "per_amount", "per_quantity")
        return [self[name] for name in names if name in self.fields]

    def __init__(
        self, edited: EditedDraft, part: Document | None, data: Any = None, *, kind: str, **options: Any
    ) -> None:
        self.kind = kind
        super().__init__(edited, part, data, **options)

    def build(self) -> None:
        part, when = self.part, self.part.get("when") or {}
        self.add_text("name", _("Name"), help_text=_("Members read it on their receipt."))
        self._build_amounts(part)
        self._build_conditions(when)
        self.add_goods(
            "only", part.get("only"), _("Only these categories"), _("Only these SKUs"), _("Only these labels")
        )
        self.add_goods(
            "excluding", part.get("excluding"), _("Not these categories"), _("Not these SKUs"), _("Not these labels")
        )
        self.add_goods(
            "with_goods",
            when.get("with_goods"),
            _("The basket holds one of these categories"),
            _("… or one of these SKUs"),
            _("… or one of these labels"),
        )
        self.add_caps(part.get("caps") or [])
        self._build_details(part)

    def _build_amounts(self, part: Document) -> None:
        decimals, currency = self.edited.decimals, self.edited.currency
        if self.kind == "multiplier":
            self.fields["factor"] = with_look(RatioField(label=_("Times")), before="×")
            self.fields["mode"] = with_look(
                forms.ChoiceField(
                    label=_("Together with the tier's own factor"),
                    choices=[("add", _("adds up (double on a tier of 1.2 is 2.2)")),
                             ("multiply", _("compounds (double on a tier of 1.2 is 2.4)"))],
                )
            )  # fmt: skip
            self.fields["of"] = with_look(
                forms.MultipleChoiceField(
                    label=_("Of which rules"), choices=self.edited.giving_rules, required=False,
                    widget=forms.CheckboxSelectMultiple, help_text=_("None chosen: of all."),
                ),
                look="choices",
            )  # fmt: skip
            self.initial.setdefault("factor", 2)
            self.initial.setdefault("mode", "add")
            return
        self.fields["points"] = with_look(RatioField(decimals=decimals, label=_("Gives")), after=_("points"))
        if self.kind == "per_money":
            amount = MoneyField(currency, label=_("For each"))
            self.fields["per_amount"] = with_look(amount, before=formats.currency_sign(currency))
            self.initial["per_amount"] = part.get("per_amount_minor")
        if self.kind == "per_item":
            self.fields["per_quantity"] = with_look(QuantityField(label=_("For each")), after=_("pieces"))
            self.initial["per_quantity"] = part.get("per_quantity_milli", 1000)
        if self.kind != "per_order":
            self.fields["full_steps"] = with_look(
                forms.BooleanField(label=_("Only full steps count"), required=False), look="switch"
            )

    def _build_conditions(self, when: Document) -> None:
        names = formats.locale().days["format"]["abbreviated"]
        self.fields["weekdays"] = with_look(
            forms.MultipleChoiceField(
                label=_("Weekdays"), required=False, widget=forms.CheckboxSelectMultiple,
                choices=[(day, names[place]) for place, day in enumerate(WEEKDAYS)],
            ),
            look="choices",
        )  # fmt: skip
        self.fields["hours"] = HoursField(
            label=_("Hours"), help_text=_("For example 07:00-10:00, where the shop stands.")
        )
        self.fields["first_day"], self.fields["last_day"] = DayField(label=_("From")), DayField(label=_("Until"))
        for name, label, choices in (
            ("tiers", _("Tiers"), self.edited.tiers),
            ("locations", _("Shops"), list(self.edited.places.items())),
        ):
            kept = [(value, value) for value in when.get(name, ()) if value not in dict(choices)]
            if choices or kept:
                widget = forms.CheckboxSelectMultiple
                field = forms.MultipleChoiceField(label=label, required=False, widget=widget, choices=[*choices, *kept])
                self.fields[name] = with_look(field, look="choices")
        self.fields["birthday"] = forms.ChoiceField(
            label=_("Birthday"), required=False,
            choices=[("", _("does not matter")), ("day", _("on the day")), ("week", _("in the week")),
                     ("month", _("in the month"))],
        )  # fmt: skip
        self.fields["minimum_amount_minor"] = MoneyField(
            self.edited.currency, label=pgettext("threshold", "From"), required=False
        )
        self.fields["below_amount_minor"] = MoneyField(self.edited.currency, label=_("Below"), required=False)
        self.fields["minimum_quantity_milli"] = with_look(
            QuantityField(label=_("At least"), required=False), after=_("pieces")
        )
        self.fields["nth_purchase"] = forms.IntegerField(
            label=_("Only purchase number"), min_value=1, required=False, help_text=_("1 is the first.")
        )
        self.fields["every_nth_purchase"] = forms.IntegerField(
            label=_("Every n-th purchase"), min_value=1, required=False, help_text=_("10 is the 10th, 20th …")
        )
        self.fields["channels"] = ListField(
            label=_("Channels"), help_text=_("As your tills send them, such as store, online.")
        )
        self.fields["without_points"] = with_look(
            forms.BooleanField(label=_("Only if nothing was paid with points"), required=False), look="switch"
        )
        for name in ("weekdays", "hours", "first_day", "last_day", "tiers", "locations", "birthday", "channels",
                     "minimum_amount_minor", "below_amount_minor", "minimum_quantity_milli", "nth_purchase",
                     "every_nth_purchase", "without_points"):  # fmt: skip
            self.initial[name] = when.get(name)

    def _build_details(self, part: Document) -> None:
        self.fields["net_of"] = with_look(
            forms.MultipleChoiceField(
                label=_("Taken off the amount first"), required=False, widget=forms.CheckboxSelectMultiple,
                choices=[("discounts", _("discounts")), ("tax", _("tax")), ("points", _("what was paid with points"))],
            ),
            look="choices",
        )  # fmt: skip
        self.initial["net_of"] = part.get("net_of", ["discounts"])
        if self.kind != "multiplier":
            self.fields["by_tier"] = with_look(
                forms.BooleanField(label=_("Multiplied by the tier"), required=False), look="switch"
            )
            self.initial["by_tier"] = part.get("by_tier", True)
        self.fields["qualifying"] = with_look(
            forms.BooleanField(label=_("Counts towards the tier"), required=False), look="switch"
        )
        self.initial["qualifying"] = part.get("qualifying", True)
        self.fields["priority"] = forms.IntegerField(
            label=_("Priority"),
            min_value=-1000,
            max_value=1000,
            required=False,
            help_text=_("Higher is looked at first."),
        )
        self.fields["stop"] = with_look(
            forms.BooleanField(label=_("When it applies, later rules are not looked at"), required=False), look="switch"
        )
        self.add_pending(part.get("pending"), _("Points stay pending for"))

    def set_choices(self) -> None:
        data = self.data if self.is_bound else None
        self.inner["expiry"] = ExpiryForm(self.edited, self.part.get("expiry"), data, may_inherit=True, prefix="expiry")

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        if self.kind == "per_money" and read.get("per_amount") == 0:
            self.add_error("per_amount", _("More than nothing."))
        return read

    def written(self) -> Document:
        read = self.cleaned_data
        taken = {rule["code"] for rule in self.edited.document["earning"]["rules"]}
        found: Document = {
            "kind": self.kind,
            "code": self.part.get("code") or code_from(read["name"], taken, self.kind.replace("_", "-")),
            "name": self.text("name"),
            "when": self._when(),
            "only": self.goods("only"),
            "excluding": self.goods("excluding"),
            "net_of": read["net_of"],
            "caps": self.caps(),
            "priority": read["priority"] or 0,
            "stop": read["stop"],
            "pending": self.pending(),
            "expiry": self.inner["expiry"].written(),
            "qualifying": read["qualifying"],
        }
        if self.kind == "multiplier":
            return {**found, "factor": read["factor"], "mode": read["mode"], "of": read["of"]}
        found |= {"points": read["points"], "by_tier": read["by_tier"]}
        if self.kind == "per_money":
            found |= {"per_amount_minor": read["per_amount"], "full_steps": read["full_steps"]}
        if self.kind == "per_item":
            found |= {"per_quantity_milli": read["per_quantity"], "full_steps": read["full_steps"]}
        return found

    def _when(self) -> Document:
        read = self.cleaned_data
        plain = ("first_day", "last_day", "minimum_amount_minor", "below_amount_minor", "minimum_quantity_milli",
                 "nth_purchase", "every_nth_purchase")  # fmt: skip
        lists = ("weekdays", "hours", "locations", "channels", "tiers")
        return {
            **{name: read.get(name) for name in plain},
            **{name: list(read.get(name) or ()) for name in lists},
            "with_goods": self.goods("with_goods"),
            "birthday": read["birthday"] or None,
            "without_points": read["without_points"],
        }
