"""What a cashier types of a sale: lines of goods, an amount beside them, and what points pay."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.console.counter.goods_keys import FIRST, LINES_MAX, GoodsKey, TappedLine, UnreadableLine, added, line_from
from loyalty.console.programme.fields import MoneyField, PointsField
from merchants import money
from merchants.directory import Merchant
from rewards import purchases, terms
from rewards.purchases import LineInput
from rewards.sales.inputs import MONEY_MAX
from rewards.terms import Terms


class SaleForm(forms.Form):
    """Lines that keys made (`line`, as often as there are), an amount that no key named, and a paper receipt's number.

    The id was minted when the form was shown.
    """

    minted = forms.RegexField(regex=r"^pur_[0-9a-z]{16}\Z", widget=forms.HiddenInput)
    receipt = forms.RegexField(
        label=gettext_lazy("Receipt number"), regex=r"^[\x21-\x7e]+\Z", max_length=60, required=False,
        error_messages={"invalid": gettext_lazy("Letters, digits and signs, no spaces.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip

    def __init__(
        self, merchant: Merchant, promised: Terms | None, *args: Any, keys: list[GoodsKey] | None = None,
        may_spend: bool = True, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        self.promised = promised
        self.currency = merchant.currency
        self.keys = keys or []
        paying = _paying(promised) if may_spend else None
        if paying is not None:
            self.fields["points"] = paying
        self.use_required_attribute = False
        signs = "decimal" if money.exponent(merchant.currency) else "numeric"
        widget = forms.TextInput(
            attrs={"class": "input amount", "inputmode": signs, "autocomplete": "off", "data-focus": "",
                   "enterkeyhint": "done"}
        )  # fmt: skip
        if not money.exponent(merchant.currency):
            # Digits are grouped while typing, where no decimal point can be meant.
            widget.attrs["data-group"] = ","
        self.fields["amount"] = MoneyField(
            merchant.currency, label=_("Amount of the sale"), widget=widget, required=False
        )
        self.fields["amount"].widget.attrs["inputmode"] = signs
        self.read_lines: list[TappedLine] = []
        self.has_unreadable_line = False
        for text in self._sent_lines():
            try:
                self.read_lines.append(line_from(text))
            except UnreadableLine:
                self.has_unreadable_line = True

    def _sent_lines(self) -> list[str]:
        if not self.is_bound:
            return []
        sent = self.data.getlist("line") if isinstance(self.data, QueryDict) else self.data.get("line", [])
        return sent[:LINES_MAX]

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        if self.has_unreadable_line:
            self.add_error(None, _("A line of the sale could not be read. Tap the goods again."))
        if "amount" in self.errors:
            return read
        total = (read.get("amount") or 0) + sum(line.amount_minor for line in self.read_lines)
        if total <= 0:
            self.add_error("amount", _("Type what was paid, more than nothing."))
        elif total > MONEY_MAX:
            self.add_error("amount", _("That is more than any sale."))
        else:
            read["total"] = total
        return read

    @property
    def first_keys(self) -> list[GoodsKey]:
        return self.keys[:FIRST]

    @property
    def more_keys(self) -> list[GoodsKey]:
        return self.keys[FIRST:]

    @property
    def counts(self) -> bool:
        """State whether any rule or stamp card asks how many there are."""
        return self.promised is not None and terms.counts_pieces(self.promised)

    @property
    def total_minor(self) -> int:
        return int(self.cleaned_data["total"])

    @property
    def lines_minor(self) -> int:
        """Return what the tapped lines come to, without what is typed beside them."""
        return sum(line.amount_minor for line in self.read_lines)

    @property
    def lines(self) -> tuple[LineInput, ...]:
        """Return a line for each that was tapped, and one for the rest; none where nothing was named."""
        found = [line.read() for line in self.read_lines]
        rest = self.cleaned_data.get("amount") or 0
        if found and rest:
            found.append(LineInput(amount_minor=rest))
        return tuple(found)

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


def changed_lines(form: SaleForm, sent: QueryDict) -> QueryDict | None:
    """Return the form's fields after a press of a key (`tap`), of one piece more (`more`) or of removing (`drop`).

    None where none was pressed, or the amount for the key is missing: then the form says what is wrong.
    """
    lines, fields = list(form.read_lines), sent.copy()
    tapped, dropped, more = (sent.get(name) for name in ("tap", "drop", "more"))
    if tapped is not None:
        amount = form.cleaned_data.get("amount") if form.is_bound and form.is_valid() else None
        if not amount:
            return None
        try:
            lines = added(lines, tapped, amount)
        except UnreadableLine:
            return None
        fields["amount"] = ""
    elif dropped is not None:
        lines = [line for place, line in enumerate(lines) if str(place) != dropped]
    elif more is not None:
        lines = [
            TappedLine(line.field, line.name, line.amount_minor, line.count + 1) if str(place) == more else line
            for place, line in enumerate(lines)
        ]
    else:
        return None
    for name in ("tap", "drop", "more"):
        fields.pop(name, None)
    fields.setlist("line", [line.value for line in lines])
    return fields


def _paying(promised: Terms | None) -> PointsField | None:
    """The field for points that pay, where the terms let them."""
    if promised is None or promised.pay_with_points is None:
        return None
    field = PointsField(promised.points.decimals, label=_("Pay with points"), required=False)
    field.widget.attrs["autocomplete"] = "off"
    return field
