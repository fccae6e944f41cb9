"""Letters waiting to leave: written in the same transaction as their reason, sent afterwards and outside of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from merchants.database.tenant_model import TenantModel


class OutgoingMessage(TenantModel):
    """One mail or text message.  Its words are wiped when it has been sent: they may hold a code or a name."""

    id_prefix: ClassVar[str] = "msg"

    deletable = True
    has_due_work = True

    class Channel(models.TextChoices):
        EMAIL = "email", _("e-mail")
        SMS = "sms", _("text message")

    class State(models.TextChoices):
        DUE = "due", _("due")
        SENT = "sent", _("sent")
        GIVEN_UP = "given_up", _("given up")

    public_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=40, help_text="contact_code, seat_invitation, contact_changed, …")
    channel = models.CharField(max_length=5, choices=Channel.choices)
    recipient = models.CharField(max_length=254)
    language = models.CharField(max_length=20, blank=True, help_text="That its words are in, such as ko or zh-hant")
    subject = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="Not before; moved ahead while somebody is sending it")
    worthless_at = models.DateTimeField(help_text="Not after: a late code only confuses")
    sent_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=60, blank=True, help_text="The kind of the last error, never its text")

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="outgoing_message_public_id_unique"),
            models.CheckConstraint(
                name="a_message_that_left_keeps_no_words",
                condition=models.Q(state="due") | models.Q(subject="", text="", html=""),
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "due_at"], name="outgoing_message_due", condition=models.Q(state="due")),
            models.Index(fields=["created_at"], name="outgoing_message_given_up", condition=models.Q(state="given_up")),
            models.Index(fields=["merchant", "recipient"], name="outgoing_message_by_recipient"),
        ]
