"""`manage.py up`: the installation, supervised, without demo data."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from loyalty.launch import directories
from loyalty.launch.source_files import SourceFiles
from loyalty.launch.supervisor import StartStep, Stopped, Supervisor


class Command(BaseCommand):
    help = "Start the services that are ours to start, migrate, and run web, worker and beat until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, help="port of the web (default: the first free one of 8000 to 8019)")
        parser.add_argument("--data-dir", help="where everything is kept (default: DATA_DIR, or .data/ here)")
        parser.add_argument(
            "--reload",
            action="store_true",
            help="for who changes the code: start web, worker and beat again when code, a template, a translation or "
            "a static file has changed",
        )

    def handle(self, *args: Any, port: int | None, reload: bool, **options: Any) -> None:
        try:
            supervisor = Supervisor(
                directories.prepare(directories.data_dir()),
                os.environ,
                port_asked=port,
                say=self.say,
                source=SourceFiles() if reload else None,
            )
            with supervisor.running():
                self.prepare(supervisor, **options)
                supervisor.start_serving()
                self.serve(supervisor, **options)
        except Stopped:
            self.say("Stopped.")
        except directories.StartError as error:
            raise CommandError(str(error)) from None

    def prepare(self, supervisor: Supervisor, **options: Any) -> None:
        """Bring everything to the point where it may serve."""
        supervisor.start_services()
        supervisor.migrate()
        if not settings.STATIC_FROM_SOURCE:
            supervisor.run(StartStep("Static files …", ["collectstatic", "--noinput", "--verbosity", "0"]))

    def serve(self, supervisor: Supervisor, **options: Any) -> None:
        """Say where it is and keep it running."""
        self.say(f"It runs at {supervisor.url} (logs in {supervisor.places.logs}); Ctrl-C stops it.")
        supervisor.keep()

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
