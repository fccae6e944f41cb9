"""Templates: whole terms documents to start from, in any currency, each with worked examples that must pass.

Each is written in a home currency. In another all its money is multiplied by one number, what a usual price is worth
there against at home, so that points, tiers and worked examples stay what they are, to the last point.
"""

import re
from fractions import Fraction
from functools import lru_cache
from math import lcm
from pathlib import Path
from typing import Any, Final

import msgspec

from merchants import money

_TEMPLATES = Path(__file__).parent / "templates"
_PLACE = re.compile(r"\{(\d+)\}")

#: What stands on a price tag where a shop in the United States writes $1, as a number that people like to count in: not
#: an exchange rate (a latte of $5.20 is one of NT$156, ₩5,200 or ¥520), and nothing that has to be kept up to date.
_USUAL: Final = {
    "AED": 4, "ALL": 100, "AMD": 400, "ARS": 1000, "BAM": 2, "BDT": 100, "BGN": 2, "BOB": 5, "BRL": 5, "CLP": 1000,
    "CNY": 5, "COP": 3000, "CRC": 500, "CZK": 20, "DKK": 10, "DOP": 50, "EGP": 30, "GEL": 3, "GTQ": 8, "HKD": 10,
    "HUF": 300, "IDR": 10_000, "ILS": 4, "INR": 50, "IQD": 1000, "IRR": 100_000, "ISK": 100, "JMD": 100, "JPY": 100,
    "KES": 100, "KHR": 4000, "KRW": 1000, "KZT": 400, "LAK": 10_000, "LBP": 100_000, "LKR": 200, "LYD": 4, "MAD": 10,
    "MDL": 20, "MGA": 4000, "MKD": 50, "MMK": 2000, "MNT": 3000, "MOP": 10, "MUR": 40, "MXN": 20, "MYR": 4, "NGN": 1000,
    "NOK": 10, "NPR": 100, "PEN": 4, "PHP": 40, "PKR": 200, "PLN": 4, "PYG": 5000, "QAR": 4, "RON": 4, "RSD": 100,
    "RUB": 50, "RWF": 1000, "SAR": 4, "SEK": 10, "THB": 30, "TND": 2, "TRY": 40, "TWD": 30, "TZS": 2000, "UAH": 40, "UGX": 3000,
    "UYU": 40, "UZS": 10_000, "VND": 10_000, "XAF": 500, "XOF": 500, "XPF": 100, "ZAR": 20,
}  # fmt: skip
_BY_PLACES: Final = {0: 100, 2: 100, 3: 400}


def templates(currency: str | None = None) -> dict[str, dict[str, Any]]:
    """Read the template documents by code, in a currency (None: each in its own); free to be changed."""
    found = {}
    for code, content in _contents():
        document = msgspec.json.decode(content)
        fitted = currency or document["currency"]
        found[code] = _fit(document, fitted, Fraction(usual_minor(fitted), usual_minor(document["currency"])))
    return found


def usual_minor(currency: str) -> int:
    """State what stands on a price tag where another shop writes $1, in minor units.

    It is a multiple of a hundred minor units, so that no price tag is cut. A currency that is not in our table: one of
    it; a hundred where no minor unit is left (its ones are others' small coins); 0.400 where a unit is cut in
    thousandths, for it is worth so much.
    """
    places = money.exponent(currency)
    one: int = 10**places
    return _USUAL[currency] * one if currency in _USUAL else _BY_PLACES.get(places, one)


@lru_cache(maxsize=1)
def _contents() -> tuple[tuple[str, bytes], ...]:
    return tuple(
        (path.stem, path.read_bytes()) for path in sorted(_TEMPLATES.glob("*.json"), key=lambda each: each.stem)
    )


def _fit(document: dict[str, Any], currency: str, factor: Fraction) -> dict[str, Any]:
    fitted: dict[str, Any] = _scaled({**document, "currency": currency}, currency, factor)
    for rule in fitted["earning"]["rules"]:
        if rule["kind"] == "per_money" and not rule.get("full_steps"):
            _count_in_whole_ones(rule, 10 ** money.exponent(currency))
    if "tiers" in fitted and fitted["tiers"]["basis"] == "spend":
        for level in fitted["tiers"]["levels"]:
            level["threshold"] = _whole(level["threshold"] * factor)
    return fitted


def _scaled(part: Any, currency: str, factor: Fraction) -> Any:
    """Every field of money ends in `_minor`; `{3000}` in a text stands for that much of the home currency."""
    if isinstance(part, dict):
        texts = {"en", "ko", "zh-Hant"}.issuperset(part)
        return {
            key: _whole(value * factor) if key.endswith("_minor")
            else _said(value, key, currency, factor) if texts
            else _scaled(value, currency, factor)
            for key, value in part.items()
        }  # fmt: skip
    return [_scaled(each, currency, factor) for each in part] if isinstance(part, list) else part


def _said(text: str, language: str, currency: str, factor: Fraction) -> str:
    def printed(place: re.Match[str]) -> str:
        amount = _whole(int(place[1]) * factor)
        digits = 0 if amount % 10 ** money.exponent(currency) == 0 else None
        return money.format_minor(amount, currency, language, digits=digits)

    return _PLACE.sub(printed, text)


def _count_in_whole_ones(rule: dict[str, Any], one: int) -> None:
    """Ten points for each dollar read better than one for each ten cents, and are the same."""
    if (each := rule["per_amount_minor"]) < one:
        rule["per_amount_minor"] = lcm(each, one)
        rule["points"] *= rule["per_amount_minor"] // each


def _whole(amount: Fraction) -> int:
    if amount.denominator != 1:
        raise ValueError(f"{amount} is not a whole number of minor units: the template's amount is too fine")
    return amount.numerator
