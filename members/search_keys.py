"""What a member is searched by: every end of their name, its initial consonants, their number and their address.

A search is the beginning of one of these ends, so that any part is found by a short piece of an ordered index. An array of
pieces would be smaller, but what looks into arrays may not run before row-level security has looked at every row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.db import connection

from members.models import Member, SearchKey
from merchants.models.merchants import Merchant

#: Longer pieces of text are compared by their beginning.
LENGTH_MAX = 16
_NAME_MAX = 60
_LOCAL_MAX = 40
_DIGITS = range(4, 11)
DIGITS_MIN = _DIGITS[0]
#: So many signs of a member's code find it.
CODE_MIN = 4
#: So many keys are looked through for a search; who is not among them has to be asked for by more letters.
LOOKED_AT_MAX = 200
#: So many who have the longest word are asked for the others, when words stand apart in another order.
ASKED_FOR_WORDS_MAX = 1_000
#: More words than this are looked for in the order in which they were typed, and each by itself.
_TURNED_MAX = 4
_FIRST_SYLLABLE, _LAST_SYLLABLE, _PER_INITIAL = 0xAC00, 0xD7A3, 588
#: An address is two words.
_BETWEEN = re.compile(r"[\s@]+")
_INITIAL = re.compile("[\u1100-\u1112]")
#: Two of these say as much as three letters do.
_DENSE = re.compile("[\u1100-\u1112\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]")


def fold(text: str) -> str:
    """Return a text without what people leave out when they search: case, accents, full width, spaces and signs."""
    return "".join(_bases(unicodedata.normalize("NFKC", text).casefold()))


def fold_with_places(text: str) -> tuple[str, list[int]]:
    """Return the same, and for each sign the place in the text from which it comes."""
    found = [
        (base, at) for at, sign in enumerate(text) for base in _bases(unicodedata.normalize("NFKC", sign).casefold())
    ]
    return "".join(base for base, _at in found), [at for _base, at in found]


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded, the longest first."""
    return sorted({word for each in _BETWEEN.split(text) if (word := fold(each))}, key=len, reverse=True)


def has_initials(plain: str) -> bool:
    """State whether a folded text has initial consonants in it that stand alone."""
    return _INITIAL.search(plain) is not None


def is_enough(text: str) -> bool:
    """State whether a text says enough to search by: three letters, two Korean, Chinese or Japanese signs, four digits."""
    plain = fold(text)
    least = 4 if plain.isdecimal() else 2 if _DENSE.search(plain) else 3
    return len(plain) >= least


def of(member: Member) -> set[str]:
    """Return the keys of a member; none for whoever has neither a name nor a contact."""
    name = fold(member.name)[:_NAME_MAX]
    keys = _ends("n", name, least=1)
    consonants = initials(name)
    if consonants != name:
        keys |= _ends("n", consonants, least=2)
    if member.phone:
        digits = member.phone.lstrip("+")
        keys |= {f"p{digits[-length:]}" for length in _DIGITS if length <= len(digits)}
    if member.email:
        local, _at, domain = member.email.lower().partition("@")
        keys |= _ends("e", fold(local)[:_LOCAL_MAX], least=3) | {f"e{fold(domain)[:LENGTH_MAX]}"}
    return keys


def write(member: Member) -> None:
    """Bring the keys of a member to what is known of them now."""
    keys = sorted(of(member))
    rows = SearchKey.objects.filter(merchant_id=member.merchant_id, member_id=member.pk)
    stale = rows.exclude(key__in=keys) if keys else rows
    stale.delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO members_searchkey (merchant_id, member_id, key) SELECT %s, %s, k FROM unnest(%s::text[]) AS k "
            "ON CONFLICT (merchant_id, key, member_id) DO NOTHING",
            [member.merchant_id, member.pk, keys],
        )


def find(*, merchant: Merchant, text: str) -> Sequence[int]:
    """Return the ids of members some part of whose name, number or address begins as the text does, or as each word does.

    Two statements at most, each over bounded pieces of the index. Who fits the whole text comes first.
    """
    if not is_enough(text):
        return []
    turned = _turned(text)
    found = _members_of(merchant, [start for whole in turned for start in _starts(whole)])
    words = words_of(text)
    if len(words) > 1 and len(found) < LOOKED_AT_MAX:
        found += _with_all(merchant, words)
    return list(dict.fromkeys(found))


