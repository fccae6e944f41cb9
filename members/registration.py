"""Writing down who a member is: contacts in one form and unique at the merchant, changes told to whom they concern.

Making a member is half of an enrolment; the whole, with account, tier and bonus, is `rewards.enrolment.enrol`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, ClassVar, Literal

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from msgspec import UNSET

from members import claim_states, contact_notices, own_codes, references, search_keys
from members.inputs import MemberChanges, NewMember
from members.models import Member
from merchants import audit, contacts, ids, outbox, tenancy, texts
from merchants.actors import Actor
from merchants.database import sql_errors
from merchants.errors import Conflict, Forbidden, Invalid
from merchants.models.merchants import Location, Merchant

#: What somebody who changes things may do with the contacts of a member who signs in: nothing, with a notice to the old
#: contact, or without one (an import).
ContactRight = Literal["refused", "told", "silent"]


class ContactTaken(Conflict):
    """Another member has this contact; who, is not said."""

    code: ClassVar[str] = "contact_taken"


class ExternalIdTaken(Conflict):
    code: ClassVar[str] = "external_id_taken"


class MemberErased(Conflict):
    code: ClassVar[str] = "member_erased"


class ContactIsMembersOwn(Forbidden):
    """The member signs in with their contacts: changing them takes more than a till's right."""

    code: ClassVar[str] = "contact_is_members_own"


class InvalidBirthday(Invalid):
    code: ClassVar[str] = "invalid_birthday"


class UnknownLocation(Invalid):
    code: ClassVar[str] = "unknown_location"


def register(*, merchant: Merchant, details: NewMember, now: datetime) -> Member:
    """Write a new member's row, with their card; call `rewards.enrolment.enrol`, which does the rest.

    :raises ContactTaken: e-mail, phone or card is another member's; `pointer` names the field.
    :raises ExternalIdTaken: the external_id is another member's.
    :raises RetryTransaction: a member with the same external_id appeared meanwhile: run the whole verb again and find it.
    """
    member = Member(
        merchant=merchant,
        public_id=ids.mint("mem"),
        external_id=details.external_id,
        joined_at=details.joined_at or now,
        recorded_at=now,
        changed_at=now,
        location=_location(merchant, details.location),
    )
    for name, value in _fields(merchant, details).items():
        setattr(member, name, value)
    for _try in range(own_codes.CODE_TRIES):
        member.code, member.referral_code = own_codes.mint(merchant), ids.mint_referral_code()
        try:
            with transaction.atomic():
                member.save(force_insert=True)
        except IntegrityError as error:
            constraint = sql_errors.constraint_of(error)
            if constraint == "member_external_id_unique":
                raise tenancy.RetryTransaction from None
            if constraint not in {"member_code_unique", "member_referral_code_unique"}:
                raise _taken(error) from None
            member.pk = None
        else:
            search_keys.write(member)
            return member
    raise RuntimeError("no free member code in five tries: the codes are nearly used up")


def update(
    *,
    merchant: Merchant,
    member: Member,
    changes: MemberChanges,
    actor: Actor,
    now: datetime,
    contact_right: ContactRight = "told",
    undo_url: Callable[[str], str] | None = None,
) -> Member:
    """Change what is given and leave the rest; tells which fields changed, never their values.

    A contact that changes is told so itself, see `contact_notices`; `undo_url` makes the address at which it takes the
    change back of a secret.  `contact_right` counts for members who sign in.  Locks the member.

    :raises ContactIsMembersOwn: the member signs in, and `contact_right` is "refused"; nothing was changed.
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
    changed_contacts = [name for name in ("email", "phone") if name in changed]
    is_claimed = claim_states.is_claimed(member)
    if changed_contacts and contact_right == "refused" and is_claimed:
        raise ContactIsMembersOwn(
            _("This member signs in with their contact: only they, or staff, can change it."),
            pointer=f"/{changed_contacts[0]}",
        )
    before = {name: getattr(member, name) for name in ("email", "phone")}
    for name in changed:
        setattr(member, name, wanted[name])
    for name in changed_contacts:
        # Nobody has signed in with the new one yet.
        setattr(member, f"{name}_proved_at", None)
    member.changed_at = max(member.changed_at, now)
    try:
        with transaction.atomic():
            member.save(update_fields=[*changed, *(f"{name}_proved_at" for name in changed_contacts), "changed_at"])
    except IntegrityError as error:
        raise _taken(error) from None
    search_keys.write(member)
    contact_notices.record(
        merchant=merchant, member=member, before=before, now=now, actor=actor, undo_url=undo_url,
        is_told=contact_right != "silent" and (actor.kind in {"member", "staff"} or is_claimed),
    )  # fmt: skip
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


def _fields(merchant: Merchant, given: NewMember | MemberChanges) -> dict[str, Any]:
    """Bring what was given to the form it is kept in."""
    found: dict[str, Any] = {}
    if given.name is not UNSET:
        found["name"] = texts.line(given.name)
    if given.note is not UNSET:
        found["note"] = texts.paragraph(given.note)
    if given.email is not UNSET:
        found["email"] = references.pointed("/email", contacts.read_email, given.email).value if given.email else None
    if given.phone is not UNSET:
        read = contacts.read_phone
        found["phone"] = (
            references.pointed("/phone", read, given.phone, country=merchant.country).value if given.phone else None
        )
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
    month, _sign, rest = re.sub(r"[./]", "-", text).partition("-")
    month, rest = (month, rest) if rest else (text[:2], text[2:])
    try:
        # A leap year: the 29th of February is somebody's birthday.
        day = date(2024, int(month), int(rest))
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
    match sql_errors.constraint_of(error):
        case "member_email_unique":
            return ContactTaken(_("Another member has this e-mail address."), pointer="/email")
        case "member_phone_unique":
            return ContactTaken(_("Another member has this telephone number."), pointer="/phone")
        case "member_external_id_unique":
            return ExternalIdTaken(_("Another member has this external_id."), pointer="/external_id")
    return error
