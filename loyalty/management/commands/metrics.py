"""The numbers from the command line: compute them now, or prove them from the purchases."""

from __future__ import annotations

import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from analytics import runs, verify
from merchants import directory, periods
from merchants.directory import Merchant

SHOWN_MAX = 50


class Command(BaseCommand):
    help = (
        "run: take in what changed and compute the numbers. verify: recompute every stored number from the purchases."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["run", "verify"])
        parser.add_argument("--merchant", metavar="SLUG", help="only this one (default: all)")
        parser.add_argument(
            "--at", metavar="DAY", type=_day,
            help="as of the night that begins this day (2025-06-30), by each merchant's clock, with all that is known today: "
            "run computes and keeps the periods up to it, verify computes and compares them and writes nothing",
        )  # fmt: skip
        parser.add_argument("--rebuild", action="store_true", help="run: forget the rollups first")

    def handle(self, *args: Any, **options: Any) -> None:
        merchants = _named(options["merchant"])
        if options["action"] == "run":
            for merchant in merchants:
                self._run(merchant, at=options["at"], rebuild=options["rebuild"])
            return
        faults = sum(self._verify(merchant, at=options["at"]) for merchant in merchants)
        if faults:
            raise CommandError(f"{faults} numbers differ from the purchases.")

    def _run(self, merchant: Merchant, *, at: date | None, rebuild: bool) -> None:
        began = time.monotonic()
        now = timezone.now()
        if at is not None:
            now = min(now, periods.start_of_day(at, merchant.tzinfo) + runs.NIGHT_BEGINS)
        is_as_of = at is not None
        try:
            result = runs.run(merchant, now=now, rebuild=rebuild, is_as_of=is_as_of)
            if is_as_of:
                runs.run(merchant, now=timezone.now())
        except runs.AnotherRun:
            self.stdout.write(f"{merchant.slug}: another run is at work")
            return
        self.stdout.write(
            f"{merchant.slug}: {result.member_days} member-days and {result.entries} ledger entries taken in, "
            f"{result.values} values computed in {time.monotonic() - began:.1f} s"
        )

    def _verify(self, merchant: Merchant, *, at: date | None) -> int:
        report = verify.audit(merchant, as_of=at)
        if report.agrees:
            self.stdout.write(
                f"{merchant.slug}: {report.checked} numbers from {report.purchases} purchases: all agree"
                + (f" ({report.unseen} changes wait for the next run)" if report.unseen else "")
            )
            return 0
        for difference in report.differences[:SHOWN_MAX]:
            self.stdout.write(f"{merchant.slug}: {difference}")
        if len(report.differences) > SHOWN_MAX:
            self.stdout.write(f"{merchant.slug}: … and {len(report.differences) - SHOWN_MAX} more")
        if report.unseen:
            self.stdout.write(
                f"{merchant.slug}: {report.unseen} purchases, refunds or merges arrived since the last run. "
                "Run `manage.py metrics run` first; what differs after that is wrong."
            )
        return len(report.differences)


def _day(text: str) -> date:
    """Read a day; what is none is said by the parser."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("write a day as 2025-06-30") from None


def _named(slug: str | None) -> list[Merchant]:
    if slug is None:
        return sorted(directory.every(open_only=True), key=lambda each: each.slug)
    merchant = directory.find_by_slug(slug)
    if merchant is None:
        raise CommandError(f"There is no merchant {slug!r}.")
    return [merchant]
