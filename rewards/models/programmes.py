"""The programme as the merchant edits it, and the immutable versions it was published as."""

from __future__ import annotations

from django.db import models

from merchants.database.tenant_model import TenantModel


class ProgrammeDraft(TenantModel):
    """The one document being edited.  `revision` guards against two people saving over each other."""

    document = models.JSONField()
    based_on = models.PositiveIntegerField(null=True, blank=True, help_text="Number of the version it began as")
    revision = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=120)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant"], name="one_draft_per_merchant"),
        ]


class TermsVersion(TenantModel):
    """The terms in force from `effective_from` until the next version's; never changed once written."""

    append_only = True

    number = models.PositiveIntegerField()
    document = models.JSONField()
    document_sha256 = models.CharField(max_length=64)
    effective_from = models.DateTimeField()
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=120)
    note = models.CharField(max_length=500, blank=True)
    rolled_back_to = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "number"], name="terms_version_number_unique"),
        ]
        indexes = [models.Index(fields=["merchant", "-effective_from", "-number"], name="terms_version_newest_first")]
