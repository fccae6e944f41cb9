"""Purchases with their lines, and the refunds that take them back."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from members.models import Member
from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel
from merchants.models.merchants import Location
from rewards.models.documents import Document, InnerDocument


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

    id_prefix: ClassVar[str] = "pur"
    moves_points: ClassVar[bool] = True

    class State(models.TextChoices):
        ANNOUNCED = "announced"
        RECORDED = "recorded"

    state = models.CharField(max_length=10, choices=State.choices)
    member = TenantKey(Member, constraint="purchase_by_own_member", null=True)
    location = TenantKey(Location, constraint="purchase_at_own_location", null=True)
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
    rounding_minor = models.BigIntegerField(default=0, help_text="Of cash; belongs to no line")
    has_returns = models.BooleanField(
        default=False, help_text="A line of it is below zero: an exchange, a coupon, a deposit"
    )
    came_back_whole = models.BooleanField(default=False, help_text="Nothing of what was sold is left")
    is_time_unknown = models.BooleanField(
        default=False, help_text="The till's time could not be true: occurred_at is when it came"
    )
    tenders = models.JSONField(default=list, help_text="As the till told them, each with what went back by it")
    ordinal = models.BigIntegerField(
        null=True, blank=True, help_text="The member's n-th purchase that stands, in the order of recording"
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
            # On a receipt with lines below zero, what was sold is more than the total: all of it may come back.
            models.CheckConstraint(
                name="purchase_total_below_zero_only_with_returns",
                condition=Q(has_returns=True) | Q(total_minor__gte=0),
            ),
            models.CheckConstraint(
                name="refunded_within_total",
                condition=Q(state="announced")
                | Q(has_returns=True)
                | Q(refunded_minor__gte=0, refunded_minor__lte=F("total_minor")),
            ),
            models.CheckConstraint(
                name="never_clawed_back_more_than_earned",
                condition=Q(has_returns=True)
                | Q(points_clawed_back__gte=0, points_clawed_back__lte=F("points_earned")),
            ),
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


#: It counts as a purchase still: something is left of it, or it came to nothing and not all of it came back (`Sale.stands`).
STANDS: Final = Q(refunded_minor__lt=F("total_minor")) | Q(total_minor=0, refunded_minor=0, came_back_whole=False)


class PurchaseLine(TenantModel):
    purchase = TenantKey(Purchase, constraint="line_of_own_purchase")
    position = models.PositiveIntegerField()
    line_id = models.CharField(max_length=60)
    sku = models.CharField(max_length=100, blank=True)
    category = models.CharField(max_length=100, blank=True)
    labels = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    kind = models.CharField(max_length=10, default="goods")
    quantity_milli = models.BigIntegerField(help_text="Thousandths")
    amount_minor = models.BigIntegerField(help_text="After discounts, tax included; below zero for what came back")
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
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("amount_minor"))
                | Q(refunded_minor__lte=0, refunded_minor__gte=F("amount_minor")),
            ),
        ]


class Refund(Document):
    """Takes back a purchase, whole, in part or line by line; may arrive before the purchase itself."""

    id_prefix: ClassVar[str] = "ref"
    moves_points: ClassVar[bool] = True

    purchase = TenantKey(Purchase, constraint="refund_of_own_purchase")
    amount_minor = models.BigIntegerField(
        null=True, blank=True, help_text="Empty for 'all that is left' of a purchase not yet here"
    )
    lines = models.JSONField(default=list)
    is_applied = models.BooleanField(default=False, help_text="False while the purchase has not arrived")
    points_clawed_back = models.BigIntegerField(default=0)
    points_restored = models.BigIntegerField(default=0)
    debt_made = models.BigIntegerField(default=0)
    pay_out_minor = models.BigIntegerField(
        null=True, blank=True, help_text="Money to hand back, without what points had paid; empty while it waits"
    )
    pay_outs = models.JSONField(null=True, blank=True, help_text="The same by tender, where the till told them")
    reason = models.CharField(max_length=200, blank=True)
    refusal = models.CharField(
        max_length=60, blank=True, help_text="Why it could not be applied once its purchase came"
    )
    xid = TransactionId(db_default=CurrentTransaction(), editable=False)

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.CheckConstraint(
                # Below zero where a receipt below zero was undone.
                name="refund_asked_not_negative",
                condition=Q(is_applied=True) | Q(amount_minor__isnull=True) | Q(amount_minor__gte=0),
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "purchase"], name="refund_by_purchase"),
            models.Index(fields=["merchant", "xid"], name="refund_by_writer"),
            models.Index(fields=["merchant", "-id"], name="refund_not_applied", condition=Q(is_applied=False)),
        ]


class Claim(Document):
    """A purchase that had no member was given to one; whose it is now stands on the purchase."""

    id_prefix: ClassVar[str] = "clm"

    purchase = TenantKey(Purchase, constraint="claim_of_own_purchase")
    member = TenantKey(Member, constraint="claim_by_own_member")

    is_undone = models.BooleanField(default=False)

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.UniqueConstraint(
                fields=["merchant", "purchase"], name="a_purchase_is_claimed_once", condition=Q(is_undone=False)
            ),
        ]
        # Undone claims too: reconciliation asks what a purchase once was to whom.
        indexes = [models.Index(fields=["merchant", "purchase"], name="claim_by_purchase")]


class Unclaim(InnerDocument):
    """A claim was a mistake: the purchase is nobody's again, and what it had given its member was taken back."""

    id_prefix: ClassVar[str] = "ucl"
    moves_points: ClassVar[bool] = True

    claim = TenantKey(Claim, constraint="unclaim_of_own_claim")
    purchase = TenantKey(Purchase, constraint="unclaim_of_own_purchase")
    member = TenantKey(
        Member,
        constraint="unclaim_from_own_member",
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
        ]
        indexes = [
            models.Index(fields=["merchant", "purchase"], name="unclaim_by_purchase"),
            models.Index(fields=["merchant", "xid"], name="unclaim_by_writer"),
        ]
