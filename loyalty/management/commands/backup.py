"""`manage.py backup make DIRECTORY` dumps the database and notes it; `note` and `restored` note what was done elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from datetime import UTC
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from loyalty.launch import postgres
from loyalty.launch.directories import StartError
from merchants import backups
from merchants.errors import LoyaltyError


class Command(BaseCommand):
    help = "Back the database up, and note it for the back office. As app_backup, which reads everything and writes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        action = actions.add_parser("make", help="write a dump into a directory, read it once, and note it")
        action.add_argument("directory", type=Path)
        action = actions.add_parser(
            "note", help="note a dump made elsewhere: its name and its bytes, or both on standard input"
        )
        action.add_argument("name", nargs="?")
        action.add_argument("size_bytes", nargs="?", type=int, metavar="BYTES")
        action = actions.add_parser("restored", help="note that a dump was restored on another machine and agrees")
        action.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["action"] == "make":
                self._make(options["directory"])
            elif options["action"] == "restored":
                backups.note_restored(name=options["name"], now=timezone.now())
            elif options["size_bytes"] is not None:
                backups.note(name=options["name"], size_bytes=options["size_bytes"], is_read=True, now=timezone.now())
            else:
                self._note_lines()
        except LoyaltyError as refusal:
            raise CommandError(refusal.detail) from None

    def _note_lines(self) -> None:
        """Note each line `name bytes` of standard input, as `docker compose run backup` writes them.

        :raises CommandError: there was none: the dump has failed.
        """
        lines = [line.rpartition(" ") for line in sys.stdin.read().splitlines() if line.strip()]
        if not lines or not all(size.isdecimal() for _name, _space, size in lines):
            raise CommandError("No backup was made: expected a line with its name and its bytes.")
        for name, _space, size in lines:
            backups.note(name=name, size_bytes=int(size), is_read=True, now=timezone.now())

    def _make(self, directory: Path) -> None:
        address = os.environ.get("DATABASE_BACKUP_URL")
        if not address:
            raise CommandError("Set DATABASE_BACKUP_URL: the address of the database as app_backup.")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        dump = directory / f"loyalty-{timezone.now().astimezone(UTC):%Y-%m-%dT%H%M%SZ}.dump"
        # Under another name first: a file that is there is whole.
        unfinished = dump.with_suffix(".part")
        try:
            _run("pg_dump", "--format=custom", f"--file={unfinished}", address)
            unfinished.chmod(0o600)
            _run("pg_restore", "--list", f"--file={os.devnull}", str(unfinished))
            unfinished.rename(dump)
        finally:
            unfinished.unlink(missing_ok=True)
        backups.note(name=dump.name, size_bytes=dump.stat().st_size, is_read=True, now=timezone.now())
        self.stdout.write(f"{dump} {dump.stat().st_size}")


def _run(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL: the system's, else that of the embedded one.

    :raises CommandError: it failed; says what it said.
    """
    embedded = None
    with contextlib.suppress(StartError):
        embedded = postgres.binaries()
    found = shutil.which(program, path=str(embedded)) if embedded else shutil.which(program)
    if found is None:
        raise CommandError(f"There is no {program} on this machine: install PostgreSQL's client programs.")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise CommandError(f"{program} failed: {done.stderr.strip()}")
