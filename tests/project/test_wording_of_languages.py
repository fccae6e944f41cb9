"""What a catalogue must not hold: Korean particles that fit one word only, discounts that read two ways, old words."""

from __future__ import annotations

import re
from pathlib import Path

import polib
import pytest

from rewards import earning
from tests.project import catalogues

ROOT = Path(__file__).resolve().parents[2]


def said(language):
    for entry in polib.pofile(str(ROOT / "locale" / language / "LC_MESSAGES" / "django.po")):
        yield from filter(None, [entry.msgstr, *entry.msgstr_plural.values()])


#: What is filled in, what may close it (a quotation, a tag), and a particle that fits some words only.
PARTICLE = re.compile(
    r"(?:%\(\w+\)[sd]|\{\{[^}]*\}\}|\{\w+\}|%\})(?:[”\"’'」)]|</?\w+[^>]*>)*(?:을|를|이|가|은|는|과|와|으로|로)(?![가-힣(])"
)


def test_no_korean_particle_follows_what_is_filled_in():
    """Which of two particles is right depends on the last sound of a word that is not known here."""
    assert [text for text in said("ko") if PARTICLE.search(text)] == []
    written = [
        *(ROOT / "templates").rglob("*.html"),
        *(path for app in ("loyalty", "rewards", "members", "merchants", "engagement", "analytics")
          for path in (ROOT / app).rglob("*.py")),
    ]  # fmt: skip
    assert len(written) > 500
    assert [str(path) for path in written if PARTICLE.search(path.read_text())] == []


@pytest.mark.parametrize(
    "text", ["%(points)s를 드립니다", "“%(name)s”이 바뀝니다", "{{ word }}을", "<b>%(who)s</b>는 ", "{count}로"]
)
def test_a_literal_particle_is_recognised(text):
    assert PARTICLE.search(text)


@pytest.mark.parametrize("text", ["%(count)s개를 드립니다", "%(points)s포인트를", "콩 %(count)s이면서"])
def test_a_particle_of_a_known_word_is_none(text):
    assert not PARTICLE.search(text)


#: Pairs whose first word ends in a sound that the second does not fit: 콩를 for 콩을.
_AFTER = {"를": "을", "가": "이", "는": "은", "와": "과"}


def test_no_known_korean_word_has_the_wrong_particle():
    """A noun of the product before a particle that its last sound does not fit; words that end so by themselves are not."""
    named = {term for terms in catalogues.GLOSSARY["ko"].values() for term in terms}
    # Which sound a word in Latin letters ends in is not written.
    nouns = {noun for noun in named | {"콩", "별", "포인트", "코드", "쿠폰"} if "가" <= noun[-1] <= "힣"}
    wrong = [
        f"{noun}{given}"
        for noun in nouns
        for with_vowel, with_consonant in _AFTER.items()
        for given in ((with_vowel,) if _ends_in_consonant(noun) else (with_consonant,))
    ]
    pattern = re.compile("|".join(rf"(?<![가-힣]){re.escape(each)}(?![가-힣])" for each in wrong))
    assert pattern.search("콩를 드립니다")
    assert [text for text in said("ko") if pattern.search(text)] == []


def _ends_in_consonant(word):
    return (ord(word[-1]) - 0xAC00) % 28 != 0


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_one_thing_has_one_name(language):
    """`locale/glossary.toml` says which; the catalogues' own test compares every sentence that holds the term."""
    assert len(catalogues.GLOSSARY[language]) > 30
    entry = polib.POEntry(msgid="Ask an owner", msgstr={"ko": "대표에게 요청", "zh_Hant": "向負責人申請"}[language])
    (said_so,) = catalogues.strays(entry, language)
    assert said_so.startswith(f"{language}: 'owner' is ")
    entry.msgstr = {"ko": "점주에게 요청", "zh_Hant": "向店主申請"}[language]
    assert catalogues.strays(entry, language) == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ko", ("소유자", "계산원", "가맹점", "대표에게", "이용 조건")),
        ("zh_Hant", ("席位", "負責人", "經理", "折扣 %", " 「", "較舊版頁")),
    ],
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
