"""What members told us: survey answers, and purchases that gave no points."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models import Member
from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel


class SurveyResponse(TenantModel):
    """How likely a member is to recommend the merchant, 0 to 10, and what they added in words."""

    id_prefix: ClassVar[str] = "srv"

    public_id = models.CharField(max_length=40)
    external_id = models.CharField(max_length=300, null=True, blank=True)
    fingerprint = models.BinaryField(default=b"")
    member = TenantKey(Member, constraint="survey_response_by_own_member", null=True)
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
        ]
        indexes = [
            models.Index(fields=["merchant", "local_day"], name="survey_response_by_day"),
            models.Index(
                fields=["merchant", "member", "-answered_at"],
                name="survey_response_by_member",
                condition=Q(member__isnull=False),
            ),
        ]


class MissingPoints(TenantModel):
    """A member says that a purchase gave no points: staff look at the receipt and give them, or say why not."""

    id_prefix: ClassVar[str] = "mis"

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        ACCEPTED = "accepted", _("given")
        DECLINED = "declined", _("declined")

    public_id = models.CharField(max_length=40)
    member = TenantKey(Member, constraint="missing_points_of_own_member")
    bought_on = models.DateField()
    amount_minor = models.BigIntegerField()
    receipt = models.CharField(max_length=60, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    points = models.BigIntegerField(default=0, help_text="Given for it")
    reason = models.CharField(max_length=200, blank=True, help_text="Why it was declined, for the member to read")
    asked_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.CharField(max_length=120, blank=True)
    document = models.CharField(
        max_length=40, blank=True, help_text="Public id of the adjustment or the claim that answered it"
    )
    others = ArrayField(
        models.BigIntegerField(),
        default=list,
        help_text="Purchases with its number of which staff said: another receipt",
    )

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="missing_points_public_id_unique"),
            models.UniqueConstraint(
                fields=["merchant", "receipt"],
                name="a_receipt_is_asked_about_once",
                condition=Q(state__in=["waiting", "accepted"]) & ~Q(receipt=""),
            ),
            models.CheckConstraint(name="missing_points_of_a_sum", condition=Q(amount_minor__gt=0)),
        ]
        indexes = [
            models.Index(fields=["merchant", "-id"], name="missing_points_waiting", condition=Q(state="waiting")),
            models.Index(fields=["merchant", "member", "-id"], name="missing_points_by_member"),
        ]
