"""Adjustments by people, transfers between members, and merges of two memberships into one."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from members.models import Member
from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel
from rewards.models.documents import Document, InnerDocument
from rewards.models.purchases import CurrentTransaction, TransactionId


class Adjustment(InnerDocument):
    id_prefix: ClassVar[str] = "adj"
    moves_points: ClassVar[bool] = True

    member = TenantKey(Member, constraint="adjustment_of_own_member")
    undoes = TenantKey(
        "self",
        constraint="adjustment_undoes_own_adjustment",
        null=True,
        help_text="The adjustment whose points this one moves the other way",
    )
    points = models.BigIntegerField(help_text="Positive gives, negative takes")
    reason = models.CharField(max_length=200)
    expires_at = models.DateTimeField(null=True, blank=True)
    refusal = models.CharField(max_length=60, blank=True)
    xid = TransactionId(db_default=CurrentTransaction(), editable=False)

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.CheckConstraint(name="an_adjustment_moves_points", condition=~Q(points=0)),
            models.CheckConstraint(
                name="an_adjustment_is_named_or_undoes_one",
                condition=Q(external_id__isnull=False) | Q(undoes__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["merchant", "undoes"], name="an_adjustment_is_undone_once", condition=Q(refusal="")
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "member", "-id"], name="adjustment_by_member"),
            models.Index(fields=["merchant", "xid"], name="adjustment_by_writer"),
        ]


class Transfer(Document):
    id_prefix: ClassVar[str] = "trf"
    moves_points: ClassVar[bool] = True

    giver = TenantKey(Member, constraint="transfer_by_own_member")
    receiver = TenantKey(Member, constraint="transfer_to_own_member")
    points = models.BigIntegerField()
    is_at_tills_word = models.BooleanField(
        default=False, help_text="A till named the giver without a code of their phone: counts towards the day's limit"
    )
    reason = models.CharField(max_length=200, blank=True)
    refusal = models.CharField(max_length=60, blank=True)
    xid = TransactionId(db_default=CurrentTransaction(), editable=False)

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.CheckConstraint(name="a_transfer_moves_points", condition=Q(points__gt=0) | ~Q(refusal="")),
        ]
        indexes = [
            models.Index(fields=["merchant", "giver", "-id"], name="transfer_by_giver"),
            models.Index(fields=["merchant", "receiver", "-id"], name="transfer_by_receiver"),
            models.Index(fields=["merchant", "xid"], name="transfer_by_writer"),
        ]


class Merge(TenantModel):
    """Two memberships found to be one person; kept so that it can be undone."""

    id_prefix: ClassVar[str] = "mrg"
    moves_points: ClassVar[bool] = True

    public_id = models.CharField(max_length=40)
    source = TenantKey(Member, constraint="merge_from_own_member")
    target = TenantKey(Member, constraint="merge_into_own_member")
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
        ]
        indexes = [
            models.Index(
                fields=["merchant", "target"], name="merge_in_force_by_target", condition=Q(unmerged_at__isnull=True)
            ),
        ]
