"""How many of a limited reward are left.  What the reward is and costs is in the terms."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from merchants.models.merchants import TenantModel


class RewardStock(TenantModel):
    reward = models.CharField(max_length=60)
    claimed = models.BigIntegerField(
        default=0, help_text="Claimed and not given back; the terms say how many there are"
    )

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "reward"], name="one_stock_row_per_reward"),
            models.CheckConstraint(name="claimed_not_negative", condition=Q(claimed__gte=0)),
        ]
