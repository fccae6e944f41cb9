"""Somebody joins: a member, an account, the first tier, points for joining, and who brought them, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import ClassVar, Final

from django.db import transaction
from django.utils.translation import gettext as _
from msgspec import UNSET, structs

from members import cards, claims, consent, directory, own_codes, registration
from members.codes import Proof
from members.inputs import MemberChanges, NewMember
from members.models import Member
from merchants import audit, ids, periods, tenancy
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid, LoyaltyError
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards import agreements, earning, parties
from rewards.mechanics import MECHANICS
from rewards.models.accounts import Account, Membership
from rewards.models.purchases import STANDS, Purchase
from rewards.models.referrals import Referral
from rewards.parties import Party
from rewards.points import Book, Cause
from rewards.sales.batch import Batch

State = Referral.State
#: So many join in one transaction of a batch: a till that sells to somebody in it waits for no more.
TURN: Final = 64


class UnknownReferrer(Invalid):
    code: ClassVar[str] = "unknown_referrer"


class AlreadyReferred(Conflict):
    """Somebody else brought this member, or nobody did and they have bought since."""

    code: ClassVar[str] = "already_referred"


class NothingToKnowThemBy(Invalid):
    """A member whom nobody could find again: a caller's loop would make one of them, and welcome points, each time."""

    code: ClassVar[str] = "identifier_missing"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who joined, whether it was just now, and the points given for joining (0 when they were a member already)."""

    member: Member
    is_new: bool
    points_given: int = 0
    #: What became of `referred_by`: open, or refused since their mailbox is a member's already; empty without one.
    referral: str = ""


def enrol(
    *,
    merchant: Merchant,
    details: NewMember,
    source: str,
    actor: Actor,
    now: datetime,
    documents: Mapping[str, str] | None = None,
    known_here: Collection[str] = (),
    contact_right: registration.ContactRight = "told",
) -> Enrolled:
    """Make somebody a member, or bring the member with this `external_id` up to date.

    `source` is where they join: api, counter, portal, import. A member who is there already keeps what was not sent,
    gets no second welcome, and agrees to nothing by this; who brought them is set as `name_referrer` says. Whose mailbox
    is a member's already (an address with a plus-part, or with other dots) joins, and is neither welcomed nor brought a
    second time. `documents` are the versions they were shown, if not those in force. `known_here`: public ids of members
    who were signed in where this is asked from; staff are told when the referrer is one of them; `contact_right` is what
    `registration.update` says. Locks the member found, or the account made.

    :raises ContactIsMembersOwn: the member signs in with the contact that would change; nothing was changed.
    :raises NothingToKnowThemBy: neither phone nor e-mail nor card nor external_id; nobody is enrolled.
    :raises ContactTaken: e-mail, phone or card is another member's; `pointer` names the field, nobody is named.
    :raises CardBlocked: the card was lost or replaced; nobody is enrolled.
    :raises UnknownReferrer: `referred_by` is nobody's code.
    :raises AlreadyReferred: the member who is there has another referrer, or has bought.
    :raises RetryTransaction: a member with the same external_id appeared meanwhile: run the whole verb again.
    """
    if not any(
        (details.external_id, details.card, *(each for each in (details.phone, details.email) if each is not UNSET))
    ):
        raise NothingToKnowThemBy(
            _("Give a phone, an e-mail, a card or an external_id: nobody could find this member again.")
        )
    if details.external_id is not None:
        known = directory.by_external_id(merchant=merchant, external_id=details.external_id)
        if known is not None:
            state = ""
            if details.referred_by is not None:
                state = name_referrer(merchant=merchant, member=known, code=details.referred_by, now=now, actor=actor)
            member = _brought_up_to_date(merchant, known, details, actor=actor, now=now, contact_right=contact_right)
            return Enrolled(member, False, referral=state)
    referrer = _referrer(merchant, details.referred_by)
    member = registration.register(merchant=merchant, details=details, now=now)
    if details.card is not None:
        cards.issue(merchant=merchant, member=member, number=details.card, actor=actor, now=now)
    account = Account.objects.create(merchant_id=merchant.pk, member=member)
    Membership.objects.create(merchant_id=merchant.pk, member=member, account=account)
    batch = Batch(merchant, MECHANICS, now=now, actor=actor)
    joining = batch.people.lock_members([member.pk])[member.pk]
    batch.read()
    batch.join(joining)
    is_known = directory.others_with_mailbox(merchant=merchant, member=member)
    referral = None
    if referrer is not None:
        doubt = "same_mailbox" if is_known else "same_device" if referrer.public_id in known_here else ""
        referral = _refer(referrer, member, doubt=doubt, now=now)
    points = 0 if is_known else _welcome(batch, joining, member)
    audit.record(merchant=merchant, action="member.enrolled", actor=actor, now=now, subject=member.public_id)
    brought_by = referrer if referral is not None and referral.state == State.OPEN else None
    batch.tell_before(_event(member, source=source, referrer=brought_by, tier=joining.account.membership.tier))
    batch.write(batch.writing())
    if details.consents:
        shown = documents or agreements.in_force(merchant=merchant, now=now)
        consent.record_answers(
            merchant=merchant, member=member, granted=details.consents, documents=shown, source=source, now=now,
            actor=actor,
        )  # fmt: skip
    return Enrolled(member, True, points, referral.state if referral else "")


def name_referrer(*, merchant: Merchant, member: Member, code: str, now: datetime, actor: Actor) -> str:
    """Set who brought a member who is there already, while none of their purchases stands; return the referral's state.

    The same referrer again changes nothing. Locks the account.

    :raises UnknownReferrer: nobody's code, or the member's own.
    :raises AlreadyReferred: another one brought them, they brought that one, or they have bought.
    """
    referrer = _referrer(merchant, code)
    if referrer is None or referrer.pk == member.pk:
        raise UnknownReferrer(_("This is the member's own code."), pointer="/referred_by")
    parties.lock_ids(Book(merchant.pk, now=now, actor=actor), [member.pk])
    before = Referral.objects.select_related("referrer").filter(merchant=merchant, referee=member).first()
    if before is not None:
        by = before.referrer
        if referrer.pk not in {by.pk, by.merged_into_id}:
            raise AlreadyReferred(_("Somebody else has brought this member."), pointer="/referred_by")
        return before.state
    if Referral.objects.filter(merchant=merchant, referrer=member, referee=referrer).exists():
        raise AlreadyReferred(_("This member has brought that one."), pointer="/referred_by")
    bought = Purchase.objects.filter(merchant=merchant, member=member, state=Purchase.State.RECORDED)
    if bought.filter(STANDS).exists():
        raise AlreadyReferred(
            _("This member has bought already: whoever brings somebody does so before the first purchase."),
            pointer="/referred_by",
        )
    is_known = directory.others_with_mailbox(merchant=merchant, member=member)
    doubt = "same_mailbox" if is_known else ""
    own_codes.note(merchant, member, "member.referrer_named", "referred_by", now=now, actor=actor)
    return _refer(referrer, member, doubt=doubt, now=now).state


def is_inviting(*, merchant: Merchant, code: str) -> bool:
    """Say whether somebody can be brought by this code, of before or of now; who it is, stays untold."""
    return own_codes.inviting(merchant=merchant, text=code) is not None


def join(
    *,
    merchant: Merchant,
    details: NewMember,
    proof: Proof,
    is_anew: bool,
    actor: Actor,
    now: datetime,
    known_here: Collection[str] = (),
) -> Enrolled:
    """Make somebody a member by the contact they have just proved, and let them sign in with it.

    `is_anew`: the membership that had the contact is not theirs, which frees it first.

    :raises AlreadyClaimed, NotYourContact: the contact cannot be freed (any more).  And what `enrol` raises.
    """
    if is_anew:
        claims.release_contact(merchant=merchant, proof=proof, now=now)
    enrolled = enrol(merchant=merchant, details=details, source="portal", actor=actor, now=now, known_here=known_here)
    member = claims.open_own(merchant=merchant, member=enrolled.member, proof=proof, now=now)
    return replace(enrolled, member=member)


def enrol_in_turns(
    *,
    merchant: Merchant,
    items: Sequence[NewMember],
    source: str,
    actor: Actor,
    now: datetime,
    contact_right: registration.ContactRight,
) -> list[Enrolled | LoyaltyError]:
    """Enrol one to a thousand people as `enrol` would, and say of each what came of it, in the order given.

    Opens the tenant itself, once for each TURN of them; one who is refused leaves no trace and the others stay. What has
    been written stays when a later turn fails, and is found again by its `external_id`.
    """
    found: list[Enrolled | LoyaltyError] = []
    for begin in range(0, len(items), TURN):
        turn = items[begin : begin + TURN]
        found += tenancy.attempt(merchant, partial(_all_of, merchant, turn, source, actor, now, contact_right))
    return found


def _all_of(
    merchant: Merchant,
    items: Sequence[NewMember],
    source: str,
    actor: Actor,
    now: datetime,
    contact_right: registration.ContactRight,
) -> list[Enrolled | LoyaltyError]:
    tenancy.wait_for_batches(merchant)
    return [_one_of_many(merchant, each, source, actor, now, contact_right) for each in items]


def _one_of_many(
    merchant: Merchant,
    details: NewMember,
    source: str,
    actor: Actor,
    now: datetime,
    contact_right: registration.ContactRight,
) -> Enrolled | LoyaltyError:
    try:
        with transaction.atomic():
            return enrol(
                merchant=merchant, details=details, source=source, actor=actor, now=now, contact_right=contact_right
            )
    except LoyaltyError as refusal:
        return refusal


def _brought_up_to_date(
    merchant: Merchant,
    member: Member,
    details: NewMember,
    *,
    actor: Actor,
    now: datetime,
    contact_right: registration.ContactRight,
) -> Member:
    sent = {
        name: value
        for name in MemberChanges.__struct_fields__
        if name != "external_id" and (value := getattr(details, name)) is not UNSET
    }
    changes = structs.replace(MemberChanges(), **sent)
    member = registration.update(
        merchant=merchant, member=member, changes=changes, actor=actor, now=now, contact_right=contact_right
    )
    if details.card is not None:
        cards.issue(merchant=merchant, member=member, number=details.card, actor=actor, now=now)
    return member


def _event(member: Member, *, source: str, referrer: Member | None, tier: str) -> Event:
    payload = {
        "member": member.public_id,
        "location": member.location.code if member.location else None,
        "source": source,
        "referred_by": referrer.public_id if referrer else None,
        "tier": tier or None,
        "joined_at": member.joined_at,
    }
    return Event("member.enrolled", payload, member.joined_at)


def _referrer(merchant: Merchant, code: str | None) -> Member | None:
    if code is None:
        return None
    referrer = own_codes.inviting(merchant=merchant, text=code)
    if referrer is None:
        raise UnknownReferrer(_("This code is not known. Check it, or leave it out."), pointer="/referred_by")
    return referrer


def _refer(referrer: Member, referee: Member, *, doubt: str, now: datetime) -> Referral:
    return Referral.objects.create(
        merchant_id=referee.merchant_id,
        public_id=ids.mint("rfl"),
        referrer=referrer,
        referee=referee,
        state=State.REFUSED if doubt == "same_mailbox" else State.OPEN,
        doubt=doubt,
        created_at=now,
    )


def _welcome(batch: Batch, joining: Party, member: Member) -> int:
    """Give the points for joining and return how many; where the terms let them, they count towards the tier."""
    version, account, now = batch.timeline.at(batch.now), joining.account, batch.now
    promised = version.terms.welcome if version else None
    if promised is None or version is None:
        return 0
    grant = earning.award(
        version.terms, promised.points, at=now, zone=batch.zone, rule="welcome", tier=account.membership.tier or None,
        pending=promised.pending, expiry=promised.expiry,
    )  # fmt: skip
    cause = Cause(
        "member", member.pk, now, rules=grant.rules, terms_version=version.number, location_id=member.location_id,
        public_id=member.public_id,
    )  # fmt: skip
    account.accrue(
        cause, points=grant.points, active_at=grant.active_at, expires_at=grant.expires_at, sliding=grant.sliding,
        now=now, actor=batch.book.actor,
    )  # fmt: skip
    if promised.qualifying:
        batch.count(account, periods.local_day(now, batch.zone), grant.points, ("member", member.pk))
    batch.give(joining)
    return grant.points
