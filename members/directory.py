"""Finding members and keeping what is known of them: contacts in one form, unique at the merchant, merged ones forwarded.

Making a member is half of an enrolment; the whole, with account, tier and bonus, is `rewards.enrolment.enrol`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, ClassVar

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from msgspec import UNSET

from members import cards, contact_notices, live_codes
from members.inputs import MemberChanges, NewMember, Reference
from members.models import Card
from members.models import Member as Member
from merchants import audit, contacts, ids, outbox, tenancy, texts
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid, NotFound
from merchants.models.merchants import Location, Merchant

SEARCH_MAX = 20
#: Whoever a merged member goes on as. A CASE, since coalesce() counts as one that might leak what it is shown: behind
#: row-level security it would be asked of every member there is, and no index could serve it.
FORWARDED_SQL = "CASE WHEN {0}.merged_into_id IS NULL THEN {0}.id ELSE {0}.merged_into_id END"
CODE_TRIES = 5


class MemberNotFound(NotFound):
    code: ClassVar[str] = "member_not_found"


class AmbiguousReference(Invalid):
    """A member is named by exactly one thing; two could contradict each other."""

    code: ClassVar[str] = "ambiguous_reference"


class ContactTaken(Conflict):
    """Another member has this contact; who, is not said."""

    code: ClassVar[str] = "contact_taken"


class ExternalIdTaken(Conflict):
    code: ClassVar[str] = "external_id_taken"


class CardBlocked(Conflict):
    code: ClassVar[str] = "card_blocked"


class MemberErased(Conflict):
    code: ClassVar[str] = "member_erased"


class InvalidBirthday(Invalid):
    code: ClassVar[str] = "invalid_birthday"


class UnknownLocation(Invalid):
    code: ClassVar[str] = "unknown_location"


def get(*, merchant: Merchant, public_id: str) -> Member:
    """This function will find a member by public id, the merged one's successor for a merged one.

    :raises MemberNotFound: nobody, or somebody who was erased.
    """
    # What cannot be an id is nobody's, and need not be asked of the database.
    found = Member.objects.filter(merchant=merchant, public_id=public_id) if ids.is_id(public_id, "mem") else None
    return _somebody(_forwarded(merchant, found.first() if found is not None else None))


def by_id(*, merchant: Merchant, public_id: str) -> Member:
    """This function will find the very member with this public id: merged ones do not forward, erased ones are there.

    :raises MemberNotFound: nobody ever had it.
    """
    found = (
        Member.objects.filter(merchant=merchant, public_id=public_id).first() if ids.is_id(public_id, "mem") else None
    )
    if found is None:
        raise MemberNotFound(_("There is no such member."))
    return found


def get_by(*, merchant: Merchant, reference: Reference, now: datetime | None = None) -> Member:
    """This function will find a member as `find` does.

    :raises MemberNotFound: nobody is known by this; and what `find` raises.
    """
    return _somebody(find(merchant=merchant, reference=reference, now=now))


def find(*, merchant: Merchant, reference: Reference, now: datetime | None = None) -> Member | None:
    """This function will find a member by one thing the caller knows, exactly; merged ones forward, erased ones are gone.

    With `now` the code may be the moving one of the member's phone, as long as it is of this moment.

    :raises AmbiguousReference: not exactly one thing was given.
    :raises UnreadableContact: a phone or e-mail that cannot be one.
    :raises CardBlocked: the card was lost or replaced.
    :raises LiveCodeExpired: a moving code that is over: perhaps a picture of one.
    """
    given = reference.given()
    if len(given) != 1:
        raise AmbiguousReference(_("Name the member by exactly one of %(names)s.") % {"names": _names(reference)})
    ((kind, value),) = given.items()
    rows = Member.objects.filter(merchant=merchant)
    if kind == "card":
        card = Card.objects.select_related("member").filter(merchant=merchant, number=cards.read_number(value)).first()
        if card is not None and card.blocked_at is not None:
            raise CardBlocked(_("This card is blocked."), pointer="/card")
        return _forwarded(merchant, card.member if card else None)
    if kind == "phone":
        value = _pointed("/phone", contacts.read_phone, value, country=merchant.country).value
    elif kind == "email":
        value = _pointed("/email", contacts.read_email, value).value
    elif kind == "code":
        shown = live_codes.read(merchant=merchant, text=value) if now is not None else None
        if shown is not None and now is not None:
            live_codes.check(shown, within=live_codes.FIND_WITHIN, now=now)
        value = shown.member_code if shown else ids.normalise(value)
    return _forwarded(merchant, rows.filter(**{"public_id" if kind == "id" else kind: value}).first())


def page(*, merchant: Merchant, limit: int, after: tuple[datetime, int] | None = None) -> Sequence[Member]:
    """This function will list members, newest first, those after (joined_at, id) when given; merged and erased left out."""
    rows = Member.objects.filter(merchant=merchant, state__in=[Member.State.ACTIVE, Member.State.BLOCKED])
    if after is not None:
        rows = rows.filter(Q(joined_at__lt=after[0]) | Q(joined_at=after[0], pk__lt=after[1]))
    return list(rows.order_by("-joined_at", "-id")[:limit])


def search(*, merchant: Merchant, text: str, limit: int = SEARCH_MAX) -> list[Member]:
    """This function will find members whose name, e-mail or number begins with a text, or whose code, card or id it is.

    Each way of looking is one bounded walk along an index, however many members there are; 20 at most are returned.
    """
    typed = texts.line(text)
    if not typed:
        return []
    limit = min(limit, SEARCH_MAX)
    rows = Member.objects.filter(merchant=merchant).exclude(state__in=[Member.State.MERGED, Member.State.ERASED])
    found: dict[int, Member] = {}
    for ask in _ways(merchant, rows, typed):
        for member in ask[: limit - len(found)]:
            found.setdefault(member.pk, member)
        if len(found) >= limit:
            break
    return list(found.values())


def register(*, merchant: Merchant, details: NewMember, now: datetime) -> Member:
    """This function will write a new member's row, with their card; call `rewards.enrolment.enrol`, which does the rest.

    :raises ContactTaken: e-mail, phone or card is another member's; `pointer` names the field.
    :raises ExternalIdTaken: the external_id is another member's.
    :raises Again: a twin with the same external_id appeared meanwhile: run the whole verb again and find it.
    """
    member = Member(
        merchant=merchant,
        public_id=ids.mint("mem"),
        external_id=details.external_id,
        joined_at=details.joined_at or now,
        recorded_at=now,
        location=_location(merchant, details.location),
    )
    for name, value in _fields(merchant, details).items():
        setattr(member, name, value)
    for _try in range(CODE_TRIES):
        member.code = ids.normalise(ids.mint_member_code())
        try:
            with transaction.atomic():
                member.save(force_insert=True)
        except IntegrityError as error:
            constraint = tenancy.constraint_of(error)
            if constraint == "member_external_id_unique":
                raise tenancy.Again from None
            if constraint != "member_code_unique":
                raise _taken(error) from None
            member.pk = None
        else:
            return member
    raise RuntimeError("no free member code in five tries: the codes are nearly used up")


def update(
    *,
    merchant: Merchant,
    member: Member,
    changes: MemberChanges,
    actor: Actor,
    now: datetime,
    undo_url: Callable[[str], str] | None = None,
) -> Member:
    """This function will change what is given and leave the rest; tells which fields changed, never their values.

    A contact that changes is told so itself, if it was not the merchant's own system that changed it; `undo_url` makes
    the address at which it takes the change back of a secret.  Locks the member.

    :raises ContactTaken: e-mail or phone is another member's; `pointer` names the field.
    :raises ExternalIdTaken: the external_id is another member's.
    :raises MemberErased: the person asked to be forgotten.
    """
    member = Member.objects.select_for_update(of=("self",)).get(merchant=merchant, pk=member.pk)
    if member.state == Member.State.ERASED:
        raise MemberErased(_("This member was erased."))
    wanted = _fields(merchant, changes)
    if changes.external_id is not UNSET:
        wanted["external_id"] = changes.external_id
    changed = [name for name, value in wanted.items() if getattr(member, name) != value]
    if not changed:
        return member
    before = {name: getattr(member, name) for name in ("email", "phone")}
    for name in changed:
        setattr(member, name, wanted[name])
    try:
        with transaction.atomic():
            member.save(update_fields=changed)
    except IntegrityError as error:
        raise _taken(error) from None
    contact_notices.record(merchant=merchant, member=member, before=before, now=now, actor=actor, undo_url=undo_url)
    told = sorted({_PUBLIC_NAMES.get(name, name) for name in changed})
    audit.record(
        merchant=merchant,
        action="member.updated",
        actor=actor,
        now=now,
        subject=member.public_id,
        details={"changed": told},
    )
    outbox.record(
        merchant_id=merchant.pk,
        kind="member.updated",
        payload={"member": member.public_id, "changed": told},
        occurred_at=now,
        now=now,
    )
    return member


_PUBLIC_NAMES = {"birth_month": "birthday", "birth_day": "birthday"}


def by_external_id(*, merchant: Merchant, external_id: str) -> Member | None:
    """This function will find a member by the caller's own id for them."""
    return find(merchant=merchant, reference=Reference(external_id=external_id))


