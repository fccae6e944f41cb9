"""Children that cannot outlive us: each in a group of its own, tied to this process by the kernel where it can.

Ctrl-C in the terminal reaches only the parent, which then stops its children in the right order.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from loyalty.launch.directories import StartError, SystemAccount

_PR_SET_PDEATHSIG = 1
_LOG_BYTES_MAX = 10_000_000
# Loaded here and not in the child: between fork and exec nothing may import.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int, death_signal: int) -> Callable[[], None]:
    """Return what a child runs before its program, so that it dies when its parent does.

    The kernel sends `death_signal` when the *thread* that started the child ends: start children from the main
    thread only.
    """

    def run() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return run


@dataclass
class Child:
    """One program we keep running; `stop_signal` asks it to end, `death_signal` is sent if we die first."""

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    account: SystemAccount | None = None
    cwd: Path | None = None
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGKILL
    umask: int = -1
    #: Writes to our terminal instead of its log.
    to_terminal: bool = False
    #: Where it prints to, made anew; what it complains of stays in the log.
    output: Path | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    started_at: float = 0.0

    def start(self) -> int:
        """Start the program and return its process id, which is also the id of its group.

        :raises StartError: the program cannot be run.
        """
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        with contextlib.ExitStack() as files:
            log: IO[bytes] | None = None
            if not self.to_terminal:
                log = files.enter_context(open(self.log, "ab", opener=_for_us_alone))
                os.fchmod(log.fileno(), 0o600)  # one that an earlier release left open to others
            output = log
            if self.output is not None:
                output = files.enter_context(open(self.output, "wb", opener=_for_us_alone))
            try:
                self.process = subprocess.Popen(
                    list(self.argv),
                    env=None if self.env is None else dict(self.env),
                    cwd=self.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=log,
                    process_group=0,
                    user=self.account.uid if self.account else None,
                    group=self.account.gid if self.account else None,
                    extra_groups=[] if self.account else None,
                    umask=self.umask,
                    preexec_fn=die_with_parent(os.getpid(), self.death_signal),
                )
            except OSError as error:
                raise StartError(f"{self.name} cannot be started ({self.argv[0]}: {error.strerror}).") from None
        self.started_at = time.monotonic()
        return self.process.pid

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def wait(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic seconds) for the program to end."""
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=max(0.0, deadline - time.monotonic()))

    def wait_or_kill(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic seconds) for the program to end, then kill what is left of its group."""
        if self.process is None:
            return
        self.wait(deadline)
        kill_group(self.process.pid)
        self.process.wait()

    def last_lines(self, count: int = 15) -> str:
        """Return the end of the log, for a person who wants to know why it stopped."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - 8_000))
                lines = log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-count:])


class OrphanCleanup:
    """The program that clears up after us should we be killed (orphan_cleanup.py), and its list of our children."""

    def __init__(self, lock: IO[str]) -> None:
        """Start it; it holds our lock until it is done."""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("orphan_cleanup.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lock.fileno(),),
            start_new_session=True,
            text=True,
            cwd="/",
        )

    def list(self, child: Child) -> None:
        self._tell(f"+{child.pid} {int(child.death_signal)}\n")

    def forget(self, child: Child) -> None:
        self._tell(f"-{child.pid}\n")

    def end(self, seconds: float) -> None:
        """Let it end, which stops what is still listed; wait so long for that."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line)
            self._process.stdin.flush()


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def kill_group(pid: int) -> None:
    """Kill every process of the group, if there is one left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Return whether a process with this id runs (one that has ended and is not yet waited for does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (OSError, IndexError):
        return True


def command_line(pid: int) -> str:
    """Return what a process was started as, or nothing if it is gone."""
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        return ""
    done = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout


def wait_until_gone(pid: int, seconds: float) -> bool:
    """Wait for a process that is not our child; return whether it ended in time."""
    deadline = time.monotonic() + seconds
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
