"""One call of a WSGI application with a request that is wholly read, and its answer."""

from __future__ import annotations

import contextvars
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

Environ = dict[str, Any]
Headers = list[tuple[str, str]]

#: An answer up to this size is sent at once; what is larger and not yet made is made piece by piece.
WHOLE_BYTES_MAX: Final = 256 * 1024
#: A worker of this process answers several calls at once, and others run beside it.
_CONSTANT: Final[Environ] = {
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
    "wsgi.errors": sys.stderr,
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": "granian",
}


def environ(scope: Any, headers: Headers, body: bytes, content_length: str) -> Environ:
    """Write the request as PEP 3333 has it.

    A header whose name has an underscore is left out: it would be read as the one with hyphens, which a proxy sets.
    """
    host, _colon, port = scope.server.rpartition(":")
    made: Environ = {
        **_CONSTANT,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": address_of(scope.client),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in headers:
        if "_" in name:
            continue
        key = f"HTTP_{name.upper().replace('-', '_')}"
        if key in made:
            value = f"{made[key]}{'; ' if name == 'cookie' else ','}{value}"
        made[key] = value
    made.pop("HTTP_TRANSFER_ENCODING", None)
    made.pop("HTTP_CONTENT_LENGTH", None)
    if content_length:
        made["CONTENT_LENGTH"] = content_length
    if (kind := made.pop("HTTP_CONTENT_TYPE", None)) is not None:
        made["CONTENT_TYPE"] = kind
    return made


def address_of(client: str) -> str:
    """Return the address of `address:port`; a version 6 address stands in brackets, or bare."""
    return client.rpartition(":")[0].strip("[]")


@dataclass(slots=True)
class HttpAnswer:
    """What the application answered. While `rest` is not None there is more; `close` must be called in the end."""

    status: int
    headers: Headers
    body: bytes
    rest: Iterator[bytes] | None
    close: Callable[[], None]
    #: Languages and zones that were set while the first part was made.
    context: contextvars.Context | None = None

    def more(self) -> bytes:
        """Make the next piece, on a thread; nothing at the end."""
        assert self.context is not None
        return self.context.run(_pieces, self.rest)

    def end(self) -> None:
        """Let go of an answer that was not sent whole, or of which everything was."""
        if self.context is not None:
            self.context.run(self.close)


def call(application: Callable[..., Any], environ: Environ) -> HttpAnswer:
    """Call the application and collect its answer as far as it is small."""
    started: list[Any] = []

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], None]:
        started[:] = [int(status[:3]), headers]
        return _no_write

    answer = application(environ, start_response)
    close = getattr(answer, "close", _nothing)
    pieces = iter(answer)
    try:
        body = next(pieces, b"")
        following = next(pieces, None)
        if following is not None:
            body += following + _pieces(pieces)
        rest = pieces if len(body) > WHOLE_BYTES_MAX and following is not None else None
    except BaseException:
        close()
        raise
    status, headers = started
    if rest is None:
        close()
        return HttpAnswer(status, headers, body, None, _nothing)
    return HttpAnswer(status, headers, body, rest, close, contextvars.copy_context())


def _pieces(rest: Iterator[bytes] | None) -> bytes:
    """Collect pieces until they are large enough to be sent; nothing when there are none."""
    found: list[bytes] = []
    size = 0
    while rest is not None and size <= WHOLE_BYTES_MAX:
        piece = next(rest, None)
        if piece is None:
            break
        found.append(piece)
        size += len(piece)
    return b"".join(found)


def _no_write(data: bytes) -> None:
    raise NotImplementedError("Django never writes but by the answer it returns.")


def _nothing() -> None:
    return None
