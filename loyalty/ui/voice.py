"""The pieces of a terms document that the console and the portal say alike: amounts, names, days, limits.

Each door's own Speaker builds its sentences on it: the merchant reads what a rule does, the member what they get.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from loyalty.ui import formats
from rewards import earning, terms
from rewards.terms import Cap, Conditions, Goods, PayWithPoints, Terms

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Voice:
    """Says the pieces of one document in one language."""

    def __init__(self, promised: Terms, language: str) -> None:
        self.terms, self.language = promised, language

    def text(self, value: Any) -> str:
        return terms.text(value, self.language)

    def money(self, minor: int) -> str:
        return formats.money(minor, self.terms.currency)

    def points(self, units: int) -> str:
        return earning.points_in_words(units, self.terms, self.language)

    def goods(self, goods: Goods) -> str:
        """Return the goods by their codes, the only names the terms know, in quotation marks so that they read as such."""
        return formats.listed([_quoted(code) for code in (*goods.categories, *goods.skus)])

    def rule_names(self, codes: Iterable[str]) -> str:
        names = {each.code: self.text(each.name) for each in self.terms.earning.rules}
        return formats.listed([names.get(code, code) for code in codes])

    def tier_names(self, codes: Iterable[str]) -> str:
        levels = self.terms.tiers.levels if self.terms.tiers else ()
        names = {level.code: self.text(level.name) for level in levels}
        return formats.listed([names.get(code, code) for code in codes])

    def cap(self, cap: Cap) -> str:
        """Return the most that can be earned, and in which time."""
        words = {
            "order": _("at most %(points)s an order"), "day": _("at most %(points)s a day"),
            "week": _("at most %(points)s a week"), "month": _("at most %(points)s a month"),
            "quarter": _("at most %(points)s a quarter"), "year": _("at most %(points)s a year"),
            "ever": _("at most %(points)s in all"),
        }  # fmt: skip
        said = words[cap.per] % {"points": self.points(cap.points)}
        return _("%(limit)s for all members together") % {"limit": said} if cap.scope == "programme" else said

    def factor(self, value: int | str) -> str:
        return _("× %(factor)s") % {"factor": number(terms.ratio(value))}

    def paying_example(self, pay: PayWithPoints) -> tuple[int, int]:
        """Return a round number of points and what it pays: the rate in figures people meet at the till."""
        units = max(pay.minimum_points, pay.points, 100 * 10**self.terms.points.decimals)
        return units, terms.worth_minor(pay, units)

    def clock(self, when: Conditions) -> list[str]:
        """Return the days and hours of a rule, a phrase each."""
        said = formats.span(when.first_day, when.last_day)
        if when.weekdays:
            names = formats.locale().days["format"]["abbreviated"]
            said.append(formats.listed([names[_WEEKDAYS.index(day)] for day in when.weekdays]))
        if when.hours:
            hours = [_("%(start)s–%(end)s") % {"start": each.start, "end": each.end} for each in when.hours]
            said.append(formats.listed(hours))
        return said

    def moved_to(self, round_to: str | None, side: str) -> list[str]:
        """Return to which end (or beginning) of a period an expiry is moved, as a phrase; none when it is not."""
        ends = {
            "month": _("at the end of that month"), "quarter": _("at the end of that quarter"),
            "half": _("at the end of that half-year"), "year": _("at the end of that year"),
        }  # fmt: skip
        starts = {
            "month": _("at the beginning of that month"), "quarter": _("at the beginning of that quarter"),
            "half": _("at the beginning of that half-year"), "year": _("at the beginning of that year"),
        }  # fmt: skip
        return [(ends if side == "end" else starts)[round_to]] if round_to else []


def time(count: int, unit: str) -> str:
    """Return a length of time: 12 months."""
    words = {
        "day": ngettext("%(count)d day", "%(count)d days", count),
        "week": ngettext("%(count)d week", "%(count)d weeks", count),
        "month": ngettext("%(count)d month", "%(count)d months", count),
        "year": ngettext("%(count)d year", "%(count)d years", count),
    }
    return words[unit.removesuffix("s")] % {"count": count}


def _quoted(code: str) -> str:
    return pgettext("a code used as a name", "“%(code)s”") % {"code": code}


def fixed_days(texts: Sequence[str]) -> str:
    """Return the days points end on: `12-31` of every year, or one day of one year."""
    return formats.listed([_fixed_day(text) for text in texts])


def _fixed_day(text: str) -> str:
    if len(text) == 5:
        return formats.day_and_month(date(2000, int(text[:2]), int(text[3:])))
    return formats.day(date.fromisoformat(text), "long")


def number(value: Fraction) -> str:
    """Return a ratio as people read it: 1,000, 1.5 or 1/3."""
    printed = f"{Decimal(value.numerator) / Decimal(value.denominator):f}"
    decimals = len(printed.partition(".")[2])
    if decimals > 6:
        return f"{value.numerator}/{value.denominator}"
    return formats.number(Decimal(printed), decimals)
