"""The first thing of a new installation: a merchant, and the owner who signs in there."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse
from django.utils import timezone

from merchants import contacts, opening
from merchants.actors import SYSTEM
from merchants.errors import LoyaltyError
from merchants.languages import LANGUAGES


class Command(BaseCommand):
    help = "Open a merchant, with an owner who signs in to the console by e-mail."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="as members read it, such as 'Café Haneul'")
        parser.add_argument(
            "--owner", required=True, metavar="EMAIL", help="who signs in first, and invites the others"
        )
        parser.add_argument("--currency", required=True, help="ISO code, such as KRW; it stays for ever")
        parser.add_argument("--zone", required=True, help="IANA time zone, such as Asia/Seoul")
        parser.add_argument(
            "--country", required=True, help="two capitals, such as KR: telephone numbers without a prefix"
        )
        parser.add_argument("--language", default="en", choices=[code for code, _name in LANGUAGES])
        parser.add_argument(
            "--slug", default="", help="its part of the addresses; made of the name, or numbered, when left out"
        )

    def handle(self, *args: Any, name: str, owner: str, slug: str, **options: Any) -> None:
        try:
            merchant = opening.open_merchant(
                name=name, slug=slug or opening.free_slug(name), owner=contacts.read_email(owner),
                **{field: options[field] for field in ("currency", "zone", "country", "language")},
                now=timezone.now(), actor=SYSTEM,
            )  # fmt: skip
        except LoyaltyError as refusal:
            raise CommandError(refusal.detail) from None
        pages = {"Console:": "console:start", "Counter:": "console:counter", "Portal: ": "portal:join"}
        places = {
            name: settings.PUBLIC_URL + reverse(page, kwargs={"merchant_slug": merchant.slug})
            for name, page in pages.items()
        }
        console = places["Console:"]
        self.stdout.write(f"{merchant.name} is open. {owner} signs in at {console} by a code sent to that address.")
        for page, address in places.items():
            self.stdout.write(f"{page} {address}")
