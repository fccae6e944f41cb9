"""Prometheus metrics: requests by route, and the age of what waits. Numbers of the installation, never of a member.

Several web processes count in files under `PROMETHEUS_MULTIPROC_DIR`, and whichever answers adds them up.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    Metric,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from loyalty.operations import heartbeat

_REQUESTS = Counter("loyalty_requests_total", "Answered requests", ["method", "route", "outcome"])
_SECONDS = Histogram(
    "loyalty_request_seconds",
    "Time to answer",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Headers a proxy adds: behind one, everybody comes from the loopback address.
_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_VIA")

#: What waits, by table and its condition; `app_system` may read nothing but due work.
_WAITING = {
    "outbox_events": "SELECT count(*), min(recorded_at) FROM merchants_outboxevent WHERE relayed_at IS NULL",
    "webhook_deliveries": "SELECT count(*), min(due_at) FROM merchants_webhookdelivery "
    "WHERE state = 'due' AND due_at <= now()",
    "lots_to_expire": "SELECT count(*), min(expires_at) FROM rewards_lot "
    "WHERE remaining > 0 AND held < remaining AND expires_at <= now()",
}


def observe(*, method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request under its route, which is a pattern and never a path."""
    _REQUESTS.labels(method if method in _METHODS else "other", route, f"{status // 100}xx").inc()
    _SECONDS.labels(route).observe(seconds)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus: with METRICS_TOKEN to its bearer alone, without one to this machine alone."""
    if not _may_read(request):
        raise Http404
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    own = CollectorRegistry()
    own.register(_Installation())
    return HttpResponse(generate_latest(registry) + generate_latest(own), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
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
        waiting = GaugeMetricFamily("loyalty_waiting", "Rows that wait to be worked on", labels=["what"])
        oldest = GaugeMetricFamily("loyalty_waiting_oldest_seconds", "Age of the oldest of them", labels=["what"])
        is_up = 1.0
        system = connections["system"]
        try:
            with system.cursor() as cursor:
                for what, query in _WAITING.items():
                    cursor.execute(query)
                    count, since = cursor.fetchone()
                    waiting.add_metric([what], count)
                    oldest.add_metric([what], (now - since).total_seconds() if since else 0.0)
        except (DatabaseError, InterfaceError):
            system.close()
            is_up = 0.0
        yield GaugeMetricFamily("loyalty_database_up", "1 while PostgreSQL answers", value=is_up)
        yield waiting
        yield oldest
