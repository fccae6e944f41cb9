"""Prometheus metrics: requests by route, and the age of what waits. Numbers of the installation, never of a member.

Several web processes count in files under `PROMETHEUS_MULTIPROC_DIR`, and whichever answers adds them up.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import os
from collections import Counter as Counting
from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from loyalty import VERSION
from loyalty.operations import heartbeat
from loyalty.worker.schedule import SCHEDULE, TROUBLES, WAITING
from merchants import sending_health, ticks
from merchants.database import clocks

_REQUESTS = Counter("loyalty_requests_total", "Answered requests", ["method", "route", "outcome"])
_SECONDS = Histogram(
    "loyalty_request_seconds",
    "Time to answer",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
_REFUSED = Counter("loyalty_refused_early_total", "Requests answered before any thread took them", ["code"])
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Headers a proxy adds: behind one, everybody comes from the loopback address.
_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_VIA")


def observe(*, method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request under its route, which is a pattern and never a path."""
    _REQUESTS.labels(method if method in _METHODS else "other", route, f"{status // 100}xx").inc()
    _SECONDS.labels(route).observe(seconds)


def refused_early(code: str) -> None:
    """Count one request that was answered before it reached the application."""
    _REFUSED.labels(code).inc()


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus: with METRICS_TOKEN to its bearer alone, without one to this machine alone."""
    if not may_read(request):
        raise Http404
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    own = CollectorRegistry()
    own.register(_Installation())
    return HttpResponse(generate_latest(registry) + generate_latest(own), content_type=CONTENT_TYPE_LATEST)


def may_read(request: HttpRequest) -> bool:
    """Return whether the caller is the operator: by METRICS_TOKEN, or without one by being on this very machine."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    if settings.SECURE_PROXY_SSL_HEADER or any(header in request.META for header in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class _Installation(Collector):
    """Read at each scrape, from the queue and the database."""

    def collect(self) -> Iterator[Metric]:
        now = datetime.now(UTC)
        if (age := heartbeat.age_seconds(now)) is not None:
            yield GaugeMetricFamily("loyalty_heartbeat_age_seconds", "Since a worker last served a tick", value=age)
        yield InfoMetricFamily("loyalty_build", "The release that answers", value={"version": VERSION})
        restarts = CounterMetricFamily(
            "loyalty_process_restarts", "Processes the supervisor had to start again", labels=["process"]
        )
        for process, count in _restarts().items():
            restarts.add_metric([process], count)
        yield restarts
        waiting = GaugeMetricFamily("loyalty_waiting", "Rows that wait to be worked on", labels=["what"])
        oldest = GaugeMetricFamily("loyalty_waiting_oldest_seconds", "Age of the oldest of them", labels=["what"])
        offset = GaugeMetricFamily("loyalty_clock_offset_seconds", "Our clock minus the database's", labels=[])
        troubles = GaugeMetricFamily(
            "loyalty_troubles", "What needs somebody to look, given up: in a day", labels=["what"]
        )
        ticks_found: list[Metric] = []
        is_up = 1.0
        system = connections["system"]
        try:
            with system.cursor() as cursor:
                for rows in WAITING:
                    cursor.execute(rows.query)
                    count, since = cursor.fetchone()
                    waiting.add_metric([rows.name], count)
                    oldest.add_metric([rows.name], (now - since).total_seconds() if since else 0.0)
                for trouble in TROUBLES:
                    cursor.execute(trouble.query)
                    troubles.add_metric([trouble.name], float(cursor.fetchone()[0]))
            ticks_found = list(_of_ticks(now))
            offset.add_metric([], clocks.offset_seconds("system"))
        except (DatabaseError, InterfaceError):
            system.close()
            is_up = 0.0
        yield GaugeMetricFamily("loyalty_database_up", "1 while PostgreSQL answers", value=is_up)
        yield waiting
        yield oldest
        yield troubles
        yield from ticks_found
        yield offset


def _of_ticks(now: datetime) -> Iterator[Metric]:
    """What the clock does: which ticks fail, which are late, and whether mail and text messages leave."""
    failing = GaugeMetricFamily("loyalty_ticks_failing", "Ticks whose last run failed", labels=["tick"])
    age = GaugeMetricFamily("loyalty_tick_age_seconds", "Since the tick's last good run", labels=["tick"])
    late = GaugeMetricFamily("loyalty_ticks_late", "1 when a tick has missed three of its turns", labels=["tick"])
    sending = GaugeMetricFamily(
        "loyalty_sending_failing", "1 when the last message could not leave", labels=["channel"]
    )
    reports = {report.name: report for report in ticks.report()}
    counted: Counting[str] = Counting()
    for name, report in reports.items():
        counted[name.partition(":")[0]] += report.is_failing
    for channel in sending_health.CHANNELS:
        sending.add_metric([channel], float(counted.pop(f"send.{channel}", 0)))
    for name, count in sorted(counted.items()):
        failing.add_metric([name], float(count))
    for line in SCHEDULE:
        seconds = reports[line.task].age_seconds(now) if line.task in reports else None
        if seconds is not None:
            age.add_metric([line.task], seconds)
        late.add_metric([line.task], float(line.is_late(seconds)))
    yield from (failing, age, late, sending)


def _restarts() -> dict[str, int]:
    try:
        found: dict[str, int] = json.loads((settings.DATA_DIR / "restarts.json").read_text())
    except (OSError, ValueError):
        return {}  # Nothing had to be started again, or something else supervises.
    return found
