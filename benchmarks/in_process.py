"""What one sale costs inside a web process, counted on one connection: round trips, statements, prepared texts, CPU.

The call is the one the server makes (loyalty.server.calls); only granian and the sockets are left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

from django.core.servers.basehttp import get_internal_wsgi_application
from django.db import connection

from loyalty.server import calls
from merchants.database.connections import Cursor

WARM_UP = 20


@dataclass
class Spent:
    """By sale: what it asked of PostgreSQL, and milliseconds of this process's CPU; and texts the connection remembers."""

    round_trips: float
    statements: float
    cpu_ms: float
    prepared_texts: int


def spent(next_request: Callable[[], bytes], *, sales: int) -> Spent:
    """Make so many calls, one after another, after a few that are not counted."""
    application = get_internal_wsgi_application()
    answer = partial(_answer, application)
    for _call in range(WARM_UP):
        answer(next_request())
    requests = [next_request() for _call in range(sales)]
    sent: list[int] = []
    execute = Cursor.execute

    def counted(self: Cursor, query: Any, values: Any = None) -> None:
        sent.append(1 + self.connection.opening().count("; "))
        execute(self, query, values)

    begun = time.process_time()
    for request in requests:
        answer(request)
    taken = time.process_time() - begun
    Cursor.execute = counted  # type: ignore[method-assign]
    try:
        for _call in range(sales):
            answer(next_request())
    finally:
        Cursor.execute = execute  # type: ignore[method-assign]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        texts = int(cursor.fetchone()[0])
    return Spent(len(sent) / sales, sum(sent) / sales, taken / sales * 1000, texts)


def _answer(application: Callable[..., Any], request: bytes) -> None:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _version = first.split(" ")
    headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
    scope = SimpleNamespace(
        server="127.0.0.1:80", client="127.0.0.1:1", method=method, path=path, query_string="", http_version="1.1",
        scheme="http",
    )  # fmt: skip
    answer = calls.call(application, calls.environ(scope, headers, body, str(len(body))))
    if answer.status not in (200, 201):
        raise SystemExit(f"{answer.status}: {answer.body[:400].decode()}")
