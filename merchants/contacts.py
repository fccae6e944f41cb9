"""Ways to reach a person: an e-mail address or a telephone number, in the one form we store and compare."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from merchants.errors import Invalid

EMAIL_LENGTH_MAX = 254
#: Where a number without a country code can be of.
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)


class UnreadableContact(Invalid):
    code = "contact_unreadable"


@dataclass(frozen=True, slots=True)
class Contact:
    """`value` is a lower-case address, or a number in E.164 such as +821012345678."""

    kind: Literal["email", "phone"]
    value: str

    def __str__(self) -> str:
        return self.value

    @property
    def masked(self) -> str:
        """Enough for its owner to recognise, too little for anybody else: `m…@example.org`, `+82…78`."""
        if self.kind == "email":
            name, _at, domain = self.value.partition("@")
            return f"{name[:1]}…@{domain}"
        return f"{self.value[:3]}…{self.value[-2:]}"


def read(text: str, *, country: str) -> Contact:
    """Read what a person typed into one field, an address or a number.

    A number without a country code is read as one of `country` (ISO, two capitals).  Raises `UnreadableContact`.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    return read_email(text) if "@" in text else read_phone(text, country=country)


def read_email(text: str) -> Contact:
    """Read an e-mail address, lower-cased and in NFC.  Raises `UnreadableContact`."""
    value = unicodedata.normalize("NFC", text).strip().lower()
    try:
        validate_email(value)
    except ValidationError:
        raise UnreadableContact(_("This is not an e-mail address.")) from None
    if len(value) > EMAIL_LENGTH_MAX:
        raise UnreadableContact(_("This e-mail address is too long."))
    return Contact("email", value)


def read_phone(text: str, *, country: str) -> Contact:
    """Read a telephone number into E.164.  Raises `UnreadableContact`."""
    try:
        number = phonenumbers.parse(unicodedata.normalize("NFKC", text).strip(), country)
    except phonenumbers.NumberParseException:
        raise UnreadableContact(_("This is neither an e-mail address nor a telephone number.")) from None
    # A parsed extension would silently vanish in E.164, and a number nobody can own is a typing error.
    if number.extension or not phonenumbers.is_valid_number(number):
        raise UnreadableContact(_("This telephone number does not exist. Check it for a missing digit."))
    return Contact("phone", phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def stored(value: str) -> Contact:
    """Wrap a value that one of the readers above has made before."""
    return Contact("email" if "@" in value else "phone", value)
