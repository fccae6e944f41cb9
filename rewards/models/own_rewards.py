"""Rewards that are a member's own: they were brought (by a full card), and cost no points."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from members.models import Member
from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel
from rewards.models.purchases import Purchase


class OwnReward(TenantModel):
    """One reward of the catalogue that is a member's own, by the terms it was brought under.

    Written by `rewards.own_rewards`, under the lock of the member's account.
    """

    id_prefix: ClassVar[str] = "own"

    has_due_work = True

    class State(models.TextChoices):
        OPEN = "open"
        #: Set aside by a redemption that is not captured yet.
        HELD = "held"
        TAKEN = "taken"
        #: What had brought it was taken back.
        REVOKED = "revoked"
        #: Its last day is over, or the member left.
        ENDED = "ended"

    public_id = models.CharField(max_length=40)
    member = TenantKey(Member, constraint="own_reward_of_own_member")
    reward = models.CharField(max_length=60, help_text="Code of the reward")
    card = models.CharField(max_length=60, help_text="Code of the stamp card that was full")
    purchase = TenantKey(
        Purchase, constraint="own_reward_by_own_purchase", null=True, help_text="The one that filled the card"
    )
    terms_version = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    stamps = models.PositiveIntegerField(help_text="What the full card took")
    lost = models.PositiveIntegerField(default=0, help_text="Stamps beyond those, which may not begin the next card")
    issued_at = models.DateTimeField(help_text="When what filled the card occurred")
    recorded_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="own_reward_public_id_unique"),
        ]
        indexes = [
            models.Index(fields=["merchant", "member", "-id"], name="own_reward_by_member"),
            models.Index(
                fields=["ends_at"], name="own_reward_end_due", condition=Q(state="open", ends_at__isnull=False)
            ),
        ]
