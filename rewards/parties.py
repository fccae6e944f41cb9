"""Who a journey is about: members as callers name them, found and locked in one statement.

A member who was merged is answered by the one they were merged into: always one hop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final

from django.db import connection
from django.utils.translation import gettext as _
from msgspec import Meta, json

from members import references
from members.directory import FORWARDED_SQL
from members.directory import MemberNotFound as MemberNotFound
from members.inputs import Input as Input
from members.inputs import Reference
from members.references import Key as Key
from members.registration import UnknownLocation as UnknownLocation
from merchants import contacts
from merchants.database import statements
from merchants.errors import Conflict
from merchants.models.merchants import Merchant
from merchants.tenancy import RetryTransaction
from rewards.points import AccountState, Book
from rewards.points.book import ACCOUNT_COLUMNS, ACCOUNT_WIDTH, ACCOUNTS

ExternalId = Annotated[
    str, Meta(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+\Z", description="Your own id for it, for ever.")
]
Place = Annotated[str, Meta(max_length=60, description="Code or id; the key's own when left out.")]
Reason = Annotated[str, Meta(max_length=200)]


#: How a caller names a member: one type, wherever that is (`members.inputs`).
MemberRef = Reference


class MemberBlocked(Conflict):
    code: ClassVar[str] = "member_blocked"


@dataclass(frozen=True, slots=True)
class Party:
    """A member under the lock of their account."""

    id: int
    public_id: str
    state: str
    account: AccountState
    #: Month and day.
    birthday: tuple[int, int] | None
    joined_at: datetime
    #: Member or staff have stopped spending for a while.
    is_spending_stopped: bool = False
    #: Named by a card that was lost or replaced.
    is_card_blocked: bool = False


_REFERENCES = {
    "id": "SELECT 'id', m.public_id, m.id, false FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.public_id = ANY(%(id)s)",
    "external_id": "SELECT 'external_id', m.external_id, m.id, false FROM members_member m WHERE m.merchant_id = %(merchant)s "
    "AND m.external_id = ANY(%(external_id)s)",
    "phone": "SELECT 'phone', m.phone, m.id, false FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.phone = ANY(%(phone)s)",
    "email": "SELECT 'email', m.email, m.id, false FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.email = ANY(%(email)s)",
    "code": "SELECT 'code', m.code, m.id, false FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.code = ANY(%(code)s)",
    "card": "SELECT 'card', c.key, c.member_id, c.blocked_at IS NOT NULL FROM members_card c "
    "WHERE c.merchant_id = %(merchant)s AND c.key = ANY(%(card)s)",
    "member": "SELECT 'member', m.id::text, m.id, false FROM members_member m WHERE m.merchant_id = %(merchant)s "
    "AND m.id = ANY(%(member)s::bigint[])",
}


class People:
    """Whose accounts are locked in one transaction."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.by_account: dict[int, Party] = {}
        #: Whom tills named, by how they named them.
        self.by_key: dict[Key, Party] = {}
        #: Whom the sale belongs to that is undone.
        self.owner: Party | None = None

    def __bool__(self) -> bool:
        return bool(self.by_account)

    def lock(self, keys: Iterable[Key]) -> None:
        """Lock, in id order, the accounts of everybody named; merged members forward.

        One statement finds and locks, so that a till's single sale costs one round trip; only who was not found so is
        looked for again the longer way.
        """
        keys = list(dict.fromkeys(keys))
        kinds = {kind for kind, _value in keys}
        if len(kinds) == 1 and (kind := next(iter(kinds))) in _COLUMNS:
            sql = _DIRECT.format(kind=kind, column=_COLUMNS[kind])
            self._lock_named(sql, {"values": [value for _kind, value in keys]})
        missing = [key for key in keys if key not in self.by_key]
        if missing:
            wanted: dict[str, list[str]] = {}
            for kind, value in missing:
                wanted.setdefault(kind, []).append(value)
            sources = " UNION ALL ".join(_REFERENCES[kind] for kind in sorted(wanted))
            self._lock_named(_FORWARDED.format(sources=sources), wanted)

    def _lock_named(self, sql: str, values: Mapping[str, list[str]]) -> None:
        with connection.cursor() as cursor:
            statements.execute(cursor, sql, {"merchant": self.book.merchant_id, **values}, _TYPES)
            for row in cursor.fetchall():
                kind, value, is_card_blocked = row[-3:]
                self.by_key[kind, value] = self._add(row, is_card_blocked=is_card_blocked)

    def _add(self, row: Sequence[Any], *, is_card_blocked: bool = False) -> Party:
        account = self.book.accounts.get(row[0]) or self.book.add_account(row)
        public_id, state, month, day, joined_at, is_stopped = row[ACCOUNT_WIDTH : ACCOUNT_WIDTH + 6]
        birthday = (month, day) if month is not None else None
        self.book.public_ids[account.member_id] = public_id
        party = Party(account.member_id, public_id, state, account, birthday, joined_at, is_stopped, is_card_blocked)
        self.by_account[account.id] = party
        return party

    def lock_owner(self, member_id: int | None, also: Iterable[int]) -> Party | None:
        """Lock, in id order, the account of whom a sale belongs to (a merged member's forward) and those named by id.

        Nobody's sale locks nobody.
        """
        if member_id is None:
            return None
        with connection.cursor() as cursor:
            cursor.execute(_OWNER, {"merchant": self.book.merchant_id, "member": member_id})
            (owner,) = cursor.fetchone()
            cursor.execute(_BY_ID, {"merchant": self.book.merchant_id, "accounts": [owner, *also]})
            for row in cursor.fetchall():
                self._add(row)
        self.owner = self.by_account[owner]
        return self.owner

    def lock_members(self, member_ids: Sequence[int]) -> dict[int, Party]:
        """Lock, in id order, the accounts of these very members, merged or not; return them by member."""
        with connection.cursor() as cursor:
            cursor.execute(_BY_MEMBER, {"merchant": self.book.merchant_id, "members": list(member_ids)})
            found = [self._add(row) for row in cursor.fetchall()]
        return {party.id: party for party in found}

    def lock_more(self, account_ids: Sequence[int]) -> None:
        """Lock accounts that turned out to be needed as well, without waiting, and read what time did to them.

        They may come before, in id order, those already locked: waiting here could deadlock. A lock that is not free
        raises SQLSTATE 55P03, and the whole verb runs again; so it does when one of them was merged this very moment.
        The account of somebody who left is locked like any other: what may still come to it, the caller knows.
        """
        with connection.cursor() as cursor:
            values: dict[str, Any] = {"merchant": self.book.merchant_id, "accounts": list(account_ids)}
            cursor.execute(f"{_BY_ID} NOWAIT", values)
            for row in cursor.fetchall():
                party = self._add(row)
                if party.account.closed_at is not None and party.state != "erased":
                    raise RetryTransaction
        self.book.read_due_lots(account_ids)

    def values(self) -> dict[str, Any]:
        """Return the values with which a later read looks at those named again."""
        return {
            "members": [party.id for party in self.by_key.values()],
            "codes": [value for kind, value in self.by_key if kind == "code"],
        }

    def check_still_so(self, rows: Mapping[str, Any]) -> None:
        """Look at what may have changed while we waited for the accounts: then what was found no longer holds.

        :raises RetryTransaction: somebody was merged, blocked, erased, stopped or given a new code meanwhile.
        """
        states = rows.get("states") or {}
        if any(states.get(str(each.id)) != [each.state, each.is_spending_stopped] for each in self.by_key.values()):
            raise RetryTransaction
        # The old code names nobody any more.
        if not {value for kind, value in self.by_key if kind == "code"} <= {*(rows.get("codes") or ())}:
            raise RetryTransaction

    def look_again(self) -> None:
        """Read, now that the locks are held, what may have changed while we waited for them.

        :raises RetryTransaction: as `check_still_so`.
        """
        if self.by_key:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT {STATES_SQL}, {CODES_SQL}", {"merchant": self.book.merchant_id, **self.values()}
                )
                states, codes = cursor.fetchone()
            self.check_still_so({"states": json.decode(states) if states else None, "codes": codes})