def _fields(merchant: Merchant, given: NewMember | MemberChanges) -> dict[str, Any]:
    """Bring what was given to the form it is kept in."""
    found: dict[str, Any] = {}
    if given.name is not UNSET:
        found["name"] = texts.line(given.name)
    if given.note is not UNSET:
        found["note"] = texts.paragraph(given.note)
    if given.email is not UNSET:
        found["email"] = _pointed("/email", contacts.read_email, given.email).value if given.email else None
    if given.phone is not UNSET:
        read = contacts.read_phone
        found["phone"] = _pointed("/phone", read, given.phone, country=merchant.country).value if given.phone else None
    if given.language is not UNSET:
        found["language"] = given.language
    if given.attributes is not UNSET:
        found["attributes"] = given.attributes
    if given.birthday is not UNSET:
        found["birth_month"], found["birth_day"] = _birthday(given.birthday)
    return found


def _birthday(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    try:
        day = date(2024, int(text[:2]), int(text[3:]))
    except ValueError:
        raise InvalidBirthday(_("No year has this day."), pointer="/birthday") from None
    return day.month, day.day


def _location(merchant: Merchant, code: str | None) -> Location | None:
    if not code:
        return None
    location = Location.objects.filter(merchant=merchant, code=code).first()
    if location is None:
        raise UnknownLocation(_("There is no location %(location)s.") % {"location": code}, pointer="/location")
    return location


def _taken(error: IntegrityError) -> Exception:
    """Translate a uniqueness error; whose contact it is, stays untold."""
    match tenancy.constraint_of(error):
        case "member_email_unique":
            return ContactTaken(_("Another member has this e-mail address."), pointer="/email")
        case "member_phone_unique":
            return ContactTaken(_("Another member has this telephone number."), pointer="/phone")
        case "member_external_id_unique":
            return ExternalIdTaken(_("Another member has this external_id."), pointer="/external_id")
    return error


def _pointed(pointer: str, read: Any, text: str, **options: Any) -> contacts.Contact:
    try:
        contact: contacts.Contact = read(text, **options)
    except Invalid as refusal:
        refusal.pointer = pointer
        raise
    return contact


def _forwarded(merchant: Merchant, member: Member | None) -> Member | None:
    if member is not None and member.merged_into_id is not None:
        member = Member.objects.filter(merchant=merchant, pk=member.merged_into_id).first()
    return None if member is None or member.state == Member.State.ERASED else member


def _somebody(member: Member | None) -> Member:
    if member is None:
        raise MemberNotFound(_("There is no such member."))
    return member


def _names(reference: Reference) -> str:
    return ", ".join(reference.__struct_fields__)


def _ways(merchant: Merchant, rows: QuerySet[Member], typed: str) -> Iterable[QuerySet[Member]]:
    yield rows.filter(code=ids.normalise(typed))
    yield rows.filter(Q(public_id=typed) | Q(external_id=typed))
    number = "".join(typed.split())
    yield rows.filter(pk__in=Card.objects.filter(merchant=merchant, number=number).values("member_id"))
    if any(sign.isdigit() for sign in typed):
        try:
            yield rows.filter(phone=contacts.read_phone(typed, country=merchant.country).value)
        except contacts.UnreadableContact:
            yield _beginning(rows, "phone", "+" + "".join(sign for sign in number if sign.isdigit()))
    yield _beginning(rows, "email", typed.lower())
    for spelling in dict.fromkeys((typed, typed.title(), typed.upper(), typed.lower())):
        yield _beginning(rows, "name", spelling)


def _beginning(rows: QuerySet[Member], field: str, start: str) -> QuerySet[Member]:
    """A range, not LIKE: the unique indexes answer it whatever the database's collation."""
    bounds = {f"{field}__gte": start, f"{field}__lt": start + "\U0010ffff", f"{field}__startswith": start}
    return rows.filter(**bounds).order_by(field, "id")
