"""Finding members: by any reference, by what somebody types, in lists; merged ones forward, erased ones are gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import ClassVar

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from members import live_codes, references, search_keys, search_matches
from members.inputs import Reference
from members.models import Card
from members.models import Member as Member
from members.references import AmbiguousReference as AmbiguousReference
from members.references import CardBlocked as CardBlocked
from members.search_matches import FoundMember as FoundMember
from merchants import contacts, ids, texts
from merchants.errors import NotFound
from merchants.models.merchants import Merchant

SEARCH_MAX = 20
#: Whoever a merged member goes on as. A CASE, since coalesce() counts as one that might leak what it is shown: behind
#: row-level security it would be asked of every member there is, and no index could serve it.
FORWARDED_SQL = "CASE WHEN {0}.merged_into_id IS NULL THEN {0}.id ELSE {0}.merged_into_id END"
#: So many memberships merged into one are looked through for its documents.
MERGED_MAX = 100


class MemberNotFound(NotFound):
    code: ClassVar[str] = "member_not_found"


def get(*, merchant: Merchant, public_id: str) -> Member:
    """Find a member by public id, the merged one's successor for a merged one.

    :raises MemberNotFound: nobody, or somebody who was erased.
    """
    # What cannot be an id is nobody's, and need not be asked of the database.
    found = Member.objects.filter(merchant=merchant, public_id=public_id) if ids.is_id(public_id, "mem") else None
    return _somebody(_forwarded(merchant, found.first() if found is not None else None))


def by_id(*, merchant: Merchant, public_id: str) -> Member:
    """Find the very member with this public id: merged ones do not forward, erased ones are there.

    :raises MemberNotFound: nobody ever had it.
    """
    found = (
        Member.objects.filter(merchant=merchant, public_id=public_id).first() if ids.is_id(public_id, "mem") else None
    )
    if found is None:
        raise MemberNotFound(_("There is no such member."))
    return found


def of_documents(*, merchant: Merchant, member_ids: Collection[int]) -> dict[int, Member]:
    """Return the members whom documents name by these internal keys: as they were then, merged and erased ones too."""
    return {member.pk: member for member in Member.objects.filter(merchant=merchant, pk__in=member_ids)}


def of_document(*, merchant: Merchant, member_id: int) -> Member:
    """Find the member whom a document names by this internal key, the merged one's successor for a merged one.

    :raises MemberNotFound: nobody, or somebody who was erased.
    """
    return _somebody(_forwarded(merchant, Member.objects.filter(merchant=merchant, pk=member_id).first()))


def names(*, merchant: Merchant, public_ids: Collection[str]) -> dict[str, str]:
    """Return what the members with these public ids are called now, by id; nobody is left out but who never was."""
    rows = Member.objects.filter(merchant=merchant, public_id__in=public_ids)
    return {member.public_id: str(member) for member in rows}


def here(*, merchant: Merchant, public_ids: Sequence[str]) -> list[Member]:
    """Return the members with these public ids who are members now, in the order asked for; others are left out."""
    rows = Member.objects.filter(
        merchant=merchant, public_id__in=public_ids, state__in=[Member.State.ACTIVE, Member.State.BLOCKED]
    )
    found = {member.public_id: member for member in rows}
    return [found[each] for each in public_ids if each in found]


def ids_of(*, merchant: Merchant, public_id: str) -> list[int]:
    """List the internal ids under which documents may name a person: their own, and those of who were merged into them.

    :raises MemberNotFound: nobody, or somebody who was erased.
    """
    member = get(merchant=merchant, public_id=public_id)
    merged = Member.objects.filter(merchant=merchant, merged_into=member).values_list("pk", flat=True)
    return [member.pk, *merged.order_by("pk")[:MERGED_MAX]]


def get_by(*, merchant: Merchant, reference: Reference, now: datetime | None = None) -> Member:
    """Find a member as `find` does.

    :raises MemberNotFound: nobody is known by this; and what `find` raises.
    """
    return _somebody(find(merchant=merchant, reference=reference, now=now))


def find(*, merchant: Merchant, reference: Reference, now: datetime | None = None) -> Member | None:
    """Find a member by one thing the caller knows, exactly; merged ones forward, erased ones are gone.

    With `now` the code may be the moving one of the member's phone, as long as it is of this moment.

    :raises AmbiguousReference: not exactly one thing was given.
    :raises UnreadableContact: a phone or e-mail that cannot be one.
    :raises CardBlocked: the card was lost or replaced.
    :raises LiveCodeExpired: a moving code that is over: perhaps a picture of one.
    """
    kind, value = references.read(merchant, reference)
    if kind == "card":
        card = Card.objects.select_related("member").filter(merchant=merchant, key=value).first()
        if card is not None and card.blocked_at is not None:
            raise references.card_is_blocked()
        return _forwarded(merchant, card.member if card else None)
    if kind == "code" and now is not None and reference.code is not None:
        shown = live_codes.read(merchant=merchant, text=reference.code)
        if shown is not None:
            live_codes.check(shown, within=live_codes.FIND_WITHIN, now=now)
    found = Member.objects.filter(merchant=merchant, **{"public_id" if kind == "id" else kind: value})
    return _forwarded(merchant, found.first())


def page(*, merchant: Merchant, limit: int, after: tuple[datetime, int] | None = None) -> Sequence[Member]:
    """List members, newest first, those after (joined_at, id) when given; merged and erased left out."""
    rows = Member.objects.filter(merchant=merchant, state__in=[Member.State.ACTIVE, Member.State.BLOCKED])
    if after is not None:
        rows = rows.filter(Q(joined_at__lt=after[0]) | Q(joined_at=after[0], pk__lt=after[1]))
    return list(rows.order_by("-joined_at", "-id")[:limit])


def changed(
    *, merchant: Merchant, since: datetime, limit: int, after: tuple[datetime, int] | None = None
) -> Sequence[Member]:
    """List members changed at `since` or later, oldest change first, those after (changed_at, id) when given.

    Blocked, merged and erased ones are among them: whoever keeps a copy must hear of those first of all.
    """
    rows = Member.objects.filter(merchant=merchant, changed_at__gte=since)
    if after is not None:
        rows = rows.filter(Q(changed_at__gt=after[0]) | Q(changed_at=after[0], pk__gt=after[1]))
    return list(rows.order_by("changed_at", "id")[:limit])


def search(*, merchant: Merchant, text: str, limit: int = SEARCH_MAX, blocked_cards: bool = False) -> list[Member]:
    """Find members as `look_up` does, without the why."""
    return [
        found.member for found in look_up(merchant=merchant, text=text, limit=limit, blocked_cards=blocked_cards)
    ]  # fmt: skip


def look_up(
    *, merchant: Merchant, text: str, limit: int = SEARCH_MAX, blocked_cards: bool = False
) -> list[FoundMember]:
    """Find members by any part of their name, number or e-mail, or whose code, card or id a text is; say by what.

    Each way of looking is one bounded piece of an index, however many members there are; 20 at most are returned.
    `blocked_cards`: a blocked card finds its owner, too, for whoever looks after members.

    :raises CardBlocked: it is a card that was lost or replaced, and nothing else.
    """
    typed = texts.line(text)
    if not typed:
        return []
    limit = min(limit, SEARCH_MAX)
    rows = Member.objects.filter(merchant=merchant).exclude(state__in=[Member.State.MERGED, Member.State.ERASED])
    card = None
    with suppress(references.InvalidCard):
        card = Card.objects.filter(merchant=merchant, key=references.card_key(typed)).first()
    usable = card if card is not None and (blocked_cards or card.blocked_at is None) else None
    found: dict[int, Member] = {}
    for ask in _ways(merchant, rows, typed, usable):
        for member in ask[: limit - len(found)]:
            found.setdefault(member.pk, member)
        if len(found) >= limit:
            break
    if not found and card is not None and card.blocked_at is not None:
        raise references.card_is_blocked()
    return [
        search_matches.of(member, typed, card=usable.number if usable and usable.member_id == member.pk else "")
        for member in found.values()
    ]  # fmt: skip


def others_with_mailbox(*, merchant: Merchant, member: Member) -> bool:
    """Say whether another member's e-mail arrives in the same mailbox as this one's: very likely the same person.

    Locks the mailbox until the end of the transaction, so that of two who join at once one sees the other.
    """
    if not member.email:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(m.mailbox, m.merchant_id)) FROM members_member m "
            "WHERE m.merchant_id = %s AND m.id = %s",
            [merchant.pk, member.pk],
        )
    mailbox = Member.objects.filter(merchant=merchant, pk=member.pk).values("mailbox")
    same = Member.objects.filter(merchant=merchant, email__isnull=False, mailbox__in=mailbox).exclude(pk=member.pk)
    return same.exclude(state__in=[Member.State.ERASED, Member.State.MERGED]).exists()


def by_external_id(*, merchant: Merchant, external_id: str) -> Member | None:
    """Find a member by the caller's own id for them."""
    return find(merchant=merchant, reference=Reference(external_id=external_id))


