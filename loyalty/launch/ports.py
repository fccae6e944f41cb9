"""The web's port: looked for, and held against every other installation of this account from then on.

The web server shares its port with whoever of the same account asks alike, in silence; and it comes up long after
its port was chosen.  So two starts at the same time must not choose the same one, which a look alone cannot promise.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from loyalty.launch.directories import StartError, own_directory

PORTS = range(8000, 8020)


@contextlib.contextmanager
def held(asked: int | None = None) -> Iterator[int]:
    """Hold the port asked for, or the first free one of 8000 to 8019, until left.

    :raises StartError: none is free.
    """
    for port in PORTS if asked is None else (asked,):
        with _mark(port) as mark:
            if _is_ours_alone(mark) and _is_free(port):
                yield port
                return
    if asked is not None:
        raise StartError(f"Port {asked} is taken or not allowed: give another one with --port.")
    raise StartError(f"The ports {PORTS[0]} to {PORTS[-1]} are all taken: give a free one with --port.")


@contextlib.contextmanager
def _mark(port: int) -> Iterator[IO[str]]:
    folder = Path(tempfile.gettempdir()) / f"loyalty-ports-{os.getuid()}"
    try:
        own_directory(folder)
        mark = os.fdopen(os.open(folder / str(port), os.O_RDWR | os.O_CREAT, 0o600), "r+")
    except OSError as error:
        raise StartError(
            f"{folder} cannot be used ({error.strerror}): set TMPDIR to a directory that this account may write."
        ) from None
    with mark:
        yield mark


def _is_ours_alone(mark: IO[str]) -> bool:
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def answers(port: int) -> bool:
    """Return whether our web answers at this port, and well."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        line.request("GET", "/healthz", headers={"Host": "localhost"})
        return line.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()
