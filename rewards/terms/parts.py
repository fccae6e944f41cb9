"""What every part of the terms document is, and what one part may ask of the rest of the document.

A part owns what is said of it: `check` (what it may not say although its form is right), `advise` (what it may say but
probably should not) and `describe` (what it says, in words).  Pointers begin at the part; `Whole` knows where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple, TypeVar

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from msgspec import Struct

from merchants import money
from rewards.terms.editing import Edit, Editor
from rewards.terms.fields import Text, text
from rewards.terms.wording import Description, Phrasing


class Remark(NamedTuple):
    """What is wrong or unwise: where (JSON pointer from the part), which (code), and how to mend it."""

    pointer: str
    code: str
    detail: str


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every part of the document is: frozen, named fields only, unknown fields refused."""

    #: What its `code` names, for other parts to refer to: `tier`, `rule`, `reward`.
    names: ClassVar[str] = ""
    #: The title of a list of such parts, where the document itself holds one.
    listed_as: ClassVar[Any] = ""
    #: How its fields are edited, those no form shows (with the reason), and how they stand on a page: `rewards.terms.editing`.
    edits: ClassVar[Mapping[str, Edit]] = {}
    not_edited: ClassVar[Mapping[str, str]] = {}
    editor: ClassVar[Editor] = Editor()

    def check(self, whole: Whole) -> Iterator[Remark]:
        """Find what this part may not say although its form is right; parts within it are asked by themselves."""
        return iter(())

    def advise(self, whole: Whole) -> Iterator[Remark]:
        """Find what this part may say but probably should not; parts within it are asked by themselves."""
        return iter(())

    def describe(self, say: Phrasing) -> Description:
        """Say in words what this part says, the parts within it included; empty where there is nothing to read."""
        return Description()

    def clauses(self, say: Phrasing) -> Iterator[tuple[str, str]]:
        """Yield what its sentence goes on with: the name of each field that is set, and its phrase."""
        return iter(())


P = TypeVar("P", bound=Part)


def nothing(part: Part, whole: Whole) -> Iterator[Remark]:
    """Find nothing: for a kind that has nothing to check or to advise beyond its form."""
    return iter(())


class Whole:
    """A document and all its parts, each with its pointer; with `today`, what is over already can be told."""

    def __init__(self, document: Part, *, currency: str, decimals: int, today: date | None = None) -> None:
        self.document, self.currency, self.decimals, self.today = document, currency, decimals, today
        self.parts: tuple[tuple[str, Part], ...] = tuple(parts_within(document))

    def part(self, kind: type[P]) -> P | None:
        """Return the part of a kind that the document itself holds."""
        values = (getattr(self.document, field) for field in self.document.__struct_fields__)
        return next((value for value in values if isinstance(value, kind)), None)

    def every(self, kind: type[P]) -> list[P]:
        """List all parts of a kind, wherever they stand, in the document's order."""
        return [part for _pointer, part in self.parts if isinstance(part, kind)]

    def codes(self, name: str) -> frozenset[str]:
        """Return the codes of all that is named so: `tier`, `rule`, `reward`."""
        return frozenset(str(getattr(part, "code", "")) for _pointer, part in self.parts if part.names == name)

    def names(self) -> dict[tuple[str, str], Text]:
        """Return the names of all that has a code, by what the code names."""
        named = [part for _pointer, part in self.parts if part.names]
        return {(part.names, str(getattr(part, "code", ""))): getattr(part, "name", "") for part in named}

    def remarks_on_codes(self) -> Iterator[Remark]:
        """Find codes that two parts of one list share."""
        for pointer, part in self.parts:
            for field in part.__struct_fields__:
                items = getattr(part, field)
                if type(items) is tuple and items and isinstance(items[0], Part):
                    yield from _twice(items, f"{pointer}/{field}")

    def said(self, words: Text) -> str:
        """Choose the words of a text for the reader of this sentence."""
        return text(words, get_language() or "en")

    def points(self, units: int) -> str:
        """Print points as a number, with the programme's decimals."""
        return money.format_number(units, get_language() or "en", decimals=self.decimals)


def parts_within(part: Part, pointer: str = "") -> Iterator[tuple[str, Part]]:
    """Give a part and all parts within it, each with its pointer, in the order of their fields."""
    yield pointer, part
    for field in part.__struct_fields__:
        value = getattr(part, field)
        if isinstance(value, Part):
            yield from parts_within(value, f"{pointer}/{field}")
        elif type(value) is tuple and value and isinstance(value[0], Part):
            for place, each in enumerate(value):
                yield from parts_within(each, f"{pointer}/{field}/{place}")


def percent(share: Fraction, decimals: int = 0) -> str:
    """Print a share of one as a percentage."""
    figure = money.format_number(round(share * 100 * 10**decimals), get_language() or "en", decimals=decimals)
    return _("%(number)s%%") % {"number": figure}


def known(codes: tuple[str, ...], name: str, pointer: str, whole: Whole) -> Iterator[Remark]:
    """Find codes in a list that nothing of this name has."""
    there = whole.codes(name) if codes else frozenset()
    for place, code in enumerate(codes):
        if code not in there:
            yield Remark(f"{pointer}/{place}", f"unknown_{name}", unknown(name, code))


def unknown(name: str, code: str) -> str:
    """Say that nothing of this name has a code."""
    sentences = {
        "tier": _("There is no tier “%(code)s”."),
        "reward": _("There is no reward “%(code)s” in the catalogue: add it, or name another."),
    }
    return sentences[name] % {"code": code}


def check_days(first_day: date | None, last_day: date | None) -> Iterator[Remark]:
    """Find a last day before the first."""
    if first_day is not None and last_day is not None and last_day < first_day:
        yield Remark("/last_day", "days_reversed", _("The last day is before the first."))


def _twice(items: Sequence[Part], pointer: str) -> Iterator[Remark]:
    seen: set[str] = set()
    for place, item in enumerate(items):
        code = getattr(item, "code", None)
        if code is not None and code in seen:
            where = f"{pointer}/{place}/code"
            yield Remark(where, "code_twice", _("The code “%(code)s” is used twice.") % {"code": code})
        seen.add(code or "")
