"""One HTTP request to one receiver, outside of every transaction, bounded in time and in size.

urllib3's connection is used below its pools: there nothing follows redirects, reads proxies from the environment
or tries again behind our back.  Connections are kept for the next request to the same endpoint, for half a minute: each
goes to an address that was checked when it was opened.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import msgspec
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from merchants.errors import LoyaltyError
from merchants.webhooks import addresses

SECONDS_MAX: Final = 10.0
ANSWER_BYTES_MAX: Final = 64 * 1024
#: What of an answer is kept for the log.
ANSWER_KEPT: Final = 1_000
#: A name that points elsewhere by now is noticed after so long.
CONNECTION_SECONDS_MAX: Final = 30.0
#: The 4xx that speak of the receiver's state, not of the event it was given.
_NOT_OF_THE_EVENT: Final = frozenset({408, 410, 425, 429})


@dataclass(frozen=True, slots=True)
class ReceiverAnswer:
    """What came back.  `code` is the HTTP status, or None when there was none; then `text` says why, in English.

    `was_slow` tells that our patience ended, rather than that the receiver said no.
    """

    code: int | None
    text: str
    duration_ms: int
    was_slow: bool = False
    retry_after_seconds: int | None = None

    @property
    def is_accepted(self) -> bool:
        return self.code is not None and 200 <= self.code < 300

    @property
    def is_refusal_of_the_event(self) -> bool:
        """Whether the receiver is well and does not want this one event, now or ever."""
        return self.code is not None and 400 <= self.code < 500 and self.code not in _NOT_OF_THE_EVENT

    @property
    def is_trouble_of_the_endpoint(self) -> bool:
        """Whether the next event would fare no better: no connection, 5xx, 408, 410, 425, 429, a redirect."""
        return not self.is_accepted and not self.is_refusal_of_the_event


def body(*, event_id: str, kind: str, occurred_at: datetime, data: object) -> bytes:
    """Put an event into the frame that Standard Webhooks gives it."""
    return msgspec.json.encode({"id": event_id, "type": kind, "timestamp": occurred_at, "data": data})


def post(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    resolver: addresses.Resolver = addresses.resolve,
    seconds_max: float = SECONDS_MAX,
    kept: KeptConnections | None = None,
) -> ReceiverAnswer:
    """Send one POST and return the answer; it never raises for what the other side does.

    The address is checked again when a connection is opened, and the connection goes to an address that was checked.
    A redirect is an answer like any other (and not a good one).  After `seconds_max` the line is cut, whatever the
    receiver does.  With `kept`, which belongs to this `url`, an open connection is used where there is one.
    """
    started = time.monotonic()
    try:
        return _exchange(url, body, headers, resolver, started, seconds_max, kept)
    except LoyaltyError as refusal:
        return ReceiverAnswer(None, refusal.detail, _ms(started))
    except TimeoutError:
        return ReceiverAnswer(None, "no answer in time", _ms(started), was_slow=True)
    except (OSError, HTTPError, http.client.HTTPException, ValueError) as error:
        late = time.monotonic() - started >= seconds_max
        reason = "no answer in time" if late else _reason(error)
        return ReceiverAnswer(None, reason, _ms(started), was_slow=late)


class KeptConnections:
    """Connections to one endpoint that wait for their next request; several threads may share it.

    Never shared between endpoints: what one receiver does to a connection is not another's trouble.
    """

    def __init__(self) -> None:
        self._idle: deque[_Line] = deque()

    def take(self) -> _Line | None:
        """Return a connection that is still open and young, the last one used, or None."""
        while self._idle:
            try:
                line = self._idle.pop()
            except IndexError:
                break
            if line.is_usable():
                return line
            line.close()
        return None

    def keep(self, line: _Line) -> None:
        self._idle.append(line)

    def close(self) -> None:
        """Close what waits; what is in use is closed by its user."""
        while self._idle:
            with contextlib.suppress(IndexError):
                self._idle.pop().close()


def _exchange(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    resolver: addresses.Resolver,
    started: float,
    seconds_max: float,
    kept: KeptConnections | None,
) -> ReceiverAnswer:
    deadline = started + seconds_max
    line = kept.take() if kept is not None else None
    if line is not None:
        try:
            return _ask(line, body, headers, started, deadline, kept)
        except ConnectionError:
            # The receiver closed it while it waited; that says nothing about the receiver.
            if time.monotonic() >= deadline:
                raise
    line = _Line(addresses.check(url, resolver=resolver), deadline)
    return _ask(line, body, headers, started, deadline, kept)


def _ask(
    line: _Line, body: bytes, headers: Mapping[str, str], started: float, deadline: float, kept: KeptConnections | None
) -> ReceiverAnswer:
    is_reusable = False
    try:
        with _deadlines.cutting(line.duplicate, deadline):
            response = line.request(
                body,
                {
                    "Content-Type": "application/json",
                    "User-Agent": "loyalty-webhooks/1",
                    "Accept": "*/*",
                    "Accept-Encoding": "identity",
                    **({} if kept is not None else {"Connection": "close"}),
                    **headers,
                },
                deadline,
            )
            text, is_whole = _first_of(response)
        if time.monotonic() >= deadline:
            raise TimeoutError
        is_reusable = kept is not None and is_whole and line.connection.sock is not None
        return ReceiverAnswer(
            response.status, text, _ms(started), retry_after_seconds=_retry_after(response.headers.get("Retry-After"))
        )
    finally:
        if is_reusable and kept is not None:
            kept.keep(line)
        else:
            line.close()


class _Line:
    """One connection to an address that was checked."""

    def __init__(self, target: addresses.Target, deadline: float) -> None:
        self._opened = time.monotonic()
        self._path = target.path
        self._sock = _dial(target, deadline)
        # TLS takes the original's descriptor away; shutting the duplicate down ends both.
        self.duplicate = self._sock.dup()
        self.connection = _connection(target, self._sock)

    def request(self, body: bytes, headers: Mapping[str, str], deadline: float) -> Any:
        remaining = max(0.1, deadline - time.monotonic())
        self.connection.timeout = remaining
        if self.connection.sock is not None:
            self.connection.sock.settimeout(remaining)
        self.connection.request(
            "POST", self._path, body=body, headers=headers, preload_content=False, decode_content=False
        )
        return self.connection.getresponse()

    def is_usable(self) -> bool:
        return time.monotonic() - self._opened < CONNECTION_SECONDS_MAX and self.connection.is_connected

    def close(self) -> None:
        self.connection.close()
        self._sock.close()
        self.duplicate.close()


def _dial(target: addresses.Target, deadline: float) -> socket.socket:
    """Connect to the first checked address that answers."""
    failure: OSError = TimeoutError()
    for address in target.addresses[:4]:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            break
        try:
            sock = socket.create_connection((address, target.port), timeout=remaining)
        except OSError as error:
            failure = error
            continue
        # Head and body leave in two pieces: without this the second waits for the receiver's word on the first.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    raise failure


class _Deadlines:
    """Shuts lines down at their deadline: time-outs of a socket start anew with each byte a slow receiver drips.

    One thread for all lines of the process.
    """

    _LOOKS_EVERY: Final = 0.05

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lines: dict[socket.socket, float] = {}
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def cutting(self, line: socket.socket, deadline: float) -> Iterator[None]:
        with self._changed:
            self._lines[line] = deadline
            if self._thread is None or not self._thread.is_alive():  # the first line, or the first after a fork
                self._thread = threading.Thread(target=self._look, name="webhook-watch", daemon=True)
                self._thread.start()
            elif len(self._lines) == 1:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._lines.pop(line, None)

    def _look(self) -> None:
        while True:
            with self._changed:
                while not self._lines:
                    self._changed.wait()
                now = time.monotonic()
                for line in [each for each, deadline in self._lines.items() if deadline <= now]:
                    del self._lines[line]
                    with contextlib.suppress(OSError):
                        line.shutdown(socket.SHUT_RDWR)
            time.sleep(self._LOOKS_EVERY)


_deadlines = _Deadlines()


class _PinnedHTTP(HTTPConnection):
    """Speaks over a line that is already there; `host` remains the name, for the Host header."""

    line: socket.socket

    def _new_conn(self) -> socket.socket:
        return self.line


class _PinnedHTTPS(HTTPSConnection):
    """The same over TLS: the name goes into SNI and is what the certificate must prove."""

    line: socket.socket

    def _new_conn(self) -> socket.socket:
        return self.line


def _connection(target: addresses.Target, line: socket.socket) -> HTTPConnection:
    connection: Any
    if target.scheme == "https":
        connection = _PinnedHTTPS(target.host, target.port, ssl_context=_tls())
    else:
        connection = _PinnedHTTP(target.host, target.port)
    connection.line = line
    return connection  # type: ignore[no-any-return]


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _first_of(response: Any) -> tuple[str, bool]:
    """Read at most 64 kB, so that a receiver that never ends cannot fill our memory; keep the beginning.

    Returns the text, and whether there was no more.
    """
    read, is_whole = b"", False
    while len(read) < ANSWER_BYTES_MAX and not is_whole:
        piece = response.read1(ANSWER_BYTES_MAX - len(read))
        is_whole = not piece
        read += piece
    text = read[: ANSWER_KEPT * 4].decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)[:ANSWER_KEPT], is_whole


def _retry_after(value: str | None) -> int | None:
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 9 else None


def _reason(error: Exception) -> str:
    """Say what went wrong without echoing what the other side sent."""
    for kind, sentence in (
        (ssl.SSLCertVerificationError, "the certificate is not valid for this address"),
        (ssl.SSLError, "TLS could not be agreed"),
        (ConnectionRefusedError, "the connection was refused"),
    ):
        if isinstance(error, kind) or isinstance(error.__cause__, kind):
            return sentence
    return f"the connection failed ({type(error).__name__})"


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
