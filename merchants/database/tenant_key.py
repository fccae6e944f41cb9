"""The reference from one tenant table to another, and the composite foreign key that keeps tenants apart."""

from __future__ import annotations

from typing import Any, TypeVar

from django.apps import apps
from django.db import models

from merchants.database.constraints import TenantForeignKey

S = TypeVar("S")
G = TypeVar("G")


class TenantKey(models.ForeignKey[S, G]):
    """A reference to a row of the same merchant: the column, and the constraint on `(merchant_id, column)`.

    Django's own constraint is left out, because a plain foreign key on the id alone accepts another merchant's row, even
    under row-level security.  So are its index (each table has those its queries need, beginning with the merchant), the
    way back from the other row, and what Django would do when that row is deleted: the database refuses.

    Migrations know it as a plain `ForeignKey` and list the constraint beside it.
    """

    def __init__(
        self, to: type[models.Model] | str, *, constraint: str, null: bool = False, help_text: str = ""
    ) -> None:
        super().__init__(
            to, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False,
            null=null, blank=null, help_text=help_text,
        )  # fmt: skip
        self.constraint = constraint

    def contribute_to_class(
        self, cls: type[models.Model], name: str, private_only: bool = False, **kwargs: Any
    ) -> None:
        """Add the column, and to a model with a table the constraint; `%(class)s` in its name is the model's."""
        super().contribute_to_class(cls, name, private_only, **kwargs)
        options: Any = cls._meta
        if options.abstract or options.apps is not apps:
            return
        constraint = self.constraint % {"class": options.model_name, "app_label": options.app_label}
        options.constraints = [*options.constraints, TenantForeignKey(field=name, name=constraint)]
        # Only what a model's own Meta sets is written into its migrations.
        options.original_attrs.setdefault("constraints", options.constraints)

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, kwargs

    def clone(self) -> Any:
        _name, _path, args, kwargs = self.deconstruct()
        return models.ForeignKey(*args, **kwargs)
