"""Merchants and their locations."""

from __future__ import annotations

from typing import ClassVar
from zoneinfo import ZoneInfo

from django.core.validators import RegexValidator
from django.db import models

from merchants.database.tenant_model import TenantModel
from merchants.languages import LANGUAGES


class Merchant(models.Model):
    """A business that runs one programme.  Owns every tenant row; sets the currency and the clock."""

    id_prefix: ClassVar[str] = "mer"

    kept_for_ever: ClassVar[bool] = True

    public_id = models.CharField(max_length=40, unique=True)
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3, validators=[RegexValidator(r"^[A-Z]{3}$")])
    zone = models.CharField(max_length=64, help_text="IANA time zone, such as Asia/Seoul")
    language = models.CharField(max_length=10, choices=LANGUAGES, default="en")
    country = models.CharField(max_length=2, help_text="ISO country, for telephone numbers typed without one")
    brand_colour = models.CharField(max_length=7, default="#0b6e4f", validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$")])
    logo = models.CharField(max_length=16, blank=True, help_text="Print of the logo's content; empty: there is none")
    photos = models.JSONField(
        default=dict, db_default={}, help_text="By subject (reward.americano) print, widths and height of a photo"
    )
    reply_to = models.EmailField(blank=True, help_text="Where answers to its letters go; empty: nowhere")
    is_sandbox = models.BooleanField(default=False)
    sandbox_of = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="sandbox")
    display_digits = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Digits printed after the point, if not the currency's own"
    )
    occurred_at_days_back_max = models.PositiveSmallIntegerField(default=30)
    occurred_at_minutes_ahead_max = models.PositiveSmallIntegerField(default=5)
    claim_days_max = models.PositiveSmallIntegerField(
        default=14, help_text="How long after a purchase without a member it can be claimed; 0 for never"
    )
    adjustment_points_max = models.BigIntegerField(
        default=10_000, help_text="Largest correction a manager may make alone"
    )
    counter_stamps_max = models.PositiveSmallIntegerField(
        default=10, db_default=10, help_text="Stamps a cashier may give one member in a day without an amount"
    )
    daily_accruals_alert = models.PositiveSmallIntegerField(
        default=5, help_text="Accruals for one member in a day that raise a flag"
    )
    step_up_points_above = models.BigIntegerField(
        default=5_000, help_text="Points a member may spend on their phone in a day without a fresh code"
    )
    contact_cool_off_hours = models.PositiveSmallIntegerField(
        default=72, help_text="So long after a change of contact the portal asks for a code before any spending"
    )
    is_live_code_needed = models.BooleanField(
        default=False, help_text="Points are spent at the till only with the moving code of the member's phone"
    )
    may_static_code_spend = models.BooleanField(
        default=False, help_text="The code that stands in the portal spends points at the till, as it did before 0.1.0"
    )
    till_word_points_max = models.BigIntegerField(
        default=10_000,
        help_text="Points tills may spend of one member in a day without a code of the phone; 0: none",
    )
    spending_rule_seen_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody here was told that the code in the portal only earns"
    )
    outbox_days_kept = models.PositiveSmallIntegerField(default=30)
    expiry_notice_days = models.PositiveSmallIntegerField(
        default=30, help_text="How long before points end others are told; 0 for never"
    )
    churn_alert_percent = models.PositiveSmallIntegerField(
        default=0, help_text="Churn of a period above this is a warning; 0: above what the members' own pauses explain"
    )
    answers_min = models.PositiveSmallIntegerField(
        default=10, help_text="A score of fewer answers is not shown: they say too little"
    )
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="merchant_currency_is_three_capitals", condition=models.Q(currency__regex=r"^[A-Z]{3}$")
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tzinfo(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class Location(TenantModel):
    """A shop, a stall or a web shop where purchases happen."""

    id_prefix: ClassVar[str] = "loc"

    public_id = models.CharField(max_length=40)
    code = models.CharField(max_length=60, help_text="The name tills send")
    name = models.CharField(max_length=120)
    zone = models.CharField(max_length=64, blank=True, help_text="Empty: the merchant's own")
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="location_public_id_unique"),
            models.UniqueConstraint(fields=["merchant", "code"], name="location_code_unique"),
        ]

    def __str__(self) -> str:
        return self.name
