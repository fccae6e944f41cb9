"""Makes the four roles and the database on a server, as its superuser: the embedded one, or any other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import psycopg2

from merchants.roles import database_sql, roles_sql

Connect = Callable[[str], psycopg2.extensions.connection]


def furnish(connect: Connect, *, maintenance: str, database: str, passwords: Mapping[str, str] | None = None) -> bool:
    """Bring roles, database and its schema's rights to what they must be; harmless to repeat.

    `connect` opens a connection as superuser to the database of that name; `maintenance` is one that exists.
    Return whether the database is new.
    """
    with contextlib.closing(connect(maintenance)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(roles_sql(passwords))
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
            is_new = cursor.fetchone() is None
            if is_new:
                cursor.execute(f'CREATE DATABASE "{database}" OWNER app_owner TEMPLATE template0')
    prepare_database(connect, database)
    return is_new


def prepare_database(connect: Connect, database: str) -> None:
    """Give a database to the owner role and close its schema to everybody else."""
    with contextlib.closing(connect(database)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(database_sql(database))
