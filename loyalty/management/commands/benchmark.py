"""`manage.py benchmark NAME`: starts its own services, measures side by side, prints ratios, removes everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from loyalty.launch import directories, environment
from loyalty.launch.postgres import Postgres
from loyalty.launch.valkey import Valkey

_NAMES = ("purchases", "neighbours", "numbers", "pages", "search", "webhooks")


class Command(BaseCommand):
    help = "Measure, on a PostgreSQL of its own with durable settings, and print machine-readable ratios."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=_NAMES)
        parser.add_argument("--quick", action="store_true", help="about a minute at most, with less certain figures")

    def handle(self, *args: Any, name: str, quick: bool, **options: Any) -> None:
        data = Path(tempfile.mkdtemp(prefix="loyalty-benchmark-"))
        data.chmod(0o711)
        here = directories.prepare(data)
        postgres, valkey = Postgres(here, durable=True), Valkey(here)
        try:
            valkey.launch()
            postgres.start()
            valkey.wait_ready()
            done = self._measure(name, quick, postgres, valkey, data)
        finally:
            for child in (valkey.child, postgres.child):
                if child is not None:
                    child.ask_to_stop()
            for child in (valkey.child, postgres.child):
                if child is not None:
                    child.wait_or_kill(time.monotonic() + 10)
            for directory in (here.sockets, here.home, data):
                shutil.rmtree(directory, ignore_errors=True)
        if done:
            raise CommandError(f"The benchmark stopped with {done}.")

    def _measure(self, name: str, quick: bool, postgres: Postgres, valkey: Valkey, data: Path) -> int:
        variables = {
            **os.environ,
            **environment.service_urls(postgres, valkey),
            "DATABASE_SUPER_URL": postgres.url("postgres"),
            "DATA_DIR": str(data),
            "SECRET_KEY": "only-for-this-benchmark",
            "DEBUG": "0",
            "HTTPS": "0",
            "ALLOWED_HOSTS": "127.0.0.1",
            "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
            "API_RATE_LIMIT": "0",
            "DJANGO_SETTINGS_MODULE": "loyalty.settings",
        }
        argv = [sys.executable, "-m", f"benchmarks.{name}", *(["--quick"] if quick else [])]
        return subprocess.run(argv, env=variables, cwd=settings.BASE_DIR, check=False).returncode  # noqa: S603
