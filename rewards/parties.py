"""Who a journey is about: members as callers name them, found and locked in one statement.

A member who was merged is answered by the one they were merged into: always one hop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from django.db import connection
from django.utils.translation import gettext as _
from msgspec import Meta, Struct

from merchants import contacts, ids
from merchants.errors import Conflict, Invalid, NotFound
from merchants.models.merchants import Merchant
from merchants.tenancy import Again
from rewards.points import AccountState, Book
from rewards.points.book import ACCOUNT_COLUMNS

ExternalId = Annotated[
    str, Meta(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+\Z", description="Your own id for it, for ever.")
]
Place = Annotated[str, Meta(max_length=60, description="Code or id; the key's own when left out.")]
Reason = Annotated[str, Meta(max_length=200)]


class Input(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all bodies share: frozen, no unknown fields, absent fields left out of the fingerprint."""


class MemberRef(Input, frozen=True, kw_only=True):
    """How the till knows the member: exactly one of these."""

    id: Annotated[str, Meta(max_length=40)] | None = None
    external_id: ExternalId | None = None
    card: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    phone: Annotated[str, Meta(min_length=3, max_length=30)] | None = None
    code: Annotated[str, Meta(min_length=4, max_length=20)] | None = None


#: A reference as it is looked up: (kind, normalised value).
Key = tuple[str, str]


class MemberNotFound(NotFound):
    """Nobody is known by this; in a body this is content that cannot be meant, so 422."""

    code: ClassVar[str] = "member_not_found"
    http: ClassVar[int] = 422


class MemberBlocked(Conflict):
    code: ClassVar[str] = "member_blocked"


class UnknownLocation(Invalid):
    code: ClassVar[str] = "unknown_location"


@dataclass(frozen=True, slots=True)
class Party:
    """A member under the lock of their account."""

    id: int
    public_id: str
    state: str
    joined_at: datetime
    account: AccountState


_LOOKUPS = {
    "id": "SELECT m.id FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.public_id = %(value)s",
    "external_id": "SELECT m.id FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.external_id = %(value)s",
    "phone": "SELECT m.id FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.phone = %(value)s",
    "code": "SELECT m.id FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.code = %(value)s",
    "card": "SELECT c.member_id FROM members_card c WHERE c.merchant_id = %(merchant)s AND c.number = %(value)s "
    "AND c.blocked_at IS NULL",
}


def key_of(merchant: Merchant, ref: MemberRef) -> Key | None:
    """This function will name the one thing a member is looked up by, normalised; None when it can name nobody.

    :raises Invalid: not exactly one of the fields is there.
    """
    named = [
        (kind, value)
        for kind in ("id", "external_id", "card", "code", "phone")
        if (value := getattr(ref, kind)) is not None
    ]
    if len(named) != 1:
        raise Invalid(_("Name the member by exactly one of id, external_id, card, phone or code."), pointer="/member")
    kind, value = named[0]
    if kind == "code":
        return "code", ids.normalise(value)
    if kind == "phone":
        try:
            return "phone", contacts.read_phone(value, country=merchant.country).value
        except contacts.UnreadableContact:
            return None
    return kind, value


def find_id(merchant: Merchant, ref: MemberRef) -> int | None:
    """This function will find a member's internal id, merged members forwarded; None when nobody is meant."""
    key = key_of(merchant, ref)
    if key is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(m.merged_into_id, m.id) FROM members_member m WHERE m.merchant_id = %(merchant)s "
            f"AND m.id = ({_LOOKUPS[key[0]]})",
            {"merchant": merchant.pk, "value": key[1]},
        )
        row = cursor.fetchone()
    return row[0] if row else None


def lock(merchant: Merchant, book: Book, refs: Sequence[MemberRef]) -> list[Party | None]:
    """This function will find members and lock their accounts, in id order; None where nobody is meant."""
    found = [find_id(merchant, ref) for ref in refs]
    parties = lock_ids(book, [identity for identity in found if identity is not None])
    return [parties.get(identity) if identity is not None else None for identity in found]


def lock_ids(book: Book, member_ids: Sequence[int]) -> dict[int, Party]:
    """This function will lock the accounts of members by internal id, in account order, merged members forwarded.

    The answer is keyed by the ids given: somebody merged between the look-up and the lock is still found.
    """
    wanted = list(dict.fromkeys(member_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {ACCOUNT_COLUMNS} FROM rewards_account a WHERE a.merchant_id = %(merchant)s AND a.member_id IN "
            "(SELECT coalesce(m.merged_into_id, m.id) FROM members_member m WHERE m.merchant_id = %(merchant)s "
            "AND m.id = ANY(%(members)s)) ORDER BY a.id FOR UPDATE",
            {"merchant": book.merchant_id, "members": wanted},
        )
        for row in cursor.fetchall():
            book.admit(row)
        # Asked again under the lock: a merge may have been committed while we waited for it.
        cursor.execute(
            "SELECT n.id, m.id, m.public_id, m.state, m.joined_at FROM members_member n JOIN members_member m "
            "ON m.merchant_id = n.merchant_id AND m.id = coalesce(n.merged_into_id, n.id) "
            "WHERE n.merchant_id = %s AND n.id = ANY(%s)",
            [book.merchant_id, wanted],
        )
        rows = cursor.fetchall()
    accounts = {account.member_id: account for account in book.accounts.values()}
    return _parties(rows, accounts)


def _parties(
    rows: Sequence[tuple[int, int, str, str, datetime]], accounts: dict[int, AccountState]
) -> dict[int, Party]:
    parties = {}
    for named, identity, public_id, state, joined_at in rows:
        if identity not in accounts:
            raise Again
        parties[named] = Party(identity, public_id, state, joined_at, accounts[identity])
    return parties


def present(party: Party | None, *, pointer: str = "/member") -> Party:
    """This function will return the party, or refuse.

    :raises MemberNotFound: nobody, or somebody who was erased.
    """
    if party is None or party.state in {"erased", "merged"}:
        raise MemberNotFound(_("No member is known by this."), pointer=pointer)
    return party


def check_not_blocked(party: Party, *, pointer: str = "/member") -> None:
    """:raises MemberBlocked: the merchant has blocked the membership."""
    if party.state == "blocked":
        raise MemberBlocked(_("This membership is blocked. No points were moved."), pointer=pointer)


def location_id(merchant: Merchant, place: str) -> int | None:
    """This function will find a location by its code or public id; nothing named is None.

    :raises UnknownLocation: there is no such location.
    """
    if not place:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM merchants_location WHERE merchant_id = %(merchant)s AND code = %(place)s "
            "UNION ALL SELECT id FROM merchants_location WHERE merchant_id = %(merchant)s AND public_id = %(place)s",
            {"merchant": merchant.pk, "place": place},
        )
        row = cursor.fetchone()
    if row is None:
        raise UnknownLocation(_("There is no location %(location)s.") % {"location": place}, pointer="/location")
    return int(row[0])
