"""The real stack in a private data directory, and ways to hurt each of its processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import redis

from loyalty.launch import directories, environment, programs
from loyalty.launch.directories import CHECKOUT, StartError
from loyalty.launch.postgres import DATABASE, Postgres
from loyalty.launch.processes import Child, kill_group
from loyalty.launch.supervisor import RESTARTS_MAX
from loyalty.launch.valkey import Valkey
from tests.drills import half_sent

RECOVERY_SECONDS_MAX = 180.0


@dataclass
class Stack:
    """PostgreSQL, Valkey, web, worker and beat, as `manage.py up` starts them.  Use from one thread only: children
    are tied to the thread that started them."""

    data: Path
    weakness: str = ""
    #: Further variables of every process.
    variables: dict[str, str] = field(default_factory=dict)
    postgres_settings: dict[str, str] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)
    #: Seconds from each wound until the web answered from the database again.
    recoveries: list[tuple[str, float]] = field(default_factory=list)
    port: int = 0
    worker_hurt_at: float = 0.0
    #: What stopped by itself and was started again, as the supervisor would.
    restarts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.places = directories.prepare(self.data)
        self.postgres = Postgres(self.places, durable=True, settings=self.postgres_settings)
        self.valkey = Valkey(self.places)
        self.port = _port_of_our_own()

    # -- life ----------------------------------------------------------------------------------------------------

    def start_services(self) -> None:
        self.children["valkey"] = self.valkey.launch()
        self.children["postgres"] = self.postgres.start()
        self.valkey.wait_ready()
        self.run("migrate", "--verbosity", "0", timeout=300)

    def launch_web(self) -> None:
        """Start the web alone, and wait until it answers."""
        self._launch_web()
        self.wait_serving()

    def _launch_web(self) -> None:
        weak = bool(self.weakness)
        web = "tests.drills.negative_controls:application" if weak else programs.APPLICATION
        self._python(
            "web",
            *(
                "-m",
                "loyalty.server",
                *programs.GRANIAN,
                "--port",
                str(self.port),
                "--workers",
                "2",
                "--respawn-failed-workers",
                web,
            ),
        )

    def start_serving(self) -> None:
        self._launch_web()
        app = "tests.drills.negative_controls" if self.weakness else "loyalty.celery"
        self._python(
            "worker",
            *("-m", "celery", "-A", app, "worker", "--concurrency", "2", "--loglevel", "WARNING"),
            *("--without-gossip", "--without-mingle"),
        )
        self._python(
            "beat",
            *("-m", "celery", "-A", app, "beat", "--schedule", str(self.data / "beat"), "--pidfile="),
            *("--loglevel", "WARNING"),
        )
        self.wait_serving()

    def rest(self) -> None:
        """Stop what works by itself: a hold that lapsed while one counts would tell of it, and nobody would bring it."""
        self._stop("beat", "worker", seconds=30)

    def work(self) -> None:
        for name in ("worker", "beat"):
            self.children[name].start()

    def stop(self) -> None:
        self._stop("beat", "worker", "web", "valkey", "postgres", seconds=5)

    def _stop(self, *names: str, seconds: float) -> None:
        for name in names:
            child = self.children.get(name)
            if child is not None and child.process is not None:
                child.ask_to_stop()
                child.wait_or_kill(time.monotonic() + seconds)

    # -- wounds --------------------------------------------------------------------------------------------------

    def wound(self, name: str, dice: random.Random) -> None:
        """Hurt one part, bring it back as its supervisor would, and note how long nobody was served."""
        started = time.monotonic()
        getattr(self, f"_{name}")(dice)
        self.wait_serving()
        self.recoveries.append((name, time.monotonic() - started))

    def _postmaster(self, dice: random.Random) -> None:
        self._kill("postgres")
        deadline = time.monotonic() + RECOVERY_SECONDS_MAX
        while True:
            self.children["postgres"] = self.postgres.launch()
            try:
                self.postgres.wait_ready()
            except StartError:
                # Old backends hold the shared memory until they have noticed.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def _backend(self, dice: random.Random) -> None:
        with contextlib.closing(self.superuser()) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename LIKE 'app_%%'"
            )
            pids = [row[0] for row in cursor.fetchall()]
        if pids:
            _kill_one(dice.choice(pids))
            self.postgres.wait_ready()

    def _web(self, dice: random.Random) -> None:
        self._kill("web")
        self.children["web"].start()

    def _web_worker(self, dice: random.Random) -> None:
        for pid in _some_child(self.children["web"], dice):
            _kill_one(pid)

    def worker_is_up(self) -> bool:
        """Whether the worker has brought deliveries since it was last hurt: killing it before proves nothing."""
        with contextlib.closing(self.superuser()) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT extract(epoch FROM max(finished_at)) FROM merchants_tick WHERE name = 'tick.deliver'"
            )
            [finished] = cursor.fetchone()
        return finished is not None and float(finished) > self.worker_hurt_at

    def _worker(self, dice: random.Random) -> None:
        self._kill("worker")
        self.worker_hurt_at = time.time()
        self.children["worker"].start()

    def _worker_child(self, dice: random.Random) -> None:
        for pid in _some_child(self.children["worker"], dice):
            _kill_one(pid)
        self.worker_hurt_at = time.time()

    def _beat(self, dice: random.Random) -> None:
        self._kill("beat")
        self.children["beat"].start()

    def _flushall(self, dice: random.Random) -> None:
        with contextlib.closing(redis.Redis(unix_socket_path=str(self.valkey.socket))) as client:
            client.flushall()

    def _valkey(self, dice: random.Random) -> None:
        self._kill("valkey")
        self.wait_serving()  # without the queue the till goes on
        time.sleep(dice.uniform(0.2, 1.5))
        self.children["valkey"] = self.valkey.launch()
        self.valkey.wait_ready()

    def _frozen_postgres(self, dice: random.Random) -> None:
        with self.stopped_postgres():
            time.sleep(dice.uniform(0.5, 3))

    def _half_sent_lines(self, dice: random.Random) -> None:
        with half_sent.half_sent(self.port, "lk_test_00000000_" + "0" * 32):
            time.sleep(dice.uniform(1, 3))

    def _kill(self, name: str) -> None:
        child = self.children[name]
        assert child.process is not None
        if name == "postgres":
            child.process.kill()  # the postmaster alone: its backends have to find out
        else:
            kill_group(child.process.pid)
        child.process.wait()

    @contextlib.contextmanager
    def stopped_postgres(self) -> Iterator[None]:
        """Stop the server in the middle of whatever it does, as a frozen virtual machine would; it goes on after."""
        pids = self._postgres_pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _postgres_pids(self) -> list[int]:
        """Return the postmaster's process and those it has forked; the postmaster first, so that it forks no more."""
        pid = self.children["postgres"].pid
        try:
            return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        except OSError:
            return []

    # -- seen from outside ---------------------------------------------------------------------------------------

    def wait_serving(self) -> None:
        """Wait until the web answers a question that takes the database."""
        deadline = time.monotonic() + RECOVERY_SECONDS_MAX
        while not self.serves():
            self.tend()
            assert time.monotonic() < deadline, (
                f"nobody was served for {RECOVERY_SECONDS_MAX:.0f} s:\n{self.children['web'].last_lines(40)}"
            )
            time.sleep(0.05)

    def tend(self) -> None:
        """Start again what stopped by itself, as the supervisor does, and no oftener.

        granian gives up when its workers are killed in quick succession, Celery when the queue dies at a bad moment.
        """
        for name in ("web", "worker", "beat"):
            child = self.children.get(name)
            if child is not None and not child.is_running():
                if self.restarts[name] >= RESTARTS_MAX:
                    raise AssertionError(f"{name} stopped by itself:\n{child.last_lines(40)}")
                self.restarts[name] += 1
                child.start()

    def serves(self) -> bool:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            # A key nobody has: refused, but only after the database was asked.
            key = "lk_test_00000000_" + "0" * 32
            line.request("GET", "/api/v1/events", headers={"Host": "localhost", "Authorization": f"Bearer {key}"})
            return line.getresponse().status == 401
        except (OSError, http.client.HTTPException):
            return False
        finally:
            line.close()

    def superuser(self) -> psycopg2.extensions.connection:
        self.postgres.wait_ready()  # a backend's death makes the server recover, and refuse everybody meanwhile
        connection = self.postgres.connect_as_superuser(DATABASE)
        connection.autocommit = True
        return connection

    def run(self, *arguments: str, module: str = "", timeout: float = 120) -> str:
        """Run a `manage.py` command, or a module, against this stack; return what it printed."""
        argv = ["-m", module, *arguments] if module else ["manage.py", *arguments]
        done = subprocess.run(
            [sys.executable, *argv], env=self.environment, cwd=CHECKOUT, capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"{' '.join(argv)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def create_shop(self, receiver_url: str, members: int, *further_urls: str) -> Mapping[str, Any]:
        """Open a shop whose events go to `receiver_url`, and to further ones nobody waits for."""
        found: Mapping[str, Any] = json.loads(
            self.run(str(members), receiver_url, *further_urls, module="tests.drills.create_shop").splitlines()[-1]
        )
        return found

    def complaints(self) -> str:
        """What nobody foresaw, then the end of every Python log: what one wants to see when the drill is red."""
        web = self.children["web"].log.read_text(encoding="utf-8", errors="replace").splitlines()
        unforeseen = [line[-3000:] for line in web if '"event":"unhandled"' in line]
        return "\n".join(
            [
                *unforeseen[:3],
                *(
                    f"--- {name}\n" + "\n".join(line[:300] for line in self.children[name].last_lines(30).splitlines())
                    for name in ("web", "worker", "beat")
                ),
            ]
        )

    @property
    def environment(self) -> dict[str, str]:
        ours = ("PG", "DATABASE_", "REDIS_", "DJANGO_", "PYTEST", "LOYALTY_", "PROMETHEUS_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {
            **kept,
            **environment.service_urls(self.postgres, self.valkey),
            "DATA_DIR": str(self.data),
            "DJANGO_SETTINGS_MODULE": "loyalty.settings",
            "SECRET_KEY": "only-for-the-drill",
            "DEBUG": "0",
            "HTTPS": "0",
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "STATIC_FROM_SOURCE": "1",
            "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
            "API_RATE_LIMIT": "0",
            "LOG_LEVEL": "WARNING",
            "WEBHOOK_ALLOW_PRIVATE": "1",
            "DATABASE_MAY_FORGET": "1" if self.postgres_settings else "0",
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUNBUFFERED": "1",
            # Processes are started again and again: compile once, and leave nothing in the checkout.
            "PYTHONPYCACHEPREFIX": str(self.data / "pycache"),
            "PYTHONDONTWRITEBYTECODE": "",
            "DRILL_WEAKNESS": self.weakness,
            **self.variables,
        }

    def _python(self, name: str, *arguments: str) -> None:
        child = Child(
            name=name,
            argv=[sys.executable, *arguments],
            log=self.places.logs / f"{name}.log",
            env=self.environment,
            cwd=CHECKOUT,
        )
        child.start()
        self.children[name] = child


@contextlib.contextmanager
def standing(
    *,
    weakness: str = "",
    postgres_settings: dict[str, str] | None = None,
    variables: dict[str, str] | None = None,
    inside: Path | None = None,
) -> Iterator[Stack]:
    """A stack in a directory of its own, for the length of the block; its services are up, nothing serves yet."""
    data = Path(tempfile.mkdtemp(prefix="loyalty-drill-", dir=inside))
    data.chmod(0o711)
    stack = Stack(data, weakness=weakness, postgres_settings=postgres_settings or {}, variables=variables or {})
    try:
        stack.start_services()
        yield stack
    finally:
        stack.stop()
        for directory in (stack.places.sockets, stack.places.home, data):
            shutil.rmtree(directory, ignore_errors=True)


def _port_of_our_own() -> int:
    """Any free port: the web server shares one with whoever else asks for the same, and says nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _kill_one(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _some_child(child: Child, dice: random.Random) -> list[int]:
    """One of the processes the program has forked, or none."""
    try:
        listed = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    except OSError:
        return []
    return [int(dice.choice(listed))] if listed else []
