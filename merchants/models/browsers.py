"""Browsers in which staff are signed in."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from merchants.models.people import Seat


class SignedInBrowser(models.Model):
    """One browser at one seat: its session, what it says it is, and from where, as far as its owner must know it."""

    id_prefix: ClassVar[str] = "brw"

    public_id = models.CharField(max_length=40, unique=True)
    seat = models.ForeignKey(Seat, on_delete=models.PROTECT, related_name="+")
    session_key = models.CharField(max_length=40, db_index=True)
    browser = models.CharField(max_length=20, blank=True, help_text="Chrome, Safari, …; empty when it does not say")
    system = models.CharField(max_length=20, blank=True, help_text="Android, Windows, …; empty when it does not say")
    address = models.CharField(max_length=45, blank=True, help_text="The first half of its address only")
    signed_in_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["seat", "session_key"], name="one_row_per_seat_and_session"),
        ]
