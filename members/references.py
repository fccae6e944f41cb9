"""How a member is named by callers, scanners and people: read here, the same at every entry point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from members import live_codes
from members.card_keys import InvalidCard as InvalidCard
from members.card_keys import card_key as card_key
from members.card_keys import card_number as card_number
from members.inputs import Reference
from merchants import contacts, ids
from merchants.errors import Conflict, Invalid
from merchants.models.merchants import Merchant

#: A reference as it is looked up: (kind, value as it is kept).
Key = tuple[str, str]


class AmbiguousReference(Invalid):
    """A member is named by exactly one thing; two could contradict each other."""

    code: ClassVar[str] = "ambiguous_reference"


class CardBlocked(Conflict):
    code: ClassVar[str] = "card_blocked"


def read(merchant: Merchant, reference: Reference) -> Key:
    """Name the one thing a member is looked up by, in the form in which it is kept; a pointer names the field.

    :raises AmbiguousReference: not exactly one thing was given.
    :raises InvalidCard, UnreadableContact: it cannot be one.
    """
    given = reference.given()
    if len(given) != 1:
        names = ", ".join(reference.__struct_fields__)
        raise AmbiguousReference(_("Name the member by exactly one of %(names)s.") % {"names": names})
    ((kind, value),) = given.items()
    if kind == "card":
        return "card", card_key(value)
    if kind == "phone":
        return "phone", pointed("/phone", contacts.read_phone, value, country=merchant.country).value
    if kind == "email":
        return "email", pointed("/email", contacts.read_email, value).value
    if kind == "code":
        # Who it is, an old code says as well as a new one: how old it may be, the caller asks.
        shown = live_codes.read(merchant=merchant, text=value)
        return "code", shown.member_code if shown else ids.normalise(value)
    return kind, value


def pointed(pointer: str, read: Callable[..., contacts.Contact], text: str, **options: Any) -> contacts.Contact:
    """Read a contact, and point a refusal at its field."""
    try:
        return read(text, **options)
    except Invalid as refusal:
        refusal.pointer = pointer
        raise


def card_is_blocked(pointer: str = "/card") -> CardBlocked:
    """Return the refusal of a card that was lost or replaced."""
    return CardBlocked(_("This card is blocked."), pointer=pointer)
