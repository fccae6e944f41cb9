"""Card numbers: as they are kept for people, and as they are looked up, in Python and in the database."""

from __future__ import annotations

import re
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext as _

from merchants import scanned
from merchants.errors import Invalid

SIGNS_MIN = 4
_NUMBER = re.compile(r"[0-9A-Za-z-]{4,64}")
_BETWEEN = re.compile(r"[-._]+")
_LOOKS_ALIKE = str.maketrans("OIL", "011", "-")


class InvalidCard(Invalid):
    code: ClassVar[str] = "invalid_card"


class CardKey(models.Func):
    """What `card_key` makes of a number that is kept; written without parameters, as a generated column asks."""

    arity = 1
    output_field = models.CharField()
    template = "translate(upper(%(expressions)s), 'OIL-', '011')"


def card_number(text: str) -> str:
    """Read a scanned, typed or printed card number as it is kept for people: letters, digits and dashes.

    :raises InvalidCard: not 4 to 64 letters, digits or dashes, of which 4 are letters or digits.
    """
    number = _BETWEEN.sub("-", scanned.plain(text)).strip("-")
    if scanned.is_in_another_mode(text):
        number = number.upper()
    if not _NUMBER.fullmatch(number) or len(number.replace("-", "")) < SIGNS_MIN:
        raise InvalidCard(_("A card number is 4 to 64 letters, digits or dashes."), pointer="/card")
    return number


def card_key(text: str) -> str:
    """Read a card number as it is looked up: what reads alike is one card (case, dashes, O and 0, I, L and 1).

    :raises InvalidCard: not a card number.
    """
    return card_number(text).upper().translate(_LOOKS_ALIKE)