_TYPES = {
    "merchant": "bigint", "values": "text[]", "id": "text[]", "external_id": "text[]", "phone": "text[]", "email": "text[]",
    "code": "text[]", "card": "text[]", "member": "text[]",
}  # fmt: skip
_COLUMNS = {"id": "public_id", "external_id": "external_id", "phone": "phone", "email": "email", "code": "code"}
_MEMBER = "m.public_id, m.state, m.birth_month, m.birth_day, m.joined_at, m.spending_stopped_at IS NOT NULL"
_DIRECT = (
    f"SELECT {ACCOUNT_COLUMNS}, {_MEMBER}, '{{kind}}', m.{{column}}, false FROM members_member m "
    f"JOIN ({ACCOUNTS}) ON s.merchant_id = %(merchant)s AND s.member_id = m.id "
    "WHERE m.merchant_id = %(merchant)s AND m.{column} = ANY(%(values)s) AND m.merged_into_id IS NULL "
    "ORDER BY a.id FOR UPDATE OF a, s"
)
_FORWARDED = (
    f"SELECT {ACCOUNT_COLUMNS}, {_MEMBER}, r.kind, r.value, r.is_card_blocked "
    "FROM ({sources}) AS r(kind, value, member_id, is_card_blocked) "
    "JOIN members_member named ON named.merchant_id = %(merchant)s AND named.id = r.member_id "
    f"JOIN members_member m ON m.merchant_id = %(merchant)s AND m.id = {FORWARDED_SQL.format('named')} "
    f"JOIN ({ACCOUNTS}) ON s.merchant_id = %(merchant)s AND s.member_id = m.id "
    "ORDER BY a.id FOR UPDATE OF a, s"
)
_OWNER = (
    "SELECT s.account_id FROM members_member named JOIN rewards_membership s ON s.merchant_id = %(merchant)s "
    f"AND s.member_id = {FORWARDED_SQL.format('named')} WHERE named.merchant_id = %(merchant)s AND named.id = %(member)s"
)
_ACCOUNTS = (
    f"SELECT {ACCOUNT_COLUMNS}, {_MEMBER} FROM {ACCOUNTS} "
    "JOIN members_member m ON m.merchant_id = %(merchant)s AND m.id = s.member_id WHERE a.merchant_id = %(merchant)s"
)
_BY_ID = f"{_ACCOUNTS} AND a.id = ANY(%(accounts)s) ORDER BY a.id FOR UPDATE OF a, s"
_BY_MEMBER = f"{_ACCOUNTS} AND s.member_id = ANY(%(members)s) ORDER BY a.id FOR UPDATE OF a, s"
#: Scalars for a read under the locks: what the members are now, and which of the codes still name somebody.
STATES_SQL: Final = """(SELECT jsonb_object_agg(m.id, jsonb_build_array(m.state, m.spending_stopped_at IS NOT NULL))
    FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.id = ANY(%(members)s))"""
