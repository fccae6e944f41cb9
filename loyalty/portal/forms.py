"""Forms of joining and signing in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

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


class FriendForm(forms.Form):
    """A friend's code, from their link or typed; a wrong one is said before anybody joins without it."""

    referrer = forms.CharField(
        label=_("A friend's code"),
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
        help_text=_("Such as JOIN-7K4M-92A. Leave it empty if nobody invited you."),
    )

    def __init__(self, is_inviting: Callable[[str], bool], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_inviting = is_inviting

    def clean_referrer(self) -> str:
        typed: str = self.cleaned_data["referrer"]
        if typed and not self.is_inviting(typed):
            raise forms.ValidationError(_("This code is not known. Check it, or leave it out."))
        return typed


class CodeForm(forms.Form):
    code = forms.CharField(
        label=pgettext_lazy("sent for one use", "Code"), max_length=20, help_text=_("The digits from our message")
    )
