"""Row-level security, grants and triggers, written from the model registry and never by hand in a migration.

A table with `merchant_id` is a tenant table: ENABLE and FORCE row-level security, one policy, the fewest
grants.  `append_only` adds a trigger that refuses UPDATE, DELETE and TRUNCATE; `has_due_work` lets the system
role find merchants with something to do; `deletable` lets the web role remove rows.  Of a table without `merchant_id`
the web role may remove rows unless its model says `kept_for_ever`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from django.apps import apps
from django.db.backends.utils import CursorWrapper

from merchants.database.roles import database_sql as database_sql
from merchants.database.roles import roles_sql as roles_sql
from merchants.database.tenant_model import TenantModel
from merchants.database.views import SqlView

_POLICY = "(merchant_id = (current_setting('app.merchant_id'::text))::bigint)"

#: Every merchant is planned for as if a table had so many, all of one size. See `_pin_statistics`.
_MERCHANTS_PLANNED_FOR = 20
#: How many rows of a table without statistics are guessed to a page of 8 kB: the usual, for rows like ours.
_ROWS_TO_A_PAGE = 40


def server_version(connection: Any) -> int:
    """Return the server's version as libpq writes it: 180001 for 18.1."""
    connection.ensure_connection()
    return int(connection.connection.info.server_version)


def tenant_models() -> list[type[TenantModel]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]


def unforced_tables(cursor: CursorWrapper) -> list[str]:
    """Return the tables with `merchant_id` that lack FORCE row-level security, by the catalogue's own word."""
    shared = [m._meta.db_table for m in apps.get_models() if not issubclass(m, TenantModel)]
    cursor.execute(
        """
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'merchant_id'
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
          AND NOT (c.relrowsecurity AND c.relforcerowsecurity) AND NOT c.relname = ANY(%s) ORDER BY 1
        """,
        [shared],
    )
    return [row[0] for row in cursor.fetchall()]


def unforce(cursor: CursorWrapper) -> None:
    """Let the owner see its own rows while it migrates; the web role sees no difference."""
    cursor.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
        "WHERE c.relforcerowsecurity AND r.rolname = current_user AND c.relnamespace = 'public'::regnamespace"
    )
    for (table,) in cursor.fetchall():
        cursor.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')


def harden(cursor: CursorWrapper, log: Callable[[str], None] = lambda line: None) -> None:
    """Bring every table to its rights.  Changes only what differs, so a second run takes no lock."""
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    present = {row[0] for row in cursor.fetchall()}
    tenant = {m._meta.db_table: m for m in tenant_models()}
    _keep_append_only_function(cursor)
    kept_for_ever = {m._meta.db_table for m in apps.get_models() if getattr(m, "kept_for_ever", False)}
    for table in sorted(present):
        if table in tenant:
            _pin_statistics(cursor, table, log)
            _separate(cursor, table, tenant[table], log)
        privileges = _privileges(table, tenant.get(table), table in kept_for_ever)
        _grant(cursor, table, "app_web", privileges, log)
        due = table in tenant and tenant[table].has_due_work
        _grant(cursor, table, "app_system", {"SELECT"} if due else set(), log)
    _keep_views(cursor, log)
    cursor.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app_web")


def _privileges(table: str, model: type[TenantModel] | None, is_kept_for_ever: bool) -> set[str]:
    if table == "django_migrations":
        return {"SELECT"}
    if model is None:
        return {"SELECT", "INSERT", "UPDATE"} | (set() if is_kept_for_ever else {"DELETE"})
    if model.append_only:
        return {"SELECT", "INSERT"}
    return {"SELECT", "INSERT", "UPDATE"} | ({"DELETE"} if model.deletable else set())


def _grant(cursor: CursorWrapper, table: str, role: str, wanted: set[str], log: Callable[[str], None]) -> None:
    cursor.execute(
        "SELECT privilege_type FROM information_schema.role_table_grants WHERE table_schema = 'public' "
        "AND table_name = %s AND grantee = %s",
        [table, role],
    )
    held = {row[0] for row in cursor.fetchall()}
    if held - wanted:
        cursor.execute(f'REVOKE {_words(held - wanted)} ON "{table}" FROM {role}')
    if wanted - held:
        cursor.execute(f'GRANT {_words(wanted - held)} ON "{table}" TO {role}')
    if held != wanted:
        log(f"{table}: {role} may {_words(wanted) or 'nothing'}")


def _words(privileges: Iterable[str]) -> str:
    return ", ".join(sorted(privileges))


