"""`manage.py openapi` writes docs/openapi.json; `--check` says whether it is up to date."""

from __future__ import annotations

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from loyalty.api.framework import openapi


class Command(BaseCommand):
    """Needs no database."""

    help = "Write docs/openapi.json from the API as it is, or check that it says the same."
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail when the file is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.BASE_DIR / "docs" / "openapi.json"
        written = openapi.written()
        if not options["check"]:
            path.parent.mkdir(exist_ok=True)
            path.write_text(written, encoding="utf-8")
            self.stdout.write(f"docs/openapi.json: {len(openapi.operations())} operations")
        elif not path.exists() or path.read_text(encoding="utf-8") != written:
            raise CommandError("docs/openapi.json is out of date: run manage.py openapi and look at the difference.")
