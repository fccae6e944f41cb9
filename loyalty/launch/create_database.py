"""Makes the four roles and the database on a server, as its superuser or as the admin of a managed service."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import psycopg2

from merchants.database.roles import ROLES, Admin, database_sql, roles_sql, too_old

Connect = Callable[[str], psycopg2.extensions.connection]


class CannotCreate(Exception):
    """The server or the admin is not fit for it; the text is one sentence for the operator."""


def create(connect: Connect, *, maintenance: str, database: str, passwords: Mapping[str, str] | None = None) -> bool:
    """Bring roles, database and its schema's rights to what they must be; harmless to repeat.

    `connect` opens a connection as the admin to the database of that name; `maintenance` is one that exists.
    Return whether the database is new.

    :raises CannotCreate: before anything is made, when the server is too old or the admin may not do it.
    """
    with contextlib.closing(connect(maintenance)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            if sentence := too_old(connection.server_version):
                raise CannotCreate(sentence)
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
            is_new = cursor.fetchone() is None
            admin = _admin(cursor, needs_createdb=is_new)
            try:
                cursor.execute(roles_sql(passwords, admin))
            except psycopg2.errors.InsufficientPrivilege as error:
                raise CannotCreate(f"{admin.name} may not do this: {error.diag.message_primary}.") from None
            _refuse_privileged_roles(cursor)
            if is_new:
                cursor.execute(f'CREATE DATABASE "{database}" OWNER app_owner TEMPLATE template0')
    prepare_database(connect, database)
    return is_new


def can_back_up(connect: Connect, database: str) -> bool:
    """Return whether `app_backup` reads past row-level security, without which it can dump nothing."""
    with contextlib.closing(connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = 'app_backup' AND rolbypassrls")
        return cursor.fetchone() is not None


def prepare_database(connect: Connect, database: str) -> None:
    """Give a database to the owner role and close its schema to everybody else."""
    with contextlib.closing(connect(database)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            try:
                cursor.execute(database_sql(database))
            except psycopg2.errors.InsufficientPrivilege as error:
                raise CannotCreate(
                    f"The database {database} is not this admin's to give to app_owner: {error.diag.message_primary}."
                ) from None


def _admin(cursor: psycopg2.extensions.cursor, *, needs_createdb: bool) -> Admin:
    cursor.execute(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, (SELECT bool_or(m.admin_option) FROM "
        "pg_auth_members m WHERE m.roleid = 'pg_read_all_data'::regrole AND pg_has_role(m.member, 'USAGE')) "
        "FROM pg_roles WHERE rolname = current_user"
    )
    ((name, is_superuser, bypasses_rls, may_make_roles, may_make_databases, may_grant_reading),) = cursor.fetchall()
    if not is_superuser and not may_make_roles:
        raise CannotCreate(f"{name} is neither a superuser nor has it CREATEROLE: use the server's admin.")
    if not is_superuser and needs_createdb and not may_make_databases:
        raise CannotCreate(f"{name} may not create the database: give it CREATEDB, or create the database first.")
    return Admin(name, is_superuser, bypasses_rls, bool(may_grant_reading))


def _refuse_privileged_roles(cursor: psycopg2.extensions.cursor) -> None:
    """Refuse roles that were there before with rights which undo row-level security, and cannot be taken from here."""
    cursor.execute(
        "SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM pg_roles WHERE rolname = ANY(%s) "
        "AND (rolsuper OR (rolbypassrls AND rolname <> 'app_backup'))",
        [list(ROLES)],
    )
    ((found,),) = cursor.fetchall()
    if found:
        raise CannotCreate(f"Row-level security does not hold {found}: take SUPERUSER and BYPASSRLS away first.")
