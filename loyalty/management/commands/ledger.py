"""`manage.py ledger verify` reconciles every account; `ledger thaw` lets a frozen one be spent from again."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from merchants import directory, tenancy
from merchants.actors import SYSTEM
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from rewards import verify

FAULTS_SHOWN = 200


class Command(BaseCommand):
    help = "Reconcile the ledger: entries, lots, cached columns, chain, holds, redemptions, purchases, limits. Exit code 1 on a fault."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        action = actions.add_parser("verify", help="look at every account and name each fault")
        action.add_argument("--merchant", metavar="SLUG", help="only this merchant")
        action.add_argument("--freeze", action="store_true", help="stop faulty accounts from being spent from")
        action = actions.add_parser("thaw", help="let a frozen account be spent from again, once it agrees")
        action.add_argument("merchant", metavar="SLUG")
        action.add_argument("member", metavar="MEMBER", help="the member's id, mem_…, as verify names it")
        action.add_argument("--reason", required=True, help="what was found and mended; kept in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "thaw":
            self._thaw(self._merchants(options["merchant"])[0], options["member"], options["reason"])
        else:
            self._verify(options)

    def _thaw(self, merchant: Merchant, member: str, reason: str) -> None:
        try:
            with tenancy.tenant(merchant):
                verify.thaw(merchant=merchant, public_id=member, reason=reason, now=timezone.now(), actor=SYSTEM)
        except LoyaltyError as refusal:
            raise CommandError(refusal.detail) from None
        self.stdout.write(f"{merchant.slug}: {member} may be spent from again")

    def _verify(self, options: dict[str, Any]) -> None:
        found = self._merchants(options["merchant"])
        total = verify.LedgerReport()
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
            return directory.every()
        merchant = directory.find_by_slug(slug)
        if merchant is None:
            raise CommandError(f"There is no merchant {slug!r}.")
        return [merchant]
