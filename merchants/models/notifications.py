"""Which notifications somebody has seen."""

from __future__ import annotations

from django.db import models

from merchants.database.tenant_model import TenantModel


class SeenNotifications(TenantModel):
    """What stood on the page when somebody at a seat opened it last, by key: what is not among it is new."""

    seat = models.CharField(max_length=40, help_text="Public id of the seat")
    keys = models.JSONField(default=list)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "seat"], name="one_row_of_seen_notifications_a_seat"),
        ]
