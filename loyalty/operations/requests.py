"""Every request: an id, one line in the log, one count in the metrics."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bound_contextvars

from loyalty import VERSION
from loyalty.operations import logs, metrics

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = structlog.stdlib.get_logger(logs.REQUESTS)


class RequestLogMiddleware:
    """Give every request an id, answer with it, and log one line when it is done.

    A caller's `X-Request-Id` is kept if it is short and plain, so a till's log and ours can be laid side by side.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        started = time.perf_counter()
        with bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            response["X-Request-Id"] = request_id
            # Who has no key may be looking for a release with a known hole.
            if getattr(request, "key_prefix", ""):
                response["Loyalty-Version"] = VERSION
            seconds = time.perf_counter() - started
            _write(request, response, seconds)
        return response


def _write(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    match = request.resolver_match
    merchant = getattr(request, "merchant", None)
    route = match.route if match else "none"
    metrics.observe(method=request.method or "", route=route, status=response.status_code, seconds=seconds)
    _log.info(
        "request",
        method=request.method,
        route=route,
        status=response.status_code,
        duration_ms=round(seconds * 1000, 1),
        **({"merchant": merchant.pk} if merchant is not None else {}),
        **({"key": prefix} if (prefix := getattr(request, "key_prefix", "")) else {}),
    )