CODES_SQL: Final = """(SELECT array_agg(m.code) FROM members_member m
    WHERE m.merchant_id = %(merchant)s AND m.code = ANY(%(codes)s))"""


def key_of(merchant: Merchant, ref: MemberRef) -> Key | None:
    """Name the one thing a member is looked up by, normalised; None when it can name nobody.

    :raises AmbiguousReference: not exactly one of the fields is there.
    :raises InvalidCard: what was scanned or typed is no card number.
    """
    try:
        return references.read(merchant, ref)
    except references.AmbiguousReference as refusal:
        refusal.pointer = "/member"
        raise
    except references.InvalidCard as refusal:
        refusal.pointer = "/member/card"
        raise
    except contacts.UnreadableContact:
        return None


def lock(merchant: Merchant, book: Book, refs: Sequence[MemberRef]) -> list[Party | None]:
    """Find members and lock their accounts, in id order; None where nobody is meant.

    :raises RetryTransaction: somebody was merged, erased, blocked or given a new code while we waited for the lock.
    """
    keys = [key_of(merchant, ref) for ref in refs]
    people = People(book)
    people.lock(key for key in keys if key is not None)
    people.look_again()
    return [people.by_key.get(key) if key is not None else None for key in keys]


def lock_ids(book: Book, member_ids: Sequence[int]) -> dict[int, Party]:
    """Lock the accounts of members by internal id, in account order, merged members forwarded.

    The answer is keyed by the ids given.

    :raises RetryTransaction: somebody was merged or erased while we waited for the lock.
    """
    people = People(book)
    people.lock(("member", str(member_id)) for member_id in member_ids)
    people.look_again()
    return {int(member_id): party for (_kind, member_id), party in people.by_key.items()}


def present(party: Party | None, *, pointer: str = "/member") -> Party:
    """Return the party, or refuse.

    :raises MemberNotFound: nobody, or somebody who was erased.
    :raises CardBlocked: named by a card that was lost or replaced.
    """
    if party is None or party.state in {"erased", "merged"}:
        raise MemberNotFound(_("No member is known by this."), pointer=pointer)
    if party.is_card_blocked:
        raise references.card_is_blocked(f"{pointer}/card")
    return party


def present_buyer(party: Party | None) -> Party:
    """Return whom a sale is for, or refuse whoever cannot buy.

    :raises MemberNotFound, MemberBlocked: nobody, somebody who left, or somebody the merchant has blocked.
    :raises CardBlocked: named by a card that was lost or replaced.
    """
    party = present(party)
    if party.state == "blocked":
        raise MemberBlocked(_("This membership is blocked. Nothing was recorded for it."), pointer="/member")
    return party


def check_not_blocked(party: Party, *, pointer: str = "/member") -> None:
    """:raises MemberBlocked: the merchant has blocked the membership."""
    if party.state == "blocked":
        raise MemberBlocked(_("This membership is blocked. No points were moved."), pointer=pointer)


def location_id(merchant: Merchant, place: str) -> int | None:
    """Find a location by its code or public id; nothing named is None.

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
