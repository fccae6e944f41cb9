"""Contacts on the screen: masked for everybody, shown whole to whoever may ask, and each asking is on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from members.models import Member
from merchants import audit, contacts
from merchants.actors import Actor
from merchants.models.merchants import Merchant


@dataclass(frozen=True, slots=True)
class VisibleContacts:
    """A member's contacts as they may be seen now; empty where there is none."""

    email: str
    phone: str


def masked(member: Member) -> VisibleContacts:
    """Give enough of the contacts for their owner to recognise, too little for anybody else."""
    return VisibleContacts(
        contacts.stored(member.email).masked if member.email else "",
        contacts.stored(member.phone).masked if member.phone else "",
    )


def reveal(*, merchant: Merchant, member: Member, now: datetime, actor: Actor) -> VisibleContacts:
    """Give the contacts whole, and write down who looked."""
    audit.record(merchant=merchant, action="member.revealed", actor=actor, now=now, subject=member.public_id)
    return VisibleContacts(member.email or "", member.phone or "")
