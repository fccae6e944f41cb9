"""Who brought whom: open until the referee's first purchase, then qualified, undone when it is refunded."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from members.models import Member
from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel
from rewards.models.purchases import Purchase


class Referral(TenantModel):
    id_prefix: ClassVar[str] = "rfl"
    moves_points: ClassVar[bool] = True

    class State(models.TextChoices):
        OPEN = "open"
        QUALIFIED = "qualified"
        UNDONE = "undone"
        #: Pays nobody: the mailbox was a member's already, or staff said so.
        REFUSED = "refused"

    public_id = models.CharField(max_length=40)
    referrer = TenantKey(Member, constraint="referral_by_own_member")
    referee = TenantKey(Member, constraint="referral_of_own_member")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    doubt = models.CharField(
        max_length=20, blank=True, help_text="Why staff should look: same_mailbox, same_device; empty: no reason"
    )
    purchase = TenantKey(Purchase, constraint="referral_by_own_purchase", null=True)
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
        ]
        indexes = [
            models.Index(fields=["merchant", "referrer"], name="referral_by_referrer"),
            # Every refund asks whom its purchase had paid.
            models.Index(
                fields=["merchant", "purchase"], name="referral_by_purchase", condition=Q(purchase__isnull=False)
            ),
        ]
