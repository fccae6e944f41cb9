"""Amounts in the guide and the reference, as the shop that reads them would send them.

They are written in won, which has no minor digits: a shop that copies them would be wrong by a factor of a hundred.
"""

from __future__ import annotations

import re
from typing import Any, Final

from merchants import money

#: The currency the guide and the examples are written in.
PLAIN: Final = "KRW"
_AMOUNT = re.compile(r'("(?:[a-z]+_)*minor": )(-?\d+)')


def minor(won: int, currency: str) -> int:
    """Return an amount of about the same worth on a price tag: 12,400 won are 12.40 dollars and 124 NT$.

    Always an amount that cash can pay; below zero stays below zero.
    """
    if currency == PLAIN:
        return won
    if money.is_whole_in_shops(currency):
        return won // 100 * int(10 ** money.exponent(currency))
    digits = money.exponent(currency)
    return won * int(10**digits) // 1000 if digits else won // 10


def in_currency(document: Any, currency: str) -> Any:
    """Return a document with every example amount in a currency: the fields whose names end with `_minor`."""
    if isinstance(document, dict):
        return {
            name: minor(value, currency)
            if name.endswith("_minor") and type(value) is int
            else currency
            if name == "currency" and value == PLAIN
            else in_currency(value, currency)
            for name, value in document.items()
        }
    if isinstance(document, list):
        return [in_currency(each, currency) for each in document]
    return document


def guide(text: str, currency: str) -> str:
    """Return the guide with its amounts in a currency, and what that currency's minor units are."""
    if currency != PLAIN:
        text = _AMOUNT.sub(lambda match: match[1] + str(minor(int(match[2]), currency)), text)
        text = text.replace(f'"currency": "{PLAIN}"', f'"currency": "{currency}"')
    return text.replace("(`12400` won; `1299` is 12.99 dollars)", _said(currency))


def _said(currency: str) -> str:
    sample = minor(12_400, currency)
    printed, digits = money.format_minor(sample, currency, "en"), money.exponent(currency)
    return f"({currency} has {digits} minor digits: `{sample}` is {printed})"
