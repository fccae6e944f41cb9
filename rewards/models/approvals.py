"""Points that somebody asks a second person for: more than their role moves alone."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from members.models import Member
from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel
from rewards.models.corrections import Adjustment


class PointsRequest(TenantModel):
    """Who asks for what and why, and what an owner said to it.  A request that waits too long lapses by itself."""

    id_prefix: ClassVar[str] = "prq"

    class State(models.TextChoices):
        WAITING = "waiting"
        APPROVED = "approved"
        DECLINED = "declined"
        WITHDRAWN = "withdrawn"

    public_id = models.CharField(max_length=40)
    asked_by = models.CharField(max_length=120)
    asked_at = models.DateTimeField()
    lapses_at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    decided_by = models.CharField(max_length=120, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=200, blank=True, help_text="Why it was declined")

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="points_request_public_id_unique"),
            models.CheckConstraint(
                name="a_decided_points_request_says_by_whom",
                condition=Q(state="waiting", decided_by="", decided_at__isnull=True)
                | (~Q(state="waiting") & ~Q(decided_by="") & Q(decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="nobody_approves_their_own_points_request",
                condition=~Q(state="approved") | ~Q(decided_by=models.F("asked_by")),
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "-id"], name="points_request_newest_first"),
            models.Index(fields=["merchant", "lapses_at"], name="points_request_waiting", condition=Q(state="waiting")),
        ]


class PointsRequestLine(TenantModel):
    """One member's points of a request: given or taken, or an adjustment undone; and the adjustment it became."""

    request = TenantKey(PointsRequest, constraint="points_request_line_of_own_request")
    member = TenantKey(Member, constraint="points_request_line_of_own_member")
    points = models.BigIntegerField(help_text="Positive gives, negative takes")
    undoes = TenantKey(Adjustment, constraint="points_request_line_undoes_own_adjustment", null=True)
    adjustment = TenantKey(
        Adjustment, constraint="points_request_line_became_own_adjustment", null=True, help_text="Empty: not done yet"
    )

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.CheckConstraint(name="a_points_request_line_moves_points", condition=~Q(points=0)),
            models.UniqueConstraint(
                fields=["merchant", "request", "member"],
                name="a_points_request_names_a_member_once",
                condition=Q(undoes__isnull=True),
            ),
            models.UniqueConstraint(
                fields=["merchant", "request", "undoes"],
                name="a_points_request_undoes_an_adjustment_once",
                condition=Q(undoes__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["merchant", "adjustment"],
                name="an_adjustment_is_of_one_points_request",
                condition=Q(adjustment__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["merchant", "member", "-id"], name="points_request_line_by_member")]
