"""Privacy notices: what a merchant tells its members about their data, one row a version."""

from __future__ import annotations

from django.db import models

from merchants.database.tenant_model import TenantModel


class PrivacyNotice(TenantModel):
    """One version of the notice, in every language it was written in.  Never changed: members agreed to its words."""

    append_only = True

    number = models.PositiveIntegerField()
    texts = models.JSONField(help_text="Language to Markdown; the merchant's own language is always there")
    legal_contact = models.CharField(max_length=500, help_text="Who answers for the data: company, address, e-mail")
    asks_again = models.BooleanField(help_text="Members who agreed to an older version are asked again, else told")
    published_at = models.DateTimeField()
    actor = models.CharField(max_length=120)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "number"], name="privacy_notice_number_unique"),
            models.CheckConstraint(name="privacy_notices_count_from_one", condition=models.Q(number__gte=1)),
        ]
