"""People of the installation, found or made by a contact they have proved to be theirs."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from merchants.contacts import Contact
from merchants.models.people import User as User


def find(contact: Contact) -> User | None:
    """Find the person who signs in with this contact, or None."""
    return User.objects.filter(**{contact.kind: contact.value}).first()


def get(user_id: int) -> User | None:
    """Return the person of this key, or None."""
    return User.objects.filter(pk=user_id).first()


def read_no_user() -> None:
    """Do the work of reading a person by their key where there is none: time tells nothing then."""
    User.objects.filter(pk=0).first()


def proved(*, contact: Contact, now: datetime) -> User:
    """Return the person behind a contact that was just proved by a code, made if need be.

    Two proofs of a new contact at once make one person.
    """
    user = invited(contact=contact, now=now)
    field = f"{contact.kind}_verified_at"
    if getattr(user, field) is None:
        setattr(user, field, now)
        user.save(update_fields=[field])
    return user


def invited(*, contact: Contact, now: datetime, name: str = "") -> User:
    """Return the person behind a contact nobody has proved yet; only its owner can ever sign in."""
    user = find(contact)
    if user is None:
        try:
            with transaction.atomic():
                user = User(name=name, date_joined=now, **{contact.kind: contact.value})
                user.set_unusable_password()
                user.save()
        except IntegrityError:
            user = User.objects.get(**{contact.kind: contact.value})
    return user


def end_sessions(user: User) -> None:
    """End every session of the person: sessions carry a hash of this secret."""
    user.set_unusable_password()
    user.save(update_fields=["password"])
