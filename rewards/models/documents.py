"""What every document that moves points has in common: the caller's id for it, and the answer frozen on it."""

from __future__ import annotations

from django.db import models

from merchants.models.merchants import TenantModel


class Document(TenantModel):
    """`external_id` is unique per merchant and kind, for ever; `fingerprint` tells a replay from a reuse."""

    public_id = models.CharField(max_length=40)
    external_id = models.CharField(max_length=300)
    fingerprint = models.BinaryField(default=b"", help_text="SHA-256 of the canonical JSON of the fields sent")
    receipt = models.JSONField(default=dict, help_text="The answer's frozen part")
    actor = models.CharField(max_length=120)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        abstract = True
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "external_id"], name="%(class)s_external_id_unique"),
            models.UniqueConstraint(fields=["merchant", "public_id"], name="%(class)s_public_id_unique"),
        ]
