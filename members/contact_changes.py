"""A member changes their own contact: proved at both ends, told to the old one, taken back by it for three days.

Whoever holds a signed-in phone can neither change where codes go (that takes a code at a contact the member has) nor
spend at once with a contact they have just put there: during the cool-off codes go to whoever was there before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from members import claims, contact_notices, own_codes, registration, search_keys
from members.codes import Proof, Purpose
from members.inputs import MemberChanges
from members.models import ContactChange, Member
from merchants import audit, contacts, outbox
from merchants.actors import Actor
from merchants.contacts import Contact
from merchants.errors import Conflict, Forbidden
from merchants.models.merchants import Merchant

#: So long a code that came back counts for the step it was asked for.
PROOF_MINUTES_VALID = 15
DAYS_KEPT = 90


class NotProved(Forbidden):
    """No fresh code from a contact of this member came back."""

    code: ClassVar[str] = "not_proved"


class UndoGone(Conflict):
    """The link is not one of ours, is too old, or was used."""

    code: ClassVar[str] = "undo_gone"


@dataclass(frozen=True, slots=True)
class Undoable:
    """A change that its link can still take back; contacts masked, empty where there was none."""

    kind: str
    old: str
    new: str
    changed_at: datetime
    undo_until: datetime


def present(member: Member) -> list[Contact]:
    """List the contacts a member has, e-mail first."""
    return [contacts.stored(value) for value in (member.email, member.phone) if value]


def change(
    *,
    merchant: Merchant,
    member: Member,
    by: Proof,
    to: Proof,
    undo_url: Callable[[str], str],
    now: datetime,
    actor: Actor,
) -> Member:
    """Make a proved contact the member's own, and end their sessions on every device.

    `by` proves a contact the member has, `to` the new one, both by a code of the last 15 minutes.  The contacts from
    before get a letter with the link that undoes it.  Locks the member.

    :raises NotProved: a proof is missing, too old, for another purpose or another member's.
    :raises registration.ContactTaken: another membership here has the contact; who proved it may know.
    """
    member = Member.objects.select_for_update(of=("self",)).get(merchant=merchant, pk=member.pk)
    is_mine = by.purpose == "step_up" and by.contact in present(member) and is_fresh(merchant, by, now)
    if not is_mine or to.purpose != "change" or not is_fresh(merchant, to, now):
        raise NotProved(_("Please confirm with a new code that it is you."))
    wanted: dict[str, Any] = {to.contact.kind: to.contact.value}
    member = registration.update(
        merchant=merchant,
        member=member,
        changes=MemberChanges(**wanted),
        actor=actor,
        now=now,
        undo_url=undo_url,
    )
    claims.note_proved(merchant=merchant, member=member, contact=to.contact, now=now)
    claims.end_sessions(merchant=merchant, member=member, now=now)
    return member


def undoable(*, merchant: Merchant, secret: str, now: datetime) -> Undoable:
    """State what the link with this secret takes back.  Raises `UndoGone`."""
    row = _row(merchant, secret, now)
    old, new = (contacts.stored(value).masked if value else "" for value in (row.old, row.new))
    return Undoable(row.kind, old, new, row.changed_at, row.undo_until)


def undo(*, merchant: Merchant, secret: str, now: datetime) -> Member:
    """Put contacts back as they were before a change, and end the member's sessions everywhere.

    Whatever was changed after it is taken back too, so that a second change by the same hand does not outlive the
    first.  Locks the member.

    :raises UndoGone: not a link of ours, too old, used, or the membership has ended.
    :raises registration.ContactTaken: another membership has the old contact meanwhile.
    """
    member = Member.objects.select_for_update(of=("self",)).get(
        merchant=merchant, pk=_row(merchant, secret, now).member_id
    )
    # Read again behind the lock: two presses at once are one.
    first = _row(merchant, secret, now)
    if member.state not in (Member.State.ACTIVE, Member.State.BLOCKED):
        raise UndoGone(_("This membership has ended."))
    later = ContactChange.objects.filter(merchant=merchant, member=member, pk__gte=first.pk, undone_at__isnull=True)
    before: dict[str, str | None] = {}
    for row in later.order_by("pk"):
        before.setdefault(row.kind, row.old or None)
    for kind, old in before.items():
        setattr(member, kind, old)
        # The link was sent to whom the member was reached by before.
        setattr(member, f"{kind}_proved_at", now if old else None)
    member.changed_at = max(member.changed_at, now)
    try:
        with transaction.atomic():
            member.save(update_fields=[*before, *(f"{kind}_proved_at" for kind in before), "changed_at"])
    except IntegrityError:
        raise registration.ContactTaken(_("Another membership has this contact now. Please ask at the shop.")) from None
    search_keys.write(member)
    later.update(undone_at=now)
    claims.end_sessions(merchant=merchant, member=member, now=now)
    actor = Actor("member", member.public_id)
    # Whoever changed the contact had the card too, and keeps an hour of its codes without a connection.
    own_codes.replace(merchant=merchant, member=member, now=now, actor=actor)
    audit.record(
        merchant=merchant,
        action="member.contact_restored",
        actor=actor,
        now=now,
        subject=member.public_id,
        details={"changed": sorted(before)},
    )
    payload = {"member": member.public_id, "changed": sorted(before)}
    outbox.record(merchant_id=merchant.pk, kind="member.updated", payload=payload, occurred_at=now, now=now)
    return member


def cool_off_until(*, merchant: Merchant, member: Member, now: datetime) -> datetime | None:
    """State until when a recent change of contact makes the portal ask before any spending.

    A contact where there was none before took nobody's place: nothing is asked for it.
    """
    newest = _recent(merchant, member, now).exclude(old="").order_by("-pk").first()
    return newest.changed_at + timedelta(hours=merchant.contact_cool_off_hours) if newest else None


def trusted(*, merchant: Merchant, member: Member, now: datetime) -> list[Contact]:
    """List where a code proves that it is the member: contacts that did not change lately.

    If all of them did, those from before; if there were none before, the present ones.
    """
    old: dict[str, str] = {}
    for row in _recent(merchant, member, now).order_by("pk"):
        old.setdefault(row.kind, row.old)
    have = present(member)
    unchanged = [contact for contact in have if contact.kind not in old]
    return unchanged or [contacts.stored(value) for value in old.values() if value] or have


def is_confirmed(*, merchant: Merchant, member: Member, proof: Proof | None, purpose: Purpose, now: datetime) -> bool:
    """State whether a fresh code for this purpose came back from where a code proves that it is the member."""
    if proof is None or proof.purpose != purpose or not is_fresh(merchant, proof, now):
        return False
    return proof.contact in trusted(merchant=merchant, member=member, now=now)


def is_fresh(merchant: Merchant, proof: Proof, now: datetime) -> bool:
    """State whether a proof was made here within the last 15 minutes."""
    return proof.merchant_id == merchant.pk and proof.at <= now < proof.at + timedelta(minutes=PROOF_MINUTES_VALID)


def prune(*, merchant: Merchant, now: datetime) -> int:
    """Remove changes of more than 90 days ago and return how many."""
    old = now - timedelta(days=DAYS_KEPT)
    return ContactChange.objects.filter(merchant=merchant, changed_at__lt=old).delete()[0]


def _recent(merchant: Merchant, member: Member, now: datetime) -> Any:
    since = now - timedelta(hours=merchant.contact_cool_off_hours)
    return ContactChange.objects.filter(merchant=merchant, member=member, changed_at__gt=since, undone_at__isnull=True)


def _row(merchant: Merchant, secret: str, now: datetime) -> ContactChange:
    rows = ContactChange.objects.filter(merchant=merchant, undo_hash=contact_notices.sealed(secret))
    row = rows.filter(undone_at__isnull=True, undo_until__gt=now).first()
    # Staff changes are told without a link, and the merchant's own system's not at all.
    if row is None or not row.actor.startswith("member:"):
        raise UndoGone(_("This link is too old or was used already. Please ask at the shop."))
    return row
