"""Stamp cards of members: what is on the open card of each, every change of it, and stamps that people give by hand."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from members.models import Member
from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel
from rewards.models.documents import Document


class StampBook(TenantModel):
    """A member's open card of one kind; below zero stamps are owed, and the next ones pay them.

    Written by the mechanic `stamps`, under the lock of the member's account.
    """

    has_due_work = True

    member = TenantKey(Member, constraint="stamp_book_of_own_member")
    card = models.CharField(max_length=60, help_text="Code of the card in the terms")
    stamps = models.IntegerField(default=0)
    rest = models.BigIntegerField(default=0, help_text="Carried over: thousandths of pieces, or minor units")
    filled = models.PositiveIntegerField(default=0, help_text="Cards filled before, which decide the size of this one")
    latest_at = models.DateTimeField(null=True, blank=True, help_text="When the latest stamp was earned")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="When the stamps end without a new one")

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "member", "card"], name="one_stamp_book_per_member_and_card"),
        ]
        indexes = [
            models.Index(fields=["ends_at"], name="stamp_book_end_due", condition=Q(ends_at__isnull=False)),
        ]


class StampEntry(TenantModel):
    """One change of a member's card: what, why, by whose hand.  The card is the sum of its entries."""

    append_only: ClassVar[bool] = True

    class Kind(models.TextChoices):
        SALE = "sale"
        REFUND = "refund"
        UNCLAIM = "unclaim"
        #: The card was full: its stamps became a reward.
        FILLED = "filled"
        #: That reward was revoked, unused: its stamps are on the card again.
        REVOKED = "revoked"
        BY_HAND = "by_hand"
        ENDED = "ended"
        MERGE = "merge"
        LEFT = "left"

    member = TenantKey(Member, constraint="stamp_entry_of_own_member")
    card = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    stamps = models.IntegerField()
    rest = models.BigIntegerField(default=0)
    stamps_after = models.IntegerField()
    purchase_id = models.BigIntegerField(null=True, blank=True, help_text="The sale, also where it is undone")
    own_reward = models.CharField(max_length=40, blank=True, help_text="Public id of the reward they became, or were")
    actor = models.CharField(max_length=120)
    reason = models.CharField(max_length=200, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [*TenantModel.Meta.constraints]
        indexes = [
            models.Index(fields=["merchant", "member", "-id"], name="stamp_entry_by_member"),
            models.Index(
                fields=["merchant", "purchase_id"],
                name="stamp_entry_by_purchase",
                condition=Q(purchase_id__isnull=False),
            ),
        ]


class StampAdjustment(Document):
    """Stamps that somebody gave or took by hand, and why."""

    id_prefix: ClassVar[str] = "sta"

    member = TenantKey(Member, constraint="stamp_adjustment_of_own_member")
    card = models.CharField(max_length=60)
    stamps = models.IntegerField(help_text="Positive gives, negative takes")
    reason = models.CharField(max_length=200)

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.CheckConstraint(name="a_stamp_adjustment_moves_stamps", condition=~Q(stamps=0)),
        ]
        indexes = [models.Index(fields=["merchant", "member", "-id"], name="stamp_adjustment_by_member")]
