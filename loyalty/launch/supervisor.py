"""Starts everything in the order of health, keeps it running, and stops everything.

    PostgreSQL -> Valkey -> migrate -> (what the command adds) -> web, worker, beat

A child that dies is started again, later each time. While starting, five times at most, then all stop; once everything
has run, for as long as it takes, every 30 seconds in the end, and nothing else is stopped for it.  One installation has
one supervisor: a lock in its data directory says so.  Ctrl-C stops all within five seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from loyalty.launch import environment, ports, programs, source_files
from loyalty.launch.directories import CHECKOUT, Places, StartError
from loyalty.launch.postgres import Postgres
from loyalty.launch.processes import Child, OrphanCleanup, is_alive, kill_group
from loyalty.launch.source_files import SourceFiles
from loyalty.launch.valkey import Valkey

#: While starting; afterwards there is no limit.
RESTARTS_MAX = 5
RESTART_WAIT_SECONDS_MAX = 30.0
#: A child that has run this long has recovered; its restarts are forgotten.
STEADY_SECONDS = 60.0
_WEB_READY_SECONDS_MAX = 90.0
_SERVICES = frozenset({"postgres", "valkey"})
_KILLED_START_SECONDS_MAX = 15.0
#: Together well under the five seconds promised, on a busy machine too.
_PYTHON_STOP_SECONDS = 1.5
_SERVICES_STOP_SECONDS = 1.5
_LAST_STOP_SECONDS = 0.4


class Stopped(Exception):
    """Somebody asked us to stop."""


@dataclass(frozen=True, slots=True)
class StartStep:
    """One command to run to its end, into its log; its failure is shown.

    `shows` lets it write to the terminal instead; `into` keeps what it prints, and only that, in a file.
    """

    says: str
    arguments: Sequence[str]
    shows: bool = False
    into: Path | None = None


@dataclass
class Supervisor:
    """One run of the installation; `settings` are the variables its processes get."""

    places: Places
    settings: Mapping[str, str]
    port_asked: int | None = None
    say: Callable[[str], None] = print
    source: SourceFiles | None = None
    postgres: Postgres | None = None
    valkey: Valkey | None = None
    port: int = 0
    _children: list[Child] = field(default_factory=list)
    _restarts: dict[str, list[float]] = field(default_factory=dict)
    _restarts_in_all: Counter[str] = field(default_factory=Counter)
    _asked_to_stop: bool = False
    #: Once everything has run, nothing is given up any more: what is in the way may go away.
    _has_served: bool = False
    _reloading_since: float | None = None
    _cleanup: OrphanCleanup | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    # What the commands use

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Hold the installation's lock and its orphan clean-up; stop every child on the way out, whatever happened.

        :raises StartError: it runs already, or cannot be started.
        """
        with self._lock() as lock, ports.held(self.port_asked) as self.port, self._signals():
            lock.seek(0)
            lock.truncate()
            lock.write(f"{os.getpid()} {self.url}\n")
            lock.flush()
            self._cleanup = OrphanCleanup(lock)
            try:
                yield
            finally:
                self._stop_all()

    def start_services(self) -> None:
        """Start those of PostgreSQL and Valkey that are ours to start."""
        starts = self.settings.get(environment.EMBEDDED, "").split(",")
        if "valkey" in starts:
            self.valkey = Valkey(self.places)
            self._watch(self.valkey.launch())
        if "postgres" in starts:
            started = time.monotonic()
            self.say("PostgreSQL …")
            self.postgres = Postgres(self.places, pause=self._pause)
            self._watch(self.postgres.launch())
            self.postgres.wait_ready()
            if self.postgres.create_database():
                self._migrated.unlink(missing_ok=True)
            self.say(f"PostgreSQL answers after {time.monotonic() - started:.1f} s.")
        if self.valkey is not None:
            self.valkey.wait_ready()

    def run(self, step: StartStep) -> None:
        """Run one `manage.py` command to its end.

        :raises StartError: it failed.
        """
        if step.says:
            self.say(step.says)
        name = step.arguments[0]
        child = self._python(name, [str(CHECKOUT / "manage.py"), *step.arguments])
        child.to_terminal = step.shows
        child.output = step.into
        self._watch_once(child)
        if child.process is not None and child.process.returncode:
            raise StartError(
                f"`manage.py {' '.join(step.arguments)}` failed"
                + (f":\n{child.last_lines()}" if not step.shows else ".")
            )

    def migrate(self) -> None:
        """Bring the schema up to date; skipped when nothing in the source has changed since it last was.

        :raises StartError: it failed.
        """
        print_ = source_files.fingerprint()
        with contextlib.suppress(OSError):
            if self.postgres is not None and self._migrated.read_text() == print_:
                return
        self.run(StartStep("Database schema …", ["migrate", "--verbosity", "0", "--skip-checks"]))
        self._migrated.write_text(print_)

    def renew_database(self) -> None:
        """Throw the embedded database away and make an empty one; for a demo that was not seeded to its end."""
        if self.postgres is not None:
            self.postgres.drop_database()
            self.postgres.create_database()
            self._migrated.unlink(missing_ok=True)
            self.migrate()

    def launch_web(self) -> Child:
        """Start the web without waiting for it; a command that goes on preparing may do so early."""
        for child in self._children:
            if child.name == "web":
                return child
        metrics = self.places.data / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        self.places.restarts.unlink(missing_ok=True)
        web = self._python("web", programs.web(self.port, follows_source=self.source is not None))
        web.env = {**(web.env or {}), "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        web.start()
        self._watch(web)
        return web

    def start_serving(self) -> None:
        """Start the web and, once it answers, worker and beat.

        :raises StartError: it does not come up.
        """
        self._wait_for(self.launch_web())
        # Nobody waits for these two: they would only take the processor from the first page.
        worker = self._python("worker", programs.worker())
        beat = self._python("beat", programs.beat(self.places.data / "beat"))
        for child in (worker, beat):
            child.start()
            self._watch(child)
        self._has_served = True

    def keep(self) -> None:
        """Keep everything running until somebody asks to stop; what dies is started again for as long as it takes.

        With a `source` to watch, web, worker and beat start again whenever a file of the product has changed.
        """
        while True:
            self._pause(0.2)
            self._restart_ended()
            if self.source is not None:
                self._follow(self.source)

    # Within

    @property
    def _migrated(self) -> Path:
        return self.places.data / "migrated"

    def _restart_ended(self) -> None:
        for child in list(self._children):
            if not child.is_running():
                self._restart(child)

    def _restart(self, child: Child) -> None:
        now = time.monotonic()
        if now - child.started_at > STEADY_SECONDS:
            self._restarts.pop(child.name, None)
        before = self._restarts.setdefault(child.name, [])
        if len(before) >= RESTARTS_MAX and not self._has_served:
            raise StartError(
                f"{child.name} has stopped {len(before) + 1} times; its last lines ({child.log}):\n{child.last_lines()}"
            )
        if before and now - before[-1] < min(0.25 * 2 ** len(before), RESTART_WAIT_SECONDS_MAX):
            return
        before.append(now)
        self._note_restart(child.name)
        self._forget(child)
        following = min(0.25 * 2 ** len(before), RESTART_WAIT_SECONDS_MAX)
        self.say(
            f"{child.name} has stopped; starting it again (try {len(before)}; if it stops, again after {following:g} s; "
            f"log: {child.log})."
        )
        if self.source is not None and len(before) == 1:
            # Very likely what was just written: show it here.
            self.say(child.last_lines())
        try:
            self._start_again(child)
        except (StartError, OSError) as error:
            if not self._has_served:
                raise
            # A full disk, no memory for another process: the next try may find it gone.
            self.say(f"{child.name} could not be started: {error}")

    def _start_again(self, child: Child) -> None:
        if child.name == "postgres" and self.postgres is not None:
            self._replace(child, self.postgres.launch())
        elif child.name == "valkey" and self.valkey is not None:
            self._replace(child, self.valkey.launch())
        else:
            child.start()
            self._list(child)

    def _wait_for(self, web: Child) -> None:
        """Return when the web answers.

        :raises StartError: it stopped, or does not answer in time.
        """
        deadline = time.monotonic() + _WEB_READY_SECONDS_MAX
        while not ports.answers(self.port):
            if not web.is_running():
                raise StartError(f"The web process stopped while starting:\n{web.last_lines()}")
            if time.monotonic() > deadline:
                raise StartError(f"The web process does not answer:\n{web.last_lines()}")
            self._pause(0.05)

    def _follow(self, source: SourceFiles) -> None:
        """Start what runs our code anew after each change of it, and say when the web answers again."""
        if changed := source.changed():
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            self.say(f"{changed[0]}{more} changed; starting web, worker and beat again …")
            self._reloading_since = time.monotonic()
            self._restarts.clear()
            children = [child for child in self._children if child.name not in _SERVICES]
            self._stop(children, _PYTHON_STOP_SECONDS)
            for child in children:
                child.start()
                self._list(child)
        elif self._reloading_since is not None and ports.answers(self.port):
            self.say(f"The web answers after {time.monotonic() - self._reloading_since:.1f} s.")
            self._reloading_since = None

    def _note_restart(self, name: str) -> None:
        """Count for /metrics (loyalty/operations/metrics.py), which the web process answers."""
        self._restarts_in_all[name] += 1
        with contextlib.suppress(OSError):
            new = self.places.restarts.with_suffix(".new")
            new.write_text(json.dumps(self._restarts_in_all))
            new.replace(self.places.restarts)

    def _replace(self, old: Child, new: Child) -> None:
        self._children[self._children.index(old)] = new
        self._list(new)

    def _watch(self, child: Child) -> None:
        self._children.append(child)
        self._list(child)

    def _watch_once(self, child: Child) -> None:
        """Run a child to its end, and keep the others running meanwhile."""
        child.start()
        self._list(child)
        try:
            while child.is_running():
                self._pause(0.02)
                self._restart_ended()
        except Stopped:
            child.ask_to_stop()
            child.wait_or_kill(time.monotonic() + 1.0)
            raise
        finally:
            self._forget(child)

    def _python(self, name: str, arguments: Sequence[str]) -> Child:
        return Child(
            name=name,
            argv=[sys.executable, *arguments],
            log=self.places.logs / f"{name}.log",
            env={**self.settings, "PUBLIC_URL": self.settings.get("PUBLIC_URL") or self.url, "PYTHONUNBUFFERED": "1"},
            cwd=CHECKOUT,
        )

    def _pause(self, seconds: float) -> None:
        if self._asked_to_stop:
            raise Stopped
        time.sleep(seconds)

    def _stop_all(self) -> None:
        services = [child for child in self._children if child.name in _SERVICES]
        python = [child for child in self._children if child not in services]
        self._stop(python, _PYTHON_STOP_SECONDS)
        for child in services:
            child.ask_to_stop()
        deadline = time.monotonic() + _SERVICES_STOP_SECONDS
        for child in services:
            child.wait(deadline)
            if child.is_running() and child.name == "postgres":
                # Killed outright, its backends would be left to notice; this way it recovers at the next start.
                child.stop_signal = child.death_signal
        self._stop(services, _LAST_STOP_SECONDS)
        if self._cleanup is not None:
            self._cleanup.end(_LAST_STOP_SECONDS)

    def _stop(self, children: Sequence[Child], seconds: float) -> None:
        for child in children:
            child.ask_to_stop()
        deadline = time.monotonic() + seconds
        for child in children:
            child.wait_or_kill(deadline)
            self._forget(child)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[IO[str]]:
        lock = os.fdopen(os.open(self.places.lock, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        with lock:
            deadline = time.monotonic() + _KILLED_START_SECONDS_MAX
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    lock.seek(0)
                    pid, _, url = lock.read().strip().partition(" ")
                    # The clean-up of a start that was killed may still be running; it holds the lock meanwhile.
                    if (pid.isdigit() and is_alive(int(pid))) or time.monotonic() > deadline:
                        raise StartError(
                            f"It runs already at {url or 'another port'} (process {pid or 'unknown'}): "
                            "stop that one with Ctrl-C, or give this one its own --data-dir."
                        ) from None
                    time.sleep(0.05)
                else:
                    break
            yield lock

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(number: int, frame: FrameType | None) -> None:
            self._asked_to_stop = True

        kept = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    def _list(self, child: Child) -> None:
        if self._cleanup is not None:
            self._cleanup.list(child)

    def _forget(self, child: Child) -> None:
        if child.pid is not None:
            kill_group(child.pid)
            if self._cleanup is not None:
                self._cleanup.forget(child)
