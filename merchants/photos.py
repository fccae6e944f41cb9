"""Photos of rewards: what members look at; changed at once, without publishing anything."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _

from merchants import audit, pictures
from merchants.actors import Actor
from merchants.errors import Conflict
from merchants.models.merchants import Merchant
from merchants.models.photos import PhotoSize as PhotoSize

#: A merchant's row names them all, and every page reads it.
PHOTOS_MAX: Final = 300


class TooManyPhotos(Conflict):
    code = "too_many_photos"


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as pages name it: the print of its content, and the size of its largest width, for the space it takes."""

    subject: str
    print: str
    widths: tuple[int, ...]
    height: int


def of_reward(code: str) -> str:
    """Name the subject of a reward's photo."""
    return f"reward.{code}"


def shown(merchant: Merchant, subject: str) -> Photo | None:
    """Return what pages need of a subject's photo, None where there is none; asks nothing."""
    kept = merchant.photos.get(subject)
    return Photo(subject, kept["print"], tuple(kept["widths"]), kept["height"]) if kept else None


def content(merchant: Merchant, subject: str, width: int) -> bytes | None:
    """Return the WebP of a subject's photo in one of its widths."""
    found = PhotoSize.objects.filter(merchant=merchant, subject=subject, width=width).first()
    return bytes(found.content) if found else None


def change(*, merchant: Merchant, subject: str, file: bytes, now: datetime, actor: Actor) -> Merchant:
    """Put a photo in the place of a subject's, in every width, stripped of all that is not drawn.

    Locks the merchant's row.

    :raises BadPicture: it is no PNG, JPEG or WebP, or too large; the old photo stays.
    :raises TooManyPhotos: there are PHOTOS_MAX already.
    """
    sizes = pictures.read_photo(file)
    row = Merchant.objects.select_for_update().get(pk=merchant.pk)
    if subject not in row.photos and len(row.photos) >= PHOTOS_MAX:
        raise TooManyPhotos(_("There are %(most)d photos already. Remove one first.") % {"most": PHOTOS_MAX})
    PhotoSize.objects.filter(merchant=merchant, subject=subject).delete()
    PhotoSize.objects.bulk_create(
        PhotoSize(merchant=merchant, subject=subject, width=size.width, height=size.height, content=size.content)
        for size in sizes
    )
    kept = {
        "print": hashlib.sha256(sizes[-1].content).hexdigest()[:16], "widths": [size.width for size in sizes],
        "height": sizes[-1].height,
    }  # fmt: skip
    return _kept(row, merchant, {**row.photos, subject: kept}, "photo.changed", subject, now, actor)


def remove(*, merchant: Merchant, subject: str, now: datetime, actor: Actor) -> Merchant:
    """Take a subject's photo away; without one nothing happens. Locks the merchant's row."""
    row = Merchant.objects.select_for_update().get(pk=merchant.pk)
    if subject not in row.photos:
        return row
    PhotoSize.objects.filter(merchant=merchant, subject=subject).delete()
    rest = {name: kept for name, kept in row.photos.items() if name != subject}
    return _kept(row, merchant, rest, "photo.removed", subject, now, actor)


def _kept(
    row: Merchant, merchant: Merchant, photos: dict[str, dict[str, object]], action: str, subject: str, now: datetime,
    actor: Actor,
) -> Merchant:  # fmt: skip
    row.photos = merchant.photos = photos
    row.save(update_fields=["photos"])
    audit.record(merchant=merchant, action=action, actor=actor, now=now, subject=subject)
    return row
