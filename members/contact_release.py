"""A contact that became somebody else's is taken off the membership that had it; the membership keeps everything else."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from members import claim_states, contact_notices, search_keys
from members.models import Member
from merchants import audit, outbox, passports
from merchants.actors import Actor
from merchants.contacts import Contact
from merchants.errors import Conflict
from merchants.models.merchants import Merchant


class ContactInUse(Conflict):
    """Somebody signs in with this contact: it is theirs."""

    code = "contact_in_use"


def release_in_person(*, merchant: Merchant, member: Member, contact: Contact, now: datetime, actor: Actor) -> Member:
    """Free a contact for somebody new whom staff have before them.  Locks the member.

    :raises ContactInUse: somebody signed in with it within a year, or it is not the member's any more.
    """
    member = Member.objects.select_for_update(of=("self",)).get(merchant=merchant, pk=member.pk)
    if getattr(member, contact.kind) != contact.value or not claim_states.may_be_somebody_else(
        member, contact, now=now
    ):
        raise ContactInUse(_("Somebody signs in with this contact: it is theirs."))
    return remove_contact(merchant=merchant, member=member, contact=contact, now=now, actor=actor)


def remove_contact(*, merchant: Merchant, member: Member, contact: Contact, now: datetime, actor: Actor) -> Member:
    """Take a contact off a locked member, with the sign-in that hung on it.

    The contact itself is not written to: it reaches somebody else now.  Others the member has are.  Whoever is signed in
    to the membership stays so: it is theirs still.
    """
    before = {"email": member.email, "phone": member.phone}
    setattr(member, contact.kind, None)
    setattr(member, f"{contact.kind}_proved_at", None)
    user = member.user
    if user is not None and getattr(user, contact.kind) == contact.value:
        passports.withdraw(user=user, merchant=merchant)
        member.user = None
    member.changed_at = max(member.changed_at, now)
    member.save(update_fields=[contact.kind, f"{contact.kind}_proved_at", "user", "changed_at"])
    search_keys.write(member)
    contact_notices.record(
        merchant=merchant, member=member, before=before, now=now, actor=actor, undo_url=None, gone=(contact.value,)
    )
    audit.record(
        merchant=merchant, action="member.contact_released", actor=actor, now=now, subject=member.public_id,
        details={"changed": [contact.kind]},
    )  # fmt: skip
    payload = {"member": member.public_id, "changed": [contact.kind]}
    outbox.record(merchant_id=merchant.pk, kind="member.updated", payload=payload, occurred_at=now, now=now)
    return member
