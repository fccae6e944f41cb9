"""The ledger: append-only entries, the lots they made, and which lot paid what.

Only rewards/points writes here.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel
from rewards.models.accounts import Account


class EntryKind(models.TextChoices):
    ACCRUE = "accrue"
    ACTIVATE = "activate"
    SETTLE = "settle"
    REDEEM = "redeem"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    REVERSE = "reverse"
    CLAW_BACK = "claw_back"
    EXPIRE = "expire"
    ADJUST = "adjust"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"


class Entry(TenantModel):
    """One immutable movement of one account: what changed, why, by whose hand, chained to the one before it."""

    append_only = True

    account = TenantKey(Account, constraint="entry_of_own_account")
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=12, choices=EntryKind.choices)
    balance_change = models.BigIntegerField(default=0)
    held_change = models.BigIntegerField(default=0)
    pending_change = models.BigIntegerField(default=0)
    debt_change = models.BigIntegerField(default=0)
    balance_after = models.BigIntegerField()
    document_kind = models.CharField(max_length=12, help_text="Name of a model that `moves_points`; member; lot")
    document_id = models.BigIntegerField()
    rules = ArrayField(models.CharField(max_length=60), default=list)
    terms_version = models.PositiveIntegerField(null=True, blank=True)
    location_id = models.BigIntegerField(null=True, blank=True)
    actor = models.CharField(max_length=120)
    reason = models.CharField(max_length=200, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    hash = models.BinaryField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "account", "seq"], name="entry_seq_unique_in_account"),
            models.CheckConstraint(name="entry_balance_after_not_negative", condition=Q(balance_after__gte=0)),
        ]


class Lot(TenantModel):
    """Points earned together that become active together and expire together; spent soonest-to-expire first."""

    has_due_work = True

    account = TenantKey(Account, constraint="lot_of_own_account")
    entry = TenantKey(Entry, constraint="lot_of_own_entry")
    purchase_id = models.BigIntegerField(null=True, blank=True)
    amount = models.BigIntegerField()
    remaining = models.BigIntegerField()
    held = models.BigIntegerField(default=0)
    is_active = models.BooleanField(help_text="False while pending")
    sliding = models.CharField(
        max_length=300, blank=True, help_text="The rule of its earning by which activity moves its end, as JSON"
    )
    earned_at = models.DateTimeField()
    active_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.CheckConstraint(name="lot_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="lot_held_within_remaining_within_amount",
                condition=Q(held__gte=0, held__lte=F("remaining"), remaining__lte=F("amount")),
            ),
            models.CheckConstraint(name="a_pending_lot_holds_nothing", condition=Q(is_active=True) | Q(held=0)),
        ]
        indexes = [
            # Used-up lots too: reconciliation reads an account's whole history, and must not scan everybody's.
            models.Index(fields=["merchant", "account"], name="lot_by_account"),
            models.Index(
                fields=["merchant", "account", "expires_at"], name="lot_with_points_left", condition=Q(remaining__gt=0)
            ),
            models.Index(
                fields=["expires_at"], name="lot_expiry_due", condition=Q(remaining__gt=0, expires_at__isnull=False)
            ),
            models.Index(
                fields=["merchant", "account", "active_at"],
                name="lot_pending",
                condition=Q(is_active=False, remaining__gt=0),
            ),
            models.Index(
                fields=["active_at"], name="lot_activation_due", condition=Q(is_active=False, remaining__gt=0)
            ),
        ]


class Allocation(TenantModel):
    """What one entry took from, gave to, or held in one lot."""

    append_only = True

    entry = TenantKey(Entry, constraint="allocation_of_own_entry")
    lot = TenantKey(Lot, constraint="allocation_of_own_lot")
    remaining_change = models.BigIntegerField(default=0)
    held_change = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
        ]
        indexes = [
            models.Index(fields=["merchant", "entry"], name="allocation_by_entry"),
            models.Index(fields=["merchant", "lot"], name="allocation_by_lot"),
        ]
