"""A member asks to leave: for some days they can take it back, then the nightly job erases them (`engagement.erasure`).

Until then everything goes on, earning and spending too: nothing is lost for whoever stays, and a signed-in telephone in
the wrong hands can end nothing that the owner could not bring back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from members import contact_changes
from members.codes import Proof
from members.contact_changes import NotProved
from members.models import Member
from members.registration import MemberErased
from merchants import audit, messages, outbox
from merchants.actors import Actor
from merchants.contacts import Contact
from merchants.models.merchants import Merchant

DAYS: Final = 7
_PRESENT = (Member.State.ACTIVE, Member.State.BLOCKED)


def ask(*, merchant: Merchant, member: Member, proof: Proof, now: datetime, actor: Actor) -> Member:
    """Note that the member leaves in a week, and write so to every contact they have; asked again it changes nothing.

    `proof` is a code for `leave` to a contact that did not change lately.  Locks the member.

    :raises NotProved: the proof is for something else, too old, or of another contact.
    :raises MemberErased: the membership has ended.
    """
    member = _lock(merchant, member)
    if not contact_changes.is_confirmed(merchant=merchant, member=member, proof=proof, purpose="leave", now=now):
        raise NotProved(_("Please confirm with a new code that it is you."))
    if member.leaves_at is not None:
        return member
    member.leaves_at = now + timedelta(days=DAYS)
    _save(merchant, member, "member.leaving", now=now, actor=actor)
    with translation.override(member.language or merchant.language):
        for contact in contact_changes.present(member):
            if messages.can_reach(contact):
                messages.queue(merchant=merchant, letter=_letter(merchant, contact, member.leaves_at), now=now)
    return member


def take_back(*, merchant: Merchant, member: Member, now: datetime, actor: Actor) -> Member:
    """Stay after all; who did not ask to leave stays as they are.  Locks the member.

    :raises MemberErased: the week was over, and they are forgotten.
    """
    member = _lock(merchant, member)
    if member.leaves_at is not None:
        member.leaves_at = None
        _save(merchant, member, "member.stays", now=now, actor=actor)
    return member


def next_due(*, merchant: Merchant, now: datetime) -> Member | None:
    """Find the member whose week ended first; whether it is so still is asked behind the lock, by `lock_if_due`."""
    due = Member.objects.filter(merchant=merchant, leaves_at__lte=now, state__in=_PRESENT)
    return due.order_by("leaves_at", "pk").first()


def lock_if_due(*, merchant: Merchant, member: Member, now: datetime) -> bool:
    """Lock the member and state whether their week has ended and nobody took it back.  Locks the account first."""
    rows = Member.objects.select_for_update(of=("self",))
    return rows.filter(merchant=merchant, pk=member.pk, leaves_at__lte=now, state__in=_PRESENT).exists()


def _lock(merchant: Merchant, member: Member) -> Member:
    member = Member.objects.select_for_update(of=("self",)).get(merchant=merchant, pk=member.pk)
    if member.state not in _PRESENT:
        raise MemberErased(_("This membership has ended."))
    return member


def _save(merchant: Merchant, member: Member, action: str, *, now: datetime, actor: Actor) -> None:
    member.changed_at = max(member.changed_at, now)
    member.save(update_fields=["leaves_at", "changed_at"])
    audit.record(merchant=merchant, action=action, actor=actor, now=now, subject=member.public_id)
    payload = {"member": member.public_id, "changed": ["leaves_at"]}
    outbox.record(merchant_id=merchant.pk, kind="member.updated", payload=payload, occurred_at=now, now=now)


def _letter(merchant: Merchant, to: Contact, leaves_at: datetime) -> messages.Letter:
    words = {
        "merchant": merchant.name,
        "day": date_format(leaves_at.astimezone(merchant.tzinfo), "DATE_FORMAT"),
        "address": f"{settings.PUBLIC_URL}/m/{merchant.slug}/me/leave",
    }
    if to.kind == "phone":
        text = _("You leave %(merchant)s on %(day)s. Not you, or would you rather stay? %(address)s")
        return messages.Letter("leaving", to, text % words)
    text = _(
        "You asked to leave %(merchant)s. On %(day)s your membership ends: your points lapse, and what names you is "
        "erased.\n\nUntil then everything goes on. If you would rather stay, or if it was not you, sign in and press "
        "“Stay”:\n%(address)s"
    )
    return messages.Letter("leaving", to, text % words, _("You leave %(merchant)s on %(day)s") % words)
