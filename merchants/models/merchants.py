"""Merchants, their hosts and their locations; and the base every tenant table stands on."""

from __future__ import annotations

from typing import ClassVar
from zoneinfo import ZoneInfo

from django.core.validators import RegexValidator
from django.db import models

LANGUAGES = [("en", "English"), ("ko", "한국어"), ("zh-hant", "繁體中文")]


class Merchant(models.Model):
    """A business that runs one programme.  Owns every tenant row; sets the currency and the clock."""

    public_id = models.CharField(max_length=40, unique=True)
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3, validators=[RegexValidator(r"^[A-Z]{3}$")])
    zone = models.CharField(max_length=64, help_text="IANA time zone, such as Asia/Seoul")
    language = models.CharField(max_length=10, choices=LANGUAGES, default="en")
    country = models.CharField(max_length=2, help_text="ISO country, for telephone numbers typed without one")
    brand_colour = models.CharField(max_length=7, default="#0b6e4f", validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$")])
    logo = models.CharField(max_length=16, blank=True, help_text="Print of the logo's content; empty: there is none")
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
    outbox_days_kept = models.PositiveSmallIntegerField(default=30)
    expiry_notice_days = models.PositiveSmallIntegerField(
        default=30, help_text="How long before points end others are told; 0 for never"
    )
    churn_alert_percent = models.PositiveSmallIntegerField(
        default=0, help_text="Churn of a period above this is a warning; 0: above what the members' own pauses explain"
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


class MerchantHost(models.Model):
    """A host name on which the portal opens at one merchant."""

    host = models.CharField(max_length=253, unique=True)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return self.host


class TenantModel(models.Model):
    """A row that belongs to one merchant.  The merchants/schema.py room puts row-level security on its table.

    The reference to the merchant has no constraint of its own: every writer of every table would lock the one
    merchant row.  The policy's WITH CHECK admits no other id than the open tenant's, and merchants are never deleted.
    """

    #: Rows are never changed nor removed, by revoked grants and by a trigger.
    append_only: ClassVar[bool] = False
    #: Rows may be removed by the web role (operational rows with an end).
    deletable: ClassVar[bool] = False
    #: The system role may read the table to find merchants with due work.
    has_due_work: ClassVar[bool] = False

    id = models.BigAutoField(primary_key=True)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["merchant", "id"], name="%(app_label)s_%(class)s_of_merchant"),
        ]


class Location(TenantModel):
    """A shop, a stall or a web shop where purchases happen."""

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
