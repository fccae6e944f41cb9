"""Clears up after a supervisor that was killed: run as a program of its own, with nothing but the standard library.

It reads `+pid signal` and `-pid` lines from its parent.  When the pipe closes, whatever the reason, it asks what is
still listed to stop, and kills the groups that do not.  The kernel's parent-death signal reaches only children;
this reaches the children's children too, and works where that signal does not exist.  It holds the parent's lock
until it is done, so that the next start finds a clean place.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

GRACE_SECONDS = 2.0


def main() -> None:
    """Watch until the parent is gone, then clear up."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    listed: dict[int, int] = {}
    for line in sys.stdin:
        words = line.split()
        if line.startswith("+"):
            listed[int(words[0][1:])] = int(words[1])
        elif line.startswith("-"):
            listed.pop(int(words[0][1:]), None)
    clear_up(listed)


def clear_up(listed: dict[int, int]) -> None:
    """Ask each group to stop with its own signal, wait a little, kill the rest."""
    for pid, request in listed.items():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, request)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(_has_members(pid) for pid in listed) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in listed:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(_has_members(pid) for pid in listed) and time.monotonic() < deadline:
        time.sleep(0.02)


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main()
