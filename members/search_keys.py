"""What a member is searched by: every end of their name, its initial consonants, their number and their address.

A search is the beginning of one of these ends, so that any part is found by a short piece of an ordered index. An array of
pieces would be smaller, but what looks into arrays may not run before row-level security has looked at every row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from django.db import connection, models

from members.models import Member, SearchKey
from merchants.models.merchants import Merchant

#: Longer pieces of text are compared by their beginning.
LENGTH_MAX = 16
_NAME_MAX = 60
_LOCAL_MAX = 40
_DIGITS = range(4, 11)
#: So many keys are looked through for a search; who is not among them has to be asked for by more letters.
LOOKED_AT_MAX = 200
_FIRST_SYLLABLE, _LAST_SYLLABLE, _PER_INITIAL = 0xAC00, 0xD7A3, 588
_INITIAL = re.compile("[\u1100-\u1112]")
#: Two of these say as much as three letters do.
_DENSE = re.compile("[\u1100-\u1112\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]")


def fold(text: str) -> str:
    """Return a text without what people leave out when they search: case, accents, full width, spaces and signs."""
    found = []
    for sign in unicodedata.normalize("NFKC", text).casefold():
        base = sign if "\uac00" <= sign <= "\ud7a3" else unicodedata.normalize("NFD", sign)[0]
        if base.isalnum():
            found.append(base)
    return "".join(found)


def is_enough(text: str) -> bool:
    """State whether a text says enough to search by: three letters, two Korean, Chinese or Japanese signs, four digits."""
    plain = fold(text)
    least = 4 if plain.isdecimal() else 2 if _DENSE.search(plain) else 3
    return len(plain) >= least


def of(member: Member) -> set[str]:
    """Return the keys of a member; none for whoever has neither a name nor a contact."""
    name = fold(member.name)[:_NAME_MAX]
    keys = _ends("n", name, least=1)
    initials = _initials(name)
    if initials != name:
        keys |= _ends("n", initials, least=2)
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
    """Return the ids of members some part of whose name, number or address begins as each word of the text does."""
    if not is_enough(text):
        return []
    words = sorted({word for each in text.split() if (word := fold(each))}, key=len, reverse=True)
    whole = fold(text)
    found = _beginning(merchant, whole)
    if len(words) > 1:
        # "Lee Anna" for Anna Lee: whoever has one word, and the others as well.
        some = _beginning(merchant, words[0])
        names = Member.objects.filter(merchant=merchant, pk__in=some).values_list("pk", "name", "email")
        found += [pk for pk, name, email in names if all(word in fold(f"{name} {email or ''}") for word in words)]
    return list(dict.fromkeys(found))


def _beginning(merchant: Merchant, plain: str) -> list[int]:
    starts = [f"n{plain}", f"e{plain}"]
    if _INITIAL.search(plain):
        starts = [f"n{_initials(plain)}"]
    elif plain.isdecimal():
        # 010-7731 is said with the 0 that falls away behind the country's code; the last four may begin with one.
        starts = [f"p{plain}", f"p{plain.lstrip('0')}", *starts] if len(plain) >= _DIGITS[0] else starts
    found: list[int] = []
    for start in dict.fromkeys(each[: LENGTH_MAX + 1] for each in starts if len(each) > 2):
        bounds = {"key__gte": start, "key__lt": start + "\U0010ffff", "key__startswith": start}
        rows = SearchKey.objects.filter(models.Q(merchant=merchant), **bounds).order_by("key", "member_id")
        found += rows.values_list("member_id", flat=True)[:LOOKED_AT_MAX]
    return found


def _ends(kind: str, text: str, *, least: int) -> set[str]:
    return {f"{kind}{text[at : at + LENGTH_MAX]}" for at in range(len(text)) if at == 0 or len(text) - at >= least}


def _initials(text: str) -> str:
    """Return Hangul by the initial consonants of its syllables; other signs stay."""
    return "".join(
        chr(0x1100 + (ord(sign) - _FIRST_SYLLABLE) // _PER_INITIAL)
        if _FIRST_SYLLABLE <= ord(sign) <= _LAST_SYLLABLE
        else sign
        for sign in text
    )
