"""`manage.py complete_journey --url …`: the real data set through the batch API, with a progress bar, then the numbers."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics import dashboard
from analytics.answers import Tile
from loyalty.demo import complete_journey as journey
from merchants import money, tenancy

_WIDTH = 30


class Command(BaseCommand):
    help = "Replay the Complete Journey data set through the API that answers at --url, and compute its numbers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", required=True, help="where the platform answers, such as http://127.0.0.1:8000")

    def handle(self, *args: Any, url: str, **options: Any) -> None:
        begun = time.monotonic()
        try:
            data = journey.read()
        except journey.DataMissing as error:
            raise CommandError(str(error)) from None
        merchant, secret, key_id = journey.prepare(datetime.now(UTC))
        try:
            till = journey.Till(url, secret)
            journey.open_shops(merchant, data)
            journey.enrol(till, data, self.bar("households"))
            done = journey.replay(till, data, self.bar("baskets"))
        except journey.ReplayFailed as error:
            raise CommandError(f"\n{error}") from None
        finally:
            journey.close(merchant, key_id, datetime.now(UTC))
        replayed_after = time.monotonic() - begun
        journey.compute(merchant)
        held = journey.held(merchant)
        self.stdout.write(
            f"\nThe Complete Journey: {done.recorded:,} purchases recorded, {done.replayed:,} were there already "
            f"({replayed_after:.0f} s, with the numbers {time.monotonic() - begun:.0f} s)"
        )
        revenue = money.format_minor(held.revenue_minor, "USD", "en")
        self.stdout.write(
            f"  members {held.members:,}   purchases {held.purchases:,}   revenue {revenue}   points {held.points:,}"
        )
        for line in self.numbers(merchant):
            self.stdout.write(f"  {line}")
        if held != data.totals:
            raise CommandError(f"This differs from the data set's own figures: {data.totals}")
        self.stdout.write("  equal to the data set's own counts and sums, to the cent")

    def numbers(self, merchant: Any) -> list[str]:
        with tenancy.tenant(merchant):
            shown = dashboard.overview(merchant=merchant, period="2017", now=journey.LAST_DAY)
        return [f"{tile.title}: {_printed(tile)}" for tile in shown.tiles if tile.value is not None]

    def bar(self, what: str) -> journey.Progress:
        """A bar on a terminal; elsewhere a line for every tenth."""
        is_terminal = sys.stdout.isatty()
        said = -1

        def show(done: int, total: int) -> None:
            nonlocal said
            step = done * (_WIDTH if is_terminal else 10) // max(total, 1)
            if step == said and done < total:
                return
            said = step
            if is_terminal:
                full = "█" * (done * _WIDTH // max(total, 1))
                self.stdout.write(f"\r{what:<10} {full:<{_WIDTH}} {done:>9,} of {total:,}", ending="")
                if done == total:
                    self.stdout.write("")
            else:
                self.stdout.write(f"{what:<10} {done:>9,} of {total:,}")
            self.stdout.flush()

        return show


def _printed(tile: Tile) -> str:
    if tile.unit == "money":
        return money.format_minor(int(tile.value or 0), "USD", "en")
    return f"{tile.value:.1f} %" if tile.unit == "percent" else f"{tile.value:+.0f}"
