"""Words that people type: one form for what looks the same, and nothing in them that a screen cannot show.

Machines' ids are never repaired here: an id with a strange sign in it is refused, a name is tidied.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from babel.lists import format_list

from merchants.money import locale_of

#: Controls (but tab, newline and carriage return), marks that turn the direction of what follows, and the BOM.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SPACES = re.compile(r"\s+")


def line(text: str) -> str:
    """Tidy one line of text (a name): NFC, no controls, no bidi overrides, single spaces."""
    return _SPACES.sub(" ", _UNSEEN.sub("", unicodedata.normalize("NFC", text))).strip()


def paragraph(text: str) -> str:
    """Tidy text of several lines (a note, a comment): as `line`, but newlines stay."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(_SPACES.sub(" ", _UNSEEN.sub("", each)).strip() for each in lines).strip()


def document(text: str) -> str:
    """Tidy a longer text in Markdown: as `paragraph`, but indents and blank lines, which mean something, stay."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(_UNSEEN.sub("", each).rstrip() for each in lines).strip("\n")


def is_plain(text: str) -> bool:
    """State whether a text holds no control, no bidi override and no half of a surrogate pair."""
    return _UNSEEN.search(text) is None and not any("\ud800" <= sign <= "\udfff" for sign in text)


def listed(items: Sequence[str], language: str, *, style: Literal["standard", "or"] = "standard") -> str:
    """List names as a language does: `A, B, and C`, `A, B 및 C`, `A、B和C`."""
    return format_list(items, style=style, locale=locale_of(language)) if items else ""
