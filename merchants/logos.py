"""The merchant's logo: one small picture in the database, so that every web process has it."""

from __future__ import annotations

import hashlib
from datetime import datetime

from merchants import audit, pictures
from merchants.actors import Actor
from merchants.models.logos import Logo as Logo
from merchants.models.merchants import Merchant


def change(*, merchant: Merchant, content: bytes, now: datetime, actor: Actor) -> Merchant:
    """Put a picture in the place of the logo, stripped of all that is not drawn.

    Locks the merchant's row.

    :raises BadPicture: it is no PNG, JPEG or WebP, or too large; the old logo stays.
    """
    picture = pictures.read(content)
    row = Merchant.objects.select_for_update().get(pk=merchant.pk)
    kept = {
        "media_type": picture.media_type, "width": picture.width, "height": picture.height,
        "content": picture.content, "changed_at": now,
    }  # fmt: skip
    Logo.objects.update_or_create(merchant=merchant, defaults=kept)
    return _mark(row, merchant, hashlib.sha256(picture.content).hexdigest()[:16], "logo.changed", now, actor)


def remove(*, merchant: Merchant, now: datetime, actor: Actor) -> Merchant:
    """Take the logo away; without one nothing happens. Locks the merchant's row."""
    row = Merchant.objects.select_for_update().get(pk=merchant.pk)
    Logo.objects.filter(merchant=merchant).delete()
    return _mark(row, merchant, "", "logo.removed", now, actor) if row.logo else row


def of(merchant: Merchant) -> Logo | None:
    """Return the logo of a merchant, None when it has none."""
    return Logo.objects.filter(merchant=merchant).first()


def _mark(row: Merchant, merchant: Merchant, print_of_it: str, action: str, now: datetime, actor: Actor) -> Merchant:
    row.logo = merchant.logo = print_of_it
    row.save(update_fields=["logo"])
    audit.record(merchant=merchant, action=action, actor=actor, now=now, subject=merchant.public_id)
    return row
