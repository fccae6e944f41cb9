"""Makemigrations whose first migrations hold each table whole, with its constraints and indexes.

Django writes them as operations of their own behind the tables, and `migrate` renders every model anew before each:
for our 140 of them that were ten seconds of every first start and of every test run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from django.core.management.base import CommandParser
from django.core.management.commands import makemigrations
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.operations import AddConstraint, AddIndex, CreateModel
from django.db.migrations.operations.base import Operation


class Autodetector(MigrationAutodetector):
    """Django's own, but what belongs to a table that the same migration creates is created with it."""

    def _optimize_migrations(self) -> None:
        super()._optimize_migrations()  # type: ignore[misc]  # not in the stubs
        for app_label, migrations in self.migrations.items():  # type: ignore[attr-defined]
            for migration in migrations:
                migration.operations = fold(migration.operations, app_label)


class Command(makemigrations.Command):
    autodetector = Autodetector

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        # Made again from the same models, a migration is the same file: without the day and the release in it.
        parser.set_defaults(include_header=False)


def fold(operations: Sequence[Operation], app_label: str) -> list[Operation]:
    """Move constraints and indexes into the creation of their table.

    Once something else than creating and adding happens to a table, what comes after it stays where it is: it may
    need what happened (a column added last because two tables point to each other).
    """
    folded: list[Operation] = []
    created: dict[str, int] = {}
    for operation in operations:
        if isinstance(operation, CreateModel):
            created[operation.name_lower] = len(folded)
            folded.append(operation)
        elif isinstance(operation, AddConstraint | AddIndex) and operation.model_name_lower in created:
            place = created[operation.model_name_lower]
            folded[place] = cast(list[Operation], folded[place].reduce(operation, app_label))[0]
        else:
            created.pop(getattr(operation, "model_name_lower", ""), None)
            folded.append(operation)
    return folded
