"""What the parts of the terms are described with: figures, names and days, in one language and for one reader.

Every part has one `describe`, which console, portal and API all show.  A reader is a member, or staff: staff read codes of
goods and ids of places where there are no names, and are told about "the member"; a member is told about "you".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final

from babel import Locale
from babel import dates as babel_dates
from babel import numbers as babel_numbers
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from msgspec import Meta, Struct

from merchants import money, texts
from merchants.languages import TERRITORIES
from rewards.terms.fields import ratio, text

#: What a line of a receipt is, in the words of the shop.
LINE_KINDS: Final[dict[str, Any]] = {
    "goods": gettext_lazy("goods"),
    "tip": gettext_lazy("tips"),
    "gift_card": gettext_lazy("gift cards"),
    "deposit": gettext_lazy("deposits"),
    "delivery": gettext_lazy("delivery"),
    "fee": gettext_lazy("fees"),
}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Korean names of points that stand after the figure, as the unit itself; others are counted in pieces.
_KOREAN_UNITS = ("포인트", "마일", "마일리지", "점", "원", "크레딧")


class Description(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a part of the terms says, in words.

    `key` stays the same between versions. `says` is the point of it in one phrase, `lines` are what else to know, a phrase
    each; `details` are for staff: how it is calculated. `facts` are small things that it says besides, each under its own
    title; `parts` are its items (the rules, the tiers).
    """

    key: str = ""
    title: str = ""
    says: Annotated[str, Meta(description="The point of it, in one phrase.")] = ""
    lines: Annotated[tuple[str, ...], Meta(description="What else to know, a phrase each.")] = ()
    details: Annotated[tuple[str, ...], Meta(description="How it is calculated; for staff.")] = ()
    facts: Annotated[tuple[Description, ...], Meta(description="Small things it says besides, each titled.")] = ()
    parts: Annotated[tuple[Description, ...], Meta(description="Its items: the rules, the tiers, the rewards.")] = ()

    @property
    def all(self) -> list[str]:
        """List all its phrases."""
        return [phrase for phrase in (self.says, *self.lines, *self.details) if phrase]


