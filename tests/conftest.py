"""The cast and the stage: every test runs as the web role on a real PostgreSQL, started by tests/plugin.py."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
import structlog
from django.core.management import call_command
from django.db import connections

from loyalty.launch.postgres import binaries
from loyalty.launch.urls import psycopg_from_url
from loyalty.operations import logs
from merchants.database import statements
from tests.plugin import GIVEN_SERVICES

_ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker):
    """The whole cluster is ours and ends with the run, so the database is migrated in place and never flushed.

    Migrating takes longer than most test runs; its outcome is kept as a dump under the digest of everything that
    shapes the schema, and the next run with the same digest loads that. CI starts without one, so it migrates.
    """
    if os.environ.get(GIVEN_SERVICES) == "ready":
        return
    digest = _schema_digest()
    dump = Path(tempfile.gettempdir()) / f"loyalty-test-schema-{os.getuid()}-{digest}.sql"
    with django_db_blocker.unblock():
        if not (dump.is_file() and _run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-f", str(dump))):
            call_command("migrate", verbosity=0)
            connections["owner"].close()
            _keep(dump)


@pytest.fixture
def committed(django_db_setup, django_db_blocker):
    """Real transactions, seen by every connection; what a test makes stays, and it asks only about its own."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.fixture
def plans_kept(monkeypatch):
    """Whoever counts statements meets none that only the clock sends: plans are forgotten every few seconds."""
    monkeypatch.setattr(statements, "_PLANS_LAST_SECONDS", float("inf"))


@pytest.fixture(scope="session")
def drill_seed(pytestconfig):
    """What the dice of this run begin with: printed at its end, and repeated by `--drill-seed`."""
    return pytestconfig.getoption("--drill-seed")


@pytest.fixture
def lines():
    """Write through the production formatter and read back what it wrote."""
    configured = logs.logging_config(level="INFO", as_json=True)
    formatter = structlog.stdlib.ProcessorFormatter(
        **{key: value for key, value in configured["formatters"]["lines"].items() if key != "()"}
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    written: list[str] = []
    handler.emit = lambda record: written.append(handler.format(record))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in written]
    root.removeHandler(handler)
    root.setLevel(level)


def _schema_digest() -> str:
    shaping = [
        path
        for app in ("merchants", "members", "rewards", "engagement", "analytics")
        for pattern in ("migrations/*.py", "models.py", "models/*.py")
        for path in sorted((_ROOT / app).glob(pattern))
    ]
    shaping += [*sorted((_ROOT / "merchants/database").glob("*.py")), *sorted(_ROOT.glob("*/views.py"))]
    shaping += [_ROOT / "loyalty/settings.py", _ROOT / "requirements/dev.txt", Path(__file__)]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in shaping if path.is_file())).hexdigest()[:16]


def _keep(dump: Path) -> None:
    unfinished = dump.with_suffix(f".{os.getpid()}")
    # The statistics are the schema's too: see merchants/database/schema.py.
    if _run("pg_dump", "--statistics", "-f", str(unfinished)):
        lines = unfinished.read_text().splitlines()
        # The database has its schema already, with its rights.
        unfinished.write_text("\n".join(x for x in lines if not x.startswith(("CREATE SCHEMA", "ALTER SCHEMA"))))
        unfinished.rename(dump)


def _run(program: str, *arguments: str) -> bool:
    place = psycopg_from_url(os.environ["DATABASE_SUPER_URL"])
    web = psycopg_from_url(os.environ["DATABASE_URL"])
    done = subprocess.run(
        [str(binaries() / program), "-h", place["host"], "-U", place["user"], "-d", web["dbname"], *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0
