"""The four roles of the database and what each may do, as SQL; needs no settings, so a cluster can be made first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ROLES = ("app_owner", "app_web", "app_system", "app_backup")

#: What PostgreSQL answers, instead of rows, when somebody forgot to say whose rows.
NO_TENANT = "no tenant: open merchants.tenancy.tenant()"


#: What the schema needs of the server, as libpq writes versions.
SERVER_MIN = 180_000


_ATTRIBUTES = {
    "app_owner": "NOSUPERUSER NOBYPASSRLS NOCREATEDB",
    "app_web": "NOSUPERUSER NOBYPASSRLS NOINHERIT",
    "app_system": "NOSUPERUSER NOBYPASSRLS NOINHERIT",
    "app_backup": "NOSUPERUSER BYPASSRLS",
}
_ATTRIBUTES_ALLOWED = {"app_owner": "", "app_web": "NOINHERIT", "app_system": "NOINHERIT", "app_backup": "BYPASSRLS"}


def too_old(server_version: int) -> str:
    """Return the sentence for a server that is too old, empty for one that will do (libpq's number, 150004 for 15.4)."""
    if server_version >= SERVER_MIN:
        return ""
    found = f"{server_version // 10_000}.{server_version % 10_000}"
    return f"PostgreSQL {found} is too old: version {SERVER_MIN // 10_000} or newer is needed. Nothing was changed."


@dataclass(frozen=True, slots=True)
class Admin:
    """What the role that makes the others may do itself; a managed service gives out no superuser."""

    name: str = "postgres"
    is_superuser: bool = True
    bypasses_rls: bool = True
    may_grant_reading: bool = True

    @property
    def can_back_up(self) -> bool:
        return self.is_superuser or (self.bypasses_rls and self.may_grant_reading)


def roles_sql(passwords: Mapping[str, str] | None = None, admin: Admin = Admin()) -> str:
    """Return the SQL that the admin runs once per cluster; running it again changes nothing.

    Without a superuser it names no attribute that only a superuser may name, not even to say no: a role made without
    them has none of them.
    """
    attributes = _ATTRIBUTES if admin.is_superuser else _ATTRIBUTES_ALLOWED
    lines = []
    for role in ROLES:
        lines.append(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') "
            f"THEN CREATE ROLE {role} LOGIN; END IF; END $$;"
        )
        held = attributes[role] if role != "app_backup" or admin.can_back_up else ""
        lines.append(f"ALTER ROLE {role} LOGIN {held}".rstrip() + ";")
        if passwords:
            secret = passwords[role].replace("'", "''")
            lines.append(f"ALTER ROLE {role} PASSWORD '{secret}';")
    if admin.can_back_up:
        lines.append("GRANT pg_read_all_data TO app_backup;")
    if admin.is_superuser:
        lines += [f"ALTER ROLE {role} SET app.merchant_id = '{NO_TENANT}';" for role in ("app_web", "app_owner")]
    else:
        # Who may not set it for the role is answered by PostgreSQL itself, as loudly: the parameter is not known.
        lines.append(f'GRANT app_owner TO "{admin.name}" WITH INHERIT TRUE, SET TRUE;')
    lines += [
        # A till must never hang behind a stuck neighbour, and an abandoned transaction must not hold its locks.
        "ALTER ROLE app_web SET lock_timeout = '1s';",
        "ALTER ROLE app_web SET statement_timeout = '60s';",
        "ALTER ROLE app_web SET idle_in_transaction_session_timeout = '60s';",
        "ALTER ROLE app_system SET statement_timeout = '60s';",
        "ALTER ROLE app_owner SET lock_timeout = '10s';",
        *map(_keeps_quiet, ROLES),
    ]
    return "\n".join(lines)


def _keeps_quiet(role: str) -> str:
    """Keep what a role sends out of the server's log: an error's message, DETAIL and statement may name a person.

    The product logs its errors itself, without values. A managed server may keep these settings to itself; then its own
    settings must say so (docs/operations.md).
    """
    settings = {
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_statement": "none",
        "log_min_duration_statement": "-1",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
    }
    alterations = " ".join(f"ALTER ROLE {role} SET {name} = '{value}';" for name, value in settings.items())
    return f"DO $$ BEGIN {alterations} EXCEPTION WHEN insufficient_privilege THEN NULL; END $$;"


def database_sql(database: str) -> str:
    """Return the SQL the admin runs once inside the database, after `roles_sql`."""
    return "\n".join(
        [
            f'ALTER DATABASE "{database}" OWNER TO app_owner;',
            "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
            "ALTER SCHEMA public OWNER TO app_owner;",
            "GRANT USAGE ON SCHEMA public TO app_web, app_system, app_backup;",
        ]
    )
