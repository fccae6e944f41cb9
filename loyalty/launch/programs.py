"""What the supervisor runs: the command lines of web, worker and beat, and the mark of the source they run from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from loyalty.launch.places import CHECKOUT

GRANIAN = (
    *("--interface", "wsgi"),
    *("--host", "127.0.0.1"),
    *("--workers", "2"),
    *("--blocking-threads", "2"),
    "--no-ws",
    *("--log-level", "warning"),
    "--respawn-failed-workers",
    *("--workers-kill-timeout", "2"),
)
_CELERY = ("-m", "celery", "-A", "loyalty.celery")
_QUIET = ("--without-gossip", "--without-mingle")


def web(port: int) -> list[str]:
    """Return Python's arguments for the web."""
    return ["-m", "granian", *GRANIAN, "--port", str(port), "loyalty.wsgi:application"]


def worker() -> list[str]:
    """Return Python's arguments for one worker of two processes."""
    return [*_CELERY, "worker", "--concurrency", "2", "--loglevel", "INFO", *_QUIET]


def beat(schedule: Path) -> list[str]:
    """Return Python's arguments for the clock, which remembers in `schedule`."""
    return [*_CELERY, "beat", "--schedule", str(schedule), "--pidfile=", "--loglevel", "INFO"]


def fingerprint() -> str:
    """Return what changes when any file of the product does: a stat of each, far cheaper than asking Django."""
    digest = hashlib.sha256()
    for path in sorted(CHECKOUT.glob("[a-z]*/**/*.py")):
        found = path.stat()
        digest.update(f"{path.relative_to(CHECKOUT)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
