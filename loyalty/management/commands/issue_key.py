"""Issue an API key from the command line, where there is no console at hand."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from merchants import directory, keys, locations, tenancy
from merchants.actors import SYSTEM
from merchants.errors import LoyaltyError


class Command(BaseCommand):
    help = "Issue an API key of a merchant and print its secret, this once. Without --scope it may do what a till does."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("merchant", help="the merchant's part of the addresses, such as cafe-haneul")
        parser.add_argument("name", help="for people, such as 'POS in Mapo'")
        parser.add_argument("--scope", action="append", default=[], choices=sorted(keys.SCOPES), metavar="SCOPE")
        parser.add_argument("--location", default="", metavar="CODE", help="where the till stands")
        parser.add_argument("--terminal", default="", help="written beside each sale that does not name one")
        parser.add_argument(
            "--namespace",
            default=None,
            help="put before each external_id the key sends, so that tills which count alike do not collide: the "
            "location's code unless said otherwise, '' for none",
        )

    def handle(self, *args: Any, merchant: str, name: str, location: str, **options: Any) -> None:
        shop = directory.find_by_slug(merchant)
        if shop is None:
            raise CommandError(f"There is no merchant {merchant}.")
        with tenancy.tenant(shop):
            place = next((each for each in locations.open_now(shop) if each.code == location), None)
            if location and place is None:
                raise CommandError(f"{merchant} has no open location {location}.")
            namespace = location if options["namespace"] is None else options["namespace"]
            try:
                issued = keys.issue(
                    merchant=shop, name=name, scopes=options["scope"] or keys.TILL_SCOPES, location=place,
                    terminal=options["terminal"], id_namespace=namespace, actor=SYSTEM, now=timezone.now(),
                )  # fmt: skip
            except LoyaltyError as refusal:
                raise CommandError(refusal.detail) from None
        self.stdout.write(issued.secret)
