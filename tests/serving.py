"""The application behind a real port, for those who speak HTTP themselves: browsers, and the contract's examiner."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connections
from django.test.testcases import QuietWSGIRequestHandler

T = TypeVar("T")


class _Server(ThreadedWSGIServer):
    """Ends database connections with their thread, and browsers' kept-open connections with itself."""

    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._open: set[socket.socket] = set()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)
            connections.close_all()

    def server_close(self) -> None:
        super().server_close()
        for request in list(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(application: Any, port: int = 0) -> Iterator[str]:
    """Serve a WSGI application on a free (or the given) port until the block ends."""
    server = _Server(("127.0.0.1", port), QuietWSGIRequestHandler)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="tests-server", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def on_a_loop_of_its_own(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread: a browser's driver may keep an event loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
