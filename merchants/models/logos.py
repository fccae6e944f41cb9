"""The merchant's logo, in the database: every web process serves the same one, and a dump holds it."""

from __future__ import annotations

from django.db import models

from merchants.database.tenant_model import TenantModel


class Logo(TenantModel):
    """One picture a merchant; `Merchant.logo` names its content, so that a page knows of it without asking."""

    deletable = True

    media_type = models.CharField(max_length=20)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    content = models.BinaryField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant"], name="one_logo_a_merchant"),
        ]
