"""`manage.py roles`: the four database roles, as SQL to read or applied to a server of your own."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import psycopg2
from django.core.management.base import BaseCommand, CommandError
from psycopg2.extensions import make_dsn

from loyalty.launch import create_database, variables
from loyalty.launch.environment import ROLE_VARIABLES
from loyalty.launch.urls import BadUrl, psycopg_from_url
from merchants.database.roles import database_sql, roles_sql


class Command(BaseCommand):
    help = (
        "Print the SQL that makes the database roles, or with --apply run it as the admin of DATABASE_SUPER_URL, "
        "with the names and passwords of DATABASE_URL, DATABASE_OWNER_URL, DATABASE_SYSTEM_URL and DATABASE_BACKUP_URL."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--apply", action="store_true", help="run it instead of printing it")

    def handle(self, *args: Any, apply: bool, **options: Any) -> None:
        if not apply:
            self.stdout.write(f"{roles_sql()}\n\n-- and in the database itself:\n{database_sql('loyalty')}\n")
            return
        try:
            places = {variable: psycopg_from_url(self._required(variable)) for variable in ROLE_VARIABLES}
            mighty = psycopg_from_url(self._required("DATABASE_SUPER_URL"))
            maintenance = mighty.pop("dbname")
        except BadUrl as error:
            raise CommandError(str(error)) from None
        for variable, role in ROLE_VARIABLES.items():
            if places[variable]["user"] != role:
                raise CommandError(f"{variable} must name the role {role}.")
            if not places[variable].get("password"):
                raise CommandError(f"{variable} holds no password for {role}.")
        database = places["DATABASE_URL"]["dbname"]

        def connect(name: str) -> psycopg2.extensions.connection:
            return psycopg2.connect(make_dsn(dbname=name, **mighty))

        try:
            is_new = create_database.create(
                connect,
                maintenance=maintenance,
                database=database,
                passwords={role: places[variable]["password"] for variable, role in ROLE_VARIABLES.items()},
            )
        except psycopg2.OperationalError as error:
            raise CommandError(f"The server of DATABASE_SUPER_URL cannot be used: {str(error).strip()}") from None
        except create_database.CannotCreate as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"Roles are in place; database {database} {'made' if is_new else 'kept'}.")
        if not create_database.can_back_up(connect, database):
            self.stdout.write(
                "app_backup cannot read past row-level security, because this admin may not grant BYPASSRLS and "
                "pg_read_all_data: back up by your provider's snapshots."
            )

    def _required(self, variable: str) -> str:
        if not (value := variables.read(variable)):
            raise CommandError(f"{variable} is not set.")
        return value
