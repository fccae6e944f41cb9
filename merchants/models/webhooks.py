"""Where events are delivered, and what came of each delivery."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel
from merchants.models.outbox import OutboxEvent


class WebhookEndpoint(TenantModel):
    id_prefix: ClassVar[str] = "whk"

    public_id = models.CharField(max_length=40)
    url = models.URLField(max_length=500)
    description = models.CharField(max_length=200, blank=True)
    kinds = ArrayField(models.CharField(max_length=60), default=list, help_text="Empty: every kind of event")
    sealed_secret = models.CharField(max_length=200, blank=True, help_text="Opened by merchants.sealing alone")
    previous_sealed_secret = models.CharField(max_length=200, blank=True)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    failing_since = models.DateTimeField(null=True, blank=True)
    last_failure = models.CharField(
        max_length=200,
        blank=True,
        help_text="What the last attempt that failed was answered; empty once one is accepted",
    )
    failures_in_row = models.PositiveIntegerField(default=0)
    resting_until = models.DateTimeField(
        null=True, blank=True, help_text="Set after failures: nothing is sent before, then one delivery as a probe"
    )
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="webhook_endpoint_public_id_unique"),
        ]


class WebhookDelivery(TenantModel):
    """One event on its way to one endpoint: what was tried, what was answered, and when the next try is due."""

    id_prefix: ClassVar[str] = "dlv"

    has_due_work = True
    deletable = True

    class State(models.TextChoices):
        DUE = "due"
        DELIVERED = "delivered"
        GIVEN_UP = "given_up"

    public_id = models.CharField(max_length=40)
    endpoint = TenantKey(WebhookEndpoint, constraint="webhook_delivery_to_own_endpoint")
    event = TenantKey(OutboxEvent, constraint="webhook_delivery_of_own_event")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True, blank=True)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    last_answer_code = models.PositiveSmallIntegerField(null=True, blank=True)
    last_answer = models.CharField(max_length=2000, blank=True)
    last_duration_ms = models.PositiveIntegerField(null=True, blank=True)
    is_replay = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="webhook_delivery_public_id_unique"),
            models.UniqueConstraint(
                fields=["merchant", "endpoint", "event"],
                condition=models.Q(is_replay=False),
                name="one_delivery_per_endpoint_and_event",
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "endpoint", "due_at", "id"],
                name="webhook_delivery_due",
                condition=models.Q(state="due"),
            ),
            models.Index(fields=["created_at"], name="webhook_delivery_given_up", condition=models.Q(state="given_up")),
            models.Index(fields=["merchant", "endpoint", "-id"], name="webhook_delivery_log"),
            models.Index(fields=["merchant", "event"], name="webhook_delivery_by_event"),
        ]
