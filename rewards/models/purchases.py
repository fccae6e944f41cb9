"""Purchases with their lines, and the refunds that take them back."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q

from members.models import Member
from merchants.constraints import TenantForeignKey
from merchants.models.merchants import Location, TenantModel
from rewards.models.documents import Document


class TransactionId(models.Field):  # type: ignore[type-arg]
    """The id of the writing transaction (xid8): lets the night ask for everything committed since it last looked."""

    def db_type(self, connection: Any) -> str:
        return "xid8"


class CurrentTransaction(models.Func):
    function = "pg_current_xact_id"
    output_field = TransactionId()
    arity = 0


class Purchase(Document):
    """One sale, with net figures that refunds reduce.  `announced` is the place a refund keeps before the sale arrives."""

    class State(models.TextChoices):
        ANNOUNCED = "announced"
        RECORDED = "recorded"

    state = models.CharField(max_length=10, choices=State.choices)
    member = models.ForeignKey(
        Member,
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
    terminal = models.CharField(max_length=60, blank=True)
    channel = models.CharField(max_length=30, blank=True)
    local_day = models.DateField(null=True, blank=True, help_text="The merchant's day of occurred_at")
    currency = models.CharField(max_length=3, blank=True)
    total_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    cost_minor = models.BigIntegerField(null=True, blank=True)
    points_paid_minor = models.BigIntegerField(default=0, help_text="The part paid with points")
    refunded_minor = models.BigIntegerField(default=0)
    refunded_unnamed_minor = models.BigIntegerField(default=0, help_text="The part refunded without naming lines")
    tenders = models.JSONField(default=list)
    ordinal = models.BigIntegerField(
        null=True, blank=True, help_text="The member's n-th purchase, in the order of recording"
    )
    terms_version = models.PositiveIntegerField(null=True, blank=True)
    facts = models.JSONField(default=dict, help_text="What the evaluation knew, so that a refund can repeat it")
    points_earned = models.BigIntegerField(default=0)
    points_clawed_back = models.BigIntegerField(default=0)
    qualifying_points = models.BigIntegerField(default=0, help_text="Net of refunds")
    qualifying_minor = models.BigIntegerField(default=0, help_text="Spend that counts towards the tier, net of refunds")
    xid = TransactionId(db_default=CurrentTransaction(), editable=False)

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.CheckConstraint(name="purchase_total_not_negative", condition=Q(total_minor__gte=0)),
            models.CheckConstraint(
                name="refunded_within_total",
                condition=Q(state="announced") | Q(refunded_minor__gte=0, refunded_minor__lte=F("total_minor")),
            ),
            models.CheckConstraint(
                name="never_clawed_back_more_than_earned",
                condition=Q(points_clawed_back__gte=0, points_clawed_back__lte=F("points_earned")),
            ),
            TenantForeignKey(field="member", name="purchase_by_own_member"),
            TenantForeignKey(field="location", name="purchase_at_own_location"),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "member", "local_day"],
                name="purchase_by_member_and_day",
                condition=Q(member__isnull=False),
            ),
            models.Index(
                fields=["merchant", "local_day"], name="purchase_of_guest_by_day", condition=Q(member__isnull=True)
            ),
            models.Index(fields=["merchant", "xid"], name="purchase_by_writer"),
        ]


class PurchaseLine(TenantModel):
    purchase = models.ForeignKey(
        Purchase, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    position = models.PositiveIntegerField()
    line_id = models.CharField(max_length=60)
    sku = models.CharField(max_length=100, blank=True)
    category = models.CharField(max_length=100, blank=True)
    quantity_milli = models.BigIntegerField(help_text="Thousandths")
    amount_minor = models.BigIntegerField(help_text="After discounts, tax included")
    discount_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    cost_minor = models.BigIntegerField(null=True, blank=True)
    refunded_milli = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            # Nothing refers to a line, so (merchant, id) would be one more index to write for each of them.
            models.UniqueConstraint(
                fields=["merchant", "purchase", "position"], name="line_position_unique_in_purchase"
            ),
            models.CheckConstraint(
                name="line_never_refunded_beyond_its_amount",
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("amount_minor")),
            ),
            TenantForeignKey(field="purchase", name="line_of_own_purchase"),
        ]


class Refund(Document):
    """Takes back a purchase, whole, in part or line by line; may arrive before the purchase itself."""

    purchase = models.ForeignKey(
        Purchase, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    amount_minor = models.BigIntegerField(
        null=True, blank=True, help_text="Empty for 'all that is left' of a purchase not yet here"
    )
    lines = models.JSONField(default=list)
    is_applied = models.BooleanField(default=False, help_text="False while the purchase has not arrived")
    points_clawed_back = models.BigIntegerField(default=0)
    points_restored = models.BigIntegerField(default=0)
    debt_made = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=200, blank=True)
    refusal = models.CharField(
        max_length=60, blank=True, help_text="Why it could not be applied once its purchase came"
    )
    xid = TransactionId(db_default=CurrentTransaction(), editable=False)

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.CheckConstraint(
                name="refund_amount_not_negative", condition=Q(amount_minor__isnull=True) | Q(amount_minor__gte=0)
            ),
            TenantForeignKey(field="purchase", name="refund_of_own_purchase"),
        ]
        indexes = [
            models.Index(fields=["merchant", "purchase"], name="refund_by_purchase"),
            models.Index(fields=["merchant", "xid"], name="refund_by_writer"),
        ]


class Claim(Document):
    """A purchase that had no member was given to one; whose it is now stands on the purchase."""

    purchase = models.ForeignKey(
        Purchase, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )

    is_undone = models.BooleanField(default=False)

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.UniqueConstraint(
                fields=["merchant", "purchase"], name="a_purchase_is_claimed_once", condition=Q(is_undone=False)
            ),
            TenantForeignKey(field="purchase", name="claim_of_own_purchase"),
            TenantForeignKey(field="member", name="claim_by_own_member"),
        ]
        # Undone claims too: reconciliation asks what a purchase once was to whom.
        indexes = [models.Index(fields=["merchant", "purchase"], name="claim_by_purchase")]


class Unclaim(Document):
    """A claim was a mistake: the purchase is nobody's again, and what it had given its member was taken back."""

    claim = models.ForeignKey(Claim, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    purchase = models.ForeignKey(
        Purchase, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="Whom it left: who claimed it, or was merged with them since",
    )
    points_earned = models.BigIntegerField(help_text="What the claim had given")
    points_clawed_back = models.BigIntegerField(help_text="What refunds had taken back of it before")
    debt_made = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    xid = TransactionId(db_default=CurrentTransaction(), editable=False)

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "claim"], name="a_claim_is_undone_once"),
            TenantForeignKey(field="claim", name="unclaim_of_own_claim"),
            TenantForeignKey(field="purchase", name="unclaim_of_own_purchase"),
            TenantForeignKey(field="member", name="unclaim_from_own_member"),
        ]
        indexes = [
            models.Index(fields=["merchant", "purchase"], name="unclaim_by_purchase"),
            models.Index(fields=["merchant", "xid"], name="unclaim_by_writer"),
        ]
