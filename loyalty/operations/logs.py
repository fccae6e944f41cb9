"""One line of JSON per event, with the request's id and without personal data.

Routes are logged, never paths or queries; exceptions as type, place and a message with addresses, numbers and
keys struck out; database errors without the values PostgreSQL repeats in DETAIL.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

_SECRETS = (
    (re.compile(r"[^\s@'\"<>(),;=]+@[^\s@'\"<>(),;]+"), "<address>"),
    (re.compile(r"\blk_(live|test)_\w+"), r"<lk_\1 key>"),
    (re.compile(r"\bwhsec_[\w+/=]+"), "<webhook secret>"),
    (re.compile(r"(?<![\w-])\+?\d[\d\s().-]{6,}\d(?![\w-])"), "<number>"),
    (re.compile(r"^(DETAIL|CONTEXT|QUERY|LINE \d+):.*(\n(?!\S+:).*)*", re.MULTILINE), ""),
)

#: SQLSTATE class 22, whose messages quote the value itself: invalid input syntax for type integer: "Mina Park".
_DATA_EXCEPTION = "22"
_QUOTED = re.compile(r'".*"', re.DOTALL)

#: What our own lines carry as `extra`; what libraries attach may hold paths, arguments and whole requests.
_EXTRA = ("kind_of_error", "channel", "why")

#: The request log: every word of it is ours.
REQUESTS = "loyalty.request"


def without_personal_data(text: str) -> str:
    """Return the text with e-mail addresses, long numbers, keys and PostgreSQL's quoted values struck out."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text.strip()


def logging_config(*, level: str, as_json: bool) -> dict[str, Any]:
    """Return Django's LOGGING: everything to standard output, JSON in production, plain lines for a person.

    Brings structlog, which our own modules log with, into the standard library's logging as well.
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
    renderers: list[Any] = [structlog.processors.JSONRenderer(serializer=_json)]
    if not as_json:
        renderers = [_exception_in_lines, structlog.dev.ConsoleRenderer(colors=False)]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
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


def _json(event: Any, **options: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        # What the standard library's loggers were given as `extra`: without it a warning comes without its reason.
        structlog.stdlib.ExtraAdder(allow=_EXTRA),
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
    if (getattr(diagnostics, "sqlstate", None) or "").startswith(_DATA_EXCEPTION):
        message = _QUOTED.sub("<value>", message)
    event["exception"] = {
        "type": type(error).__name__,
        "message": without_personal_data(message),
        "frames": [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)][-15:],
    }
    return event


def _exception_in_lines(
    logger: logging.Logger, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if isinstance(found := event.get("exception"), dict):
        event["exception"] = "\n".join([f"{found['type']}: {found['message']}", *found["frames"]])
    return event


def _redact(logger: logging.Logger, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if event.get("logger") == REQUESTS:
        return event  # every word of it is ours, and it is written on each request
    if event.get("logger") in {"django.request", "django.security.csrf"} and "_record" in event:
        # "Not Found: /join/+82…": the path may name a person, our own line names the route.
        event["event"] = str(event["event"]).split(":", 1)[0]
    for key, value in event.items():
        if isinstance(value, str) and key not in {"timestamp", "request_id", "logger", "level", "task_id"}:
            event[key] = without_personal_data(value)
    return event
