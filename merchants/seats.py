"""Who works at a merchant, and as what.  The table is read here only."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from merchants import audit, ids, texts, users
from merchants.actors import Actor
from merchants.contacts import Contact
from merchants.errors import Conflict, Forbidden, Invalid, NotFound
from merchants.models.merchants import Merchant
from merchants.models.people import Seat as Seat
from merchants.models.people import User
from merchants.permissions import NEEDS_SECOND_FACTOR, Permission, Role, may

#: So many wrong PINs in a row lock the seat's PIN: five minutes at first, then twice as long each time, up to four hours.
#: Somebody at an opened counter device can try 55 PINs on the first day and 30 on every other, of at least 10,000.
PIN_TRIES_MAX = 5
PIN_LOCK_MINUTES = 5
PIN_LOCK_MINUTES_MAX = 240
_PIN = re.compile(r"[0-9]{4,8}")


class SeatTaken(Conflict):
    code: ClassVar[str] = "seat_taken"


class LastOwner(Conflict):
    code: ClassVar[str] = "last_owner"


class NotYoursToGive(Forbidden):
    code: ClassVar[str] = "not_yours_to_give"


class WeakPin(Invalid):
    code: ClassVar[str] = "weak_pin"


@dataclass(frozen=True, slots=True)
class Workplace:
    """A merchant at which a person holds a seat."""

    merchant: Merchant
    role: str


def actor_of(seat: Seat) -> Actor:
    """Name the seat as the one who acts; needs no query if the seat was read with its user."""
    return Actor("staff", seat.public_id, label=str(seat), role=seat.role)


def find(*, merchant: Merchant, user: User) -> Seat | None:
    """Find the seat a person holds at a merchant now, or None."""
    seats = Seat.objects.select_related("user")
    return seats.filter(merchant=merchant, user=user, revoked_at__isnull=True).first()


def get(*, merchant: Merchant, seat_id: str) -> Seat:
    """Return a seat by its public id, revoked or not.  Raises `NotFound`."""
    seat = Seat.objects.select_related("user").filter(merchant=merchant, public_id=seat_id).first()
    if seat is None:
        raise NotFound(_("There is no such person on the team."))
    return seat


def of_merchant(merchant: Merchant) -> list[Seat]:
    """List the seats held at a merchant now, the mightiest role first, then by name."""
    order = {role: place for place, role in enumerate(Role.values)}
    seats = Seat.objects.select_related("user").filter(merchant=merchant, revoked_at__isnull=True)
    return sorted(seats, key=lambda seat: (order[seat.role], str(seat), seat.pk))


def ever_at(merchant: Merchant) -> list[Seat]:
    """List all seats there ever were at a merchant, those given back too, by name."""
    seats = Seat.objects.select_related("user").filter(merchant=merchant)
    return sorted(seats, key=lambda seat: (str(seat), seat.pk))


def held(user: User) -> list[Seat]:
    """List the seats a person holds now, at open merchants and closed ones."""
    return list(Seat.objects.select_related("merchant", "user").filter(user=user, revoked_at__isnull=True))


def workplaces(seats: Sequence[Seat]) -> list[Workplace]:
    """List the open merchants of these seats, by name."""
    places = [Workplace(seat.merchant, seat.role) for seat in seats if seat.merchant.closed_at is None]
    return sorted(places, key=lambda place: place.merchant.name)


def needs_second_factor(user: User) -> bool:
    """State whether the person's roles, at any merchant, ask for a second factor at sign-in."""
    return Seat.objects.filter(user=user, revoked_at__isnull=True, role__in=NEEDS_SECOND_FACTOR).exists()


def give(
    *,
    merchant: Merchant,
    role: str,
    now: datetime,
    actor: Actor,
    contact: Contact | None = None,
    name: str = "",
    pin: str = "",
) -> Seat:
    """Seat a person, found or made by a contact; a cashier may have a name and a PIN only.

    A seat revoked before is given anew.  Raises `SeatTaken`, `NotYoursToGive`, `WeakPin`, `Invalid`.
    """
    _refuse_unless_giver(actor, role)
    if contact is None and (role != Role.CASHIER or not (name.strip() and pin)):
        raise Invalid(_("Only a cashier may do without an e-mail or phone, and then needs a name and a PIN."))
    pin_hash = _hashed(pin) if pin else ""
    with transaction.atomic():
        user = users.invited(contact=contact, now=now, name=name) if contact else None
        before = Seat.objects.select_for_update().filter(merchant=merchant, user=user).first() if user else None
        if before is not None and before.revoked_at is None:
            raise SeatTaken(_("This person is on the team already."), seat=before.public_id)
        seat = before or Seat(public_id=ids.mint("seat"), merchant=merchant, user=user, created_at=now)
        seat.role, seat.name = role, texts.line(name)[:120]
        seat.pin_hash, seat.pin_failures, seat.pin_locked_until = pin_hash, 0, None
        seat.revoked_at = None
        seat.save()
        _note(seat, "seat.given", now, actor, role=role)
    return seat


