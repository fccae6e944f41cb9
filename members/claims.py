"""Tying a person who can sign in to what a merchant knows of them: only by a code sent to the member's own contact.

Telephone numbers are given out again. Where nobody has signed in with the contact for a year, or ever, whoever proves it
is asked "is this you?" before anything of the membership is shown; "no" frees the contact for a membership of their own.
"""

from __future__ import annotations

import hmac
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from members import cards, changes, claim_states, contact_release
from members.codes import Proof
from members.models import Card
from members.models import Member as Member
from merchants import ids, limits, passports, users
from merchants.actors import Actor
from merchants.contacts import Contact
from merchants.errors import Conflict, Forbidden, Invalid
from merchants.limits import Limit
from merchants.models.merchants import Merchant

#: Wrong answers to "is this you?": a birthday is one of 366.
_ANSWERS = [Limit("is-this-you-day", 5, 86400), Limit("is-this-you-month", 10, 30 * 86400)]
_JOINING = Actor("member", "joining")


class NotYourContact(Forbidden):
    code: ClassVar[str] = "not_your_contact"


class AlreadyClaimed(Conflict):
    """Somebody has signed in with this contact meanwhile: it is no question any more whose membership it is."""

    code: ClassVar[str] = "already_claimed"


class PerhapsSomebodyElse(Conflict):
    """The contact may have become somebody else's: ask "is this you?" before anything of the membership is shown."""

    code: ClassVar[str] = "perhaps_somebody_else"


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of "yes, this is me": the member, or why not yet."""

    member: Member | None
    #: Something only the member knows is wanted, and nothing was typed.
    is_more_wanted: bool = False


def find(*, merchant: Merchant, proof: Proof) -> Member | None:
    """Find the member whose contact was proved, or None; blocked members are found too."""
    _refuse_other_merchants_proof(merchant, proof)
    members = Member.objects.filter(merchant=merchant, **{proof.contact.kind: proof.contact.value})
    return members.exclude(state__in=[Member.State.MERGED, Member.State.ERASED]).first()


def claim(*, merchant: Merchant, member: Member, proof: Proof, now: datetime, is_known_browser: bool) -> Member:
    """Link the member to the person who proved the member's contact, made if nobody had it yet.

    Locks the member.  A member who is linked already stays so: contacts change hands, memberships do not.
    `is_known_browser`: the contact has signed in in this browser before.

    :raises PerhapsSomebodyElse: nobody signed in with the contact for a year, or ever: `answer` or `release_contact`.
    :raises NotYourContact: the contact is another one by now.
    """
    with transaction.atomic():
        member = _lock(merchant, member, proof)
        if claim_states.may_be_somebody_else(member, proof.contact, now=now) and not is_known_browser:
            raise PerhapsSomebodyElse(_("This contact may have been somebody else's before."))
        return _link(merchant, member, proof, now)


def answer(*, merchant: Merchant, member: Member, proof: Proof, told: str, now: datetime) -> Answered:
    """Take "yes, this is me" of whoever proved the member's contact, with something only the member knows.

    `told` is a card's number, the member code, or the birthday, and may be empty where the merchant knows nothing of the
    kind and nobody ever signed in: then the contact is all there is.  Wrong ones are counted, 5 a day and 10 in 30 days
    for each member, by whoever proved the contact only.  Locks the member.  Never raises on a wrong one: the caller's
    transaction must commit, or it would not count.

    :raises limits.TooMany: too many wrong ones.  :raises NotYourContact: the contact is another one by now.
    """
    with transaction.atomic():
        member = _lock(merchant, member, proof)
        if claim_states.may_be_somebody_else(member, proof.contact, now=now) and not _is_nothing_known(
            merchant, member
        ):
            if not told.strip():
                return Answered(None, is_more_wanted=True)
            limits.take(limits=_ANSWERS, subject=f"{merchant.pk} {member.public_id}", now=now)
            if not _is_theirs(merchant, member, told):
                return Answered(None)
        return Answered(_link(merchant, member, proof, now))


def open_own(*, merchant: Merchant, member: Member, proof: Proof, now: datetime) -> Member:
    """Link a membership that its owner has just opened with the contact they proved.  Locks the member."""
    with transaction.atomic():
        return _link(merchant, _lock(merchant, member, proof), proof, now)


def release_contact(*, merchant: Merchant, proof: Proof, now: datetime) -> Member:
    """Take a contact off the membership of whoever had it before: the one who proved it says they are somebody else.

    The membership keeps its points and its cards; without any other contact it is nobody's until staff merge it.  Other
    contacts it has are told.  Locks the member.

    :raises AlreadyClaimed: somebody has signed in with the contact lately, or just now.
    :raises NotYourContact: no membership has it (any more).
    """
    found = find(merchant=merchant, proof=proof)
    if found is None:
        raise NotYourContact(_("No membership has this contact any more."))
    member = _lock(merchant, found, proof)
    if not claim_states.may_be_somebody_else(member, proof.contact, now=now):
        raise AlreadyClaimed(_("Somebody has signed in with this contact meanwhile."))
    return contact_release.remove_contact(
        merchant=merchant, member=member, contact=proof.contact, now=now, actor=_JOINING
    )


def note_proved(*, merchant: Merchant, member: Member, contact: Contact, now: datetime) -> None:
    """Keep that the member has just shown the contact to be theirs; others hear of it if nobody signed in for long."""
    before = claim_states.of(member, now=now)
    Member.objects.filter(merchant=merchant, pk=member.pk, **{contact.kind: contact.value}).update(
        **{f"{contact.kind}_proved_at": now}
    )
    setattr(member, f"{contact.kind}_proved_at", now)
    if claim_states.of(member, now=now) != before:
        changes.touch(merchant_id=merchant.pk, member_ids=[member.pk], now=now)
        member.changed_at = max(member.changed_at, now)


def _lock(merchant: Merchant, member: Member, proof: Proof) -> Member:
    _refuse_other_merchants_proof(merchant, proof)
    member = Member.objects.select_for_update(of=("self",)).get(merchant=merchant, pk=member.pk)
    if getattr(member, proof.contact.kind) != proof.contact.value:
        raise NotYourContact(_("The code was sent to another contact than this member's."))
    return member


def _link(merchant: Merchant, member: Member, proof: Proof, now: datetime) -> Member:
    note_proved(merchant=merchant, member=member, contact=proof.contact, now=now)
    if member.user_id is not None:
        return member
    user = users.proved(contact=proof.contact, now=now)
    try:
        with transaction.atomic():
            member.user = user
            member.save(update_fields=["user"])
    except IntegrityError:
        # The person has another membership here, under another contact; staff can merge the two.
        member.user = None
        return member
    passports.issue(user=user, merchant=merchant, now=now)
    return member


def _is_nothing_known(merchant: Merchant, member: Member) -> bool:
    """State whether nobody ever signed in, and there is no card and no birthday to ask for."""
    if claim_states.is_claimed(member) or member.birth_month is not None:
        return False
    return not Card.objects.filter(merchant=merchant, member=member).exists()


def _is_theirs(merchant: Merchant, member: Member, told: str) -> bool:
    """State whether what was told is a card's number, the code or the birthday of the member."""
    try:
        card = cards.by_number(merchant=merchant, text=told)
        # A card that was lost may be in other hands.
        if card is not None and card.member_id == member.pk and card.blocked_at is None:
            return True
    except Invalid:
        pass
    if hmac.compare_digest(ids.normalise(told).encode(), member.code.encode()):
        return True
    day = "".join(sign for sign in unicodedata.normalize("NFKC", told) if sign.isdigit())
    return member.birth_month is not None and day == f"{member.birth_month:02}{member.birth_day:02}"


