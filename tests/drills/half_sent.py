"""Two hundred lines that never finish what they began, and a till that sells meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

LINES_OF_A_KIND: Final = 40
_numbers = itertools.count(1)


def _head(line: str, *headers: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def kinds(key: str) -> dict[str, bytes]:
    """Return what each kind of line sends before it falls silent."""
    bearer, is_json = f"Authorization: Bearer {key}", "Content-Type: application/json"
    cookie = f"Cookie: csrftoken={'a' * 32}"
    a_form = "Content-Type: application/x-www-form-urlencoded"
    return {
        "headers": b"POST /api/v1/purchases HTTP/1.1\r\nHost: localhost\r\nAuthoriz",
        "form": _head("POST /m/drill/sign-in", cookie, a_form, "Content-Length: 60000") + b"contact=",
        "json": _head("POST /api/v1/purchases", bearer, is_json, "Content-Length: 200") + b'{"external_id": "till',
        "chunked": _head("POST /api/v1/purchases", bearer, is_json, "Transfer-Encoding: chunked") + b'5\r\n{"ext\r\n',
        # Asks for something large and never reads it.
        "slow reader": _head("GET /api/schema"),
    }


@contextlib.contextmanager
def half_sent(port: int, key: str) -> Iterator[dict[str, list[socket.socket]]]:
    """Hold so many lines of every kind open for the length of the block."""
    lines: dict[str, list[socket.socket]] = {}
    with contextlib.ExitStack() as opened:
        for kind, sent in kinds(key).items():
            for _line in range(LINES_OF_A_KIND):
                line = opened.enter_context(socket.socket())
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                line.connect(("127.0.0.1", port))
                line.sendall(sent)
                lines.setdefault(kind, []).append(line)
        yield lines


def first_line(line: socket.socket, seconds: float) -> str:
    """Return the first line of what a half-sent request was answered, or nothing."""
    line.settimeout(seconds)
    with contextlib.suppress(OSError):
        return line.recv(4096).partition(b"\r\n")[0].decode()
    return ""


@dataclass
class Sales:
    """What a till heard, and how long it waited."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def p99(self) -> float:
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(len(self.seconds) * 0.99))]

    def median(self) -> float:
        return sorted(self.seconds)[len(self.seconds) // 2]


def sell(port: int, key: str, members: list[str], *, seconds: float) -> Sales:
    """Sell one purchase after another, each over a line of its own, as a till does that has just found its network."""
    sales = Sales()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        status, _answer = call(port, key, "POST", "/api/v1/purchases", sale(members[next(_numbers) % len(members)]))
        sales.statuses[status] += 1
        sales.seconds.append(time.monotonic() - begun)
    return sales


def sale(member: str) -> dict[str, Any]:
    return {
        "external_id": f"half-sent-{next(_numbers)}-{time.time_ns()}",
        "member": {"external_id": member},
        "occurred_at": datetime.now(UTC).isoformat(),
        "currency": "KRW",
        "total_minor": 4_800,
    }


def call(
    port: int, key: str, method: str, path: str, body: Any = None, *, timeout: float = 30
) -> tuple[int, dict[str, Any]]:
    """Make one call of the API over a line of its own; 0 when nothing came back."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        headers = {"Host": "localhost", "Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {key}"} if key else {}
        line.request(method, path, None if body is None else json.dumps(body), headers)
        answer = line.getresponse()
        raw = answer.read()
        return answer.status, json.loads(raw) if raw.startswith(b"{") else {}
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        line.close()
