"""Purchases, side by side on one PostgreSQL with durable settings: the database alone, the API singly, in batches, COPY.

The same sales are also made under ten rules with caps and a referral, and counted one by one inside this process.

    python3 manage.py benchmark purchases [--quick]

Machines are noisy: runs alternate, medians are printed, and only ratios of one run are worth comparing.
"""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import django

django.setup()

import psycopg2  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.servers.basehttp import get_internal_wsgi_application  # noqa: E402

from benchmarks import in_process, load  # noqa: E402
from benchmarks.measurements import Measurements  # noqa: E402
from benchmarks.programmes import TEN_RULES  # noqa: E402
from benchmarks.stage import Shop, web  # noqa: E402
from loyalty.launch.postgres import binaries  # noqa: E402
from loyalty.launch.urls import psycopg_from_url, with_database  # noqa: E402

HERE = Path(__file__).parent
CLIENTS = 16
BATCH = 500
COPY_TABLES = (
    "rewards_purchase", "rewards_purchaseline", "rewards_entry", "rewards_lot", "merchants_outboxevent",
)  # fmt: skip


def pgbench(shop: Shop, seconds: int) -> tuple[float, float]:
    """Return transactions a second, and the p99 of their milliseconds."""
    log = Path(os.environ["DATA_DIR"]) / "pgbench"
    place = psycopg_from_url(os.environ["DATABASE_URL"])
    values = {
        "merchant": shop.merchant.pk,
        "location": shop.location_id,
        "first_account": shop.first_account,
        "last_account": shop.last_account,
    }
    argv = [
        str(binaries() / "pgbench"), "-n", "-M", "simple", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds),
        "--log", f"--log-prefix={log}", "-f", str(HERE / "purchase.sql"), "-h", place["host"], "-U", place["user"], place["dbname"],
        *(part for name, value in values.items() for part in ("-D", f"{name}={value}")),
    ]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
    microseconds: list[int] = []
    for part in log.parent.glob("pgbench.*"):
        microseconds += [int(row.split()[2]) for row in part.read_text().splitlines()]
        part.unlink()
    return float(line.split()[2]), load.percentile(microseconds, 0.99) / 1000


def copy(shop: Shop, purchases: int) -> float:
    """COPY the rows of so many purchases back in, all tables in one transaction; return purchases a second.

    Ids move up so that every constraint and index does its work; as superuser, since COPY FROM has no policy.
    """
    super_connection = psycopg2.connect(**psycopg_from_url(_super_url()))
    with super_connection, super_connection.cursor() as cursor:
        shift = 10_000_000_000 + random.getrandbits(20) * 1_000_000_000
        files = [_rows(shop, cursor, table, purchases, shift) for table in COPY_TABLES]
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


def _rows(shop: Shop, cursor: psycopg2.extensions.cursor, table: str, purchases: int, shift: int) -> tuple[str, Path]:
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
        "ORDER BY attnum",
        [table],
    )
    names = [row[0] for row in cursor.fetchall()]
    chosen = f"(SELECT id FROM rewards_purchase WHERE merchant_id = {shop.merchant.pk} AND state = 'recorded' ORDER BY id DESC LIMIT {purchases})"
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


def measure(
    shop: Shop, ten_rules: Shop, port: int, *, rounds: int, seconds: float
) -> tuple[Measurements, Measurements]:
    """Return rates a second, and the p99 of the answers in milliseconds."""
    rates, waits = Measurements(), Measurements()

    def sell(name: str, next_request: Callable[[], bytes], *, clients: int, seconds: float, items: int = 1) -> None:
        done = load.run(port, next_request, clients=clients, seconds=seconds)
        if done.failures:
            raise SystemExit(f"{len(done.failures)} requests failed, such as:\n{done.failures[0].decode()}")
        rates.note(name, done.per_second * items)
        waits.note(name, done.p99_ms())

    single, batch, balance = partial(shop.single, port), partial(shop.batch, port, BATCH), partial(shop.balance, port)
    ten = partial(ten_rules.single, port)
    for warm_up in (single, ten):
        load.run(port, warm_up, clients=CLIENTS, seconds=min(2, seconds))
    with psycopg2.connect(**psycopg_from_url(_super_url())) as super_connection:
        super_connection.cursor().execute("ANALYZE")
    for _round in range(rounds):
        rate, p99 = pgbench(shop, max(2, int(seconds)))
        rates.note("pgbench", rate)
        waits.note("pgbench", p99)
        sell("single_c1", single, clients=1, seconds=seconds / 2)
        sell("single_c16", single, clients=CLIENTS, seconds=seconds)
        sell("ten_rules_c16", ten, clients=CLIENTS, seconds=seconds)
        sell("batch_c1", batch, clients=1, seconds=seconds / 2, items=BATCH)
        sell("batch", batch, clients=4, seconds=seconds, items=BATCH)
        sell("balance_c4", balance, clients=4, seconds=seconds / 2)
        rates.note("copy", copy(shop, 5_000))
        rates.print_round()
        waits.print_round(" ms")
    return rates, waits


def count(shop: Shop, name: str, *, sales: int) -> None:
    get_internal_wsgi_application()  # sets logging up anew
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(open(os.devnull, "w"))  # noqa: SIM115 - written as ever, and read by nobody
    spent = in_process.spent(partial(shop.single, 0), sales=sales)
    print(f"count purchases_{name}_round_trips {spent.round_trips:.2f}")
    print(f"count purchases_{name}_statements {spent.statements:.2f}")
    print(f"count purchases_{name}_prepared_texts {spent.prepared_texts}")
    print(f"cpu_ms purchases_{name} {spent.cpu_ms:.2f}")


def main(quick: bool) -> None:
    call_command("migrate", verbosity=0)
    members = 5_000 if quick else 20_000
    shop, ten_rules = Shop("bench", members=members), Shop("ten-rules", members=members, programme=TEN_RULES)
    with web() as port:
        rates, waits = measure(shop, ten_rules, port, rounds=1 if quick else 5, seconds=4 if quick else 10)
    for name, which in (("plain", shop), ("ten_rules", ten_rules)):
        count(which, name, sales=200 if quick else 1_000)
    rates.print("rate")
    rates.print_ratio("purchases_single_c16_vs_pgbench", "single_c16", "pgbench")
    rates.print_ratio("purchases_single_c1_vs_pgbench", "single_c1", "pgbench")
    rates.print_ratio("purchases_ten_rules_vs_plain", "ten_rules_c16", "single_c16")
    rates.print_ratio("purchases_batch_vs_single", "batch", "single_c16", digits=1)
    rates.print_ratio("purchases_batch_c1_vs_single_c1", "batch_c1", "single_c1", digits=1)
    rates.print_ratio("purchases_batch_vs_copy", "batch", "copy")
    waits.print_ratio("purchases_p99_c16_vs_pgbench", "single_c16", "pgbench", digits=1)
    waits.print("p99_ms")


if __name__ == "__main__":
    main("--quick" in sys.argv)
