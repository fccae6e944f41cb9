"""What every document that moves points has in common: the caller's id for it, and the answer frozen on it."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

from django.apps import apps
from django.db import models

from merchants.database.tenant_model import TenantModel


@cache
def moving_points() -> tuple[type[models.Model], ...]:
    """Return the models whose rows ledger entries name as what moved the points, of this app and those above.

    A model says so by `moves_points`; the entry's `document_kind` is the model's name in lower case.  Further kinds are
    `member` (for joining, on leaving) and `lot` (by the clock), which are no documents.
    """
    return tuple(model for model in apps.get_models() if getattr(model, "moves_points", False))


class Document(TenantModel):
    """`external_id` is unique per merchant and kind, for ever; `fingerprint` tells a replay from a reuse."""

    #: Ledger entries name its rows: see `moving_points`.
    moves_points: ClassVar[bool] = False

    public_id = models.CharField(max_length=40)
    external_id = models.CharField(max_length=300)
    fingerprint = models.BinaryField(default=b"", help_text="SHA-256 of the canonical JSON of the fields sent")
    receipt = models.JSONField(default=dict, help_text="The answer's frozen part")
    actor = models.CharField(max_length=120)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        abstract = True
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "external_id"], name="%(class)s_external_id_unique"),
            models.UniqueConstraint(fields=["merchant", "public_id"], name="%(class)s_public_id_unique"),
        ]


class InnerDocument(Document):
    """A document that another may have made: then nobody outside named it, and it names its parent by columns of its own."""

    external_id = models.CharField(  # type: ignore[assignment]
        max_length=300, null=True, blank=True, help_text="Empty when another document made it"
    )

    class Meta(Document.Meta):
        abstract = True
