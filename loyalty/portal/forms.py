"""Forms of joining and signing in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from members import consent
from merchants import contacts
from merchants.contacts import Contact
from merchants.errors import LoyaltyError


class ContactForm(forms.Form):
    """One field: a phone number as people type it, or an e-mail address."""

    contact = forms.CharField(
        label=_("Phone or e-mail"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "spellcheck": "false"}),
        help_text=_("We send you a code. There is no password."),
    )

    def __init__(self, country: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.country = country

    def clean_contact(self) -> Contact:
        try:
            return contacts.read(self.cleaned_data["contact"], country=self.country)
        except LoyaltyError as refusal:
            raise forms.ValidationError(refusal.detail) from None


class ConsentForm(forms.Form):
    """The boxes of this merchant: each its own, none ticked, only the terms needed."""

    def __init__(self, wordings: Sequence[consent.Wording], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wordings = wordings
        for wording in wordings:
            self.fields[wording.purpose] = forms.BooleanField(
                label=wording.text,
                required=wording.is_required,
                error_messages={"required": _("To join, please agree to this.")},
            )

    @property
    def boxes(self) -> Sequence[forms.BoundField]:
        return [self[wording.purpose] for wording in self.wordings]

    @property
    def granted(self) -> tuple[str, ...]:
        return tuple(wording.purpose for wording in self.wordings if self.cleaned_data.get(wording.purpose))


class CodeForm(forms.Form):
    code = forms.CharField(label=pgettext_lazy("sent for one use", "Code"), max_length=20, help_text=_("Six digits"))
