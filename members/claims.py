"""Tying a person who can sign in to what a merchant knows of them: only by a code sent to the member's own contact."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from members.codes import Proof
from members.models import Member as Member
from merchants import passports, users
from merchants.errors import Conflict, Forbidden
from merchants.models.merchants import Merchant


class NotYourContact(Forbidden):
    code: ClassVar[str] = "not_your_contact"


class AlreadyClaimed(Conflict):
    code: ClassVar[str] = "already_claimed"


def find(*, merchant: Merchant, proof: Proof) -> Member | None:
    """This function will find the member whose contact was proved, or None; blocked members are found too."""
    _refuse_other_merchants_proof(merchant, proof)
    members = Member.objects.filter(merchant=merchant, **{proof.contact.kind: proof.contact.value})
    return members.exclude(state__in=[Member.State.MERGED, Member.State.ERASED]).first()


def claim(*, merchant: Merchant, member: Member, proof: Proof, now: datetime) -> Member:
    """This function will link the member to the person who proved the member's contact, made if nobody had it yet.

    Locks the member.  A member who is linked already stays so: contacts change hands, memberships do not.  Whoever
    proved the contact may see this membership all the same.  Raises `NotYourContact`.
    """
    _refuse_other_merchants_proof(merchant, proof)
    with transaction.atomic():
        member = Member.objects.select_for_update(of=("self",)).get(merchant=merchant, pk=member.pk)
        if getattr(member, proof.contact.kind) != proof.contact.value:
            raise NotYourContact(_("The code was sent to another contact than this member's."))
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


def may_enter(member: Member) -> bool:
    """This function will say whether the member may use the portal: blocked ones ask at the counter."""
    return member.state == Member.State.ACTIVE


def in_session(*, merchant: Merchant, member_id: str, since: datetime) -> Member | None:
    """This function will return the member a portal session begun at `since` belongs to, while it is still good.

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
    """This function will take the link away again, as on erasure; the person's other memberships stay."""
    with transaction.atomic():
        locked = (
            Member.objects.select_for_update(of=("self",)).select_related("user").get(merchant=merchant, pk=member.pk)
        )
        if locked.user is not None:
            passports.withdraw(user=locked.user, merchant=merchant)
            locked.user = None
            locked.save(update_fields=["user"])


def end_sessions(*, merchant: Merchant, member: Member, now: datetime) -> None:
    """This function will end the member's portal sessions on every device."""
    Member.objects.filter(merchant=merchant, pk=member.pk).update(portal_sessions_since=now)


def _refuse_other_merchants_proof(merchant: Merchant, proof: Proof) -> None:
    if proof.merchant_id != merchant.pk:
        raise NotYourContact(_("The code belongs to another shop."))
