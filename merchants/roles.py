"""The four roles of the database and what each may do, as SQL; needs no settings, so a cluster can be made first."""

from __future__ import annotations

from collections.abc import Mapping

ROLES = ("app_owner", "app_web", "app_system", "app_backup")

#: What PostgreSQL answers, instead of rows, when somebody forgot to say whose rows.
NO_TENANT = "no tenant: open merchants.tenancy.tenant()"


def roles_sql(passwords: Mapping[str, str] | None = None) -> str:
    """Return the SQL a superuser runs once per cluster; running it again changes nothing."""
    attributes = {
        "app_owner": "NOSUPERUSER NOBYPASSRLS NOCREATEDB",
        "app_web": "NOSUPERUSER NOBYPASSRLS NOINHERIT",
        "app_system": "NOSUPERUSER NOBYPASSRLS NOINHERIT",
        "app_backup": "NOSUPERUSER BYPASSRLS",
    }
    lines = []
    for role in ROLES:
        lines.append(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') "
            f"THEN CREATE ROLE {role} LOGIN; END IF; END $$;"
        )
        lines.append(f"ALTER ROLE {role} LOGIN {attributes[role]};")
        if passwords:
            secret = passwords[role].replace("'", "''")
            lines.append(f"ALTER ROLE {role} PASSWORD '{secret}';")
    lines += [
        "GRANT pg_read_all_data TO app_backup;",
        f"ALTER ROLE app_web SET app.merchant_id = '{NO_TENANT}';",
        f"ALTER ROLE app_owner SET app.merchant_id = '{NO_TENANT}';",
        # A till must never hang behind a stuck neighbour, and an abandoned transaction must not hold its locks.
        "ALTER ROLE app_web SET lock_timeout = '3s';",
        "ALTER ROLE app_web SET statement_timeout = '60s';",
        "ALTER ROLE app_web SET idle_in_transaction_session_timeout = '60s';",
        "ALTER ROLE app_system SET statement_timeout = '60s';",
        "ALTER ROLE app_owner SET lock_timeout = '10s';",
    ]
    return "\n".join(lines)


def database_sql(database: str) -> str:
    """Return the SQL a superuser runs once inside the database, after `roles_sql`."""
    return "\n".join(
        [
            f'ALTER DATABASE "{database}" OWNER TO app_owner;',
            "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
            "ALTER SCHEMA public OWNER TO app_owner;",
            "GRANT USAGE ON SCHEMA public TO app_web, app_system, app_backup;",
        ]
    )