def change_role(*, merchant: Merchant, seat_id: str, role: str, now: datetime, actor: Actor) -> Seat:
    """Change what a person may do.  Raises `LastOwner`, `NotYoursToGive`, `NotFound`, `Invalid`."""
    with transaction.atomic():
        seat, other_owners = _locked(merchant, seat_id)
        _refuse_unless_giver(actor, seat.role)
        _refuse_unless_giver(actor, role)
        if seat.user is None and role != Role.CASHIER:
            raise Invalid(
                _("A cashier without e-mail or phone cannot sign in to the console. Invite the person instead.")
            )
        if seat.role == Role.OWNER and role != Role.OWNER:
            _refuse_unless_owned(other_owners)
        was, seat.role = seat.role, role
        seat.save(update_fields=["role"])
        _note(seat, "seat.role_changed", now, actor, role=role, was=was)
    return seat


def revoke(*, merchant: Merchant, seat_id: str, now: datetime, actor: Actor) -> None:
    """Take a seat away, with effect on the person's next click.  Raises as `change_role`."""
    with transaction.atomic():
        seat, other_owners = _locked(merchant, seat_id)
        _refuse_unless_giver(actor, seat.role)
        if seat.role == Role.OWNER:
            _refuse_unless_owned(other_owners)
        seat.revoked_at, seat.pin_hash = now, ""
        seat.save(update_fields=["revoked_at", "pin_hash"])
        _note(seat, "seat.revoked", now, actor, role=seat.role)


def set_pin(*, merchant: Merchant, seat_id: str, pin: str, now: datetime, actor: Actor) -> None:
    """Set a cashier's PIN and lift its lock.  Raises `WeakPin`, `NotYoursToGive`, `NotFound`."""
    pin_hash = _hashed(pin)
    with transaction.atomic():
        seat, _owners = _locked(merchant, seat_id)
        _refuse_unless_giver(actor, seat.role)
        seat.pin_hash, seat.pin_failures, seat.pin_locked_until = pin_hash, 0, None
        seat.save(update_fields=["pin_hash", "pin_failures", "pin_locked_until"])
        _note(seat, "seat.pin_set", now, actor)


def check_pin(*, merchant: Merchant, seat_id: str, pin: str, now: datetime) -> Seat | None:
    """Return the seat if the PIN is its own, else None and one try less.

    After five wrong tries in a row no PIN is right for some minutes, longer each time; a manager who sets a new one
    ends that at once.  A try is taken before it is looked at, under a row lock, so guesses in parallel are counted too.
    Never raises: the count must be kept.
    """
    with transaction.atomic():
        seats = Seat.objects.select_for_update(of=("self",)).select_related("user")
        seat = seats.filter(merchant=merchant, public_id=seat_id, revoked_at__isnull=True).exclude(pin_hash="").first()
        if seat is not None and is_pin_locked(seat, now):
            seat = None
        if seat is not None:
            seat.pin_failures += 1
            if seat.pin_failures % PIN_TRIES_MAX == 0:
                times = seat.pin_failures // PIN_TRIES_MAX
                minutes = min(PIN_LOCK_MINUTES * 2 ** min(times - 1, 10), PIN_LOCK_MINUTES_MAX)
                seat.pin_locked_until = now + timedelta(minutes=minutes)
            seat.save(update_fields=["pin_failures", "pin_locked_until"])
        if not check_password(pin, seat.pin_hash if seat else "!") or seat is None:
            return None
        seat.pin_failures, seat.pin_locked_until = 0, None
        seat.save(update_fields=["pin_failures", "pin_locked_until"])
    return seat


def is_pin_locked(seat: Seat, now: datetime) -> bool:
    """State whether the seat's PIN is refused now, after too many wrong ones."""
    return seat.pin_locked_until is not None and now < seat.pin_locked_until


def _hashed(pin: str) -> str:
    if not _PIN.fullmatch(pin):
        raise WeakPin(_("A PIN has 4 to 8 digits."), pointer="/pin")
    digits = [int(digit) for digit in pin]
    steps = {after - before for before, after in itertools.pairwise(digits)}
    if steps <= {0} or steps <= {1} or steps <= {-1}:
        raise WeakPin(_("This PIN is the first one anybody would try."), pointer="/pin")
    return make_password(pin)


def _locked(merchant: Merchant, seat_id: str) -> tuple[Seat, list[Seat]]:
    """Lock a seat and those of all owners, in one order: two owners who resign at once would leave none, or wait for
    each other. Return it, and the other owners' seats."""
    # `of=self`: the user beside it may be null, and need not be locked.
    seats = Seat.objects.select_for_update(of=("self",)).select_related("user")
    standing = seats.filter(Q(public_id=seat_id) | Q(role=Role.OWNER), merchant=merchant, revoked_at__isnull=True)
    found = {seat.public_id: seat for seat in standing.order_by("pk")}
    seat = found.pop(seat_id, None)
    if seat is None:
        raise NotFound(_("There is no such person on the team."))
    return seat, list(found.values())


def _refuse_unless_giver(actor: Actor, role: str) -> None:
    if role not in Role.values:
        raise Invalid(_("There is no such role."), pointer="/role")
    needed = Permission.MANAGE_CASHIERS if role == Role.CASHIER else Permission.MANAGE_SEATS
    if actor.kind != "system" and not (actor.kind == "staff" and may(actor.role, needed)):
        raise NotYoursToGive(_("Your role does not let you give or take this role."))


def _refuse_unless_owned(other_owners: Sequence[Seat]) -> None:
    if not other_owners:
        raise LastOwner(_("A merchant keeps at least one owner. Make somebody else an owner first."))


def _note(seat: Seat, action: str, now: datetime, actor: Actor, **details: str) -> None:
    audit.record(merchant=seat.merchant, action=action, actor=actor, now=now, subject=seat.public_id, details=details)
