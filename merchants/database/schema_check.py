"""Whether a database is what its applied migrations made: asked by `migrate` before it changes anything.

A migration that meets other tables than it was written for fails in the middle, or succeeds and leaves something nobody
has tried.  Read from the catalogue in three statements; nothing is locked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader

#: How many differences are named; the rest is counted.
_NAMED_MAX = 3


@dataclass(slots=True)
class Table:
    """What is compared of a table: type and NOT NULL of its columns, and whether a constraint or index by name is valid."""

    columns: dict[str, tuple[str, bool]] = field(default_factory=dict)
    constraints: dict[str, bool] = field(default_factory=dict)


def refusal(connection: Any) -> str:
    """Return why this release must not migrate this database and what to do, or nothing when it may.

    A lack of row-level security, of grants or of views is no reason: `migrate` brings those back by itself.
    """
    loader = MigrationLoader(connection)
    applied = set(loader.applied_migrations)
    own = own_apps()
    if newer := sorted(f"{app}.{name}" for app, name in applied - loader.disk_migrations.keys() if app in own):
        return (
            f"This database was migrated by a newer release, which knows {_named(newer)}: "
            "start that release, or restore the backup from before it. Nothing was changed."
        )
    with connection.cursor() as cursor:
        held = _held(cursor)
        expected = _expected(loader, connection, cursor)
    if not any(app in own for app, _name in applied):
        ignored = {"django_migrations", *expected, *_known_tables(loader, connection)}
        if foreign := sorted(held.keys() - ignored):
            return (
                f"This database holds tables of something else ({_named(foreign)}): let DATABASE_URL, "
                "DATABASE_OWNER_URL and DATABASE_SYSTEM_URL name a database of its own. Nothing was changed."
            )
    if differences := _differences(expected, held, _known_tables(loader, connection)):
        return (
            f"This database differs from what its migrations made: {_named(differences)}. If that was done by hand, undo "
            "it or restore a backup; a database from before 0.1.0 cannot be upgraded, begin with an empty one. "
            "Nothing was changed."
        )
    return ""


def own_apps() -> set[str]:
    """Return the labels of this product's apps, as opposed to those of the packages it uses."""
    return {config.label for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIR}


def _named(found: list[str]) -> str:
    named = ", ".join(found[:_NAMED_MAX])
    return f"{named} and {len(found) - _NAMED_MAX} more" if len(found) > _NAMED_MAX else named


def _differences(expected: dict[str, Table], held: dict[str, Table], known: set[str]) -> list[str]:
    """Name each difference; tables that no release ever made are somebody's own and none."""
    found = [f"table {name} is missing" for name in sorted(expected.keys() - held.keys())]
    found += [f"table {name} was made by no migration" for name in sorted((held.keys() & known) - expected.keys())]
    for name in sorted(expected.keys() & held.keys()):
        wanted, there = expected[name], held[name]
        for column in sorted(wanted.columns.keys() | there.columns.keys()):
            found += _differences_of_column(f"{name}.{column}", wanted.columns.get(column), there.columns.get(column))
        for constraint in sorted(wanted.constraints):
            if not there.constraints.get(constraint):
                state = "not valid" if constraint in there.constraints else "missing"
                found.append(f"{constraint} of table {name} is {state}")
    return found


def _differences_of_column(name: str, wanted: tuple[str, bool] | None, there: tuple[str, bool] | None) -> list[str]:
    if wanted is None:
        return [f"column {name} was made by no migration"]
    if there is None:
        return [f"column {name} is missing"]
    if wanted[0] != there[0]:
        return [f"column {name} is {there[0]} and not {wanted[0]}"]
    if wanted[1] != there[1]:
        return [f"column {name} {'allows' if wanted[1] else 'does not allow'} null"]
    return []


def _held(cursor: CursorWrapper) -> dict[str, Table]:
    """Read all tables of the schema, but those that belong to an extension."""
    cursor.execute(
        """
        SELECT c.oid, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
        FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND NOT EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
        """
    )
    tables: dict[int, tuple[str, Table]] = {}
    for oid, name, column, kind, is_required in cursor.fetchall():
        _name, table = tables.setdefault(oid, (name, Table()))
        if column is not None:
            table.columns[column] = (kind, is_required)
    cursor.execute(
        "SELECT conrelid, conname, convalidated FROM pg_constraint WHERE conrelid = ANY(%(tables)s::oid[]) UNION ALL "
        "SELECT i.indrelid, c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE i.indrelid = ANY(%(tables)s::oid[])",
        {"tables": list(tables)},
    )
    for oid, constraint, is_valid in cursor.fetchall():
        held = tables[oid][1].constraints
        held[constraint] = is_valid and held.get(constraint, True)
    return dict(tables.values())


def _expected(loader: MigrationLoader, connection: Any, cursor: CursorWrapper) -> dict[str, Table]:
    """Return what the applied migrations made, which is not always what the models say: keys of a package's tables."""
    nodes = [node for node in loader.graph.nodes if node in loader.applied_migrations]
    if not nodes:
        return {}
    tables: dict[str, Table] = {}
    for model in _migrated_models(loader.project_state(nodes).apps, loader, connection):
        columns = {
            # Django writes no NOT NULL for a generated column.
            column.column: (column.db_parameters(connection)["type"], not (column.null or column.generated))
            for column in model._meta.local_concrete_fields
        }
        names = [each.name for each in (*model._meta.constraints, *model._meta.indexes)]
        tables[model._meta.db_table] = Table(columns, dict.fromkeys(names, True))
    _write_types_as_postgresql_does(tables, cursor)
    return tables


def _known_tables(loader: MigrationLoader, connection: Any) -> set[str]:
    return {model._meta.db_table for model in _migrated_models(apps, loader, connection)}


def _migrated_models(registry: Any, loader: MigrationLoader, connection: Any) -> list[Any]:
    return [
        model
        for model in registry.get_models(include_auto_created=True)
        if model._meta.app_label in loader.migrated_apps
        and (model._meta.auto_created or model)._meta.can_migrate(connection)
    ]


def _write_types_as_postgresql_does(tables: dict[str, Table], cursor: CursorWrapper) -> None:
    """`varchar(30)` is `character varying(30)` in the catalogue."""
    kinds = {kind for table in tables.values() for kind, _is_required in table.columns.values()}
    cursor.execute(
        "SELECT kind, format_type(to_regtype(kind), to_regtypemod(kind)) FROM unnest(%s::text[]) AS kind", [list(kinds)]
    )
    written = dict(cursor.fetchall())
    for table in tables.values():
        table.columns = {name: (written[kind], required) for name, (kind, required) in table.columns.items()}
