"""A reward of the catalogue."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.console.programme.fields import DayField, MoneyField, PointsField, code_from, with_look
from loyalty.console.programme.shapes import Document, EditedDraft, PartForm, periods_of_limits

REWARD_KINDS: dict[str, Any] = {
    "product": gettext_lazy("Free product"),
    "discount": gettext_lazy("Money off"),
    "percentage": gettext_lazy("A percentage off"),
    "text": gettext_lazy("Anything words can promise"),
}


class RewardForm(PartForm):
    """A reward of the catalogue."""

    plan: ClassVar[Any] = (
        ("", "", ("name", "price_points", "amount_minor", "percent", "max_minor", "minimum_total_minor"), False),
        (gettext_lazy("In other languages"), "", ("name__*",), True),
        (gettext_lazy("What members read"), "", ("description", "description__*"), True),
        (gettext_lazy("Which goods"), gettext_lazy("Leave empty to let the cashier decide."),
         ("goods_categories", "goods_skus", "goods_labels", "goods_name", "goods_name__*"), True),
        (gettext_lazy("How many, and for whom"), "", ("stock", "limit_count", "limit_per", "tiers"), False),
        (gettext_lazy("When"), "", ("first_day", "last_day", "hold_minutes"), True),
    )  # fmt: skip

    def __init__(
        self, edited: EditedDraft, part: Document | None, data: Any = None, *, kind: str, **options: Any
    ) -> None:
        self.kind = kind
        super().__init__(edited, part, data, **options)

    def build(self) -> None:
        part, currency = self.part, self.edited.currency
        self.add_text("name", _("Name"))
        self.add_text("description", _("Description"), required=False, lines=3)
        self.fields["price_points"] = with_look(PointsField(self.edited.decimals, label=_("Price")), after=_("points"))
        if self.kind == "discount":
            self.fields["amount_minor"] = MoneyField(currency, label=_("Takes off"))
        if self.kind == "percentage":
            percent = forms.IntegerField(min_value=1, max_value=100, label=_("Takes off"))
            self.fields["percent"] = with_look(percent, after="%")
        if self.kind in ("percentage", "product"):
            label = _("At most") if self.kind == "percentage" else _("Up to a price of")
            self.fields["max_minor"] = MoneyField(currency, label=label, required=False)
        if self.kind in ("percentage", "discount"):
            self.fields["minimum_total_minor"] = MoneyField(currency, label=_("On orders from"), required=False)
        if self.kind == "product":
            self.add_goods("goods", part.get("goods"), _("Categories"), _("SKUs"), _("Labels"))
        self.fields["stock"] = forms.IntegerField(
            min_value=0, max_value=10**9, required=False, label=_("Total stock"),
            help_text=_("Total stock, including those already redeemed. Empty = unlimited."),
        )  # fmt: skip
        limit = part.get("per_member") or {}
        self.fields["limit_count"] = forms.IntegerField(
            min_value=1, max_value=10**6, required=False, label=_("Each member at most")
        )
        self.fields["limit_per"] = forms.ChoiceField(label=_("In a"), choices=periods_of_limits()[1:], required=False)
        self.initial["limit_count"], self.initial["limit_per"] = limit.get("count"), limit.get("per", "ever")
        if self.edited.tiers:
            tiers = forms.MultipleChoiceField(
                label=_("Only for members on"), required=False, widget=forms.CheckboxSelectMultiple,
                choices=self.edited.tiers, help_text=_("None chosen: for all."),
            )  # fmt: skip
            self.fields["tiers"] = with_look(tiers, look="choices")
        self.fields["first_day"], self.fields["last_day"] = DayField(label=_("From")), DayField(label=_("Until"))
        hold = forms.IntegerField(
            min_value=1, max_value=43200, required=False, label=_("A hold lasts"),
            help_text=_("Points set aside and not captured come back after this."),
        )  # fmt: skip
        self.fields["hold_minutes"] = with_look(hold, after=_("minutes"))

    def written(self) -> Document:
        read, part = self.cleaned_data, self.part
        taken = {reward["code"] for reward in self.edited.document["rewards"]}
        found: Document = {
            "kind": self.kind,
            "code": part.get("code") or code_from(read["name"], taken, "reward"),
            "name": self.text("name"),
            "description": self.text("description"),
            "price_points": read["price_points"],
            "stock": read["stock"],
            "per_member": {"count": read["limit_count"], "per": read["limit_per"] or "ever"}
            if read["limit_count"]
            else None,
            "tiers": read.get("tiers", []),
            "first_day": read["first_day"],
            "last_day": read["last_day"],
            "hold_minutes": read["hold_minutes"] or 15,
        }
        for name in ("amount_minor", "percent", "max_minor", "minimum_total_minor"):
            if name in read:
                found[name] = read[name]
        if self.kind == "product":
            found["goods"] = self.goods("goods")
        return found
