"""What was recorded and may yet be a mistake of the till's: told with every answer, so that a developer sees it once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from merchants import money
from rewards.sales.sale import Sale


@dataclass(frozen=True, slots=True)
class SaleWarning:
    """One doubt: a code for programs, where it is in what was sent, and a sentence."""

    code: str
    pointer: str
    detail: str


def of_quote(sale: Sale, *, language: str) -> list[SaleWarning]:
    """Return what recording this sale would leave in doubt, in a language; who buys and when, a quote knows for sure."""
    return _of_money(sale.total_minor, sale.currency, language)


def of_receipt(receipt: Mapping[str, Any], *, language: str) -> list[SaleWarning]:
    """Return what a sale's receipt leaves in doubt, in a language; the same for a replay."""
    return [
        *_of_money(int(receipt["total_minor"]), str(receipt["currency"]), language),
        *_of_time(receipt),
        *_of_card(receipt),
    ]


def _of_money(total_minor: int, currency: str, language: str) -> list[SaleWarning]:
    unit = 10 ** (money.exponent(currency) - money.cash_digits(currency))
    if total_minor % unit == 0:
        return []
    printed = money.format_minor(total_minor, currency, language)
    detail = _(
        "%(sent)d is read as %(amount)s: %(currency)s has %(digits)d minor digits, and prices show none. "
        "Send amounts times %(unit)d."
    ) % {"sent": total_minor, "amount": printed, "currency": currency, "digits": money.exponent(currency), "unit": unit}
    return [SaleWarning("amount_not_in_cash", "/total_minor", detail)]


def _of_card(receipt: Mapping[str, Any]) -> list[SaleWarning]:
    if not receipt.get("is_card_unknown"):
        return []
    detail = _("No member has this card. The sale was kept without a member, who can claim it.")
    return [SaleWarning("card_unknown", "/member/card", detail)]


def _of_time(receipt: Mapping[str, Any]) -> list[SaleWarning]:
    if receipt.get("is_time_unknown"):
        detail = _("The till's time cannot be true. The sale was kept with the time it came; set the till's clock.")
        return [SaleWarning("time_unknown", "/occurred_at", detail)]
    seconds = int(receipt.get("clock_off_seconds", 0))
    if not seconds:
        return []
    minutes = max(1, round(abs(seconds) / 60))
    if seconds > 0:
        detail = _("The till's clock is ahead by %(minutes)d min; that was taken off.")
    else:
        detail = _("The till's clock is behind by %(minutes)d min; that was added.")
    return [SaleWarning("clock_off", "/sent_at", detail % {"minutes": minutes})]
