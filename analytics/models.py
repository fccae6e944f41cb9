"""What we measured: rollups refreshed by what changed, the runs that filled them, and the numbers themselves."""

from __future__ import annotations

from datetime import date

from django.db import models

from engagement import views as engagement_views
from members import views as member_views
from merchants.database.tenant_model import TenantModel
from rewards import views

#: The views these tables are filled from: importing them here makes them exist wherever these tables do.
SOURCES = (member_views.MEMBER_OF_TODAY, views.PURCHASES, engagement_views.SURVEY_ANSWERS)

#: Purchases without a member are kept under this id, so that one table holds all of a day's trade.
GUESTS = 0
#: The day of a purchase that never was: it comes last in an order by days.
NEVER = date(1, 1, 1)


class MemberDay(TenantModel):
    """What one member bought on one of the merchant's days, net of refunds (dated at the purchase).

    A row is there exactly when a purchase of that day was not wholly refunded, or when goods came back in an exchange
    whose total was below zero: that is revenue less and no purchase.
    """

    deletable = True

    member_id = models.BigIntegerField(help_text="0: all guests together")
    local_day = models.DateField()
    purchases = models.IntegerField(help_text="Purchases not wholly refunded, with a total of 0 or more")
    free_purchases = models.IntegerField(default=0, help_text="Those among them with a total of 0")
    revenue_minor = models.BigIntegerField(help_text="Net of refunds, and of returns within an exchange")
    points_paid_minor = models.BigIntegerField(default=0, help_text="The part of it that points paid")
    points_earned = models.BigIntegerField(default=0, help_text="Less what refunds took back")

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "member_id", "local_day"], name="one_row_per_member_and_day"),
            models.CheckConstraint(
                name="a_member_day_has_trade",
                condition=models.Q(purchases__gt=0) | (models.Q(purchases=0) & ~models.Q(revenue_minor=0)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "local_day"],
                include=["member_id", "purchases", "free_purchases", "revenue_minor", "points_paid_minor"],
                name="member_day_by_day",
            )
        ]


class MemberDayAtLocation(TenantModel):
    """What one member bought on one of the merchant's days at one location: a `MemberDay` by where it happened."""

    deletable = True

    member_id = models.BigIntegerField(help_text="0: all guests together")
    local_day = models.DateField()
    location_id = models.BigIntegerField(help_text="0: the sale names none")
    purchases = models.IntegerField(help_text="As in MemberDay")
    revenue_minor = models.BigIntegerField(help_text="As in MemberDay")

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["merchant", "member_id", "local_day", "location_id"], name="one_row_per_member_day_and_location"
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "local_day"],
                include=["location_id", "member_id", "purchases", "revenue_minor"],
                name="member_day_at_location_by_day",
            )
        ]


class RewardDay(TenantModel):
    """What members redeemed of one reward on one of the merchant's days at one location, less what came back."""

    deletable = True

    local_day = models.DateField(help_text="Of the redemption")
    location_id = models.BigIntegerField(help_text="0: the redemption names none")
    reward = models.CharField(
        max_length=60, blank=True, help_text="Code of the reward; empty: an amount paid with points"
    )
    redemptions = models.BigIntegerField()
    points = models.BigIntegerField()
    cost_minor = models.BigIntegerField(help_text="Of those that have a price")
    unpriced = models.BigIntegerField(help_text="Redemptions that have none")

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["merchant", "local_day", "location_id", "reward"], name="one_row_per_day_location_and_reward"
            ),
        ]


class MemberFigure(TenantModel):
    """What one member bought and has, as the last run found it: what the list of members is put in order by.

    The list shows what is so now; only its order rests on this.  Members who left have no row.
    """

    deletable = True

    member_id = models.BigIntegerField()
    purchases = models.BigIntegerField(default=0, help_text="As in MemberDay, of all days together")
    revenue_minor = models.BigIntegerField(default=0)
    last_day = models.DateField(default=NEVER, help_text="Of the latest purchase; the first day of the calendar: none")
    points = models.BigIntegerField(default=0, help_text="Active, less what is set aside")
    pending = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "member_id"], name="one_figure_row_per_member"),
        ]
        indexes = [
            models.Index(fields=["merchant", "-last_day", "-member_id"], name="member_figure_by_visit"),
            models.Index(fields=["merchant", "-revenue_minor", "-member_id"], name="member_figure_by_spend"),
            models.Index(fields=["merchant", "-points", "-member_id"], name="member_figure_by_points"),
        ]


class LedgerMark(TenantModel):
    """How far one account's entries were taken in: their seq has no gaps and grows in the order of committing."""

    deletable = True

    account_id = models.BigIntegerField()
    seq = models.BigIntegerField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "account_id"], name="one_mark_per_account"),
        ]


class PointsDay(TenantModel):
    """What entries of one kind did, on one of the merchant's days, to the points owed to all members together."""

    deletable = True

    local_day = models.DateField()
    kind = models.CharField(max_length=12, help_text="Kind of ledger entry")
    points = models.BigIntegerField(help_text="Change of balance and pending together")
    entries = models.BigIntegerField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "local_day", "kind"], name="one_row_per_day_and_kind"),
        ]


