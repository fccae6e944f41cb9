"""Whoever has the keys of the machine: a superuser beside the roles the product has."""

from __future__ import annotations

import os

import psycopg2

from loyalty.launch.urls import psycopg_from_url


def superuser() -> psycopg2.extensions.connection:
    """A connection of their own, each statement for itself."""
    connection = psycopg2.connect(**psycopg_from_url(os.environ["DATABASE_SUPER_URL"]))
    connection.autocommit = True
    return connection


def end_backend(pid: object) -> None:
    """End the server's end of somebody's connection, and wait until it is gone."""
    connection = superuser()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 2000)", [pid])
    connection.close()
