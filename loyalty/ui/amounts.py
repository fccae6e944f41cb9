"""Fields for money and points as people type them; both give whole numbers of the smallest unit."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from merchants import money
from rewards.sales.inputs import MONEY_MAX


class MoneyField(forms.CharField):
    """An amount as people type it; gives minor units, None when empty."""

    def __init__(self, currency: str, **options: Any) -> None:
        super().__init__(max_length=30, **options)
        self.currency = currency
        self.widget.attrs.setdefault("inputmode", "decimal")

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            return f"{Decimal(value).scaleb(-money.exponent(self.currency)):f}"
        return value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            amount = money.parse_typed(text, self.currency, get_language() or "en")
        except money.InvalidMoney as fault:
            if fault.code == "two_meanings":
                one, other = self._meanings(text)
                raise ValidationError(
                    _("This can mean two amounts: type %(one)s or %(other)s.") % {"one": one, "other": other}
                ) from None
            amount = None
        if amount is None or amount > MONEY_MAX:
            raise ValidationError(_("Type an amount, such as %(example)s.") % {"example": self._example()})
        return amount

    def _meanings(self, text: str) -> tuple[str, str]:
        """Write the two amounts that a sign before three digits may mean, without any doubt: 12000 or 12, 1250 or 1.25."""
        whole, part = re.findall(r"[0-9]+", unicodedata.normalize("NFKC", text))
        decimals = part.rstrip("0").ljust(money.exponent(self.currency), "0")
        return f"{whole}{part}", f"{whole}.{decimals}" if decimals else whole

    def _example(self) -> str:
        """An amount that this currency has: a won is never halved."""
        return f"{Decimal('12345').scaleb(-money.exponent(self.currency)):f}"


class PointsField(forms.CharField):
    """A number of points; gives the smallest unit, None when empty."""

    def __init__(self, decimals: int, *, minimum: int = 1, **options: Any) -> None:
        super().__init__(max_length=20, **options)
        self.decimals, self.minimum = decimals, minimum
        self.widget.attrs.setdefault("inputmode", "decimal" if decimals else "numeric")

    def prepare_value(self, value: Any) -> Any:
        return f"{Decimal(value).scaleb(-self.decimals):f}" if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value).replace(",", "").replace(" ", "")
        if not text:
            return None
        try:
            units = Decimal(text).scaleb(self.decimals)
        except InvalidOperation:
            raise ValidationError(_("Type a number of points.")) from None
        if not units.is_finite() or units != units.to_integral_value() or abs(units) > 10**12:
            raise ValidationError(_("Points have at most %(decimals)d decimals here.") % {"decimals": self.decimals})
        if units < self.minimum:
            raise ValidationError(_("At least %(least)s.") % {"least": Decimal(self.minimum).scaleb(-self.decimals)})
        return int(units)
