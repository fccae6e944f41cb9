"""Accounts of the ledger, what a member is beside theirs, and the tiers the member has held."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from members.models import Member
from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel

#: JSON clients keep integers exact up to here.
POINTS_MAX = 2**53 - 1
#: The unit of the accounts that earning, spending and tiers know.
POINTS = "points"


class OwnerKind(models.TextChoices):
    MEMBER = "member"


class Account(TenantModel):
    """What somebody has of one unit: cached sums of the ledger, changed with the entries, under the row's lock.

    Each kind of owner has its own reference, of which one is set. `unit` is `points`, or the ISO code of money.
    `balance` holds every active point, `held` the part of it set aside for open redemptions, `pending` the points
    not yet active, `debt` what a refund could not take back.  Spendable is balance - held.
    """

    has_due_work = True

    owner_kind = models.CharField(max_length=12, choices=OwnerKind.choices, default=OwnerKind.MEMBER)
    member = TenantKey(Member, constraint="account_of_own_member", null=True)
    unit = models.CharField(max_length=6, default=POINTS)
    balance = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    pending = models.BigIntegerField(default=0)
    debt = models.BigIntegerField(default=0)
    seq = models.BigIntegerField(default=0, help_text="Number of the newest ledger entry")
    chain = models.BinaryField(default=b"", help_text="Hash of the newest ledger entry")
    closed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Set when the member was merged or erased: whoever waited for this lock looks again",
    )
    frozen_at = models.DateTimeField(
        null=True, blank=True, help_text="Set when reconciliation found a fault: nothing may be spent"
    )

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "member", "unit"], name="one_account_per_member_and_unit"),
            models.CheckConstraint(
                name="account_has_the_owner_of_its_kind",
                condition=Q(owner_kind=OwnerKind.MEMBER, member__isnull=False),
            ),
            models.CheckConstraint(name="balance_not_negative", condition=Q(balance__gte=0)),
            models.CheckConstraint(name="balance_exact_in_json", condition=Q(balance__lte=POINTS_MAX)),
            models.CheckConstraint(name="held_within_balance", condition=Q(held__gte=0, held__lte=F("balance"))),
            models.CheckConstraint(name="pending_not_negative", condition=Q(pending__gte=0)),
            models.CheckConstraint(
                name="debt_only_when_nothing_is_spendable", condition=Q(debt=0) | Q(debt__gt=0, balance=F("held"))
            ),
        ]
        indexes = [
            models.Index(fields=["frozen_at"], name="account_frozen", condition=Q(frozen_at__isnull=False)),
        ]


class Membership(TenantModel):
    """What a member is beside what they have: changed by the mechanics, under the lock of their points account."""

    has_due_work = True

    member = TenantKey(Member, constraint="membership_of_own_member")
    account = TenantKey(Account, constraint="membership_of_own_account", help_text="Their points")
    purchases_count = models.BigIntegerField(default=0, help_text="Purchases that stand: not wholly refunded")
    free_ordinals = ArrayField(
        models.BigIntegerField(),
        default=list,
        help_text="Numbers of purchases wholly refunded, below the highest that stands: the next purchases get them",
    )
    tier = models.CharField(max_length=40, blank=True, help_text="Code of the tier held now")
    tier_since = models.DateTimeField(null=True, blank=True)
    standing = models.JSONField(null=True, blank=True, help_text="What the tier rests on, as rewards/tiers keeps it")
    rated_version = models.PositiveIntegerField(default=0, help_text="Number of the terms the tier was last rated by")
    requalifies_at = models.DateTimeField(null=True, blank=True, help_text="When the tier is next to be earned again")
    last_activity_at = models.DateTimeField(
        null=True, blank=True, help_text="Latest purchase or redemption, by business time"
    )

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "member"], name="one_membership_per_member"),
            models.UniqueConstraint(fields=["merchant", "account"], name="one_membership_per_account"),
        ]
        indexes = [
            models.Index(fields=["merchant", "rated_version"], name="membership_by_rated_version"),
            models.Index(
                fields=["requalifies_at"], name="membership_requalification_due",
                condition=Q(requalifies_at__isnull=False),
            ),
        ]  # fmt: skip


class TierPeriod(TenantModel):
    """A tier held from one instant to another; dated, so that a late purchase finds the tier held then."""

    member = TenantKey(Member, constraint="tier_period_of_own_member")
    tier = models.CharField(max_length=40)
    held_from = models.DateTimeField()
    held_to = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(
        max_length=40, help_text="entry, upgrade, requalified, downgrade, grace, refund, unclaim, merge, manual"
    )
    value = models.BigIntegerField(null=True, blank=True, help_text="The qualifying figure that led to it")
    terms_version = models.PositiveIntegerField(null=True, blank=True)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.CheckConstraint(
                name="tier_period_is_half_open", condition=Q(held_to__isnull=True) | Q(held_to__gte=F("held_from"))
            ),
            models.UniqueConstraint(
                fields=["merchant", "member"], condition=Q(held_to__isnull=True), name="one_tier_held_at_a_time"
            ),
        ]
        indexes = [models.Index(fields=["merchant", "member", "held_from"], name="tier_period_by_member")]


class ExpiryNotice(TenantModel):
    """Others were told that points of this account end on this day of the merchant's: once is enough."""

    deletable = True

    account = TenantKey(Account, constraint="expiry_notice_of_own_account")
    day = models.DateField()
    told_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "account", "day"], name="one_notice_per_account_and_day"),
        ]
        indexes = [models.Index(fields=["merchant", "day"], name="expiry_notice_by_day")]


class Inspection(TenantModel):
    """How far the reconciliation of the merchant's ledger has come: killed, it goes on from there."""

    has_due_work = True

    begun_at = models.DateTimeField()
    after_account = models.BigIntegerField(default=0, help_text="Every account up to this one has been looked at")
    entries = models.BigIntegerField(default=0, help_text="Entries looked at so far")
    faults = models.BigIntegerField(default=0, help_text="Faults found so far, for the operator's metrics")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant"], name="one_inspection_per_merchant"),
        ]


class QualifyingGrant(TenantModel):
    """Points that count towards the tier and came by no purchase: of a welcome, of a referral until it is undone."""

    deletable = True

    member = TenantKey(Member, constraint="qualifying_grant_of_own_member")
    local_day = models.DateField()
    points = models.BigIntegerField()
    document_kind = models.CharField(max_length=12, help_text="member or referral")
    document_id = models.BigIntegerField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.CheckConstraint(name="qualifying_grant_positive", condition=Q(points__gt=0)),
        ]
        indexes = [
            models.Index(fields=["merchant", "member", "local_day"], name="qualifying_grant_by_member"),
            models.Index(fields=["merchant", "document_kind", "document_id"], name="qualifying_grant_by_document"),
        ]
