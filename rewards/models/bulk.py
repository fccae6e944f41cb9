"""The same act for very many members: whom it is for, and what has become of it with each."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from members.models import Member
from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel


class BulkAct(TenantModel):
    """Points or stamps for all members of a list as it was when they were chosen; the worker gives them one by one."""

    id_prefix: ClassVar[str] = "blk"
    deletable: ClassVar[bool] = True
    has_due_work: ClassVar[bool] = True

    class State(models.TextChoices):
        #: Their rows are being written; killed then, it is never more than that.
        CHOOSING = "choosing"
        CHOSEN = "chosen"
        RUNNING = "running"
        STOPPED = "stopped"
        DONE = "done"
        UNDOING = "undoing"
        UNDONE = "undone"

    public_id = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=State.choices, default=State.CHOOSING)
    segment = models.CharField(max_length=40, help_text="The list they were chosen from")
    members = models.PositiveIntegerField(default=0)
    points = models.BigIntegerField(null=True, blank=True)
    card = models.CharField(max_length=60, blank=True, help_text="Of stamps; empty for points")
    stamps = models.PositiveIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    seat = models.CharField(max_length=40, help_text="Public id of whose act it is, with their role then")
    role = models.CharField(max_length=20)
    chosen_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="bulk_act_public_id_unique"),
            models.CheckConstraint(
                name="a_bulk_act_gives_points_or_stamps",
                condition=Q(started_at__isnull=True)
                | Q(points__gt=0, stamps__isnull=True, card="")
                | (Q(points__isnull=True, stamps__gt=0) & ~Q(card="")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "id"], name="bulk_act_to_be_done", condition=Q(state__in=["running", "undoing"])
            ),
        ]


class BulkMember(TenantModel):
    """One member of a bulk act: whether they have it yet, by which document, or why not."""

    deletable: ClassVar[bool] = True

    class State(models.TextChoices):
        WAITING = "waiting"
        GIVEN = "given"
        REFUSED = "refused"
        UNDONE = "undone"
        #: Its undoing was refused, and can be tried again.
        KEPT = "kept"

    act = TenantKey(BulkAct, constraint="bulk_member_of_own_act")
    member = TenantKey(Member, constraint="bulk_member_is_own_member")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING, db_default=State.WAITING)
    document = models.CharField(max_length=40, blank=True, db_default="", help_text="Public id of what gave it")
    detail = models.CharField(max_length=300, blank=True, db_default="", help_text="Why it was refused")

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "act", "member"], name="once_in_a_bulk_act"),
        ]
        indexes = [models.Index(fields=["merchant", "act", "state", "id"], name="bulk_member_by_state")]
