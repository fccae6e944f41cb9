"""The base of every table whose rows belong to a merchant."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class TenantModel(models.Model):
    """A row that belongs to one merchant.  `merchants.database.schema` puts row-level security on its table.

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
        "merchants.Merchant", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["merchant", "id"], name="%(app_label)s_%(class)s_of_merchant"),
        ]
