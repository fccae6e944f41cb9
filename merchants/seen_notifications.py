"""Which notifications the person at a seat has seen, by keys that whoever makes them chooses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from merchants.models.merchants import Merchant
from merchants.models.notifications import SeenNotifications
from merchants.models.people import Seat


def of_seat(*, merchant: Merchant, seat: Seat) -> frozenset[str]:
    """Return the keys of what stood there when the page was opened last; one statement."""
    row = SeenNotifications.objects.filter(merchant=merchant, seat=seat.public_id).first()
    return frozenset(row.keys) if row else frozenset()


def note(*, merchant: Merchant, seat: Seat, keys: Sequence[str], now: datetime) -> None:
    """Note what stands there now; what has gone is forgotten, and is new when it comes back."""
    SeenNotifications.objects.update_or_create(
        merchant=merchant, seat=seat.public_id, defaults={"keys": sorted(keys), "seen_at": now}
    )
