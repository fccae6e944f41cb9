"""`manage.py demo`: the installation with living data in it, and where to click."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.db import connections

from loyalty.launch.supervisor import StartStep, Supervisor
from loyalty.management.commands import up
from merchants import directory

_URL = "{url}"


class Command(up.Command):
    help = "Set everything up, fill it with demo merchants, run it, and say where to click; Ctrl-C stops it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--data",
            choices=["complete-journey"],
            help="instead of the demo merchants, replay a real loyalty-card data set through the API",
        )
        parser.add_argument("--exit", action="store_true", help="stop when everything is loaded")

    def prepare(self, supervisor: Supervisor, **options: Any) -> None:
        super().prepare(supervisor, **options)
        data = supervisor.places.data
        if options["data"]:
            (data / options["data"]).touch()
            return
        # Only ever set while a database that was empty is being filled: what is in it then is half a demo.
        unfinished = data / "seeding"
        if unfinished.exists():
            supervisor.renew_database()
        if unfinished.exists() or self.is_ours_to_fill(data):
            unfinished.touch()
            supervisor.launch_web()  # comes up while the shops are made; nobody has its address yet
            supervisor.run(
                StartStep(
                    "Two shops, their members and eighteen months of purchases (less than half a minute) …",
                    ["seed_demo"],
                    into=data / "welcome.new",
                )
            )
            text = (data / "welcome.new").read_text().replace(supervisor.url, _URL)
            (data / "welcome.new").write_text(text)
            (data / "welcome.new").replace(data / "welcome.txt")
            unfinished.unlink()

    def is_ours_to_fill(self, data: Path) -> bool:
        """Return whether nobody's data is in the database yet; the real data set beside it is no obstacle."""
        if (data / "welcome.txt").exists():
            return False
        try:
            return (data / "complete-journey").exists() or not directory.every()
        finally:
            connections.close_all()

    def serve(self, supervisor: Supervisor, **options: Any) -> None:
        if options["data"] == "complete-journey":
            supervisor.run(StartStep("", ["complete_journey", "--url", supervisor.url], shows=True))
        self.say(self.welcome(supervisor))
        if not options["exit"]:
            self.say("\nCtrl-C stops it.")
            supervisor.keep()

    def welcome(self, supervisor: Supervisor) -> str:
        """Return where to click, with the sign-ins the demo data was made with."""
        url, data = supervisor.url, supervisor.places.data
        lines = [
            "",
            f"The loyalty platform runs at {url}",
            "",
            f"  Merchants' console   {url}/console/",
            f"  API reference        {url}/api/docs",
            f"  Sign-in codes        {url}/dev/outbox (nothing is really sent)",
            f"  Logs                 {supervisor.places.logs}",
        ]
        if (data / "welcome.txt").exists():
            lines += ["", (data / "welcome.txt").read_text().replace(_URL, url).strip()]
        return "\n".join(lines)