class Phrasing:
    """Says figures and names of one document. The active language must be the one asked for."""

    def __init__(
        self,
        language: str,
        *,
        currency: str,
        decimals: int = 0,
        singular: Any = "point",
        plural: Any = "points",
        names: Mapping[tuple[str, str], Any] | None = None,
        places: Mapping[str, str] | None = None,
        for_staff: bool = False,
    ) -> None:
        self.language, self.currency, self.decimals, self.for_staff = language, currency, decimals, for_staff
        self._singular, self._plural = singular, plural
        self._names, self._places = names or {}, places or {}
        self.locale = _locale(language)

    # -- names --------------------------------------------------------------------------------------------------------

    def text(self, value: Any) -> str:
        """Choose the words of a translatable text."""
        return text(value, self.language)

    def to_reader(self, *, member: str, staff: str) -> str:
        """Choose the sentence that speaks to the reader: to the member, or about the member."""
        return staff if self.for_staff else member

    def names(self, kind: str, codes: Iterable[str]) -> str:
        """List the names that go with codes: of tiers, rules, rewards."""
        return self.listed([self.text(self._names.get((kind, code), code)) for code in codes])

    def places(self, ids: Iterable[str]) -> str:
        """List shops by name; empty for members, to whom a merchant's list of shops is not told here."""
        return self.listed([self._places.get(each, each) for each in ids]) if self.for_staff else ""

    def codes(self, codes: Iterable[str]) -> str:
        """List codes, in quotation marks to read as such."""
        return self.listed([pgettext("a code used as a name", "“%(code)s”") % {"code": code} for code in codes])

    def kinds(self, kinds: Iterable[str]) -> str:
        """List kinds of lines in words, in the order they are always told."""
        named = set(kinds)
        return self.listed([str(words) for kind, words in LINE_KINDS.items() if kind in named])

    def listed(self, items: Sequence[str]) -> str:
        """List names as the language does."""
        return texts.listed(items, str(self.locale))

    # -- figures ------------------------------------------------------------------------------------------------------

    def money(self, minor: int) -> str:
        """Print an amount of minor units."""
        return money.format_minor(minor, self.currency, str(self.locale)).replace("-", "\N{MINUS SIGN}")

    def points(self, units: int) -> str:
        """Print points with their name: `1 point`, `23.00 Stars`."""
        printed = money.format_number(units, self.language, decimals=self.decimals)
        name = self._singular if units == 10**self.decimals else self._plural
        return counted(printed, self.text(name), self.language)

    def rate(self, units: Fraction) -> str:
        """Print points as a rule gives them, which need not be whole."""
        if units.denominator == 1:
            return self.points(int(units))
        return counted(self.ratio(units / 10**self.decimals), self.text(self._plural), self.language)

    def number(self, value: int | Decimal, decimals: int = 0) -> str:
        """Print a number with so many decimals."""
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        return babel_numbers.format_decimal(Decimal(value), format=pattern, locale=self.locale)

    def ratio(self, value: Fraction) -> str:
        """Print a ratio as people read it: 1,000, 1.5 or 1/3."""
        printed = f"{Decimal(value.numerator) / Decimal(value.denominator):f}"
        decimals = len(printed.partition(".")[2])
        if decimals > 6:
            return f"{value.numerator}/{value.denominator}"
        return self.number(Decimal(printed), decimals)

    def thousandths(self, milli: int) -> str:
        """Print a quantity in thousandths as pieces."""
        return self.ratio(Fraction(milli, 1000))

    def factor(self, value: int | str) -> str:
        """Print a factor: `× 1.5`."""
        return _("× %(factor)s") % {"factor": self.ratio(ratio(value))}

    def discount(self, percent: int) -> str:
        """Print so many percent off as shops write it: `25%`, and in Chinese what is left to pay, `75 折`."""
        if self.locale.language != "zh":
            return self.number(percent) + "%"
        left = 100 - percent
        return f"{left // 10 if left % 10 == 0 else left} 折"

    # -- times --------------------------------------------------------------------------------------------------------

    def day(self, value: date, length: str = "medium") -> str:
        """Print a day: `Nov 21, 2026`."""
        return babel_dates.format_date(value, format=length, locale=self.locale)

    def day_of_year(self, written: str) -> str:
        """Print `12-31` of every year, or one day of one year."""
        if len(written) == 5:
            day = date(2000, int(written[:2]), int(written[3:]))
            return babel_dates.format_skeleton("MMMd", day, locale=self.locale)
        return self.day(date.fromisoformat(written), "long")

    def span(self, first: date | None, last: date | None) -> list[str]:
        """Say from which day until which, as a phrase; none when both are open."""
        if first is not None and last is not None:
            return [_("%(first)s – %(last)s") % {"first": self.day(first), "last": self.day(last)}]
        if first is not None:
            return [_("from %(day)s") % {"day": self.day(first)}]
        return [_("until %(day)s") % {"day": self.day(last)}] if last is not None else []

    def weekdays(self, days: Iterable[str]) -> str:
        """Say weekdays: three and more in a row as a span, Mon–Fri."""
        names = self.locale.days["format"]["abbreviated"]
        places = sorted(_WEEKDAYS.index(day) for day in days)
        if len(places) > 2 and places[-1] - places[0] == len(places) - 1:
            return pgettext("weekdays", "%(first)s–%(last)s") % {"first": names[places[0]], "last": names[places[-1]]}
        return self.listed([names[place] for place in places])

    def time(self, count: int, unit: str) -> str:
        """Say a length of time: 12 months."""
        words = {
            "day": ngettext("%(count)d day", "%(count)d days", count),
            "week": ngettext("%(count)d week", "%(count)d weeks", count),
            "month": ngettext("%(count)d month", "%(count)d months", count),
            "year": ngettext("%(count)d year", "%(count)d years", count),
        }
        return words[unit.removesuffix("s")] % {"count": count}

    def times(self, count: int, per: str) -> str:
        """Say how often in a period."""
        words = {
            "day": ngettext("once a day", "%(count)d times a day", count),
            "week": ngettext("once a week", "%(count)d times a week", count),
            "month": ngettext("once a month", "%(count)d times a month", count),
            "quarter": ngettext("once a quarter", "%(count)d times a quarter", count),
            "year": ngettext("once a year", "%(count)d times a year", count),
            "ever": ngettext("once per member", "%(count)d times per member", count),
        }
        return words[per] % {"count": count}

    # -- sentences ----------------------------------------------------------------------------------------------------

    def sentence(self, phrase: str) -> str:
        """Make a phrase a sentence of its own: with a capital and a full stop, where the language has them."""
        return pgettext("a phrase made a sentence", "%(phrase)s.") % {"phrase": capfirst(phrase)}


def counted(printed: str, name: str, language: str) -> str:
    """Return a figure with the name of what it counts: `30 beans`, `콩 30개`, `30포인트`, `30 點`."""
    if language.startswith("ko") and name and "가" <= name[-1] <= "힣":
        return f"{printed}{name}" if name.endswith(_KOREAN_UNITS) else f"{name} {printed}개"
    return f"{printed} {name}"


def _locale(language: str) -> Locale:
    return money.locale_of(TERRITORIES.get(language.lower(), language))