def _separate(cursor: CursorWrapper, table: str, model: type[TenantModel], log: Callable[[str], None]) -> None:
    cursor.execute("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", [table])
    enabled, forced = cursor.fetchone()
    wanted: dict[str, tuple[str, str | None, str, list[str]]] = {
        "tenant": (_POLICY, _POLICY, "ALL", ["app_owner", "app_web"])
    }
    if model.has_due_work:
        wanted["due_work"] = ("true", None, "SELECT", ["app_system"])
    cursor.execute(
        "SELECT policyname, qual, with_check, cmd, roles::text[] FROM pg_policies WHERE schemaname = 'public' AND tablename = %s",
        [table],
    )
    held = {name: (qual, check, command, sorted(roles)) for name, qual, check, command, roles in cursor.fetchall()}
    for name in held.keys() - {n for n, policy in wanted.items() if held.get(n) == policy}:
        cursor.execute(f'DROP POLICY "{name}" ON "{table}"')
    for name, policy in wanted.items():
        if held.get(name) != policy:
            using, check, command, roles = policy
            with_check = f" WITH CHECK {check}" if check else ""
            using = using if using.startswith("(") else f"({using})"
            cursor.execute(
                f'CREATE POLICY "{name}" ON "{table}" FOR {command} TO {", ".join(roles)} USING {using}{with_check}'
            )
            log(f"{table}: policy {name}")
    if not enabled:
        cursor.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    if not forced:
        cursor.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    _keep_append_only_trigger(cursor, table, model.append_only)


def _pin_statistics(cursor: CursorWrapper, table: str, log: Callable[[str], None]) -> None:
    """Let a statement have one plan, whoever the merchant is and whenever the table was last analyzed.

    Statistics of `merchant_id` list the merchants seen at the last ANALYZE. For one who came since, PostgreSQL expects
    no row at all: then any index beginning with merchant_id is as good as any other, and it was seen to read every
    member for one sale, and every member once for every account. So it is told one thing for all, and learns no other.
    """
    cursor.execute(
        "SELECT a.attstattarget, c.reltuples < 0, s.n_distinct FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'merchant_id' "
        "LEFT JOIN pg_stats s ON s.schemaname = 'public' AND s.tablename = c.relname AND s.attname = a.attname "
        "AND s.most_common_vals IS NULL WHERE c.oid = %s::regclass",
        [table],
    )
    target, is_new, merchants = cursor.fetchone()
    if target != 0:
        cursor.execute(f'ALTER TABLE "{table}" ALTER COLUMN merchant_id SET STATISTICS 0')
    if merchants != _MERCHANTS_PLANNED_FOR:
        cursor.execute(
            "SELECT pg_restore_attribute_stats('schemaname', 'public', 'relname', %s, 'attname', 'merchant_id', "
            "'inherited', false, 'null_frac', 0::real, 'avg_width', 8, 'n_distinct', %s::real)",
            [table, _MERCHANTS_PLANNED_FOR],
        )
        log(f"{table}: planned for {_MERCHANTS_PLANNED_FOR} merchants")
    if is_new:
        # Else rows are guessed by the longest text each column may hold, 2 kB of note and all: far too few.
        cursor.execute(
            "SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', %s, "
            "'relpages', 1, 'reltuples', %s::real)",
            [table, _ROWS_TO_A_PAGE],
        )


def _keep_append_only_function(cursor: CursorWrapper) -> None:
    cursor.execute(
        """
        CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only: write a correcting row instead of %', TG_TABLE_NAME, TG_OP
                USING ERRCODE = 'integrity_constraint_violation';
        END $$
        """
    )


def _keep_append_only_trigger(cursor: CursorWrapper, table: str, wanted: bool) -> None:
    cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [table])
    held = {row[0] for row in cursor.fetchall()}
    triggers = {
        "append_only_rows": "BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW",
        "append_only_table": "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT",
    }
    for name, clause in triggers.items():
        if wanted and name not in held:
            where = clause.format(table=f'"{table}"')
            cursor.execute(f"CREATE TRIGGER {name} {where} EXECUTE FUNCTION refuse_change()")
        elif not wanted and name in held:
            cursor.execute(f'DROP TRIGGER {name} ON "{table}"')


def declared_views() -> list[SqlView]:
    """Return the views that apps list in their configuration as `views`."""
    return [view for app in apps.get_app_configs() for view in getattr(app, "views", ())]


def _keep_views(cursor: CursorWrapper, log: Callable[[str], None]) -> None:
    for view in declared_views():
        mark = hashlib.sha256(view.query.encode()).hexdigest()
        cursor.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", [view.name])
        if cursor.fetchone()[0] == mark:
            continue
        cursor.execute(f'DROP VIEW IF EXISTS "{view.name}"')
        cursor.execute(f'CREATE VIEW "{view.name}" WITH (security_invoker = true) AS {view.query}')
        cursor.execute(f"COMMENT ON VIEW \"{view.name}\" IS '{mark}'")
        cursor.execute(f'GRANT SELECT ON "{view.name}" TO app_web')
        log(f"view {view.name}")
