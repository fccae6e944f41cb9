"""Redemptions (held or spent at once) and the documents that end them: captures, releases, reversals."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from members.models import Member
from merchants.constraints import TenantForeignKey
from merchants.models.merchants import Location
from rewards.models.documents import Document
from rewards.models.purchases import Purchase


class Redemption(Document):
    """Points spent on a reward or as money off, or set aside for it until captured, released or timed out.

    A refusal is kept too, with its code and no entries: the same request answers the same for ever.
    """

    has_due_work = True

    class State(models.TextChoices):
        HELD = "held"
        CAPTURED = "captured"
        RELEASED = "released"
        EXPIRED = "expired"
        REVERSED = "reversed"
        REFUSED = "refused"

    state = models.CharField(max_length=10, choices=State.choices)
    refusal = models.CharField(max_length=60, blank=True)
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    purchase = models.ForeignKey(
        Purchase,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
    )
    location = models.ForeignKey(
        Location,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
    )
    reward = models.CharField(
        max_length=60, blank=True, help_text="Code of the reward; empty when points pay an amount"
    )
    code = models.CharField(max_length=20, null=True, blank=True, help_text="What the member shows at the till")
    points = models.BigIntegerField(help_text="Asked for")
    points_captured = models.BigIntegerField(default=0)
    points_returned = models.BigIntegerField(default=0, help_text="Given back by reversal or refund")
    amount_minor = models.BigIntegerField(null=True, blank=True, help_text="Worth in money, when it has one")
    currency = models.CharField(max_length=3, blank=True)
    order_total_minor = models.BigIntegerField(null=True, blank=True)
    terms_version = models.PositiveIntegerField(null=True, blank=True)
    hold_expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "code"], name="redemption_code_unique"),
            models.CheckConstraint(name="redemption_points_positive", condition=Q(points__gt=0) | Q(state="refused")),
            models.CheckConstraint(
                name="captured_within_points", condition=Q(points_captured__gte=0, points_captured__lte=F("points"))
            ),
            models.CheckConstraint(
                name="returned_within_captured",
                condition=Q(points_returned__gte=0, points_returned__lte=F("points_captured")),
            ),
            models.CheckConstraint(
                name="an_open_hold_has_an_end", condition=~Q(state="held") | Q(hold_expires_at__isnull=False)
            ),
            TenantForeignKey(field="member", name="redemption_by_own_member"),
            TenantForeignKey(field="purchase", name="redemption_for_own_purchase"),
            TenantForeignKey(field="location", name="redemption_at_own_location"),
        ]
        indexes = [
            models.Index(fields=["merchant", "member", "-id"], name="redemption_by_member"),
            models.Index(fields=["hold_expires_at"], name="redemption_hold_due", condition=Q(state="held")),
            models.Index(
                fields=["merchant", "purchase"], name="redemption_by_purchase", condition=Q(purchase__isnull=False)
            ),
            models.Index(fields=["merchant", "reward", "-id"], name="redemption_by_reward"),
        ]


class _Ending(Document):
    """A document that ends, wholly or partly, a redemption."""

    redemption = models.ForeignKey(
        Redemption, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    points = models.BigIntegerField()
    refusal = models.CharField(max_length=60, blank=True)

    class Meta:
        abstract = True
        constraints = [
            *Document.Meta.constraints,
            TenantForeignKey(field="redemption", name="%(class)s_of_own_redemption"),
        ]
        indexes = [models.Index(fields=["merchant", "redemption"], name="%(class)s_by_redemption")]


class Capture(_Ending):
    class Meta(_Ending.Meta):
        pass


class Release(_Ending):
    class Meta(_Ending.Meta):
        pass


class Reversal(_Ending):
    reason = models.CharField(max_length=200, blank=True)

    class Meta(_Ending.Meta):
        pass
