"""The sample shop's database as files: written by one release, restored and used by all that come after it.

What works inside of a database runs in a process of its own, since a process of Django knows one database.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from loyalty.launch import create_database, directories, environment
from loyalty.launch.postgres import Postgres, binaries
from loyalty.launch.urls import psycopg_from_url, with_database
from loyalty.launch.valkey import Valkey

ROOT = Path(__file__).resolve().parents[2]
#: A directory for each release, with these two files.
KEPT = ROOT / "tests" / "upgrades"
DATABASE, CALLS = "database.sql.gz", "calls.json.gz"
_ADDRESSES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SYSTEM_URL")
_SETTINGS = {
    # What is sealed in a sample is opened with the same key by every later release; it seals nothing else.
    "SECRET_KEY": "only-for-samples-of-releases",
    "ALLOWED_HOSTS": "testserver",
    "API_RATE_LIMIT": "0",
    "CONSOLE_SECOND_FACTOR": "optional",
    "DATABASE_MAY_FORGET": "1",
    "DEBUG": "0",
    "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
    "HTTPS": "0",
    "LOG_LEVEL": "ERROR",
    "STATIC_FROM_SOURCE": "1",
    "DJANGO_SETTINGS_MODULE": "loyalty.settings",
}
#: Every new database has its schema already; `\restrict` names a word of chance.
_NOT_RESTORED = re.compile(r"^(CREATE SCHEMA|ALTER SCHEMA|\\restrict|\\unrestrict)\b.*\n", re.MULTILINE)


def write(directory: Path, *, schema_of: str = "") -> dict[str, Any]:
    """Let the shop live in a new database and keep it; return how many calls it made and which tables stayed empty.

    The schema is what `migrate` makes, or with `schema_of` that of a database that has been migrated: a run of the tests
    has one, and migrating once more would take half of the time.
    """
    with fresh_database("sample_to_write") as database:
        if schema_of:
            for part in (["--schema-only"], ["--data-only", "--table=django_migrations"]):
                _fill(database, _dump(schema_of, *part))
        told = _run("write_sample", database)
        dumped = _dump(database)
    directory.mkdir(parents=True, exist_ok=True)
    files = {DATABASE: dumped, CALLS: json.dumps(told["lived"], ensure_ascii=False, indent=1)}
    for name, text in files.items():
        # Without a time in it, what has not changed is the same file.
        (directory / name).write_bytes(gzip.compress(text.encode(), mtime=0))
    return {"calls": len(told["lived"]["calls"]), "empty": told["empty"]}


def use(directory: Path) -> dict[str, Any]:
    """Restore a sample into a new database, migrate and use it there; return what was seen.

    :raises AssertionError: something was not carried on, with what the process said.
    """
    with fresh_database("sample_in_use") as database:
        restore(directory, database)
        keys = {"SECRET_KEY": "what came after the samples' key", "SECRET_KEY_FALLBACKS": _SETTINGS["SECRET_KEY"]}
        return _run("use_sample", database, str(directory / CALLS), **keys)


def restore(directory: Path, database: str) -> None:
    """Fill an empty database as the superuser, in one transaction: every reference is checked."""
    _fill(database, gzip.decompress((directory / DATABASE).read_bytes()).decode())


@contextmanager
def fresh_database(name: str) -> Iterator[str]:
    """Make an empty database on the server of DATABASE_SUPER_URL, as an operator does, and remove it afterwards."""
    place = psycopg_from_url(os.environ["DATABASE_SUPER_URL"])

    def connect(database: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(**{**place, "dbname": database})

    connection = connect(place["dbname"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name} OWNER app_owner TEMPLATE template0")
        create_database.prepare_database(connect, name)
        try:
            yield name
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
            connection.close()


@contextmanager
def services() -> Iterator[None]:
    """Start a PostgreSQL and a Valkey whose data end with the block, and let the environment name them."""
    data = Path(tempfile.mkdtemp(prefix="loyalty-release-"))
    data.chmod(0o711)
    here = directories.prepare(data)
    postgres, valkey = Postgres(here, durable=False), Valkey(here, durable=False)
    try:
        valkey.launch()
        postgres.start()
        valkey.wait_ready()
        os.environ.update(environment.service_urls(postgres, valkey))
        os.environ.update(DATABASE_SUPER_URL=postgres.url("postgres"), DATA_DIR=str(data))
        yield
    finally:
        for child in (valkey.child, postgres.child):
            if child is not None:
                child.ask_to_stop()
        for child in (valkey.child, postgres.child):
            if child is not None:
                child.wait_or_kill(time.monotonic() + 10)
        for directory in (here.sockets, here.home, data):
            shutil.rmtree(directory, ignore_errors=True)


def _run(module: str, database: str, *arguments: str, **variables: str) -> dict[str, Any]:
    """Run a module of this package on that database, and return what it prints."""
    there = {name: with_database(os.environ[name], database) for name in _ADDRESSES}
    done = subprocess.run(
        [sys.executable, "-m", f"tests.releases.{module}", *arguments], env={**os.environ, **_SETTINGS, **there, **variables},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(f"{module}: {done.stdout[-4000:]}{done.stderr[-8000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _dump(database: str, *options: str) -> str:
    return _NOT_RESTORED.sub("", _client("pg_dump", database, *options))


def _fill(database: str, sql: str) -> None:
    _client("psql", database, "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", sent=sql)


def _client(program: str, database: str, *arguments: str, sent: str = "") -> str:
    place = psycopg_from_url(os.environ["DATABASE_SUPER_URL"])
    argv = [str(binaries() / program), "-h", place["host"], "-U", place["user"], "-d", database, *arguments]
    done = subprocess.run(argv, input=sent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{program}: {done.stderr}")
    return done.stdout
