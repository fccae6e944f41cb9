"""Counters: how much of a limit is used, whatever it limits."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from merchants.database.tenant_model import TenantModel


class Counter(TenantModel):
    """What is used of one limit; how much there is, the terms say. `rewards.counters` names the keys and writes the rows."""

    scope = models.CharField(max_length=20, help_text="Whose it is: programme (all members share it) or member")
    scope_id = models.BigIntegerField(default=0, help_text="The member; 0 where all share it")
    key = models.CharField(max_length=160, help_text="What is limited, with its period")
    unit = models.CharField(max_length=6, help_text="points, count, or an ISO currency in minor units")
    used = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["merchant", "scope", "scope_id", "key", "unit"], name="one_counter_per_limit_and_period"
            ),
            models.CheckConstraint(name="counter_not_negative", condition=Q(used__gte=0)),
        ]
