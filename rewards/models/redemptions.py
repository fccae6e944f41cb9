"""Redemptions (held or spent at once) and the documents that end them: captures, releases, reversals."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from members.models import Member
from merchants.database.tenant_key import TenantKey
from merchants.models.merchants import Location
from rewards.models.documents import Document, InnerDocument
from rewards.models.own_rewards import OwnReward
from rewards.models.purchases import CurrentTransaction, Purchase, TransactionId


class Redemption(InnerDocument):
    """Points spent on a reward or as money off, or set aside for it until captured, released or timed out.

    A refusal is kept too, with its code and no entries: the same request answers the same for ever.
    """

    id_prefix: ClassVar[str] = "rdm"
    moves_points: ClassVar[bool] = True

    has_due_work = True

    class State(models.TextChoices):
        HELD = "held"
        CAPTURED = "captured"
        RELEASED = "released"
        EXPIRED = "expired"
        REVERSED = "reversed"
        REFUSED = "refused"

    state = models.CharField(max_length=10, choices=State.choices)
    refusal = models.CharField(max_length=60, blank=True)
    member = TenantKey(Member, constraint="redemption_by_own_member")
    purchase = TenantKey(Purchase, constraint="redemption_for_own_purchase", null=True)
    purchase_position = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Its place among the redemptions of the purchase that made it"
    )
    location = TenantKey(Location, constraint="redemption_at_own_location", null=True)
    reward = models.CharField(
        max_length=60, blank=True, help_text="Code of the reward; empty when points pay an amount"
    )
    own_reward = TenantKey(
        OwnReward, constraint="redemption_of_own_reward", null=True, help_text="What it takes; then it costs no points"
    )
    code = models.CharField(max_length=20, null=True, blank=True, help_text="What the member shows at the till")
    points = models.BigIntegerField(help_text="Asked for")
    is_at_tills_word = models.BooleanField(
        default=False, help_text="A till named the member without a code of their phone: counts towards the day's limit"
    )
    points_captured = models.BigIntegerField(default=0)
    points_returned = models.BigIntegerField(default=0, help_text="Given back by reversal or refund")
    amount_minor = models.BigIntegerField(null=True, blank=True, help_text="Worth in money, when it has one")
    currency = models.CharField(max_length=3, blank=True)
    order_total_minor = models.BigIntegerField(null=True, blank=True)
    terms_version = models.PositiveIntegerField(null=True, blank=True)
    hold_expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    xid = TransactionId(
        db_default=CurrentTransaction(), editable=False, help_text="Of whatever made it what it is, or gave points back"
    )

    class Meta:
        constraints = [
            *Document.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "code"], name="redemption_code_unique"),
            models.UniqueConstraint(
                fields=["merchant", "purchase", "purchase_position"],
                name="redemption_position_unique_in_purchase",
                condition=Q(purchase_position__isnull=False),
            ),
            models.CheckConstraint(
                name="a_redemption_is_named_or_of_a_purchase",
                condition=Q(external_id__isnull=False) | Q(purchase__isnull=False, purchase_position__isnull=False),
            ),
            models.CheckConstraint(
                name="a_redemption_costs_points_or_takes_an_own_reward",
                condition=Q(points__gt=0, own_reward__isnull=True)
                | Q(points=0, own_reward__isnull=False)
                | Q(state="refused"),
            ),
            models.CheckConstraint(
                name="captured_within_points", condition=Q(points_captured__gte=0, points_captured__lte=F("points"))
            ),
            models.CheckConstraint(
                name="returned_within_captured",
                condition=Q(points_returned__gte=0, points_returned__lte=F("points_captured")),
            ),
            models.CheckConstraint(
                name="an_open_hold_has_an_end", condition=~Q(state="held") | Q(hold_expires_at__isnull=False)
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "member", "-id"], name="redemption_by_member"),
            models.Index(fields=["hold_expires_at"], name="redemption_hold_due", condition=Q(state="held")),
            models.Index(fields=["merchant", "-id"], name="redemption_held", condition=Q(state="held")),
            models.Index(
                fields=["merchant", "purchase"], name="redemption_by_purchase", condition=Q(purchase__isnull=False)
            ),
            models.Index(fields=["merchant", "reward", "-id"], name="redemption_by_reward"),
            models.Index(
                fields=["merchant", "own_reward"],
                name="redemption_by_own_reward",
                condition=Q(own_reward__isnull=False),
            ),
            models.Index(fields=["merchant", "recorded_at"], name="redemption_by_time"),
            models.Index(fields=["merchant", "-occurred_at", "-id"], name="redemption_newest_first"),
            models.Index(fields=["merchant", "xid"], name="redemption_by_writer"),
        ]


class _Ending(Document):
    """A document that ends, wholly or partly, a redemption."""

    redemption = TenantKey(Redemption, constraint="%(class)s_of_own_redemption")
    points = models.BigIntegerField()
    refusal = models.CharField(max_length=60, blank=True)

    class Meta:
        abstract = True
        constraints = [
            *Document.Meta.constraints,
        ]
        indexes = [models.Index(fields=["merchant", "redemption"], name="%(class)s_by_redemption")]


class Capture(_Ending):
    """Spends what was held; made by a purchase, it names that and its place among the purchase's redemptions."""

    id_prefix: ClassVar[str] = "cap"

    external_id = models.CharField(  # type: ignore[assignment]
        max_length=300, null=True, blank=True, help_text="Empty when a purchase made it"
    )
    purchase = TenantKey(Purchase, constraint="capture_for_own_purchase", null=True)
    purchase_position = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta(_Ending.Meta):
        constraints = [
            *_Ending.Meta.constraints,
            models.UniqueConstraint(
                fields=["merchant", "purchase", "purchase_position"],
                name="capture_position_unique_in_purchase",
                condition=Q(purchase_position__isnull=False),
            ),
            models.CheckConstraint(
                name="a_capture_is_named_or_of_a_purchase",
                condition=Q(external_id__isnull=False) | Q(purchase__isnull=False, purchase_position__isnull=False),
            ),
        ]


class Release(_Ending):
    id_prefix: ClassVar[str] = "rel"

    class Meta(_Ending.Meta):
        pass


class Reversal(_Ending):
    id_prefix: ClassVar[str] = "rev"

    reason = models.CharField(max_length=200, blank=True)

    class Meta(_Ending.Meta):
        pass
