"""Facts for others, written in the same transaction as the fact itself."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from merchants.database.tenant_model import TenantModel


class OutboxEvent(TenantModel):
    id_prefix: ClassVar[str] = "evt"

    has_due_work = True
    deletable = True

    public_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=60, help_text="purchase.recorded, points.accrued, tier.changed, …")
    payload = models.JSONField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    #: When every endpoint that wants the event has a delivery row; the deliveries retry on their own.
    relayed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="outbox_public_id_unique"),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "id"], name="outbox_not_yet_relayed", condition=models.Q(relayed_at__isnull=True)
            ),
        ]
