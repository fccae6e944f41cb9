"""What the supervisor runs: the command lines of web, worker and beat."""

from __future__ import annotations

import os
from pathlib import Path

GRANIAN = (
    *("--interface", "rsgi"),
    *("--host", "127.0.0.1"),
    *("--http", "1"),
    # Connections that wait cost no thread: as many as the files a process may open.
    *("--backlog", "4096"),
    *("--backpressure", "4000"),
    "--no-ws",
    *("--log-level", "warning"),
    *("--workers-kill-timeout", "2"),
)
APPLICATION = "loyalty.server.rsgi:application"
_CELERY = ("-m", "celery", "-A", "loyalty.celery")
_QUIET = ("--without-gossip", "--without-mingle")


def web(port: int, *, follows_source: bool = False) -> list[str]:
    """Return Python's arguments for the web; one that follows the source ends when its code cannot be run."""
    processes = ["--workers", os.environ.get("GRANIAN_WORKERS", "2"), "--respawn-failed-workers"]
    if follows_source:
        processes = ["--workers", "1"]
    return ["-m", "loyalty.server", *GRANIAN, "--port", str(port), *processes, APPLICATION]


def worker() -> list[str]:
    """Return Python's arguments for one worker of two processes."""
    return [*_CELERY, "worker", "--concurrency", "2", "--loglevel", "INFO", *_QUIET]


def beat(schedule: Path) -> list[str]:
    """Return Python's arguments for the clock, which remembers in `schedule`."""
    return [*_CELERY, "beat", "--schedule", str(schedule), "--pidfile=", "--loglevel", "INFO"]