class Figures(TenantModel):
    """The sums of one day or one month, ready for the charts.  A day on which nothing happened has no row."""

    deletable = True

    grain = models.CharField(max_length=5, help_text="day or month")
    starts_on = models.DateField()
    purchases = models.BigIntegerField(default=0, help_text="Members and guests, not wholly refunded")
    guest_purchases = models.BigIntegerField(default=0)
    revenue_minor = models.BigIntegerField(default=0, help_text="Members and guests, net of refunds")
    guest_revenue_minor = models.BigIntegerField(default=0)
    points_paid_minor = models.BigIntegerField(default=0, help_text="The part of the revenue that points paid")
    free_purchases = models.BigIntegerField(default=0, help_text="Purchases with a total of 0")
    active_members = models.BigIntegerField(default=0, help_text="Members with a purchase, each once")
    enrolments = models.BigIntegerField(default=0)
    points_issued = models.BigIntegerField(default=0)
    points_redeemed = models.BigIntegerField(default=0)
    points_expired = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "grain", "starts_on"], name="one_row_per_grain_and_start"),
        ]


class CohortMonth(TenantModel):
    """Of the members who joined, or first bought, in one month, how many bought so many months later, for how much."""

    deletable = True

    basis = models.CharField(max_length=14, default="joined", help_text="joined or first_purchase")
    joined_month = models.DateField(help_text="First day of the month of joining, or of the first purchase")
    months_after = models.PositiveSmallIntegerField()
    members = models.BigIntegerField(help_text="All who joined, or first bought, in that month")
    active = models.BigIntegerField()
    revenue_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["merchant", "basis", "joined_month", "months_after"], name="one_row_per_cohort_and_month"
            ),
        ]


class Liability(TenantModel):
    """What the merchant owed in points when a run looked, and what that costs if all of it is redeemed."""

    deletable = True

    local_day = models.DateField(help_text="The merchant's day on which it was read")
    outstanding = models.BigIntegerField(help_text="Active and pending points, those on hold included")
    pending = models.BigIntegerField()
    held = models.BigIntegerField()
    debt = models.BigIntegerField(help_text="Points members owe after refunds of what they had spent")
    rate_points = models.BigIntegerField(null=True, help_text="So many points …")
    rate_minor = models.BigIntegerField(null=True, help_text="… pay so much; empty when the terms name no rate")
    cost_minor = models.BigIntegerField(null=True, help_text="outstanding x rate, rounded up")
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "local_day"], name="one_liability_per_day"),
        ]


class Insight(TenantModel):
    """Something that needs attention, as the last run found it: how many members, and how much is at stake."""

    deletable = True

    kind = models.CharField(max_length=40, help_text="A kind of analytics.alerts.ALERTS")
    members = models.BigIntegerField(default=0)
    amount = models.BigIntegerField(default=0, help_text="Points or minor units or answers, as the kind says")
    first_day = models.DateField()
    end_day = models.DateField()
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "kind"], name="one_insight_of_a_kind"),
        ]


class InsightMember(TenantModel):
    """One of the members behind an insight, as the run that counted them found it."""

    deletable = True

    kind = models.CharField(max_length=40, help_text="A kind of analytics.alerts.ALERTS")
    member_id = models.BigIntegerField()
    at_stake = models.BigIntegerField(default=0, help_text="Points or minor units or answers, as the kind says")

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "kind", "member_id"], name="one_insight_row_per_member"),
        ]


class MetricRun(TenantModel):
    """One pass over one merchant: what it took in, how long it took, and how far it saw (a transaction id).

    `seen_through` moves with each piece of work, in the same transaction: a run that was killed is continued by the
    next.  Transaction ids mean something in one database only, so it is named beside.  In another (a dump was
    restored) all purchases are taken in once more in the order of their keys, which mean the same everywhere:
    `refilled_through` says how far that has come.
    """

    deletable = True
    has_due_work = True

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    is_as_of = models.BooleanField(default=False, help_text="Of an earlier day: it looked later than its start says")
    cluster = models.CharField(max_length=30, blank=True, help_text="Cluster and database the ids were given in")
    layout = models.PositiveSmallIntegerField(
        default=1, db_default=1, help_text="Which rollups it filled: analytics.rollups.LAYOUT of its release"
    )
    seen_through = models.BigIntegerField(
        null=True, blank=True, help_text="Every transaction below this id was taken in"
    )
    refilled_through = models.BigIntegerField(
        null=True, blank=True, help_text="Key of the last purchase of a refill under way; empty: none is"
    )
    changed_from = models.DateField(null=True, blank=True, help_text="Earliest day whose figures changed")
    forwards = models.CharField(max_length=40, blank=True, help_text="Mark of the merged memberships it knew")
    changed_rows = models.BigIntegerField(default=0)
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [*TenantModel.Meta.constraints]
        indexes = [models.Index(fields=["merchant", "-id"], name="metric_run_newest_first")]


class MetricValue(TenantModel):
    """One number of one period, with everything needed to judge it: n, interval, definition and age."""

    deletable = True

    metric = models.CharField(max_length=60)
    definition = models.PositiveSmallIntegerField(help_text="Version of the metric's definition")
    period_kind = models.CharField(
        max_length=14,
        help_text="month, quarter, year; days_30, days_90, days_365; month_part, quarter_part, year_part: the first days "
        "of the period before a running one, as many as have passed of that",
    )
    starts_on = models.DateField()
    ends_on = models.DateField(help_text="Exclusive")
    counted_until = models.DateField(help_text="Exclusive: of a running period the day of the run, else its end")
    numerator = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    denominator = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    value = models.DecimalField(max_digits=24, decimal_places=8, null=True, help_text="Null when n is 0")
    low = models.DecimalField(max_digits=24, decimal_places=8, null=True)
    high = models.DecimalField(max_digits=24, decimal_places=8, null=True)
    n = models.BigIntegerField(default=0)
    parts = models.JSONField(default=dict, help_text="The counts behind it, by their names in the formula")
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["merchant", "metric", "definition", "period_kind", "starts_on"],
                name="one_value_per_metric_and_period",
            ),
        ]
