"""Phones and tablets at the counter: a manager opens one, cashiers sign on it with their PIN."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from django.utils.translation import gettext as _

from merchants import audit, ids, seats, texts
from merchants.actors import Actor
from merchants.errors import Forbidden, Invalid, NotFound
from merchants.models.merchants import Location, Merchant
from merchants.models.people import CounterDevice as CounterDevice
from merchants.models.people import Seat
from merchants.permissions import Permission, Role, may

#: A cashier signs on again after this long; the device itself stays open until somebody closes it.
SHIFT_HOURS_MAX = 12
#: `last_seen_at` is told to the minute, so that a busy counter does not write on each click.
_SEEN_EVERY = timedelta(minutes=1)


class DeviceNotYours(Forbidden):
    code: ClassVar[str] = "device_not_yours"


@dataclass(frozen=True, slots=True)
class OpenedDevice:
    """`secret` is shown to the device once and kept by it alone; we keep a hash."""

    device: CounterDevice
    secret: str


def open_device(
    *, merchant: Merchant, name: str, now: datetime, actor: Actor, location: Location | None = None
) -> OpenedDevice:
    """Open a device for the counter and return the secret it shall show from now on.

    Raises `DeviceNotYours` if the actor's role may not open one, `Invalid` without a name.
    """
    _refuse_unless_manager(actor)
    if not name.strip():
        raise Invalid(_("Give the device a name, such as 'Tablet by the door'."), pointer="/name")
    secret = secrets.token_urlsafe(32)
    device = CounterDevice.objects.create(
        public_id=ids.mint("dev"),
        merchant=merchant,
        name=texts.line(name)[:80],
        secret_hash=_hash(secret),
        location=location,
        opened_by=str(actor),
        opened_at=now,
    )
    _note(device, "counter_device.opened", now, actor)
    return OpenedDevice(device, secret)


def close(*, merchant: Merchant, device_id: str, now: datetime, actor: Actor) -> None:
    """Close a device; whoever is signed on it is out with the next click.  Raises `NotFound`."""
    _refuse_unless_manager(actor)
    devices = CounterDevice.objects.select_for_update()
    device = devices.filter(merchant=merchant, public_id=device_id, closed_at__isnull=True).first()
    if device is None:
        raise NotFound(_("There is no such open device."))
    device.closed_at = now
    device.save(update_fields=["closed_at"])
    _note(device, "counter_device.closed", now, actor)


def of_merchant(merchant: Merchant) -> list[CounterDevice]:
    """List the devices that are open now, by name."""
    devices = CounterDevice.objects.select_related("location").filter(merchant=merchant, closed_at__isnull=True)
    return list(devices.order_by("name", "id"))


def recognise(*, merchant: Merchant, device_id: str, secret: str, now: datetime) -> CounterDevice | None:
    """Return the open device that shows this secret, or None.  Must run inside the tenant."""
    devices = CounterDevice.objects.select_related("location")
    device = devices.filter(merchant=merchant, public_id=device_id, closed_at__isnull=True).first()
    known = device.secret_hash if device else _hash("")
    if not hmac.compare_digest(known, _hash(secret)) or device is None:
        return None
    if device.last_seen_at is None or now - device.last_seen_at >= _SEEN_EVERY:
        CounterDevice.objects.filter(pk=device.pk).update(last_seen_at=now)
    return device


def cashiers(merchant: Merchant) -> list[Seat]:
    """List who can sign on at the counter with a PIN, by name."""
    return sorted((seat for seat in seats.of_merchant(merchant) if seat.pin_hash), key=str)


def sign_on(*, merchant: Merchant, device: CounterDevice, seat_id: str, pin: str, now: datetime) -> Seat | None:
    """Sign a cashier on at an open device: the seat if the PIN is right, else None.

    Wrong PINs are counted and lock the seat's PIN (see `seats.check_pin`); the caller's transaction must commit.
    """
    if device.closed_at is not None or device.merchant_id != merchant.pk:
        return None
    return seats.check_pin(merchant=merchant, seat_id=seat_id, pin=pin, now=now)


def on_shift(*, merchant: Merchant, seat_id: str, since: datetime, now: datetime) -> Seat | None:
    """Return the seat of somebody signed on at `since`, while the seat and the shift last."""
    if not since <= now < since + timedelta(hours=SHIFT_HOURS_MAX):
        return None
    try:
        seat = seats.get(merchant=merchant, seat_id=seat_id)
    except NotFound:
        return None
    return seat if seat.revoked_at is None and seat.pin_hash else None


def as_cashier(seat: Seat) -> Actor:
    """Name whoever acts at the counter: always a cashier there, whatever role the seat has.

    Four digits do not open what a code and a second factor open.
    """
    return Actor("staff", seat.public_id, label=str(seat), role=Role.CASHIER)


def _refuse_unless_manager(actor: Actor) -> None:
    if actor.kind != "staff" or not may(actor.role, Permission.OPEN_COUNTER_DEVICES):
        raise DeviceNotYours(_("Your role does not let you open or close a counter device."))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _note(device: CounterDevice, action: str, now: datetime, actor: Actor) -> None:
    audit.record(merchant=device.merchant, action=action, actor=actor, now=now, subject=device.public_id)
