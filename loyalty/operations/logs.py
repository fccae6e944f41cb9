"""One line of JSON per event, with the request's id and without personal data.

Routes are logged, never paths or queries; exceptions as type, place and a message with addresses, numbers and
keys struck out; database errors without the values PostgreSQL repeats in DETAIL.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
import uuid
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bound_contextvars

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECRETS = (
    (re.compile(r"[^\s@'\"<>(),;=]+@[^\s@'\"<>(),;]+"), "<address>"),
    (re.compile(r"\blk_(live|test)_\w+"), r"<lk_\1 key>"),
    (re.compile(r"\bwhsec_[\w+/=]+"), "<webhook secret>"),
    (re.compile(r"(?<![\w-])\+?\d[\d\s().-]{6,}\d(?![\w-])"), "<number>"),
    (re.compile(r"^(DETAIL|CONTEXT|QUERY|LINE \d+):.*(\n(?!\S+:).*)*", re.MULTILINE), ""),
)

_OURS = "loyalty.request"
_log = structlog.stdlib.get_logger(_OURS)


def without_personal_data(text: str) -> str:
    """Return the text with e-mail addresses, long numbers, keys and PostgreSQL's quoted values struck out."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text.strip()


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
            seconds = time.perf_counter() - started
            _write(request, response, seconds)
        return response


def _write(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    match = request.resolver_match
    merchant = getattr(request, "merchant", None)
    _log.info(
        "request",
        method=request.method,
        route=match.route if match else None,
        status=response.status_code,
        duration_ms=round(seconds * 1000, 1),
        **({"merchant": merchant.pk} if merchant is not None else {}),
    )


def logging_config(*, level: str, as_json: bool) -> dict[str, Any]:
    """Return Django's LOGGING: everything to standard output, JSON in production, plain lines for a person.

    Brings structlog, which our own rooms log with, into the standard library's logging as well.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if not as_json:
        renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                "foreign_pre_chain": _shared(),
            },
        },
        "handlers": {"output": {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stdout"}},
        "root": {"handlers": ["output"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            # Its own line for each refused request would repeat ours, with the path in it.
            "django.request": {"level": "ERROR"},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception,
        _redact,
    ]


def _exception(logger: logging.Logger, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write an exception as its type, its message without personal data, and where it came through."""
    raised = event.pop("exc_info", None)
    record = event.get("_record")
    if not raised and record is not None and record.exc_info:
        raised = record.exc_info
    error = raised[1] if isinstance(raised, tuple) else raised if isinstance(raised, BaseException) else None
    if raised is True:
        error = sys.exc_info()[1]
    if error is None:
        return event
    diagnostics = getattr(error.__cause__ or error, "diag", None)
    # psycopg2's own text repeats the offending values; its primary message does not.
    message = getattr(diagnostics, "message_primary", None) or str(error)
    event["exception"] = {
        "type": type(error).__name__,
        "message": without_personal_data(message),
        "frames": [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)][-15:],
    }
    return event


def _redact(logger: logging.Logger, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if event.get("logger") == _OURS:
        return event  # every word of it is ours, and it is written on each request
    if event.get("logger") in {"django.request", "django.security.csrf"} and "_record" in event:
        # "Not Found: /join/+82…": the path may name a person, our own line names the route.
        event["event"] = str(event["event"]).split(":", 1)[0]
    for key, value in event.items():
        if isinstance(value, str) and key not in {"timestamp", "request_id", "logger", "level", "task_id"}:
            event[key] = without_personal_data(value)
    return event
