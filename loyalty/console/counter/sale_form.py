"""What a cashier types of a sale: the amount, which goods, and what points pay."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.console.counter.parts import PartsMixin
from loyalty.console.programme.fields import MoneyField, PointsField
from merchants import money
from merchants.directory import Merchant
from rewards import purchases
from rewards.terms import Terms


class SaleForm(PartsMixin):
    """An amount, how much of it was what, and the number of the paper receipt if there is one.

    The id was minted when the form was shown.
    """

    minted = forms.RegexField(regex=r"^pur_[0-9a-z]{16}\Z", widget=forms.HiddenInput)
    receipt = forms.RegexField(
        label=gettext_lazy("Receipt number"), regex=r"^[\x21-\x7e]+\Z", max_length=60, required=False,
        error_messages={"invalid": gettext_lazy("Letters, digits and signs, no spaces.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip

    def __init__(self, merchant: Merchant, promised: Terms | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.promised = promised
        self.add_parts(merchant.currency, promised)
        paying = _paying(promised)
        if paying is not None:
            self.fields["points"] = paying
        self.use_required_attribute = False
        keys = "decimal" if money.exponent(merchant.currency) else "numeric"
        widget = forms.TextInput(
            attrs={"class": "input amount", "inputmode": keys, "autocomplete": "off", "data-focus": ""}
        )
        if not money.exponent(merchant.currency):
            # Digits are grouped while typing, where no decimal point can be meant.
            widget.attrs["data-group"] = ","
        self.fields["amount"] = MoneyField(merchant.currency, label=_("Amount of the sale"), widget=widget)
        self.fields["amount"].widget.attrs["inputmode"] = keys

    def clean_amount(self) -> int:
        amount: int = self.cleaned_data["amount"]
        if amount <= 0:
            raise forms.ValidationError(_("Type what was paid, more than nothing."))
        return amount

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        self.check_parts()
        return read

    @property
    def points(self) -> int | None:
        """Points that pay a part of it, None for none."""
        return self.cleaned_data.get("points")

    @property
    def redemptions(self) -> tuple[purchases.RedemptionInput, ...]:
        return (purchases.RedemptionInput(points=self.points),) if self.points else ()

    @property
    def external_id(self) -> str:
        return self.cleaned_data["receipt"] or f"counter:{self.cleaned_data['minted']}"


def _paying(promised: Terms | None) -> PointsField | None:
    """The field for points that pay, where the terms let them."""
    if promised is None or promised.pay_with_points is None:
        return None
    field = PointsField(promised.points.decimals, label=_("Pay with points"), required=False)
    field.widget.attrs["autocomplete"] = "off"
    return field
