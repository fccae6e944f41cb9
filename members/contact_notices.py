"""What is kept and said when a member's contact becomes another one, whoever changed it.

Only `members.directory` writes contacts, and it calls this in the same transaction.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from members import claim_states
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
    is_told: bool = True,
    gone: Collection[str] = (),
) -> None:
    """Keep each contact that changed, and write to every contact the member had before.

    `is_told`: a change by the merchant's own system (a key) is told to members who sign in only, since it may bring
    thousands, and an import tells nobody. A member's own change is told with the link that undoes it, all others
    without: the shop has seen who asked. `gone` are contacts that reach somebody else now.
    """
    had = [contacts.stored(value) for value in before.values() if value and value not in gone]
    for kind, old in before.items():
        new = getattr(member, kind)
        if new == old:
            continue
        secret = secrets.token_urlsafe(24)
        if old not in gone:
            # One that reaches somebody else now can take nothing back, and proves nothing.
            _keep(merchant, member, kind, old, new, secret, now=now, actor=actor)
        if not is_told:
            continue
        address = undo_url(secret) if undo_url is not None else ""
        with translation.override(member.language or merchant.language):
            for contact in had:
                if messages.can_reach(contact):
                    letter = _letter(merchant, contact, kind, old, new, address)
                    messages.queue(merchant=merchant, letter=letter, now=now, worth=timedelta(hours=UNDO_HOURS))


def _keep(
    merchant: Merchant, member: Member, kind: str, old: str | None, new: str | None, secret: str, *, now: datetime,
    actor: Actor,
) -> None:  # fmt: skip
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


def tell_merged(*, merchant: Merchant, leaving: Member, staying: Member, now: datetime) -> None:
    """Write to both memberships of a merge, where somebody signs in to them, that they are one now.

    Call it before contacts move.
    """
    address = f"{settings.PUBLIC_URL}/m/{merchant.slug}/"
    for member in (leaving, staying):
        if not claim_states.is_claimed(member):
            continue
        words = {"merchant": merchant.name, "address": address}
        with translation.override(member.language or merchant.language):
            for contact in _reachable(member):
                if contact.kind == "phone":
                    text = _(
                        "Two memberships at %(merchant)s were made one, yours among them. Not right? Please tell them."
                    )
                    letter = messages.Letter("memberships_merged", contact, text % words)
                else:
                    text = _(
                        "Your membership at %(merchant)s and another one were made one, with the points of both:\n"
                        "%(address)s\n\nIf both are yours, there is nothing to do. If not, please tell %(merchant)s."
                    )
                    subject = _("Two memberships at %(merchant)s are one now")
                    letter = messages.Letter("memberships_merged", contact, text % words, subject % words)
                messages.queue(merchant=merchant, letter=letter, now=now)


def _reachable(member: Member) -> list[Contact]:
    found = [contacts.stored(value) for value in (member.email, member.phone) if value]
    return [contact for contact in found if messages.can_reach(contact)]


def sealed(secret: str) -> str:
    """Seal the secret of a link: what is kept opens nothing."""
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
