"""Who brought whom: open until the referee's first purchase, then qualified, undone when it is refunded."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from merchants.constraints import TenantForeignKey
from merchants.models.merchants import TenantModel
from rewards.models.accounts import Account


class Referral(TenantModel):
    class State(models.TextChoices):
        OPEN = "open"
        QUALIFIED = "qualified"
        UNDONE = "undone"

    public_id = models.CharField(max_length=40)
    referrer = models.ForeignKey(
        Account, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    referee = models.ForeignKey(
        Account, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    purchase_id = models.BigIntegerField(null=True, blank=True)
    referrer_points = models.BigIntegerField(default=0)
    referee_points = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    qualified_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="referral_public_id_unique"),
            models.UniqueConstraint(fields=["merchant", "referee"], name="a_member_is_referred_once"),
            models.CheckConstraint(name="nobody_refers_themselves", condition=~Q(referrer=F("referee"))),
            TenantForeignKey(field="referrer", name="referral_by_own_account"),
            TenantForeignKey(field="referee", name="referral_of_own_account"),
        ]
        indexes = [models.Index(fields=["merchant", "referrer"], name="referral_by_referrer")]
