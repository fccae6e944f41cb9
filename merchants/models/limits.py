"""How often somebody did something that may be done only so often: one row per limit and subject.

Without a tenant: an address may ask at many merchants.  The subject is a keyed hash, so a row names nobody.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class RateLimit(models.Model):
    key = models.CharField(max_length=160, primary_key=True)
    uses = ArrayField(models.DateTimeField(), help_text="When, within the window; the oldest first")
    expires_at = models.DateTimeField(help_text="From then on no use counts any more")

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="rate_limit_expired")]

    def __str__(self) -> str:
        return self.key
