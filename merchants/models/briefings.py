"""Short notes to the team, and who has read them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel


class Briefing(TenantModel):
    """What the team should know before work, from a moment on and until another, or until it is ended."""

    id_prefix: ClassVar[str] = "brf"

    public_id = models.CharField(max_length=40)
    texts = models.JSONField(help_text="Language to text; those who have none in theirs read the merchant's")
    roles = models.JSONField(default=list, help_text="Whom it is for; empty: everybody")
    places = models.JSONField(default=list, help_text="Public ids of locations whose counters show it; empty: all")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    written_by = models.CharField(max_length=120)
    written_at = models.DateTimeField()
    version_number = models.PositiveIntegerField(
        null=True, blank=True, help_text="The version of the programme whose changes it tells"
    )

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="briefing_public_id_unique"),
            models.CheckConstraint(
                name="a_briefing_ends_after_it_starts",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=models.F("starts_at")),
            ),
        ]
        indexes = [models.Index(fields=["merchant", "-id"], name="briefing_newest_first")]


class BriefingRead(TenantModel):
    """Somebody pressed "Read"."""

    append_only = True

    briefing = TenantKey(Briefing, constraint="briefing_read_of_own_briefing")
    seat = models.CharField(max_length=40, help_text="Public id of the seat")
    read_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "briefing", "seat"], name="a_briefing_is_read_once_by_each"),
        ]
