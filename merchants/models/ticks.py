"""What the clock did last: one row per tick of the worker, for the health page and the console.

Without a tenant: a tick looks after every merchant at once, and its row names none of them.
"""

from __future__ import annotations

from django.db import models


class Tick(models.Model):
    name = models.CharField(max_length=60, primary_key=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True, help_text="Of the last run that ended well")
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    done = models.BigIntegerField(default=0, help_text="How many pieces of work the last run found")
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=200, blank=True, help_text="The kind of error, never its data")

    def __str__(self) -> str:
        return self.name
