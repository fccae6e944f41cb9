"""A backup that comes back: dumped by the role that sees every row, restored elsewhere, and every account adds up."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg2
import pytest
import yaml
from django.core.management import CommandError, call_command

from loyalty.launch import directories
from loyalty.launch.postgres import Postgres, binaries
from loyalty.launch.urls import psycopg_from_url, with_database
from merchants import backups
from tests import builders, postgres_admin

RESTORED = "restore_drill"
ROOT = Path(__file__).resolve().parents[2]
ADDRESSES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SYSTEM_URL")


def run(program: str, *arguments: str, url: str) -> subprocess.CompletedProcess[str]:
    place = psycopg_from_url(url)
    return subprocess.run(
        [str(binaries() / program), "-h", place["host"], "-U", place["user"], "-d", place["dbname"], *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def backup_url() -> str:
    return os.environ["DATABASE_URL"].replace("app_web@", "app_backup@")


def ours() -> str:
    """The database of this run (or of this process of it), as the superuser sees it."""
    return with_database(os.environ["DATABASE_SUPER_URL"], psycopg_from_url(os.environ["DATABASE_URL"])["dbname"])


@pytest.fixture
def elsewhere():
    """An empty database beside ours, as the operator makes one to restore into."""
    superuser = postgres_admin.superuser()
    cursor = superuser.cursor()
    cursor.execute(f"DROP DATABASE IF EXISTS {RESTORED}")
    cursor.execute(f"CREATE DATABASE {RESTORED} OWNER app_owner TEMPLATE template0")
    yield with_database(os.environ["DATABASE_SUPER_URL"], RESTORED)
    cursor.execute(f"DROP DATABASE {RESTORED} WITH (FORCE)")
    superuser.close()


@pytest.fixture
def busy_cafe(django_db_setup, django_db_blocker):
    """Committed on purpose: a dump sees only what is committed. The merchant is its own, and stays."""
    with django_db_blocker.unblock():
        cafe = builders.cafe()
        mina, jun = cafe.cast("Mina", "Jun")
        mina.buys(12_300, external_id="r1")
        jun.buys(50_000, external_id="r2")
        jun.redeems(points=100, order_total_minor=20_000)
        mina.returns("r1", 300)
        yield cafe


def test_the_backup_holds_every_row_and_the_restored_ledger_adds_up(busy_cafe, elsewhere, tmp_path):
    dump = tmp_path / "loyalty.dump"

    done = run("pg_dump", "-Fc", "-f", str(dump), url=backup_url())
    assert done.returncode == 0, done.stderr
    restored = run("pg_restore", "--exit-on-error", "--no-comments", str(dump), url=elsewhere)
    assert restored.returncode == 0 or 'schema "public" already exists' in restored.stderr, restored.stderr

    counted = "SELECT count(*), sum(balance_change), md5(string_agg(encode(hash, 'hex'), ',' ORDER BY account_id, seq)) FROM rewards_entry"
    assert rows(elsewhere, counted) == rows(ours(), counted)
    summed = "SELECT sum(balance), sum(held), sum(pending), sum(debt) FROM rewards_account"
    assert rows(elsewhere, summed) == rows(ours(), summed)
    policies = "SELECT count(*) FROM pg_class WHERE relforcerowsecurity"
    assert rows(elsewhere, policies) == rows(ours(), policies)

    checked = subprocess.run(
        [sys.executable, "manage.py", "ledger", "verify", "--merchant", busy_cafe.merchant.slug],
        env=os.environ | {name: with_database(os.environ[name], RESTORED) for name in ADDRESSES},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "2 accounts, 4 entries: all agree" in checked.stdout


@pytest.fixture
def fresh_server(tmp_path):
    """A machine set up anew: its own cluster, whose transactions are counted from the beginning."""
    server = Postgres(directories.prepare(tmp_path / "fresh"), durable=False)
    server.start()
    yield server
    server.child.ask_to_stop()
    server.child.wait_or_kill(deadline=time.monotonic() + 5)


def test_a_restored_installation_keeps_its_numbers(busy_cafe, fresh_server, tmp_path):
    """The old machine's transactions are far ahead of the new one's: the first night there takes all of them in again.

    Mina's 12,300 less 300 given back and Jun's 50,000 are the month's revenue before and after, and after a rebuild.
    """
    slug = busy_cafe.merchant.slug
    with contextlib.closing(postgres_admin.superuser()) as busy_server, busy_server.cursor() as cursor:
        for _ in range(200):
            cursor.execute("DO $$BEGIN FOR n IN 1..50 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END$$")
    [late] = busy_cafe.cast("Hana")
    late.buys(1_000, external_id="r3")
    assert manage("metrics", "run", "--merchant", slug).returncode == 0
    revenue = (
        "SELECT sum(f.revenue_minor), sum(f.purchases) FROM analytics_figures f JOIN merchants_merchant m "
        f"ON m.id = f.merchant_id AND m.slug = '{slug}' WHERE f.grain = 'month'"
    )
    assert rows(ours(), revenue) == [(63_000, 3)]

    dump = tmp_path / "loyalty.dump"
    assert run("pg_dump", "-Fc", "-f", str(dump), url=backup_url()).returncode == 0
    there = fresh_server.url("postgres")
    restored = run("pg_restore", "--no-comments", str(dump), url=there)
    assert restored.returncode == 0 or 'schema "public" already exists' in restored.stderr, restored.stderr
    foreign = f"SELECT max(p.xid::text::bigint) - pg_snapshot_xmax(pg_current_snapshot())::text::bigint FROM rewards_purchase p JOIN merchants_merchant m ON m.id = p.merchant_id AND m.slug = '{slug}'"
    assert rows(there, foreign)[0][0] > 0

    addresses = {
        "DATABASE_URL": fresh_server.url("app_web"), "DATABASE_OWNER_URL": fresh_server.url("app_owner"),
        "DATABASE_SYSTEM_URL": fresh_server.url("app_system"),
    }  # fmt: skip
    for rebuild in ([], ["--rebuild"], []):
        ran = manage("metrics", "run", "--merchant", slug, *rebuild, **addresses)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        verified = manage("metrics", "verify", "--merchant", slug, **addresses)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert "from 3 purchases: all agree" in verified.stdout
        assert "wait for the next run" not in verified.stdout
        assert rows(there, revenue) == [(63_000, 3)]


def manage(*arguments: str, **addresses: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], env=os.environ | addresses, cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip


def test_the_backup_of_compose_is_whole_or_not_there(busy_cafe, tmp_path):
    """Its own script, word for word, on this machine's server instead of the container's."""
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["backup"]
    shell, option, script = service["command"]
    script = script.replace("$$", "$").replace("/backups", str(tmp_path))
    place = psycopg_from_url(backup_url())

    def run_it(**more: str) -> subprocess.CompletedProcess[str]:
        known = {"PGHOST": place["host"], "PGUSER": "app_backup", "PGDATABASE": place["dbname"]}
        path = f"{binaries()}:{os.environ['PATH']}"
        return subprocess.run(
            [shell, option, script], env={"PATH": path, **known, **more}, capture_output=True, text=True, check=False
        )

    done = run_it()
    assert done.returncode == 0, done.stderr
    [dump] = tmp_path.iterdir()
    assert done.stdout == f"{dump} {dump.stat().st_size}\n"
    assert "TABLE DATA public rewards_entry" in run("pg_restore", "--list", str(dump), url=backup_url()).stdout

    dump.unlink()
    assert run_it(PGUSER="app_owner").returncode != 0
    assert [left.suffix for left in tmp_path.iterdir()] in ([], [".part"])


def test_the_command_writes_a_dump_and_notes_it(busy_cafe, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_BACKUP_URL", backup_url())

    call_command("backup", "make", str(tmp_path))

    [dump] = tmp_path.iterdir()
    assert capsys.readouterr().out == f"{dump} {dump.stat().st_size}\n"
    assert "TABLE DATA public rewards_entry" in run("pg_restore", "--list", str(dump), url=backup_url()).stdout
    noted = next(row for row in backups.listed() if row.name == dump.name)
    assert (noted.size_bytes, noted.is_read, noted.restored_at) == (dump.stat().st_size, True, None)

    call_command("backup", "restored", dump.name)
    assert next(row for row in backups.listed() if row.name == dump.name).restored_at is not None
    with pytest.raises(CommandError, match="There is no such backup"):
        call_command("backup", "restored", "loyalty-1999.dump")


def test_a_dump_that_fails_is_neither_there_nor_noted(busy_cafe, tmp_path, monkeypatch):
    before = len(backups.listed())
    monkeypatch.setenv("DATABASE_BACKUP_URL", os.environ["DATABASE_OWNER_URL"])
    with pytest.raises(CommandError, match="row-level security"):
        call_command("backup", "make", str(tmp_path))
    assert (list(tmp_path.iterdir()), len(backups.listed())) == ([], before)


def test_what_compose_printed_is_noted(busy_cafe, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("/backups/loyalty-2026-12-01T021500Z.dump 48213\n"))
    call_command("backup", "note")
    noted = next(row for row in backups.listed() if row.name == "loyalty-2026-12-01T021500Z.dump")
    assert noted.size_bytes == 48_213

    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(CommandError, match="No backup was made"):
        call_command("backup", "note")


def test_the_owners_dump_is_refused_rather_than_empty(busy_cafe, tmp_path):
    """Under row-level security an owner's dump would lack every tenant row: it must fail, and does."""
    owner = os.environ["DATABASE_OWNER_URL"]
    done = run("pg_dump", "-Fc", "-f", str(tmp_path / "owner.dump"), url=owner)
    assert done.returncode != 0
    assert "row-level security" in done.stderr


def rows(url: str, sql: str) -> list[tuple]:
    connection = psycopg2.connect(**psycopg_from_url(url))
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
    finally:
        connection.close()