def _forwarded(merchant: Merchant, member: Member | None) -> Member | None:
    if member is not None and member.merged_into_id is not None:
        member = Member.objects.filter(merchant=merchant, pk=member.merged_into_id).first()
    return None if member is None or member.state == Member.State.ERASED else member


def _somebody(member: Member | None) -> Member:
    if member is None:
        raise MemberNotFound(_("There is no such member."))
    return member


def _ways(merchant: Merchant, rows: QuerySet[Member], typed: str, card: Card | None) -> Iterable[QuerySet[Member]]:
    code = ids.normalise(typed)
    is_code = len(code) >= search_keys.CODE_MIN and all(sign in ids.SIGNS for sign in code)
    exact = Q(public_id=typed) | Q(external_id=typed)
    exact |= Q(**_bounds("code", code)) if is_code else Q(code=code)
    yield rows.filter(exact | Q(pk=card.member_id) if card is not None else exact)
    # What has letters in it is no number: digits picked out of a code would find strangers by theirs.
    if any(sign.isdigit() for sign in typed) and not any(sign.isalpha() for sign in typed):
        with suppress(contacts.UnreadableContact):
            yield rows.filter(phone=contacts.read_phone(typed, country=merchant.country).value)
        yield _beginning(rows, "phone", "+" + "".join(sign for sign in typed if sign.isdigit()))
    if "@" in typed[1:]:
        yield _beginning(rows, "email", typed.lower())
    if search_keys.is_enough(typed):
        yield rows.filter(pk__in=search_keys.find(merchant=merchant, text=typed)).order_by("name", "id")
    else:
        for spelling in dict.fromkeys((typed, typed.title(), typed.upper(), typed.lower())):
            yield _beginning(rows, "name", spelling)


def _beginning(rows: QuerySet[Member], field: str, start: str) -> QuerySet[Member]:
    """A range, not LIKE: the unique indexes answer it whatever the database's collation."""
    return rows.filter(**_bounds(field, start)).order_by(field, "id")


def _bounds(field: str, start: str) -> dict[str, str]:
    return {f"{field}__gte": start, f"{field}__lt": start + "\U0010ffff", f"{field}__startswith": start}
