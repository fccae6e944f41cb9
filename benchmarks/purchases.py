"""Purchases, side by side on one PostgreSQL with durable settings: the database alone, the API singly, in batches, COPY.

    python3 manage.py benchmark purchases [--quick]

Machines are noisy: runs alternate, medians are printed, and only ratios of one run are worth comparing.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django

django.setup()

import psycopg2  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks import load  # noqa: E402
from loyalty.launch import programs  # noqa: E402
from loyalty.launch.postgres import binaries  # noqa: E402
from loyalty.launch.urls import psycopg_from_url, with_database  # noqa: E402
from merchants import ids, keys, tenancy  # noqa: E402
from merchants.actors import SYSTEM  # noqa: E402
from merchants.models.merchants import Location, Merchant  # noqa: E402
from rewards import terms  # noqa: E402
from rewards.models.programmes import TermsVersion  # noqa: E402

HERE = Path(__file__).parent
CLIENTS = 16
BATCH = 500
COPY_TABLES = (
    "rewards_purchase", "rewards_purchaseline", "rewards_entry", "rewards_lot", "merchants_outboxevent",
)  # fmt: skip
PROGRAMME = {
    "name": "Benchmark",
    "currency": "KRW",
    "earning": {"rules": [{"kind": "per_money", "code": "base", "name": "Base", "points": 1, "per_amount_minor": 100}]},
    "expiry": {"kind": "rolling", "count": 12, "unit": "months"},
    "tiers": {
        "basis": "qualifying_points",
        "levels": [
            {"code": "green", "name": "Green", "threshold": 0},
            {"code": "gold", "name": "Gold", "threshold": 100_000, "multiplier": "2"},
        ],
    },
}
_numbers = itertools.count(1)


class Stage:
    """A merchant with members, a key, and the real server in front of it."""

    def __init__(self, members: int) -> None:
        now = datetime.now(UTC)
        self.merchant = Merchant.objects.create(
            public_id=ids.mint("mer"), slug="bench", name="Bench", currency="KRW", zone="Asia/Seoul", country="KR",
            created_at=now,
        )  # fmt: skip
        since = now - timedelta(days=400)
        with tenancy.tenant(self.merchant):
            document = terms.document(terms.parse(PROGRAMME))
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
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO members_member (merchant_id, public_id, code, name, language, note, attributes, state, "
                    "seat_id_of_staff, joined_at, recorded_at) SELECT %s, 'mem_' || lpad(n::text, 16, '0'), "
                    "'B' || lpad(n::text, 7, '0'), 'Member ' || n, '', '', '{}', 'active', '', %s, %s "
                    "FROM generate_series(1, %s) AS n",
                    [self.merchant.pk, since, since, members],
                )
                cursor.execute(
                    "INSERT INTO rewards_account (merchant_id, member_id, balance, held, pending, debt, seq, chain, "
                    "purchases_count, tier, tier_since, rated_version) SELECT %s, id, 0, 0, 0, 0, 0, '', 0, 'green', %s, 1 "
                    "FROM members_member WHERE merchant_id = %s RETURNING id",
                    [self.merchant.pk, since, self.merchant.pk],
                )
                accounts = [row[0] for row in cursor.fetchall()]
        self.members = members
        self.first_account, self.last_account = min(accounts), max(accounts)
        self.port = 8901
        self.web = subprocess.Popen(
            [sys.executable, *programs.web(self.port)],
            stderr=(Path(os.environ["DATA_DIR"]) / "web.log").open("w"),
            stdout=subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self) -> None:
        for _attempt in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2):
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("The web process does not answer.")

    def close(self) -> None:
        self.web.terminate()
        self.web.wait(10)

    # -- requests -------------------------------------------------------------------------------------------------

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

    def single(self) -> bytes:
        body = json.dumps(self.sale()).encode()
        return load.request("POST", "/api/v1/purchases", port=self.port, secret=self.secret, body=body)

    def batch(self) -> bytes:
        body = json.dumps({"purchases": [self.sale() for _sale in range(BATCH)]}).encode()
        return load.request("POST", "/api/v1/purchases/batch", port=self.port, secret=self.secret, body=body)

    def balance(self) -> bytes:
        member = f"mem_{random.randint(1, self.members):016d}"
        return load.request("GET", f"/api/v1/members/{member}/balance", port=self.port, secret=self.secret)

    # -- the database alone ---------------------------------------------------------------------------------------

    def pgbench(self, seconds: int) -> float:
        place = psycopg_from_url(os.environ["DATABASE_URL"])
        values = {
            "merchant": self.merchant.pk,
            "location": self.location_id,
            "first_account": self.first_account,
            "last_account": self.last_account,
        }
        argv = [
            str(binaries() / "pgbench"), "-n", "-M", "simple", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds),
            "-f", str(HERE / "purchase.sql"), "-h", place["host"], "-U", place["user"], place["dbname"],
            *(part for name, value in values.items() for part in ("-D", f"{name}={value}")),
        ]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
        return float(line.split()[2])

    def copy(self, purchases: int) -> float:
        """COPY the rows of so many purchases back in, all tables in one transaction; return purchases a second.

        Ids move up so that every constraint and index does its work; as superuser, since COPY FROM has no policy.
        """
        super_connection = psycopg2.connect(**psycopg_from_url(_super_url()))
        with super_connection, super_connection.cursor() as cursor:
            shift = 10_000_000_000 + random.getrandbits(20) * 1_000_000_000
            files = [self._rows(cursor, table, purchases, shift) for table in COPY_TABLES]
            begun = time.perf_counter()
            for table, (columns, path) in zip(COPY_TABLES, files, strict=True):
                with path.open() as rows:
                    cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN", rows)
            super_connection.commit()
            taken = time.perf_counter() - begun
        super_connection.close()
        for _columns, path in files:
            path.unlink()
        return purchases / taken

    def _rows(self, cursor: psycopg2.extensions.cursor, table: str, purchases: int, shift: int) -> tuple[str, Path]:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "ORDER BY attnum",
            [table],
        )
        names = [row[0] for row in cursor.fetchall()]
        chosen = f"(SELECT id FROM rewards_purchase WHERE merchant_id = {self.merchant.pk} AND state = 'recorded' ORDER BY id DESC LIMIT {purchases})"
        where = {
            "rewards_purchase": f"id IN {chosen}",
            "rewards_purchaseline": f"purchase_id IN {chosen}",
            "rewards_entry": f"document_kind = 'purchase' AND kind = 'accrue' AND document_id IN {chosen}",
            "rewards_lot": f"purchase_id IN {chosen}",
            "merchants_outboxevent": f"id IN (SELECT id FROM merchants_outboxevent ORDER BY id DESC LIMIT {purchases})",
        }[table]
        changed = {
            "id": f"id + {shift}",
            "purchase_id": f"purchase_id + {shift}",
            "entry_id": f"entry_id + {shift}",
            "document_id": f"document_id + {shift}",
            "seq": f"seq + {shift}",
            "public_id": f"left(public_id, 20) || '{shift}'",
            "external_id": f"external_id || '{shift}'",
        }
        fields = ", ".join(changed.get(name, name) for name in names)
        path = Path(os.environ["DATA_DIR"]) / f"{table}.copy"
        with path.open("w") as rows:
            cursor.copy_expert(f"COPY (SELECT {fields} FROM {table} WHERE {where}) TO STDOUT", rows)
        return ", ".join(names), path


def _super_url() -> str:
    return with_database(os.environ["DATABASE_SUPER_URL"], "loyalty")


def measure(stage: Stage, *, rounds: int, seconds: float) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    load.run(stage.port, stage.single, clients=CLIENTS, seconds=min(2, seconds))  # warm up
    with psycopg2.connect(**psycopg_from_url(_super_url())) as super_connection:
        super_connection.cursor().execute("ANALYZE")
    for _round in range(rounds):
        note("pgbench", stage.pgbench(max(2, int(seconds))))
        one = load.run(stage.port, stage.single, clients=1, seconds=seconds / 2)
        note("single_c1", one.per_second)
        note("p99_single_c1", one.p99_ms())
        many = load.run(stage.port, stage.single, clients=CLIENTS, seconds=seconds)
        note("single_c16", many.per_second)
        note("p99_single_c16", many.p99_ms())
        lone = load.run(stage.port, stage.batch, clients=1, seconds=seconds / 2)
        note("batch_c1", lone.per_second * BATCH)
        batch = load.run(stage.port, stage.batch, clients=4, seconds=seconds)
        note("batch", batch.per_second * BATCH)
        balance = load.run(stage.port, stage.balance, clients=4, seconds=seconds / 2)
        note("balance_c4", balance.per_second)
        note("p99_balance_c4", balance.p99_ms())
        note("copy", stage.copy(5_000))
        for what in (one, many, lone, batch, balance):
            if what.failures:
                raise SystemExit(f"{len(what.failures)} requests failed, such as:\n{what.failures[0].decode()}")
        print(", ".join(f"{name} {values[-1]:,.1f}" for name, values in found.items()), flush=True)
    return found


def main(quick: bool) -> None:
    call_command("migrate", verbosity=0)
    stage = Stage(members=5_000 if quick else 20_000)
    try:
        found = measure(stage, rounds=1 if quick else 5, seconds=4 if quick else 10)
    finally:
        stage.close()
    middle = {name: statistics.median(values) for name, values in found.items()}
    for name in ("pgbench", "single_c1", "single_c16", "batch_c1", "batch", "copy", "balance_c4"):
        print(f"rate {name} {middle[name]:.1f}")
    print(f"ratio purchases_single_c16_vs_pgbench {middle['single_c16'] / middle['pgbench']:.2f}")
    print(f"ratio purchases_single_c1_vs_pgbench {middle['single_c1'] / middle['pgbench']:.2f}")
    print(f"ratio purchases_batch_vs_single {middle['batch'] / middle['single_c16']:.1f}")
    print(f"ratio purchases_batch_c1_vs_single_c1 {middle['batch_c1'] / middle['single_c1']:.1f}")
    print(f"ratio purchases_batch_vs_copy {middle['batch'] / middle['copy']:.2f}")
    print(f"p99_ms purchases_single_c16 {middle['p99_single_c16']:.1f}")
    print(f"p99_ms purchases_single_c1 {middle['p99_single_c1']:.1f}")
    print(f"p99_ms balance_c4 {middle['p99_balance_c4']:.1f}")


if __name__ == "__main__":
    main("--quick" in sys.argv)
