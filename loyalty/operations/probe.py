"""The container's health check: `python -m loyalty.operations.probe web` or `… beat FILE`. Standard library only."""

from __future__ import annotations

import glob
import os
import sys
import time
import urllib.error
import urllib.request

#: Beat writes its schedule down at least every three minutes.
_BEAT_SECONDS_MAX = 600


def web(port: str = "8000") -> bool:
    """Return whether this container's web process is ready for requests."""
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/readyz", headers={"Host": host if host not in {"", "*"} else "localhost"}
    )
    try:
        with urllib.request.urlopen(request, timeout=4) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def beat(schedule: str) -> bool:
    """Return whether beat has written its schedule down lately."""
    return any(time.time() - os.stat(path).st_mtime < _BEAT_SECONDS_MAX for path in glob.glob(f"{schedule}*"))


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    is_well = beat(*arguments) if what == "beat" else web(*arguments)
    sys.exit(0 if is_well else 1)