def may_enter(member: Member) -> bool:
    """State whether the member may use the portal: blocked ones ask at the counter."""
    return member.state == Member.State.ACTIVE


def in_session(*, merchant: Merchant, member_id: str, since: datetime) -> Member | None:
    """Return the member a portal session begun at `since` belongs to, while it is still good.

    A merged member is followed once; a blocked or erased one, or one who signed out everywhere later, is None.
    """
    members = Member.objects.select_related("merged_into").filter(merchant=merchant, public_id=member_id)
    member = members.first()
    if member is None or (member.portal_sessions_since is not None and since < member.portal_sessions_since):
        return None
    if member.state == Member.State.MERGED and member.merged_into is not None:
        member = member.merged_into
    return member if member.state == Member.State.ACTIVE else None


def release(*, merchant: Merchant, member: Member) -> None:
    """Take the link away again, as on erasure; the person's other memberships stay."""
    with transaction.atomic():
        locked = (
            Member.objects.select_for_update(of=("self",)).select_related("user").get(merchant=merchant, pk=member.pk)
        )
        if locked.user is not None:
            passports.withdraw(user=locked.user, merchant=merchant)
            locked.user = None
            locked.save(update_fields=["user"])


def end_sessions(*, merchant: Merchant, member: Member, now: datetime) -> None:
    """End the member's portal sessions on every device."""
    Member.objects.filter(merchant=merchant, pk=member.pk).update(portal_sessions_since=now)


def _refuse_other_merchants_proof(merchant: Merchant, proof: Proof) -> None:
    if proof.merchant_id != merchant.pk:
        raise NotYourContact(_("The code belongs to another shop."))
