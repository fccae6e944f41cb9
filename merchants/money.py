"""Money: integer minor units and an ISO code; printed by Babel, split and rounded exactly, never a float.

The number of minor digits comes from CLDR through Babel: KRW 0, TWD 2 (though prices show none), BHD 3.
"""

import re
import unicodedata
from collections.abc import Sequence
from copy import copy
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.numbers import NumberPattern, get_currency_precision, get_currency_symbol, list_currencies

Mode = Literal["floor", "half_up", "half_even", "ceil"]
LARGEST_MINOR = 10**15


class InvalidMoney(ValueError):
    """What was typed is not an amount of this currency; `code` says why (empty, digits, decimals, two_meanings, too_large)."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text!r}")
        self.code = code


@lru_cache(maxsize=1)
def currencies() -> frozenset[str]:
    """List the ISO codes that CLDR knows."""
    return frozenset(code for code in list_currencies() if re.fullmatch("[A-Z]{3}", code))


@lru_cache(maxsize=512)
def exponent(currency: str) -> int:
    """State how many minor digits a currency has; raises InvalidMoney for an unknown code."""
    if currency not in currencies():
        raise InvalidMoney("unknown_currency", currency)
    return int(get_currency_precision(currency))


@lru_cache(maxsize=64)
def locale_of(language: str) -> Locale:
    """Find the CLDR locale of a language tag (`en`, `ko`, `zh-hant`, `zh_Hant_TW`), else English."""
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


@lru_cache(maxsize=512)
def _pattern(language: str, digits: int) -> NumberPattern:
    pattern: NumberPattern = copy(locale_of(language).currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


#: Their smallest coin is one or more: no price tag shows cents, though ISO counts them.
_WHOLE_IN_SHOPS: Final = frozenset({"AMD", "COP", "CRC", "HUF", "IDR", "PKR", "TWD", "TZS", "UZS"})
#: What a total paid in cash is rounded to, in minor units, where that is more than CLDR's cash digits say.
_CASH_UNITS: Final = {
    "AUD": 5, "BRL": 5, "CNY": 10, "COP": 5000, "EUR": 5, "HKD": 10, "HUF": 500, "IDR": 10_000, "ILS": 10, "INR": 100,
    "ISK": 1, "JPY": 1, "KRW": 10, "MYR": 5, "NZD": 10, "PHP": 25, "SGD": 5, "THB": 25, "USD": 5, "VND": 1000, "ZAR": 10,
}  # fmt: skip


def is_whole_in_shops(currency: str) -> bool:
    """State whether prices of a currency show no minor digits although ISO counts them (NT$)."""
    return currency in _WHOLE_IN_SHOPS


@lru_cache(maxsize=512)
def cash_digits(currency: str) -> int:
    """State how many digits of a currency cash has: as many as ISO counts, or none where prices show none."""
    return 0 if is_whole_in_shops(currency) else exponent(currency)


@lru_cache(maxsize=512)
def cash_unit(currency: str) -> int:
    """State in minor units what a total paid in cash is rounded to; 1 where every minor unit is a coin."""
    if currency in _CASH_UNITS:
        return _CASH_UNITS[currency]
    digits, _step, in_cash, step = get_global("currency_fractions").get(currency, (2, 0, 2, 0))
    return int(max(1, step) * 10 ** (digits - in_cash))


def format_minor(amount_minor: int, currency: str, language: str, *, digits: int | None = None) -> str:
    """Print minor units the way a language writes money; `digits` shows fewer (or more) decimals.

    A whole amount of a currency that has cents on paper only (NT$) is printed without them.
    """
    places = exponent(currency)
    value = Decimal(amount_minor).scaleb(-places)
    shown = places if digits is None else digits
    if digits is None and currency in _WHOLE_IN_SHOPS and value == value.to_integral_value():
        shown = 0
    text: str = _pattern(language, shown).apply(value, locale_of(language), currency=currency, currency_digits=False)
    return text


def format_number(number: int, language: str, *, decimals: int = 0) -> str:
    """Print an integer of smallest units (points) with its decimals, grouped as a language does."""
    pattern = copy(locale_of(language).decimal_formats[None])
    pattern.frac_prec = (decimals, decimals)
    text: str = pattern.apply(Decimal(number).scaleb(-decimals), locale_of(language))
    return text


def parse_typed(text: str, currency: str, language: str) -> int:
    """Read what a cashier types (`12,400`, `₩ 12 400`, `12.5`, full-width digits) as minor units.

    Group signs must stand before three digits; a sign followed by one or two final digits is the decimal point in every
    language. Raises InvalidMoney when empty, not a plain positive number, too precise, too large, or when a sign before
    three digits may part thousands or a fraction.
    """
    places = exponent(currency)
    locale = locale_of(language)
    typed = _plain(text)
    for sign in _signs(currency):
        typed = typed.replace(sign, "")
    if not typed:
        raise InvalidMoney("empty", text)
    symbols = locale.number_symbols.get("latn", locale.number_symbols)
    point = symbols.get("decimal", ".")
    other = "," if point == "." else "."
    if not re.fullmatch(r"[0-9.,]+", typed):
        raise InvalidMoney("digits", text)
    if re.fullmatch(rf"[0-9]*\{other}[0-9]{{1,2}}", typed) and places:
        point, other = other, point
    if places == 3 and re.fullmatch(rf"[0-9]{{1,3}}\{other}[0-9]{{3}}", typed):
        # In a currency with three decimals: a thousand and something, or one and something.
        raise InvalidMoney("two_meanings", text)
    match = re.fullmatch(rf"(?P<whole>[0-9]+|[0-9]{{1,3}}(\{other}[0-9]{{3}})+|)(\{point}(?P<part>[0-9]*))?", typed)
    if match is None or not (match["whole"] or match["part"]):
        raise InvalidMoney("digits", text)
    part = (match["part"] or "").rstrip("0")
    if len(part) > places:
        raise InvalidMoney("decimals", text)
    if places < 3 and re.fullmatch(rf"[1-9][0-9]{{0,2}}\{point}[0-9]{{3}}", typed):
        # 12.000 won are twelve to one reader and twelve thousand to another.
        raise InvalidMoney("two_meanings", text)
    minor = int((match["whole"] or "0").replace(other, "") + part.ljust(places, "0"))
    if minor > LARGEST_MINOR:
        raise InvalidMoney("too_large", text)
    return minor


#: How people write a currency besides what CLDR says: on price tags, and said aloud.
_SPELLINGS: Final = {
    "TWD": ("NT$", "NTD", "NT", "$", "元", "圓", "塊"), "KRW": ("₩", "원"), "JPY": ("¥", "円"), "CNY": ("¥", "元"),
    "HKD": ("HK$", "$", "元"), "USD": ("US$", "$"),
}  # fmt: skip


@lru_cache(maxsize=512)
def _signs(currency: str) -> tuple[str, ...]:
    """List what may stand beside an amount of a currency, whatever the language of the screen; the longest first."""
    symbols = {get_currency_symbol(currency, language) for language in ("en", "ko", "zh_Hant", "zh_Hant_TW", "ja")}
    signs = {_plain(sign) for sign in (currency, *symbols, *_SPELLINGS.get(currency, ()))}
    return tuple(sorted(signs, key=lambda sign: (-len(sign), sign)))


def _plain(text: str) -> str:
    """Full-width signs made plain; no spaces (of any width) and no apostrophes, which some languages group with."""
    return re.sub(r"[\s\u2019']", "", unicodedata.normalize("NFKC", text))


def split(amount: int, weights: Sequence[int | Fraction]) -> list[int]:
    """Share an amount by weights, to the last unit, by largest remainder (ties: earlier first).

    Weights are not negative; when all are zero the shares are even. The shares add up to the amount, always.
    """
    if not weights:
        raise ValueError("nothing to share the amount between")
    total = sum(weights)
    if total == 0:
        weights, total = [1] * len(weights), len(weights)
    sign = -1 if amount < 0 else 1
    exact = [divmod(abs(amount) * weight, total) for weight in weights]
    shares = [int(whole) for whole, _ in exact]
    left = abs(amount) - sum(shares)
    for index in sorted(range(len(weights)), key=lambda i: (-exact[i][1], i))[:left]:
        shares[index] += 1
    return [sign * share for share in shares]


def scale_down(amounts: Sequence[int], total: int) -> list[int]:
    """Shrink amounts (not negative) pro rata until they add up to a smaller total, to the last unit.

    Unlike `split`, no amount ever grows as the total shrinks further: with largest remainders it may (the Alabama
    paradox), and a second refund would leave more of a line than the first. This is Webster's method: units are taken
    in the order of (2s + 1) / amount, ties to the earlier. Raises ValueError for a total above the sum.
    """
    whole = sum(amounts)
    if not 0 <= total <= whole:
        raise ValueError(f"cannot shrink {whole} to {total}")
    if total == 0:
        return [0] * len(amounts)
    # Near enough at once (halves down); the rest, less than one unit each, is set right unit by unit.
    shares = [-((whole - 2 * amount * total) // (2 * whole)) for amount in amounts]
    places = [place for place, amount in enumerate(amounts) if amount]
    while (missing := total - sum(shares)) != 0:
        if missing > 0:
            place = min(places, key=lambda i: (Fraction(2 * shares[i] + 1, amounts[i]), i))
            shares[place] += 1
        else:
            place = max(places, key=lambda i: (Fraction(2 * shares[i] - 1, amounts[i]), i))
            shares[place] -= 1
    return shares


def round_ratio(numerator: int, denominator: int, mode: Mode) -> int:
    """Round a ratio of integers to an integer, exactly; halves away from zero or to even."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    if mode == "floor":
        return numerator // denominator
    if mode == "ceil":
        return -(-numerator // denominator)
    whole, rest = divmod(abs(numerator), denominator)
    if 2 * rest > denominator or (2 * rest == denominator and (mode == "half_up" or whole % 2)):
        whole += 1
    return whole if numerator >= 0 else -whole
