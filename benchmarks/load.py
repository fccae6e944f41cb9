"""A load of HTTP requests from one process: a fixed number of connections, each sending its next request at once."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Load:
    """What came of a load: seconds each answer took, how long it all took, and what was not a success."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: list[bytes] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def p99_ms(self) -> float:
        return percentile(self.latencies, 0.99) * 1000


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that so large a part of all is not above; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


def free_port() -> int:
    """Return a port of our own: the web server shares one with whoever else asks for the same, and says nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def request(method: str, path: str, *, port: int, secret: str, body: bytes = b"") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {secret}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run(port: int, next_request: Callable[[], bytes], *, clients: int, seconds: float, requests_max: int = 0) -> Load:
    """Send requests over `clients` connections for so long (or so many) and measure each answer."""
    selector = selectors.DefaultSelector()
    load = Load()
    begun = time.perf_counter()
    sent = 0
    for _client in range(clients):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(next_request())
        sent += 1
        selector.register(connection, selectors.EVENT_READ, [time.perf_counter(), b""])
    while selector.get_map():
        for key, _events in selector.select(timeout=10):
            connection, state = key.fileobj, key.data
            state[1] += connection.recv(1 << 20)
            if not _is_whole(state[1]):
                continue
            now = time.perf_counter()
            load.latencies.append(now - state[0])
            if not state[1].startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
                load.failures.append(state[1][:400])
            load.seconds = now - begun
            if now - begun >= seconds or (requests_max and sent >= requests_max):
                selector.unregister(connection)
                connection.close()
                continue
            sent += 1
            state[0], state[1] = time.perf_counter(), b""
            connection.sendall(next_request())
    return load


def _is_whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _colon, value = line.partition(b":")
        if name.lower() == b"content-length":
            return len(body) >= int(value)
        if name.lower() == b"transfer-encoding":
            return body.endswith(b"0\r\n\r\n")
    return True
