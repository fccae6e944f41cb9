"""A basket to try on a programme."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from loyalty.console.programme.fields import (
    MoneyField,
)
from loyalty.console.programme.shapes import Desk


class TrialForm(forms.Form):
    """A basket to try."""

    amount = forms.CharField(max_length=30, required=False)
    category = forms.CharField(max_length=100, required=False)
    tier = forms.ChoiceField(required=False)
    at = forms.DateTimeField(
        required=False, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    ordinal = forms.IntegerField(min_value=1, max_value=10**6, required=False)
    is_birthday = forms.BooleanField(required=False)

    def __init__(self, desk: Desk, data: Any = None, **options: Any) -> None:
        super().__init__(data, prefix="try", **options)
        self.use_required_attribute = False
        self.fields["amount"] = MoneyField(desk.currency, label=_("Basket"), required=False)
        tier = forms.ChoiceField(label=_("Member's tier"), required=False, choices=desk.tiers)
        self.fields["category"].label = _("Category")
        self.fields["tier"] = tier
        if not desk.tiers:
            del self.fields["tier"]
        self.fields["at"].label = _("When")
        self.fields["ordinal"].label = _("Their purchase number")
        self.fields["is_birthday"].label = _("It is their birthday")
