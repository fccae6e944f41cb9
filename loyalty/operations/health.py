"""Whether this installation may serve: alive, ready, and never on a database that would lose or leak.

`/healthz` says that the process answers. `/readyz` asks the database; what it finds wrong it names by a word, and only
to the operator (loyalty/operations/metrics.may_read). The same findings stop the web process at its start, when they are certain.
"""

from __future__ import annotations

import functools
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from loyalty import VERSION
from loyalty.operations import heartbeat, metrics
from merchants import backups, sending_health
from merchants.database import clocks, roles, schema, sql_errors

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `is_vital`: while it is wrong, this process must not get requests."""

    name: str
    is_right: bool
    is_vital: bool = True
    sentence: str = ""
    #: What `/readyz` says of a thing that is not vital and wrong.
    word: str = "absent"


def database_findings() -> list[Finding]:
    """Return what the database says about itself, on the connection that serves requests.

    :raises DatabaseError, InterfaceError: it does not answer.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        role, is_mighty = cursor.fetchone()
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(_DURABLE)])
        forgetful = sorted(name for name, value in cursor.fetchall() if value == "off")
        unforced = schema.unforced_tables(cursor)
        too_old = roles.too_old(schema.server_version(connection))
        cursor.execute("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool")
        is_read_only = cursor.fetchone()[0]
    return [
        Finding("postgresql", not too_old, sentence=too_old),
        Finding("writable", not is_read_only, sentence="PostgreSQL is read only: DATABASE_URL must name the primary."),
        Finding(
            "role",
            not is_mighty,
            sentence=f"DATABASE_URL connects as {role}, which row-level security does not hold: use app_web.",
        ),
        Finding(
            "durability",
            not forgetful or settings.DATABASE_MAY_FORGET,
            sentence=f"PostgreSQL runs with {', '.join(forgetful)} off and may lose what it has confirmed: turn it on.",
        ),
        Finding(
            "tenancy",
            not unforced,
            sentence=f"Without FORCE row-level security: {', '.join(unforced)}. Run `manage.py migrate`.",
        ),
    ]


_DISK_FULL = "53100"
_SORT = (
    "SELECT count(*) FROM (SELECT repeat(md5(n::text), 8) FROM generate_series(1, 4000) AS n ORDER BY 1 OFFSET 1) AS s"
)
_DISK_PAUSE_SECONDS = 5.0
#: When it was looked at last, and what was seen.
_disk_seen = (-_DISK_PAUSE_SECONDS, True)
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


def findings(*, now: datetime) -> list[Finding]:
    """Return everything `/readyz` looks at."""
    found: list[Finding] = []
    try:
        found += database_findings()
        found.append(Finding("migrations", _is_migrated(), sentence="Migrations are pending. Run `manage.py migrate`."))
        found.append(_clock())
        found.append(Finding("disk", _has_disk(), sentence="The disk of PostgreSQL is full: nothing can be written."))
        found.insert(0, Finding("database", True))
        found.append(
            Finding(
                "mail",
                not sending_health.is_failing("email"),
                is_vital=False,
                sentence="The last mail could not be sent. Run `manage.py check_messages`.",
                word="failing",
            )
        )
        found.append(
            Finding(
                "backup",
                not backups.is_late(now=now),
                is_vital=False,
                sentence=f"The last backup is older than {backups.HOURS_MAX} hours.",
                word="late",
            )
        )
    except (DatabaseError, InterfaceError):
        # What broke in the middle of a statement is not closed by Django, and would fail for ever.
        connection.close()
        found = [Finding("database", False, sentence="PostgreSQL does not answer.")]
    found.append(Finding("valkey", _has_valkey(), is_vital=False, sentence="Valkey does not answer."))
    age = heartbeat.age_seconds(now)
    found.append(
        Finding("worker", age is not None and age < 180, is_vital=False, sentence="No worker has served the last tick.")
    )
    return found


def refuse_unsafe_database() -> None:
    """End this process with a sentence if the database is certain to lose or leak; one that is away may come back."""
    try:
        wrong = [found.sentence for found in database_findings() if found.name != "tenancy" and not found.is_right]
    except (DatabaseError, InterfaceError):
        return
    finally:
        connection.close()
    if wrong:
        sys.exit(" ".join(wrong))


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers, and nothing else."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether this process may get requests: 200 or 503, with a word for each thing looked at."""
    found = findings(now=datetime.now(UTC))
    is_ready = all(one.is_right for one in found if one.is_vital)
    body: dict[str, Any] = {"ready": is_ready}
    if metrics.may_read(request):
        body["version"] = VERSION
        body["checks"] = {one.name: "ok" if one.is_right else "failed" if one.is_vital else one.word for one in found}
    if not is_ready:
        _log.warning("not ready", failed=[one.name for one in found if one.is_vital and not one.is_right])
    response = JsonResponse(body, status=200 if is_ready else 503)
    if not is_ready:
        response["Retry-After"] = "5"
    return response


def _clock() -> Finding:
    seconds = clocks.offset_seconds()
    return Finding(
        "clock",
        abs(seconds) <= clocks.OFFSET_SECONDS_MAX,
        sentence=f"This machine's clock is {seconds:+.0f} s off the database's: synchronise it (NTP).",
    )


def _has_disk() -> bool:
    """Return whether PostgreSQL can still write a megabyte: by having it sort more than it may keep in memory.

    That is written to the disk of the data and taken away again, and leaves nothing behind in any table.
    """
    global _disk_seen
    seen_at, has_disk = _disk_seen
    if time.monotonic() - seen_at < _DISK_PAUSE_SECONDS:
        return has_disk
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '64kB'")
            cursor.execute(_SORT)
            has_disk = True
    except OperationalError as error:
        if sql_errors.sqlstate(error) != _DISK_FULL:
            raise
        has_disk = False
    _disk_seen = (time.monotonic(), has_disk)
    return has_disk


def _is_migrated() -> bool:
    return _newest_migrations() <= MigrationRecorder(connection).applied_migrations().keys()


@functools.cache
def _newest_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def _has_valkey() -> bool:
    client = redis.Redis.from_url(settings.DJANGO_REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()
