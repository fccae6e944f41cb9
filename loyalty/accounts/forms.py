"""One field to sign in with, an e-mail address or a telephone number; and a new passkey's name."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import ConfirmLoginCodeForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.accounts import known_browsers
from merchants import code_requests, contacts, users
from merchants.contacts import Contact
from merchants.errors import LoyaltyError
from merchants.limits import TooMany

#: Where a code of staff is good, among the places of `merchants.code_requests`.
CONSOLE = "console"


def count_code(request: HttpRequest, contact: Contact) -> TooMany | None:
    """Count one code asked for and return why it may not be sent, or None; the request keeps how many digits it has."""
    asker = known_browsers.asker(request, CONSOLE, contact)
    try:
        digits = code_requests.take(contact=contact, place=CONSOLE, asker=asker, now=timezone.now())
    except TooMany as refusal:
        return refusal
    request.code_digits = digits  # type: ignore[attr-defined]
    return None


class SignInForm(forms.Form):
    """Stands in for allauth's own form, which would show two fields; the flow behind it is allauth's."""

    contact = forms.CharField(
        label=_("E-mail or phone"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True, "spellcheck": "false"}),
        help_text=_("We send you a code. There is no password."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        typed = cleaned.get("contact")
        if not typed:
            return cleaned
        try:
            contact = contacts.read(typed, country=settings.COUNTRY)
        except LoyaltyError as refusal:
            raise forms.ValidationError({"contact": refusal.detail}) from None
        # Counted before anybody is looked up, so that the limits say nothing about who exists.
        too_often = count_code(context.request, contact)
        if too_often is not None:
            raise forms.ValidationError(too_often.detail)
        user = users.find(contact)
        self._user = user if user is not None and user.is_active else None
        cleaned[contact.kind] = contact.value
        return cleaned


class _CodeInOurWords(forms.Form):
    """allauth calls the field by a word that other codes have too; in Chinese a code of one use has a word of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = pgettext_lazy("sent for one use", "Code")
        self.fields["code"].widget.attrs["placeholder"] = ""


class SignInCodeForm(_CodeInOurWords, ConfirmLoginCodeForm):
    """The code sent by mail or message."""


class SecondFactorCodeForm(_CodeInOurWords, AuthenticateForm):
    """The code of the authenticator app, or one kept for a lost device, at the sign-in."""


class SecondFactorAgainForm(_CodeInOurWords, ReauthenticateForm):
    """The same, asked for again before something that matters."""


class NewPasskeyForm(AddWebAuthnForm):
    """allauth's form in words for people; a device that can stand alone does so, unless they would rather not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        self.fields["name"].label = _("Name of the device")
        alone = self.fields["passwordless"]
        alone.label, alone.initial = _("Sign in with it alone"), True
        alone.help_text = _("Without a code first. Untick it for a key that knows neither finger nor PIN.")
