"""Photos a merchant shows, of its rewards, in the database, so that every web process has them and a dump holds them."""

from __future__ import annotations

from django.db import models

from merchants.database.tenant_model import TenantModel


class PhotoSize(TenantModel):
    """One photo in one width; `Merchant.photos` names its content, so that a page knows of it without asking."""

    deletable = True

    subject = models.CharField(max_length=80, help_text="What it shows: reward.americano")
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    content = models.BinaryField(help_text="WebP")

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "subject", "width"], name="one_photo_a_subject_and_width"),
        ]
