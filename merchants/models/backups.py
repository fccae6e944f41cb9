"""Dumps of the database that the operator made, as far as we were told."""

from __future__ import annotations

from django.db import models


class Backup(models.Model):
    """One dump: its name without its path, how large it is, and whether somebody has restored it to see."""

    name = models.CharField(max_length=200, unique=True)
    size_bytes = models.BigIntegerField()
    made_at = models.DateTimeField()
    is_read = models.BooleanField(default=False, help_text="pg_restore has read its table of contents")
    restored_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
