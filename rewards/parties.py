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

from members import live_codes
from members.directory import FORWARDED_SQL
from merchants import contacts, ids
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid, NotFound
from merchants.models.merchants import Merchant
from merchants.tenancy import Again
from rewards.points import AccountState, Book
from rewards.points.book import ACCOUNT_COLUMNS, ACCOUNT_WIDTH

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
    code: Annotated[str, Meta(min_length=4, max_length=live_codes.LENGTH_MAX)] | None = None


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
    "member": "SELECT %s::int, %s::bigint",
    "id": "SELECT %s::int, m.id FROM members_member m WHERE m.merchant_id = %s AND m.public_id = %s",
    "external_id": "SELECT %s::int, m.id FROM members_member m WHERE m.merchant_id = %s AND m.external_id = %s",
    "phone": "SELECT %s::int, m.id FROM members_member m WHERE m.merchant_id = %s AND m.phone = %s",
    "code": "SELECT %s::int, m.id FROM members_member m WHERE m.merchant_id = %s AND m.code = %s",
    "card": "SELECT %s::int, c.member_id FROM members_card c WHERE c.merchant_id = %s AND c.number = %s "
    "AND c.blocked_at IS NULL",
}


# Accounts are locked in the order of their ids by everybody: whoever waits, waits for somebody who can go on.
_ORDER = "ORDER BY a.id"
_FOR_UPDATE = "FOR UPDATE OF a"


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
        # Who it is, an old code says as well as a new one: a sale may come late.  Spending asks for more: `live_code`.
        shown = live_codes.read(merchant=merchant, text=value)
        return "code", shown.member_code if shown else ids.normalise(value)
    if kind == "phone":
        try:
            return "phone", contacts.read_phone(value, country=merchant.country).value
        except contacts.UnreadableContact:
            return None
    return kind, value


def lock(merchant: Merchant, book: Book, refs: Sequence[MemberRef]) -> list[Party | None]:
    """This function will find members and lock their accounts, in id order; None where nobody is meant.

    :raises Again: somebody was merged or erased while we waited for the lock.
    """
    lookups, values = [], []
    for position, ref in enumerate(refs):
        key = key_of(merchant, ref)
        if key is not None:
            lookups.append(_LOOKUPS[key[0]])
            values += [position, merchant.pk, key[1]]
    found = _lock(book, lookups, values)
    return [found.get(position) for position in range(len(refs))]


def lock_ids(book: Book, member_ids: Sequence[int]) -> dict[int, Party]:
    """This function will lock the accounts of members by internal id, in account order, merged members forwarded.

    The answer is keyed by the ids given.

    :raises Again: somebody was merged or erased while we waited for the lock.
    """
    wanted = list(dict.fromkeys(member_ids))
    values = [value for pair in enumerate(wanted) for value in pair]
    found = _lock(book, [_LOOKUPS["member"]] * len(wanted), values)
    return {wanted[position]: party for position, party in found.items()}


def _lock(book: Book, lookups: Sequence[str], values: Sequence[object]) -> dict[int, Party]:
    """One statement finds and locks. What it says of members is older than the locks it waited for, except that an
    account closed meanwhile says so itself."""
    if not lookups:
        return {}
    parties: dict[int, Party] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {ACCOUNT_COLUMNS}, r.position, m.public_id, m.state, m.joined_at "
            f"FROM ({' UNION ALL '.join(lookups)}) AS r(position, member_id) "
            "JOIN members_member n ON n.merchant_id = %s AND n.id = r.member_id "
            f"JOIN members_member m ON m.merchant_id = %s AND m.id = {FORWARDED_SQL.format('n')} "
            "JOIN rewards_account a ON a.merchant_id = %s AND a.member_id = m.id "
            f"{_ORDER} {_FOR_UPDATE}",
            [*values, *[book.merchant_id] * 3],  # type: ignore[list-item]
        )
        for row in cursor.fetchall():
            account = book.accounts.get(row[0]) or book.admit(row)
            position, public_id, state, joined_at = row[ACCOUNT_WIDTH:]
            if account.closed_at is not None and state not in {"merged", "erased"}:
                raise Again
            parties[position] = Party(account.member_id, public_id, state, joined_at, account)
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


def live_code(
    merchant: Merchant, ref: MemberRef, *, member_id: int, used_for: str, now: datetime, actor: Actor
) -> live_codes.Shown | None:
    """This function will look at how the member was named by who spends their points, under their account's lock.

    Returns the moving code, to be noted as used (`live_codes.use`) when the points are spent; None without one.

    :raises LiveCodeExpired, LiveCodeUsed: a moving code that is old, or was spent with.
    :raises LiveCodeNeeded: none, from a till or a counter, where the merchant asks for one.
    """
    shown = live_codes.read(merchant=merchant, text=ref.code) if ref.code else None
    if shown is not None:
        live_codes.check_unused(merchant=merchant, member_id=member_id, shown=shown, used_for=used_for, now=now)
    elif merchant.is_live_code_needed and actor.kind in {"key", "staff"}:
        raise live_codes.LiveCodeNeeded(
            _("Points are spent here with the moving code on the member's phone: scan that one."), pointer="/member"
        )
    return shown


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
