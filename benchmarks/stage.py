"""What the benchmarks of the API stand on: merchants with members and a till's key, and the real server."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from benchmarks import load
from benchmarks.programmes import PLAIN
from loyalty.launch import programs
from merchants import ids, keys, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Location, Merchant
from rewards import terms
from rewards.models.programmes import TermsVersion

_numbers = itertools.count(1)


class Shop:
    """A merchant with so many members, and what its till asks for."""

    def __init__(self, slug: str, *, members: int, programme: dict[str, Any] = PLAIN) -> None:
        now = datetime.now(UTC)
        self.merchant = Merchant.objects.create(
            public_id=ids.mint("mer"), slug=slug, name=slug, currency="KRW", zone="Asia/Seoul", country="KR",
            created_at=now,
        )  # fmt: skip
        self.members = members
        since = now - timedelta(days=400)
        with tenancy.tenant(self.merchant):
            document = terms.document(terms.parse(programme))
            TermsVersion.objects.create(
                merchant=self.merchant, number=1, document=document, document_sha256="", effective_from=since,
                published_at=since, published_by="benchmark",
            )  # fmt: skip
            location = Location.objects.create(
                merchant=self.merchant, public_id=ids.mint("loc"), code="main", name="Main"
            )
            self.location_id = location.pk
            self.secret = keys.issue(
                merchant=self.merchant, name="Till", scopes=tuple(keys.TILL_SCOPES), actor=SYSTEM, now=now
            ).secret
            accounts = self._enrol(since)
            if programme.get("referral"):
                self._refer(accounts)
        self.first_account, self.last_account = min(accounts), max(accounts)

    def _enrol(self, since: datetime) -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO members_member (merchant_id, public_id, code, referral_code, name, language, note, attributes, "
                "state, seat_id_of_staff, joined_at, recorded_at) SELECT %s, 'mem_' || lpad(n::text, 16, '0'), "
                "'B' || lpad(n::text, 7, '0'), 'JOIN' || n, 'Member ' || n, '', '', '{}', 'active', '', %s, %s "
                "FROM generate_series(1, %s) AS n",
                [self.merchant.pk, since, since, self.members],
            )
            cursor.execute(
                "INSERT INTO rewards_account (merchant_id, owner_kind, member_id, unit, balance, held, pending, debt, seq, "
                "chain) SELECT %s, 'member', id, 'points', 0, 0, 0, 0, 0, '' FROM members_member WHERE merchant_id = %s",
                [self.merchant.pk, self.merchant.pk],
            )
            cursor.execute(
                "INSERT INTO rewards_membership (merchant_id, member_id, account_id, purchases_count, free_ordinals, tier, "
                "tier_since, rated_version) SELECT %s, member_id, id, 0, '{}', 'green', %s, 1 FROM rewards_account "
                "WHERE merchant_id = %s RETURNING account_id",
                [self.merchant.pk, since, self.merchant.pk],
            )
            return [row[0] for row in cursor.fetchall()]

    def _refer(self, accounts: list[int]) -> None:
        """Have one member in twenty brought by another, and their first purchase still to come."""
        brought = sorted(accounts)[::20]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO rewards_referral (merchant_id, public_id, referrer_id, referee_id, state, doubt, "
                "referrer_points, referee_points, created_at) SELECT %s, 'rfl_' || lpad(a::text, 16, '0'), a + 1, a, "
                "'open', '', 0, 0, %s FROM (SELECT member_id FROM rewards_membership WHERE account_id = ANY(%s)) AS s (a)",
                [self.merchant.pk, datetime.now(UTC), brought],
            )

    def sale(self) -> dict[str, object]:
        return {
            "external_id": f"bench-{next(_numbers)}-{random.getrandbits(40):x}",
            "member": {"code": f"B{random.randint(1, self.members):07d}"},
            "location": "main",
            "occurred_at": datetime.now(UTC).isoformat(),
            "currency": "KRW",
            "total_minor": 10_000,
            "lines": [
                {"sku": "latte", "category": "coffee", "amount_minor": 5_000},
                {"sku": "scone", "category": "bakery", "amount_minor": 3_000},
                {"sku": "beans", "category": "beans", "amount_minor": 2_000},
            ],
        }

    def single(self, port: int) -> bytes:
        body = json.dumps(self.sale()).encode()
        return load.request("POST", "/api/v1/purchases", port=port, secret=self.secret, body=body)

    def batch(self, port: int, sales: int) -> bytes:
        body = json.dumps({"purchases": [self.sale() for _sale in range(sales)]}).encode()
        return load.request("POST", "/api/v1/purchases/batch", port=port, secret=self.secret, body=body)

    def balance(self, port: int) -> bytes:
        member = f"mem_{random.randint(1, self.members):016d}"
        return load.request("GET", f"/api/v1/members/{member}/balance", port=port, secret=self.secret)


@contextmanager
def web() -> Iterator[int]:
    """Run the web server as `manage.py up` does; yield its port."""
    port = load.free_port()
    with (Path(os.environ["DATA_DIR"]) / "web.log").open("w") as log:
        process = subprocess.Popen([sys.executable, *programs.web(port)], stderr=log, stdout=subprocess.DEVNULL)
        try:
            _wait(port)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _wait(port: int) -> None:
    for _attempt in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The web process does not answer.")
