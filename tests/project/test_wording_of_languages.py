"""What a catalogue must not hold: Korean particles that fit one word only, discounts that read two ways, old words."""

from __future__ import annotations

import re
from pathlib import Path

import polib
import pytest

from rewards import earning

ROOT = Path(__file__).resolve().parents[2]


def said(language):
    for entry in polib.pofile(str(ROOT / "locale" / language / "LC_MESSAGES" / "django.po")):
        yield from filter(None, [entry.msgstr, *entry.msgstr_plural.values()])


def test_no_korean_particle_follows_a_placeholder():
    """Which of two particles is right depends on the last sound of a word that is not known here."""
    particle = re.compile(r"%\(\w+\)[sd][”\"’]?(을|를|이|가|은|는|과|와|으로|로)(?=[\s.,!?:;)]|$)")
    assert [text for text in said("ko") if particle.search(text)] == []


@pytest.mark.parametrize(
    ("language", "words"), [("ko", ("소유자", "계산원", "가맹점")), ("zh_Hant", ("席位", "折扣 %", " 「", "較舊版頁"))]
)
def test_words_that_mean_something_else_are_gone(language, words):
    assert [text for text in said(language) for word in words if word in text] == []


#: What screens once said, which had to be decoded, or read as a shrug.
DECODED = (
    "A product for nothing", "for who brings", "for who comes", "down to what the value says", "When a window ends short",
    "They paid before", "Nobody with this", "Give a seat", "Take the seat", "took data out", "All there ever were",
    "It becomes an entry of its own", "Which side", "All it says", "Beside them", "What you owe", "The clock is the merchant's",
    "Only if it shall not take effect", "Whatever is spent in the portal", "Owners know no limit", "This is not yours",
    "Where are you?", "Who is it?", "Empty the name", "The balance is corrected", "nobody's business", "Yours to take",
    "You have then", "The points are back with their old expiry",
)  # fmt: skip
#: A heading that begins so says what there is not; a sentence may, where it answers what happened.
SHRUG = re.compile(r"(Nothing|Nobody)\b[^.!?]*$")


def test_screens_say_what_is_meant():
    """Every string of the product is a key of each catalogue: another test holds that."""
    asked = [entry.msgid for entry in polib.pofile(str(ROOT / "locale" / "ko" / "LC_MESSAGES" / "django.po"))]
    assert len(asked) > 1_000
    assert [text for text in asked for words in DECODED if words in text] == []
    assert [text for text in asked if SHRUG.match(text)] == []


@pytest.mark.parametrize(
    ("name", "language", "shown"),
    [
        ("콩", "ko", "콩 30개"),
        ("별", "ko", "별 30개"),
        ("포인트", "ko", "30포인트"),
        ("beans", "ko", "30 beans"),
        ("beans", "en", "30 beans"),
        ("點", "zh-hant", "30 點"),
    ],
)
def test_points_are_counted_as_the_language_does(name, language, shown):
    assert earning.counted("30", name, language) == shown
