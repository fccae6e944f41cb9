"""What is kept and said when a member's contact becomes another one, whoever changed it.

Only `members.directory` writes contacts, and it calls this in the same transaction.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.utils import translation
from django.utils.translation import gettext as _

from members.models import ContactChange, Member
from merchants import contacts, messages
from merchants.actors import Actor
from merchants.contacts import Contact
from merchants.models.merchants import Merchant

#: So long the old contact can take a change back.
UNDO_HOURS = 72


def record(
    *,
    merchant: Merchant,
    member: Member,
    before: Mapping[str, str | None],
    now: datetime,
    actor: Actor,
    undo_url: Callable[[str], str] | None,
) -> None:
    """This function will keep each contact that changed, and write to every contact the member had before.

    A change by the merchant's own system (a key) is kept and told nobody: it may bring thousands.  Staff changes are
    told without a link, since the shop has seen who asked; a member's own with one.
    """
    had = [contacts.stored(value) for value in before.values() if value]
    for kind, old in before.items():
        new = getattr(member, kind)
        if new == old:
            continue
        secret = secrets.token_urlsafe(24)
        ContactChange.objects.create(
            merchant=merchant,
            member=member,
            kind=kind,
            old=old or "",
            new=new or "",
            actor=str(actor),
            changed_at=now,
            undo_hash=sealed(secret),
            undo_until=now + timedelta(hours=UNDO_HOURS),
        )
        if actor.kind not in {"member", "staff"}:
            continue
        address = undo_url(secret) if undo_url is not None else ""
        with translation.override(member.language or merchant.language):
            for contact in had:
                if messages.can_reach(contact):
                    letter = _letter(merchant, contact, kind, old, new, address)
                    messages.queue(merchant=merchant, letter=letter, now=now, worth=timedelta(hours=UNDO_HOURS))


def sealed(secret: str) -> str:
    """This function will seal the secret of a link: what is kept opens nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _letter(
    merchant: Merchant, to: Contact, kind: str, old: str | None, new: str | None, address: str
) -> messages.Letter:
    words = {
        "merchant": merchant.name,
        "old": contacts.stored(old).masked if old else "",
        "new": contacts.stored(new).masked if new else "",
        "hours": UNDO_HOURS,
        "address": address,
    }
    if to.kind == "phone":
        short = (
            _("Your contact at %(merchant)s was changed. Not you? Undo it: %(address)s")
            if address
            else _("Your contact at %(merchant)s was changed. Not you? Please tell them.")
        )
        return messages.Letter("contact_changed", to, short % words)
    parts = [
        _what(kind, old, new) % words,
        _("If it was you, there is nothing to do."),
        (
            _("If it was not you, undo it within %(hours)d hours. That also signs out whoever did it:\n%(address)s")
            if address
            else _("If it was not you, please tell %(merchant)s.")
        )
        % words,
    ]
    return messages.Letter(
        "contact_changed", to, "\n\n".join(parts), _("Your contact at %(merchant)s was changed") % words
    )


def _what(kind: str, old: str | None, new: str | None) -> str:
    if kind == "email":
        if not old:
            return _("The e-mail address %(new)s was added to your membership at %(merchant)s.")
        if not new:
            return _("The e-mail address %(old)s was taken off your membership at %(merchant)s.")
        return _("The e-mail address of your membership at %(merchant)s was changed from %(old)s to %(new)s.")
    if not old:
        return _("The telephone number %(new)s was added to your membership at %(merchant)s.")
    if not new:
        return _("The telephone number %(old)s was taken off your membership at %(merchant)s.")
    return _("The telephone number of your membership at %(merchant)s was changed from %(old)s to %(new)s.")
