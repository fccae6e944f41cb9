"""What members told us: survey answers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from members.models import Member
from merchants.constraints import TenantForeignKey
from merchants.models.merchants import TenantModel


class SurveyResponse(TenantModel):
    """How likely a member is to recommend the merchant, 0 to 10, and what they added in words."""

    public_id = models.CharField(max_length=40)
    external_id = models.CharField(max_length=300, null=True, blank=True)
    fingerprint = models.BinaryField(default=b"")
    member = models.ForeignKey(
        Member,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
    )
    score = models.PositiveSmallIntegerField()
    comment = models.CharField(max_length=2000, blank=True)
    channel = models.CharField(max_length=30, blank=True)
    purchase_id = models.CharField(max_length=40, blank=True, help_text="Public id of the purchase it is about")
    actor = models.CharField(max_length=120, blank=True)
    local_day = models.DateField()
    answered_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    followed_up_at = models.DateTimeField(null=True, blank=True, help_text="When somebody took care of it")
    followed_up_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="survey_response_public_id_unique"),
            models.UniqueConstraint(fields=["merchant", "external_id"], name="survey_response_external_id_unique"),
            models.CheckConstraint(name="score_from_0_to_10", condition=Q(score__gte=0, score__lte=10)),
            TenantForeignKey(field="member", name="survey_response_by_own_member"),
        ]
        indexes = [
            models.Index(fields=["merchant", "local_day"], name="survey_response_by_day"),
            models.Index(
                fields=["merchant", "member", "-answered_at"],
                name="survey_response_by_member",
                condition=Q(member__isnull=False),
            ),
        ]
