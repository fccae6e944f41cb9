"""The merchant's locations: opened, renamed, closed. Tills name them by a code, which never changes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from merchants import audit, ids, texts
from merchants.actors import Actor
from merchants.database.sql_errors import constraint_of
from merchants.errors import Conflict, Invalid, NotFound
from merchants.models.merchants import Location as Location
from merchants.models.merchants import Merchant


class CodeTaken(Conflict):
    code: ClassVar[str] = "location_code_taken"


class LocationNotFound(NotFound):
    code: ClassVar[str] = "location_not_found"


def of(merchant: Merchant) -> Sequence[Location]:
    """List the locations, open ones first, by name."""
    rows = Location.objects.filter(merchant=merchant)
    return sorted(rows, key=lambda place: (place.closed_at is not None, place.name, place.pk))


def open_now(merchant: Merchant) -> Sequence[Location]:
    """List the locations that are not closed, by name."""
    return [place for place in of(merchant) if place.closed_at is None]


def open_place(*, merchant: Merchant, code: str, name: str, zone: str = "", now: datetime, actor: Actor) -> Location:
    """Open a location; `zone` empty is the merchant's own.

    :raises Invalid: code, name or zone cannot be meant.
    :raises CodeTaken: another location has this code, perhaps a closed one.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", code):
        raise Invalid(_("A code has letters, digits, dashes and dots, and no spaces."), pointer="/code")
    place = Location(merchant=merchant, public_id=ids.mint("loc"), code=code, name=_name(name), zone=_zone(zone))
    try:
        with transaction.atomic():
            place.save(force_insert=True)
    except IntegrityError as error:
        if constraint_of(error) != "location_code_unique":
            raise
        raise CodeTaken(_("Another location has this code already."), pointer="/code") from None
    audit.record(
        merchant=merchant,
        action="location.opened",
        actor=actor,
        now=now,
        subject=place.public_id,
        details={"name": place.name},
    )
    return place


def rename(*, merchant: Merchant, location_id: str, name: str, zone: str = "", now: datetime, actor: Actor) -> Location:
    """Change a location's name and zone. Locks its row.

    :raises LocationNotFound, Invalid: nothing changes.
    """
    place = _locked(merchant, location_id)
    before = {"name": place.name, "zone": place.zone}
    place.name, place.zone = _name(name), _zone(zone)
    place.save(update_fields=["name", "zone"])
    after = {"name": place.name, "zone": place.zone}
    changed = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
    audit.record(
        merchant=merchant, action="location.changed", actor=actor, now=now, subject=place.public_id, details=changed
    )
    return place


def close(*, merchant: Merchant, location_id: str, now: datetime, actor: Actor) -> Location:
    """Close a location; its history stays, and it can be opened again. Locks its row.

    :raises LocationNotFound: there is none.
    """
    place = _locked(merchant, location_id)
    if place.closed_at is None:
        place.closed_at = now
        place.save(update_fields=["closed_at"])
        audit.record(merchant=merchant, action="location.closed", actor=actor, now=now, subject=place.public_id)
    return place


def reopen(*, merchant: Merchant, location_id: str, now: datetime, actor: Actor) -> Location:
    """Open a closed location again. Locks its row.

    :raises LocationNotFound: there is none.
    """
    place = _locked(merchant, location_id)
    if place.closed_at is not None:
        place.closed_at = None
        place.save(update_fields=["closed_at"])
        audit.record(merchant=merchant, action="location.reopened", actor=actor, now=now, subject=place.public_id)
    return place


def _locked(merchant: Merchant, location_id: str) -> Location:
    place = Location.objects.select_for_update().filter(merchant=merchant, public_id=location_id).first()
    if place is None:
        raise LocationNotFound(_("There is no such location."))
    return place


def _name(text: str) -> str:
    tidy = texts.line(text)
    if not 0 < len(tidy) <= 120:
        raise Invalid(_("A name has 1 to 120 characters."), pointer="/name")
    return tidy


def _zone(text: str) -> str:
    if text and text not in available_timezones():
        raise Invalid(_("There is no such time zone. It looks like Asia/Seoul."), pointer="/zone")
    return text
