"""One HTTP request to one receiver, outside of every transaction, bounded in time and in size.

urllib3's connection is used below its pools: there nothing follows redirects, reads proxies from the environment
or tries again behind our back.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
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


@dataclass(frozen=True, slots=True)
class Answer:
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


def body(*, event_id: str, kind: str, occurred_at: datetime, data: object) -> bytes:
    """This function will put an event into the frame that Standard Webhooks gives it."""
    return msgspec.json.encode({"id": event_id, "type": kind, "timestamp": occurred_at, "data": data})


def post(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    resolver: addresses.Resolver = addresses.resolve,
    seconds_max: float = SECONDS_MAX,
) -> Answer:
    """This function will send one POST and return the answer; it never raises for what the other side does.

    The address is checked again now, and the connection goes to an address that was checked.  A redirect is an
    answer like any other (and not a good one).  After `seconds_max` the line is cut, whatever the receiver does.
    """
    started = time.monotonic()
    try:
        target = addresses.check(url, resolver=resolver)
        return _exchange(target, body, headers, started, seconds_max)
    except LoyaltyError as refusal:
        return Answer(None, refusal.detail, _ms(started))
    except TimeoutError:
        return Answer(None, "no answer in time", _ms(started), was_slow=True)
    except (OSError, HTTPError, http.client.HTTPException, ValueError) as error:
        late = time.monotonic() - started >= seconds_max
        reason = "no answer in time" if late else _reason(error)
        return Answer(None, reason, _ms(started), was_slow=late)


def _exchange(
    target: addresses.Target, body: bytes, headers: Mapping[str, str], started: float, seconds_max: float
) -> Answer:
    deadline = started + seconds_max
    line = _dial(target, deadline)
    with _cut_at(line, deadline):
        connection = _connection(target, line, max(0.1, deadline - time.monotonic()))
        try:
            connection.request(
                "POST",
                target.path,
                body=body,
                headers={
                    "Content-Type": "application/json",
                    "User-Agent": "loyalty-webhooks/1",
                    "Accept": "*/*",
                    "Accept-Encoding": "identity",
                    "Connection": "close",
                    **headers,
                },
                preload_content=False,
                decode_content=False,
            )
            response = connection.getresponse()
            text = _first_of(response)
            if time.monotonic() >= deadline:
                raise TimeoutError
            return Answer(
                response.status,
                text,
                _ms(started),
                retry_after_seconds=_retry_after(response.headers.get("Retry-After")),
            )
        finally:
            connection.close()


def _dial(target: addresses.Target, deadline: float) -> socket.socket:
    """Connect to the first checked address that answers."""
    failure: OSError = TimeoutError()
    for address in target.addresses[:4]:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            break
        try:
            return socket.create_connection((address, target.port), timeout=remaining)
        except OSError as error:
            failure = error
    raise failure


@contextlib.contextmanager
def _cut_at(line: socket.socket, deadline: float) -> Iterator[None]:
    """Shut the line down at the deadline: time-outs of a socket start anew with each byte a slow receiver drips."""
    twin = line.dup()  # TLS takes the original's descriptor away; shutting the twin down ends both

    def cut() -> None:
        with contextlib.suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        twin.close()


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


def _connection(target: addresses.Target, line: socket.socket, timeout: float) -> HTTPConnection:
    connection: Any
    if target.scheme == "https":
        connection = _PinnedHTTPS(target.host, target.port, timeout=timeout, ssl_context=_tls())
    else:
        connection = _PinnedHTTP(target.host, target.port, timeout=timeout)
    connection.line = line
    line.settimeout(timeout)
    return connection  # type: ignore[no-any-return]


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _first_of(response: Any) -> str:
    """Read at most 64 kB, so that a receiver that never ends cannot fill our memory; keep the beginning."""
    read = b""
    while len(read) < ANSWER_BYTES_MAX:
        piece = response.read1(ANSWER_BYTES_MAX - len(read))
        if not piece:
            break
        read += piece
    text = read[: ANSWER_KEPT * 4].decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)[:ANSWER_KEPT]


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
