"""Numbers, points, money and dates in the reader's language (Babel) and the merchant's zone.

The language is the active one; the zone is Django's current one, which the tenant middleware sets to the merchant's.
Django's own `intcomma` prints 2000 in zh-hant, so nothing here goes through it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from babel import Locale
from babel import dates as babel_dates
from babel import numbers as babel_numbers
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from merchants import texts
from merchants.languages import TERRITORIES
from merchants.money import exponent, format_minor

Number = int | float | Decimal

MINUS = "\N{MINUS SIGN}"

_Unit = Literal["second", "minute", "hour", "day", "month", "year"]

# In which unit a distance is told, while it is below so much.
_UNITS: tuple[tuple[_Unit, timedelta], ...] = (
    ("second", timedelta(seconds=45)),
    ("minute", timedelta(minutes=55)),
    ("hour", timedelta(hours=22)),
    ("day", timedelta(days=45)),
    # Babel rounds: a year and a half would be two.
    ("month", timedelta(days=700)),
)


@lru_cache(maxsize=32)
def _locale_named(language: str) -> Locale:
    return Locale.parse(TERRITORIES.get(language, language.replace("-", "_")))


def locale() -> Locale:
    """Return Babel's locale for the active language."""
    return _locale_named((get_language() or "en").lower())


def number(value: Number, decimals: int = 0) -> str:
    """Return `2,481` or, with decimals, exactly that many digits after the point."""
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    return babel_numbers.format_decimal(_settled(value), format=pattern, locale=locale()).replace("-", MINUS)


def thousandths(quantity: int) -> str:
    """Return a quantity kept in thousandths as people write it: 2000 is 2, 375 is 0.375."""
    count = Decimal(quantity) / 1000
    return number(count, max(0, -int(count.normalize().as_tuple().exponent)))


def signed(value: Number, decimals: int = 0) -> str:
    """Return the number with its sign always shown, `+42` or `−42`; zero has none."""
    text = number(value, decimals)
    return f"+{text}" if value > 0 and text.strip("0.,") else text


def percent(share: Number, decimals: int = 1) -> str:
    """Return a share of one as a percentage: 0.386 is `38.6%`."""
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "") + "%"
    return babel_numbers.format_percent(_settled(share), format=pattern, locale=locale()).replace("-", MINUS)


def discount(percent: int) -> str:
    """Return so many percent off as shops write it: `25%`, and in Chinese what is left to pay, `75 折`."""
    if not (get_language() or "").startswith("zh"):
        return number(percent) + "%"
    left = 100 - percent
    return f"{left // 10 if left % 10 == 0 else left} 折"


def points(units: int, decimals: int = 0) -> str:
    """Return points, counted in the programme's smallest unit, as a number: 12345 with 1 decimal is `1,234.5`."""
    return number(Decimal(units).scaleb(-decimals), decimals)


def points_in_words(units: int, decimals: int = 0) -> str:
    """Return `1,240 points`, with the plural of the language."""
    # A fraction of a point takes the plural in English and the only form elsewhere.
    count = units // 10**decimals if units % 10**decimals == 0 else 2
    return ngettext("%(number)s point", "%(number)s points", abs(count)) % {"number": points(units, decimals)}


def currency_sign(currency: str) -> str:
    """Return how a language writes a currency beside an amount: ₩, NT$, or the code where it has no sign."""
    return babel_numbers.get_currency_symbol(currency, locale=locale())


def money(minor: int, currency: str, display_digits: int | None = None) -> str:
    """Return an amount of minor units, `$41.15` or `₩12,400`.

    `display_digits` prints fewer digits than the minor unit has (Taiwan's dollar counts cents and shows none).
    """
    return format_minor(minor, currency, str(locale()), digits=display_digits).replace("-", MINUS)


#: From so many of the currency's units on an amount is written short.
_LONG: Final = 1_000_000


def money_short(minor: int, currency: str, display_digits: int | None = None) -> str:
    """Return an amount for a headline or an axis: `₩38.9M`, `₩3890만`; below a million as `money` writes it."""
    amount = Decimal(minor).scaleb(-exponent(currency))
    if abs(amount) < _LONG:
        return money(minor, currency, display_digits)
    # Three digits that count, whatever the language calls a step: M is a million, 만 ten thousand.
    short = babel_numbers.format_compact_currency(amount, currency, locale=locale(), fraction_digits=1)
    if re.search(r"[0-9]{3}\.", short):
        short = babel_numbers.format_compact_currency(amount, currency, locale=locale(), fraction_digits=0)
    return re.sub(r"[0-9]{4,}", lambda digits: number(int(digits[0])), short).replace("-", MINUS)


