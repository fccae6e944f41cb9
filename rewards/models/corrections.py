"""Adjustments by people, transfers between members, and merges of two memberships into one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from members.models import Member
from merchants.constraints import TenantForeignKey
from merchants.models.merchants import TenantModel
from rewards.models.documents import Document
from rewards.models.purchases import CurrentTransaction, TransactionId


class Adjustment(Document):
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    points = models.BigIntegerField(help_text="Positive gives, negative takes")
    reason = models.CharField(max_length=200)
    expires_at = models.DateTimeField(null=True, blank=True)
    refusal = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.CheckConstraint(name="an_adjustment_moves_points", condition=~Q(points=0)),
            TenantForeignKey(field="member", name="adjustment_of_own_member"),
        ]
        indexes = [models.Index(fields=["merchant", "member", "-id"], name="adjustment_by_member")]


class Transfer(Document):
    giver = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    receiver = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    points = models.BigIntegerField()
    reason = models.CharField(max_length=200, blank=True)
    refusal = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.CheckConstraint(name="a_transfer_moves_points", condition=Q(points__gt=0) | ~Q(refusal="")),
            TenantForeignKey(field="giver", name="transfer_by_own_member"),
            TenantForeignKey(field="receiver", name="transfer_to_own_member"),
        ]


class Merge(TenantModel):
    """Two memberships found to be one person; kept so that it can be undone."""

    public_id = models.CharField(max_length=40)
    source = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    target = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    points = models.BigIntegerField(default=0)
    debt = models.BigIntegerField(default=0)
    moved = models.JSONField(default=dict, help_text="What was moved besides points: cards, contacts, purchases, …")
    actor = models.CharField(max_length=120)
    merged_at = models.DateTimeField()
    unmerged_at = models.DateTimeField(null=True, blank=True)
    xid = TransactionId(
        db_default=CurrentTransaction(), editable=False, help_text="Of the merge or its undoing: whose figures moved"
    )

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="merge_public_id_unique"),
            models.UniqueConstraint(
                fields=["merchant", "source"], condition=Q(unmerged_at__isnull=True), name="a_member_is_merged_once"
            ),
            TenantForeignKey(field="source", name="merge_from_own_member"),
            TenantForeignKey(field="target", name="merge_into_own_member"),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "target"], name="merge_in_force_by_target", condition=Q(unmerged_at__isnull=True)
            ),
        ]
