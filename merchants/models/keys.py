"""API keys.  Only a hash of the secret is kept; the prefix finds the row."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from merchants.models.merchants import Location, Merchant


class ApiKey(models.Model):
    id_prefix: ClassVar[str] = "key"

    kept_for_ever: ClassVar[bool] = True

    public_id = models.CharField(max_length=40, unique=True)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+")
    prefix = models.CharField(max_length=16, unique=True)
    secret_hash = models.CharField(max_length=64)
    name = models.CharField(max_length=80)
    scopes = ArrayField(models.CharField(max_length=40))
    location = models.ForeignKey(
        Location,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
    )
    location_code = models.CharField(
        max_length=60,
        blank=True,
        help_text="The location's code, kept here because this table is read before a tenant is open",
    )
    terminal = models.CharField(max_length=60, blank=True)
    id_namespace = models.CharField(max_length=40, blank=True, help_text="Put before each external id this key sends")
    created_by = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    replaced_by = models.ForeignKey("self", on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    def __str__(self) -> str:
        return self.name
