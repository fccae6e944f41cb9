"""What we measured: rollups refreshed by what changed, the runs that filled them, and the numbers themselves."""

from __future__ import annotations

from django.db import models

from merchants.models.merchants import TenantModel


class MemberDay(TenantModel):
    """What one member bought on one of the merchant's days, net of refunds (dated at the purchase)."""

    deletable = True

    member_id = models.BigIntegerField()
    local_day = models.DateField()
    purchases = models.IntegerField(help_text="Purchases not wholly refunded")
    revenue_minor = models.BigIntegerField(help_text="Net of refunds")
    points_earned = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "member_id", "local_day"], name="one_row_per_member_and_day"),
        ]
        indexes = [models.Index(fields=["merchant", "local_day"], name="member_day_by_day")]


class MetricRun(TenantModel):
    """One pass over one merchant: what it took in, how long it took, and how far it saw (a transaction id)."""

    deletable = True

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    seen_through = models.BigIntegerField(
        null=True, blank=True, help_text="Every transaction below this id was taken in"
    )
    changed_rows = models.BigIntegerField(default=0)
    failure = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [*TenantModel.Meta.constraints]
        indexes = [models.Index(fields=["merchant", "-id"], name="metric_run_newest_first")]


class MetricValue(TenantModel):
    """One number of one period, with everything needed to judge it: n, interval, definition and age."""

    deletable = True

    metric = models.CharField(max_length=60)
    definition = models.PositiveSmallIntegerField(help_text="Version of the metric's definition")
    period_kind = models.CharField(max_length=10, help_text="day, month, quarter, year, days_30, days_90, days_365")
    starts_on = models.DateField()
    ends_on = models.DateField(help_text="Exclusive")
    numerator = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    denominator = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    value = models.DecimalField(max_digits=24, decimal_places=8, null=True, help_text="Null when n is 0")
    low = models.DecimalField(max_digits=24, decimal_places=8, null=True)
    high = models.DecimalField(max_digits=24, decimal_places=8, null=True)
    n = models.BigIntegerField(default=0)
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["merchant", "metric", "definition", "period_kind", "starts_on"],
                name="one_value_per_metric_and_period",
            ),
        ]
