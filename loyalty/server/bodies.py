"""Reading a body on the event loop, under a deadline and a limit, before anybody works on the request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

#: So long a sender may take, and a second more for each piece of this size that has come.
SECONDS_MAX: Final = 5.0
BYTES_A_SECOND: Final = 64 * 1024
#: What may lie half read in one process; beyond it, further bodies are refused until some are whole.
BYTES_WAITING_MAX: Final = 64 * 1024 * 1024
#: What is announced as no longer than this is awaited whole, in one step.
_AT_ONCE_BYTES_MAX: Final = 64 * 1024
_SWEEP_SECONDS: Final = 0.25


class BodySource(Protocol):
    """What granian hands us to read a body from: whole, or piece by piece."""

    def __call__(self) -> Awaitable[bytes]: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...


class BodyError(Exception):
    """The body cannot be had."""


class BodyOverLimit(BodyError):
    """It is longer than it may be."""


class BodyOverdue(BodyError):
    """It did not come in time."""


class BodyBroken(BodyError):
    """It ended before its announced length, or the sender is gone."""


class TooManyHeldBytes(BodyError):
    """Too many bytes lie half read already."""


@dataclass(slots=True, eq=False)
class _Reading:
    task: asyncio.Task[Any]
    until: float
    is_late: bool = False


class Reader:
    """Reads bodies; one per process, so that it knows what lies half read."""

    def __init__(self, seconds_max: float = SECONDS_MAX, bytes_waiting_max: int = BYTES_WAITING_MAX) -> None:
        self.seconds_max = seconds_max
        self.bytes_waiting_max = bytes_waiting_max
        self.bytes_waiting = 0
        self._readings: set[_Reading] = set()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to look after the deadlines; one look for all is cheaper than a timer for each."""
        loop.call_later(_SWEEP_SECONDS, self._sweep, loop)

    async def read(self, source: BodySource, *, announced: int | None, bytes_max: int) -> bytes:
        """Read to the end; `announced` is the Content-Length, None for a body sent in chunks.

        :raises BodyError: it is too long, too slow or broken.
        """
        if announced is not None and announced > bytes_max:
            raise BodyOverLimit
        task = asyncio.current_task()
        assert task is not None
        reading = _Reading(task, task.get_loop().time() + self.seconds_max)
        self._readings.add(reading)
        try:
            if announced is not None and announced <= _AT_ONCE_BYTES_MAX:
                body = await self._at_once(source, announced)
            else:
                body = await self._in_pieces(source, bytes_max, reading)
        except ProtocolClosed:
            raise BodyBroken from None
        except asyncio.CancelledError:
            if reading.is_late:
                raise BodyOverdue from None
            raise
        finally:
            self._readings.discard(reading)
        if announced is not None and len(body) != announced:
            raise BodyBroken
        return body

    async def _at_once(self, source: BodySource, announced: int) -> bytes:
        """Read what is short; it counts as if it were here already."""
        if self.bytes_waiting + announced > self.bytes_waiting_max:
            raise TooManyHeldBytes
        self.bytes_waiting += announced
        try:
            return bytes(await source())
        finally:
            self.bytes_waiting -= announced

    async def _in_pieces(self, source: BodySource, bytes_max: int, reading: _Reading) -> bytes:
        parts: list[bytes] = []
        size = 0
        begun = reading.until
        try:
            async for chunk in source:
                parts.append(bytes(chunk))
                size += len(chunk)
                self.bytes_waiting += len(chunk)
                if size > bytes_max:
                    raise BodyOverLimit
                if self.bytes_waiting > self.bytes_waiting_max:
                    raise TooManyHeldBytes
                reading.until = begun + size / BYTES_A_SECOND
        finally:
            self.bytes_waiting -= size
        return b"".join(parts)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for reading in self._readings:
            if now > reading.until and not reading.is_late:
                reading.is_late = True
                reading.task.cancel()
        loop.call_later(_SWEEP_SECONDS, self._sweep, loop)
