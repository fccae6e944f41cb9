"""Who changed what: staff and keys, append-only."""

from __future__ import annotations

from django.db import models

from merchants.database.tenant_model import TenantModel


class AuditRecord(TenantModel):
    append_only = True

    at = models.DateTimeField()
    actor = models.CharField(max_length=120)
    action = models.CharField(max_length=60, help_text="programme.published, key.revoked, member.revealed, …")
    subject = models.CharField(max_length=60, blank=True, help_text="The public id acted upon")
    details = models.JSONField(default=dict)

    class Meta:
        constraints = [*TenantModel.Meta.constraints]
        indexes = [models.Index(fields=["merchant", "-at"], name="audit_newest_first")]
