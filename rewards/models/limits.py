"""Counters behind caps and budgets: how many points a rule gave to a member, or to all, in a period."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from merchants.models.merchants import TenantModel


class CapBucket(TenantModel):
    """`account_id` is 0 for a bucket shared by the whole programme; `key` is the cap's stable name with its period."""

    account_id = models.BigIntegerField(default=0)
    key = models.CharField(max_length=160)
    points = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "account_id", "key"], name="one_bucket_per_cap_and_period"),
            models.CheckConstraint(name="cap_points_not_negative", condition=Q(points__gte=0)),
        ]
