"""`manage.py ledger verify`: reconcile every account with its entries, lots and documents."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from merchants import directory, tenancy
from merchants.models.merchants import Merchant
from rewards import verify

FAULTS_SHOWN = 200


class Command(BaseCommand):
    help = "Reconcile the ledger: entries, lots, cached columns, chain, holds, redemptions, purchases. Exit code 1 on a fault."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        action = actions.add_parser("verify", help="look at every account and name each fault")
        action.add_argument("--merchant", metavar="SLUG", help="only this merchant")
        action.add_argument("--freeze", action="store_true", help="stop faulty accounts from being spent from")

    def handle(self, *args: Any, **options: Any) -> None:
        found = self._merchants(options["merchant"])
        total = verify.Report()
        for merchant in found:
            report = verify.verify(merchant=merchant)
            if not report.agrees or options["merchant"]:
                self.stdout.write(report.line(merchant.slug))
            for fault in report.faults[:FAULTS_SHOWN]:
                self.stdout.write(f"  {fault}")
            if len(report.faults) > FAULTS_SHOWN:
                self.stdout.write(f"  … and {len(report.faults) - FAULTS_SHOWN:,} more")
            if options["freeze"] and not report.agrees:
                with tenancy.tenant(merchant):
                    frozen = verify.freeze(merchant=merchant, report=report, now=timezone.now())
                self.stdout.write(f"{merchant.slug}: {frozen:,} accounts frozen: they earn, and may not be spent from")
            total.accounts += report.accounts
            total.entries += report.entries
            total.faults += report.faults
        if not options["merchant"]:
            self.stdout.write(total.line(f"{len(found):,} merchants"))
        if not total.agrees:
            sys.exit(1)

    def _merchants(self, slug: str | None) -> list[Merchant]:
        if slug is None:
            return list(Merchant.objects.order_by("pk"))
        merchant = directory.find_by_slug(slug)
        if merchant is None:
            raise CommandError(f"There is no merchant {slug!r}.")
        return [merchant]
