"""Why a search found somebody: what is shown of them, with the signs that were typed marked in it.

Pure. Contacts stay masked, but for the signs that whoever searches has typed themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from members import search_keys
from members.models import Member
from merchants import ids

#: A piece of text, and whether it is what was typed.
Part = tuple[str, bool]
By = Literal["name", "phone", "email", "code", "card", "id"]
HIDDEN = "••••"
_TAIL = 4


@dataclass(frozen=True, slots=True)
class FoundMember:
    """A member and by what they were found; `token` is the code, card or id that fits, empty for the others."""

    member: Member
    by: By
    name: tuple[Part, ...]
    contact: tuple[Part, ...]
    token: tuple[Part, ...] = ()


def of(member: Member, typed: str, *, card: str = "") -> FoundMember:
    """Say by what a text finds a member; `card` is the number of theirs that it is, if it is one."""
    shown = member.name or ids.grouped(member.code)
    contact = masked(member)
    token = _token(member, typed, card)
    if token is not None:
        return FoundMember(member, token[0], ((shown, False),), contact, ((token[1], True),))
    if member.phone and (at := _in_phone(member.phone, typed)) is not None:
        return FoundMember(member, "phone", ((shown, False),), _phone(member.phone, at))
    if places := _in_text(member.name, typed):
        return FoundMember(member, "name", _marked(member.name, places), contact)
    if member.email and (places := _in_text(member.email, typed)):
        return FoundMember(member, "email", ((shown, False),), _email(member.email, places))
    # Words of which each fits another of these.
    places = _words_in(member.name, typed)
    return FoundMember(member, "name", _marked(shown, places if member.name else set()), contact)


def unmarked(member: Member) -> FoundMember:
    """Return a member as a list shows them when nothing was searched for."""
    return FoundMember(member, "name", ((member.name or ids.grouped(member.code), False),), masked(member))


def masked(member: Member) -> tuple[Part, ...]:
    """Return the contact of a member for a list: the number's last four digits, else the address without its name."""
    if member.phone:
        return _phone(member.phone, None)
    return _email(member.email, set()) if member.email else ()


def _token(member: Member, typed: str, card: str) -> tuple[By, str] | None:
    plain = ids.normalise(typed)
    if plain and (plain == member.code or (len(plain) >= search_keys.CODE_MIN and member.code.startswith(plain))):
        return "code", ids.grouped(member.code)
    if typed == member.public_id or (member.external_id and typed == member.external_id):
        return "id", typed
    return ("card", card) if card else None


def _in_phone(phone: str, typed: str) -> tuple[int, int] | None:
    """Return where the digits typed stand among those of a number; the last place counts, as people say its end."""
    said = "".join(sign for sign in typed if sign.isdigit())
    if any(sign.isalpha() for sign in typed) or not said:
        return None
    digits = phone.lstrip("+")
    for each in (said, said.lstrip("0")):
        if len(each) >= search_keys.DIGITS_MIN and (at := digits.rfind(each)) >= 0:
            return at, at + len(each)
    return None


def _phone(phone: str, at: tuple[int, int] | None) -> tuple[Part, ...]:
    digits = phone.lstrip("+")
    tail = max(len(digits) - _TAIL, 0)
    begin, end = at or (0, 0)
    if at is not None and end <= tail:
        return (f"{HIDDEN} ", False), (digits[begin:end], True), (f" {HIDDEN}", False)
    begin = max(begin, tail)
    parts = ((f"{HIDDEN} {digits[tail:begin]}", False), (digits[begin:end], True), (digits[max(begin, end) :], False))
    return tuple(part for part in parts if part[0]) if at is not None else ((f"{HIDDEN} {digits[tail:]}", False),)


def _email(email: str, places: set[int]) -> tuple[Part, ...]:
    at = email.index("@")
    parts: list[Part] = []
    for place, sign in enumerate(email):
        if place in places or place == 0 or place >= at:
            parts.append((sign, place in places))
        elif not parts or parts[-1] != ("…", False):
            parts.append(("…", False))
    return _joined(parts)


def _in_text(text: str, typed: str) -> set[int]:
    """Return the places of the signs of a text that were typed: as they stand, else by initial consonants."""
    plain, places = search_keys.fold_with_places(text)
    sought = search_keys.fold(typed)
    if search_keys.has_initials(sought):
        plain, sought = search_keys.initials(plain), search_keys.initials(sought)
    at = plain.find(sought) if sought else -1
    return set(places[at : at + len(sought)]) if at >= 0 else set()


def _words_in(text: str, typed: str) -> set[int]:
    return set().union(*(_in_text(text, word) for word in search_keys.words_of(typed)))


def _marked(text: str, places: set[int]) -> tuple[Part, ...]:
    # A sign between two that are marked (the space of "Anna Lee", the dash of "Min-ji") is marked with them.
    return _joined(
        [(sign, at in places or (at - 1 in places and at + 1 in places)) for at, sign in enumerate(text)]
    )  # fmt: skip


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    joined: list[Part] = []
    for text, is_marked in parts:
        if joined and joined[-1][1] == is_marked:
            joined[-1] = (joined[-1][0] + text, is_marked)
        else:
            joined.append((text, is_marked))
    return tuple(joined)
