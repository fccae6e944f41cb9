"""One web process: bodies are read on the event loop, whole requests are answered by threads."""

from __future__ import annotations

import asyncio
import resource
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import structlog

from loyalty.operations import logs
from loyalty.server import bodies, calls, refusals, routes
from loyalty.server.routes import API, HEALTH, PoolName, Route
from loyalty.server.threads import Pool

_log = structlog.stdlib.get_logger(logs.REQUESTS)

#: A line of a slow reader that takes nothing for so long is given up.
_SEND_SECONDS_MAX: Final = 60.0
_KEYS_MAX: Final = 10_000
_OPEN_FILES: Final = 8192


class Server:
    """One web process: reads requests on the event loop and has a thread answer those that are whole."""

    def __init__(self, application: Callable[..., Any], pools: dict[PoolName, Pool], reader: bodies.Reader) -> None:
        self._application = application
        self._pools = pools
        self._reader = reader
        #: Whose a key is, as its first call told; until then it shares the turns of all unknown keys.
        self._merchants: OrderedDict[str, str] = OrderedDict()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(_OPEN_FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        self._reader.start(loop)
        for pool in self._pools.values():
            pool.start(loop)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        path, method = scope.path, scope.method
        if path == HEALTH and method in {"GET", "HEAD"}:
            protocol.response_bytes(200, [("content-type", "text/plain"), ("cache-control", "no-store")], b"ok\n")
            return
        items = scope.headers.items()
        headers = dict(items)
        route = routes.route(path, headers)
        try:
            body, length = await self._body(route, protocol, headers)
            environ = calls.environ(scope, items, body, length)
            environ["loyalty.body_bytes_max"] = route.bytes_max
            answer = await self._pools[route.pool].run(
                self._caller(route, path, headers), partial(calls.call, self._application, environ)
            )
        except Exception as error:
            self._refuse(error, path, method, headers, protocol)
            return
        self._remember(environ, headers)
        if answer.rest is None:
            protocol.response_bytes(answer.status, answer.headers, answer.body)
        else:
            await self._stream(answer, self._pools[route.pool], protocol)

    async def _body(self, route: Route, protocol: Any, headers: dict[str, str]) -> tuple[bytes, str]:
        """Return the body and its length as the application is to see it; a body it will refuse is not read."""
        length = headers.get("content-length")
        is_chunked = length is None and "transfer-encoding" in headers
        if route.bytes_max is None or (length is None and not is_chunked) or length == "0":
            return b"", "0" if is_chunked else length or ""
        if is_chunked and not route.may_be_chunked:
            raise NeedsLength
        announced = int(length) if length is not None else None
        try:
            body = await self._reader.read(protocol, announced=announced, bytes_max=route.bytes_max)
        except bodies.BodyOverLimit:
            return b"", str(announced or route.bytes_max + 1)
        return body, str(len(body))

    def _caller(self, route: Route, path: str, headers: dict[str, str]) -> str:
        if path.startswith(API):
            return self._merchants.get(headers.get("authorization", ""), "")
        return routes.merchant_of_page(path)

    def _remember(self, environ: calls.Environ, headers: dict[str, str]) -> None:
        merchant = environ.get("loyalty.merchant")
        key = headers.get("authorization", "")
        if merchant is not None and key and key not in self._merchants:
            self._merchants[key] = str(merchant)
            if len(self._merchants) > _KEYS_MAX:
                self._merchants.popitem(last=False)

    def _refuse(self, error: Exception, path: str, method: str, headers: dict[str, str], protocol: Any) -> None:
        refusal = refusals.NEEDS_LENGTH if isinstance(error, NeedsLength) else refusals.of(error, path)
        if refusal is refusals.FAILED:
            _log.error("unhandled", exc_info=error)
        written, body = refusals.answer(refusal, path=path, method=method, headers=headers)
        _log.info("refused", method=method, code=refusal.code, status=refusal.status)
        protocol.response_bytes(refusal.status, written, body)

    async def _stream(self, answer: calls.HttpAnswer, pool: Pool, protocol: Any) -> None:
        """Send a long answer piece by piece; between two pieces it holds no thread, however slowly it is read."""
        transport = protocol.response_stream(answer.status, answer.headers)
        piece = answer.body
        try:
            while piece:
                async with asyncio.timeout(_SEND_SECONDS_MAX):
                    await transport.send_bytes(piece)
                piece = await pool.run("", answer.more)
        except Exception as error:
            _log.warning("stopped sending", error=type(error).__name__)
            raise
        finally:
            await pool.run("", answer.end)


class NeedsLength(bodies.BodyError):
    """A form sent in chunks: no browser does so."""
