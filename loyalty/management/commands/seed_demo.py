"""Two invented shops with eighteen months behind them, and what one needs to look around."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from loyalty.demo import seeding
from loyalty.demo.seeding import Made
from loyalty.demo.shops import SHOPS, DemoShop
from merchants import directory


class Command(BaseCommand):
    help = "Make the two demo shops: members, 18 months of purchases up to yesterday, and the numbers. Prints sign-ins."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="other dice, another story (default: 1)")
        parser.add_argument("--now", type=datetime.fromisoformat, help="pretend it is this instant (with its offset)")

    def handle(self, *args: Any, **options: Any) -> None:
        there = [shop.slug for shop in SHOPS if directory.find_by_slug(shop.slug)]
        if there:
            raise CommandError(
                f"{', '.join(there)} is there already: the demo shops are made once, on an empty database."
            )
        now = options["now"] or timezone.now()
        if now.tzinfo is None:
            raise CommandError("--now needs its offset, such as 2026-11-22T09:00:00+09:00.")
        made = seeding.make_all(SHOPS, now=now, seed=options["seed"])
        for shop, done in zip(SHOPS, made, strict=True):
            self.stdout.write(_introduced(shop, done))
        self.stdout.write(_curls(made[0], now))


def _introduced(shop: DemoShop, made: Made) -> str:
    url = settings.PUBLIC_URL
    seats = [f"    {role:<8} {address:<22} {name}" for role, name, address in shop.staff]
    return "\n".join(
        [
            f"{shop.name} ({shop.currency}): {made.members} members, {made.purchases} purchases, {made.refunds} refunds, "
            f"{made.redemptions} redemptions, {made.answers} answers",
            f"  Console  {url}/console/{shop.slug}/    sign in with a code sent to",
            *seats,
            f"    (the cashier's PIN on a shared device is {seeding.CASHIER_PIN})",
            f"  Portal   {url}/m/{shop.slug}/    {shop.named[0]} signs in as {shop.named[1]}",
            f"  API key  {made.api_key}",
            "\n",
        ]
    )


def _curls(made: Made, now: datetime) -> str:
    api, key = f"{settings.PUBLIC_URL}/api/v1", made.api_key
    body = (
        f'{{"external_id": "try-1", "member": {{"external_id": "crm-1"}}, "occurred_at": "{now:%Y-%m-%dT%H:%M:%SZ}", '
        '"currency": "KRW", "total_minor": 9500, "lines": [{"sku": "LATTE", "category": "coffee", "amount_minor": 5000}, '
        '{"sku": "AMERICANO", "category": "coffee", "amount_minor": 4500}]}'
    )
    header = f"-H 'Authorization: Bearer {key}'"
    return "\n".join(
        [
            "Three calls to begin with:",
            f"  curl -s {header} '{api}/members?external_id=crm-1'",
            f"  curl -s {header} -H 'Content-Type: application/json' -d '{body}' {api}/purchases",
            f"  curl -s {header} '{api}/programme'",
            "Webhooks go to the public internet only; start with WEBHOOK_ALLOW_PRIVATE=1 to try a receiver on this machine.",
        ]
    )