def _turned(text: str) -> list[str]:
    """Return a text folded, and with its words turned round: "Lee Anna" finds Anna Lee, however many Annas there are."""
    words = [word for each in _BETWEEN.split(text) if (word := fold(each))]
    turns = range(len(words)) if 1 < len(words) <= _TURNED_MAX else (0,)
    return [fold(text), *("".join(words[at:] + words[:at]) for at in turns if at)]


def _starts(plain: str) -> list[str]:
    """Return what the keys of those who fit begin with."""
    starts = [f"n{plain}", f"e{plain}"]
    if has_initials(plain):
        starts = [f"n{initials(plain)}"]
    elif plain.isdecimal() and len(plain) >= DIGITS_MIN:
        # 010-7731 is said with the 0 that falls away behind the country's code; the last four may begin with one.
        national = plain.lstrip("0")
        starts = [f"p{plain}", *([f"p{national}"] if len(national) >= DIGITS_MIN else []), *starts]
    return list(dict.fromkeys(each[: LENGTH_MAX + 1] for each in starts if len(each) > 2))


# What looks into arrays or patterns may not run before row-level security has looked at every row; comparisons may.
_RANGE: Final = """
    SELECT k.member_id, k.key FROM members_searchkey k
    WHERE k.merchant_id = %s AND k.key >= %s AND k.key < %s AND starts_with(k.key, %s) ORDER BY k.key, k.member_id LIMIT %s
"""
_ALSO: Final = """
    EXISTS (SELECT 1 FROM members_searchkey k WHERE k.merchant_id = %s AND k.member_id = a.member_id AND ({any}))
"""


def _members_of(merchant: Merchant, starts: Sequence[str], limit: int = LOOKED_AT_MAX) -> list[int]:
    if not starts:
        return []
    asked: list[Any] = []
    for start in starts:
        asked += [merchant.pk, *_bounds(start), limit]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"({_RANGE})" for _start in starts), asked)
        return [row[0] for row in cursor.fetchall()]


def _with_all(merchant: Merchant, words: Sequence[str]) -> list[int]:
    """Return members who have each of some words, in any order; of those with the longest one the first thousand."""
    first, *others = ([start for start in _starts(word) if len(word) > 1] for word in words)
    if not first:
        return []
    asked: list[Any] = []
    for start in first:
        asked += [merchant.pk, *_bounds(start), ASKED_FOR_WORDS_MAX]
    conditions = []
    for starts in filter(None, others):
        one_of = " OR ".join("(k.key >= %s AND k.key < %s AND starts_with(k.key, %s))" for _start in starts)
        conditions.append(_ALSO.format(any=one_of))
        asked += [merchant.pk, *(bound for start in starts for bound in _bounds(start))]
    if not conditions:
        return []
    some = " UNION ALL ".join(f"({_RANGE})" for _start in first)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH a AS MATERIALIZED ({some}) SELECT a.member_id FROM a WHERE {' AND '.join(conditions)} "
            "ORDER BY a.key, a.member_id LIMIT %s",
            [*asked, LOOKED_AT_MAX],
        )
        return [row[0] for row in cursor.fetchall()]


def _bounds(start: str) -> tuple[str, str, str]:
    """The range that holds all keys with this beginning, whatever the database's collation, and the beginning itself."""
    return start, start + "\U0010ffff", start


def _ends(kind: str, text: str, *, least: int) -> set[str]:
    return {f"{kind}{text[at : at + LENGTH_MAX]}" for at in range(len(text)) if at == 0 or len(text) - at >= least}


def _bases(text: str) -> Iterator[str]:
    for sign in text:
        base = sign if "\uac00" <= sign <= "\ud7a3" else unicodedata.normalize("NFD", sign)[0]
        if base.isalnum():
            yield base


def initials(text: str) -> str:
    """Return Hangul by the initial consonants of its syllables; other signs stay."""
    return "".join(
        chr(0x1100 + (ord(sign) - _FIRST_SYLLABLE) // _PER_INITIAL)
        if _FIRST_SYLLABLE <= ord(sign) <= _LAST_SYLLABLE
        else sign
        for sign in text
    )
