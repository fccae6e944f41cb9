"""Where the web processes of one server count together: prometheus_client's files, in a directory of their own.

Standard library only: it runs before anything imports prometheus_client, which reads the variable once.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare() -> None:
    """Set `PROMETHEUS_MULTIPROC_DIR` if nobody has: one directory for all children of the process that started us.

    Without it each worker counts alone, and a counter read through a load balancer goes up and down.
    """
    if given := os.environ.get(VARIABLE):
        Path(given).mkdir(parents=True, exist_ok=True)
        return
    prefix = f"loyalty-metrics-{os.getuid()}-"
    place = Path(tempfile.gettempdir()) / f"{prefix}{os.getppid()}"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
        if found.st_uid == os.getuid() and not place.is_symlink() and not found.st_mode & 0o077:
            os.environ[VARIABLE] = str(place)
    except OSError:
        return  # A read-only machine: each process counts alone, as one process does anyway.
    _remove_old(place.parent, prefix)


def _remove_old(parent: Path, prefix: str) -> None:
    """Remove the directories of servers that are gone."""
    for old in parent.glob(f"{prefix}*"):
        pid = re.fullmatch(rf"{re.escape(prefix)}(\d+)", old.name)
        if pid and not _is_alive(int(pid[1])):
            shutil.rmtree(old, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