def months() -> list[tuple[int, str]]:
    """Return the months by number and name, as the reader's language writes them alone."""
    names = locale().months["stand-alone"]["wide"]
    return [(number, names[number]) for number in range(1, 13)]


def day(value: date | datetime, length: str = "medium") -> str:
    """Return the merchant-local day, `Nov 21, 2026`; `short`, `medium`, `long` or `full`."""
    return babel_dates.format_date(_local(value), format=_length(length), locale=locale())


def moment(value: datetime, length: str = "medium") -> str:
    """Return the merchant-local day and time without seconds, `Nov 21, 2026, 2:02 PM`.

    The short one leaves out the year, `Nov 21, 2:02 PM`: CLDR's own writes 11/21/26, which is another day elsewhere.
    """
    pattern = str(locale().datetime_formats["medium" if _length(length) == "short" else length])
    day_said = day_and_month(value) if length == "short" else day(value, length)
    return pattern.replace("{0}", clock(value)).replace("{1}", day_said)


def clock(value: datetime) -> str:
    """Return the merchant-local time of day without seconds, `2:02 PM`, `오후 2:02`."""
    # CLDR abbreviates the Korean halves of the day to the Latin AM and PM; the wide ones are what people write.
    pattern = str(locale().time_formats["short"].pattern).replace("a", "aaaa")
    return babel_dates.format_time(timezone.localtime(value), format=pattern, locale=locale())


def month(value: date | datetime) -> str:
    """Return the merchant-local month, `November 2026`."""
    return babel_dates.format_skeleton("yMMMM", _local(value), locale=locale())


def short_month(value: date) -> str:
    """Return the month without its year, `Nov`, for axes."""
    return babel_dates.format_skeleton("MMM", value, locale=locale())


def short_month_and_year(value: date) -> str:
    """Return the month with its year, `Nov 2026`, for the heads of narrow rows."""
    return babel_dates.format_skeleton("yMMM", value, locale=locale())


def day_and_month(value: date | datetime) -> str:
    """Return the merchant-local day without its year, `Nov 21`, for axes and lists under a month's heading."""
    return babel_dates.format_skeleton("MMMd", _local(value), locale=locale())


def ago(value: datetime, now: datetime) -> str:
    """Return how far away the instant is, in one unit: `12 minutes ago`, `in 9 days`, `just now`."""
    distance = value - now
    unit: _Unit = next((unit for unit, below in _UNITS if abs(distance) < below), "year")
    if unit == "second":
        return _("just now")
    # The threshold keeps Babel from choosing a bigger unit: nine days are not "one week".
    return babel_dates.format_timedelta(
        distance, granularity=unit, threshold=10**9, add_direction=True, locale=locale()
    )


def days_left(until: date | datetime, today: date) -> str:
    """Return the number of merchant-local days that remain in words: `today`, `tomorrow`, `in 9 days`."""
    left = (_date_of(until) - today).days
    if left == 0:
        return _("today")
    if left == 1:
        return _("tomorrow")
    if left < 0:
        return day(until)
    return ngettext("in %(days)s day", "in %(days)s days", left) % {"days": number(left)}


def listed(items: Sequence[str]) -> str:
    """Return names as the language lists them: `Mon, Tue, and Wed`, `월, 화 및 수`."""
    return texts.listed(items, str(locale()))


def sentences(items: Iterable[str]) -> str:
    """Return sentences one after another, with a space between them where the language has one; empty ones fall out."""
    return ("" if locale().language in {"zh", "ja"} else " ").join(item for item in items if item)


def side_by_side(phrases: Iterable[str]) -> str:
    """Return phrases that stand for themselves, side by side on one line; empty ones fall out."""
    return " · ".join(phrase for phrase in phrases if phrase)


def span(first: date | None, last: date | None) -> list[str]:
    """Return from which day until which, as a phrase; none when both are open."""
    if first is not None and last is not None:
        return [_("%(first)s – %(last)s") % {"first": day(first), "last": day(last)}]
    if first is not None:
        return [_("from %(day)s") % {"day": day(first)}]
    return [_("until %(day)s") % {"day": day(last)}] if last is not None else []


def machine(value: date | datetime) -> str:
    """Return the value of a `<time datetime>` attribute: UTC for instants, the plain day for dates."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value.isoformat()


def _settled(value: Number) -> Decimal:
    # Through text, so that 0.1 stays 0.1 and half rounds as the digits say.
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _length(name: str) -> str:
    if name not in {"short", "medium", "long", "full"}:
        raise ValueError(f"{name!r} is not a length of date: short, medium, long or full")
    return name


def _local(value: date | datetime) -> date | datetime:
    return timezone.localtime(value) if isinstance(value, datetime) else value


def _date_of(value: date | datetime) -> date:
    local = _local(value)
    return local.date() if isinstance(local, datetime) else local
