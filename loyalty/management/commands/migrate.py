"""Migrate as the owner, a database that is what its migrations made, with row-level security lifted from the owner alone while it works."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandError, call_command
from django.core.management.commands import migrate
from django.db import connections, transaction

from loyalty.management.commands.makemigrations import Autodetector
from merchants.database import roles, schema, schema_check


class Command(migrate.Command):
    help = "Bring the schema up to date as app_owner, then put row-level security, grants and triggers in place."
    autodetector = Autodetector

    def handle(self, *args: Any, **options: Any) -> None:
        # A foreign key may not be added while FORCE is on: it fails, or is marked valid over an orphan.
        options["database"] = "owner"
        owner = connections["owner"]
        if sentence := roles.too_old(schema.server_version(owner)):
            raise CommandError(sentence)
        # Also before FORCE is lifted: a database that is refused is left as it was found.
        if sentence := schema_check.refusal(owner):
            raise CommandError(sentence)
        try:
            with owner.cursor() as cursor:
                schema.unforce(cursor)
            super().handle(*args, **options)
            call_command("createcachetable", database="owner", verbosity=0)
        except BaseException:
            # What went wrong first is what has to be told; a lost connection would fail here once more.
            try:
                self._harden(**options)
            except Exception as error:
                self.stderr.write(
                    f"Row-level security is not back in place ({error}); /readyz stays 503 until migrate has run again."
                )
            raise
        self._harden(**options)
        owner.close()

    def _harden(self, **options: Any) -> None:
        with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
            schema.harden(cursor, log=self.stdout.write if options["verbosity"] > 1 else lambda line: None)
