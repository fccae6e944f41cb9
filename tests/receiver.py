"""A webhook receiver on this machine, with every bad habit: slow, endless, redirecting, failing, gone."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    def verified(self, secret: str) -> Any:
        """Return the event after checking its signature as any receiver would, with the standard's own library."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """`/ok` takes everything; other paths behave as named.  `answers` may say per path what to answer instead."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    #: Kinds of event it has no use for, and says 400 to; as many connections as were made.
    refuses: set[str] = field(default_factory=set)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str = "/ok", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def at(self, path: str) -> list[Received]:
        with self.lock:
            return [each for each in self.received if each.path == path]

    def ids(self, path: str) -> list[str]:
        return [each.headers["webhook-id"] for each in self.at(path)]


@contextlib.contextmanager
def receiving(*, keeps: bool = False) -> Iterator[Receiver]:
    """Run a receiver for the length of the block; one that `keeps` leaves its connections open, five requests each."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if keeps else "HTTP/1.0"
        served = 0

        def setup(self) -> None:
            super().setup()
            with receiver.lock:
                receiver.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with receiver.lock:
                receiver.received.append(Received(self.path, headers, body, time.time()))
                planned = receiver.answers.get(self.path)
                code = (planned.pop(0) if len(planned) > 1 else planned[0]) if planned else 200
                if any(f'"type":"{kind}"'.encode() in body for kind in receiver.refuses):
                    code = 400
            with contextlib.suppress(OSError):
                self.answer(code)

        def answer(self, code: int) -> None:
            if self.path == "/slow":
                time.sleep(30)
            if self.path == "/drips":
                for sign in b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 3000:
                    self.wfile.write(bytes([sign]))
                    self.wfile.flush()
                    time.sleep(0.05)
                return
            if self.path == "/redirects":
                self.send_response(302)
                self.send_header("Location", receiver.url("/inside"))
                self.end_headers()
                return
            self.send_response(410 if self.path == "/gone" else code)
            if self.path == "/busy":
                self.send_header("Retry-After", "120")
            if keeps:
                self.send_header("Content-Length", "9")
                self.served += 1
                # Without a word about it, as many servers do: the next request finds the connection closed.
                self.close_connection = self.served == 5
            self.end_headers()
            while self.path == "/endless":
                self.wfile.write(b"more " * 2_000)
            self.wfile.write(b"thank you")

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # five, unless told: a burst of connections would be turned away

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
