"""The installation started for real: in the order of health, once, stopped by Ctrl-C, killed, started as others."""

from __future__ import annotations

import http.client
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loyalty.launch import ports, source_files
from loyalty.launch.directories import CHECKOUT, StartError
from loyalty.launch.processes import is_alive
from loyalty.launch.source_files import SourceFiles

#: What our own shell or the running tests must not hand to a fresh installation.
_FOREIGN = ("DATABASE_", "REDIS_", "DJANGO_", "LOYALTY_", "PG", "COV_")
_SINGLE = {"DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "HTTPS", "DATA_DIR", "STATIC_ROOT", "EMAIL_BACKEND", "PUBLIC_URL"}


def clean_environment(**more: str) -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN) and k not in _SINGLE},
        **more,
    }


#: What the supervisor waits for at most adds up to 3.8 seconds; beside browsers on two cores a second can last two.
STOPPED_SECONDS_MAX = 10


class Installation:
    """One `manage.py up` (or `demo`) with a data directory of its own."""

    def __init__(self, data: Path, *, checkout: Path = CHECKOUT, python: str = sys.executable, user: int | None = None):
        self.data, self.checkout, self.python, self.user = data, checkout, python, user
        self.process: subprocess.Popen[str] | None = None
        self.output = data.with_name(f"{data.name}.out")

    def start(self, *arguments: str, command: str = "up", seconds: float = 120, **environment: str) -> str:
        """Start, and return what it said when the web answers or it gives up."""
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [self.python, str(self.checkout / "manage.py"), command, "--data-dir", str(self.data), *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                env=clean_environment(**environment),
                cwd="/",
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                start_new_session=True,
            )
        deadline = time.monotonic() + seconds
        while "runs at" not in self.said and self.process.poll() is None:
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        return self.said

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def url(self) -> str:
        return next(word for word in self.said.split() if word.startswith("http://localhost:"))

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)

    def processes(self) -> dict[int, str]:
        """Return what runs for this installation: everything whose environment or command names its data."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    told = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                    told += os.fsencode(os.readlink(entry / "cwd"))  # Valkey writes over its environment
                    if os.fsencode(self.data) in told and is_alive(int(entry.name)):
                        found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ").strip()
                except OSError:
                    continue
        return found

    def wait_until_nothing_runs(self, seconds: float) -> float:
        started = time.monotonic()
        while left := self.processes():
            assert time.monotonic() - started < seconds, left
            time.sleep(0.02)
        return time.monotonic() - started

    def interrupt(self) -> float:
        """Press Ctrl-C and return how long it took until nothing was left."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        self.wait_until_nothing_runs(1)
        return time.monotonic() - started

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def clean_up(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        shutil.rmtree(self.data, ignore_errors=True)


@pytest.fixture
def installation() -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="loyalty-up-"))  # short: pytest's own paths are too long for a socket
    folder.chmod(0o755)
    made = Installation(folder / "data")
    yield made
    made.clean_up()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated() -> Iterator[Path]:
    """A data directory that has been started once; the drills copy it instead of migrating each time."""
    folder = Path(tempfile.mkdtemp(prefix="loyalty-up-"))
    folder.chmod(0o755)
    made = Installation(folder / "data")
    said = made.start(seconds=300)
    assert made.process.poll() is None, said
    made.interrupt()
    yield made.data
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def ready(migrated: Path, installation: Installation) -> Installation:
    subprocess.run(["cp", "-a", str(migrated), str(installation.data)], check=True)  # with its owners
    return installation


def test_started_twice_killed_started_again_and_interrupted(installation: Installation):
    said = installation.start()
    assert "runs at http://localhost:80" in said
    assert installation.process.poll() is None
    status, body = installation.get("/readyz")
    checks = json.loads(body)["checks"]
    assert (status, checks["durability"], checks["role"], checks["tenancy"]) == (200, "ok", "ok", "ok")
    running = " ".join(installation.processes().values())
    for part in ("bin/postgres", "valkey-server", "loyalty.server", "orphan_cleanup.py"):
        assert part in running

    second = Installation(installation.data)
    said = second.start()
    assert f"It runs already at {installation.url} (process {installation.process.pid})" in said
    assert second.process.wait() == 1

    # kill -9 of the supervisor: nothing survives, and the next start neither waits nor complains.
    installation.kill()
    said = installation.start()
    assert installation.process.poll() is None, said
    assert installation.get("/readyz")[0] == 200
    assert len([line for line in installation.processes().values() if "bin/postgres" in line]) == 1

    assert installation.interrupt() < STOPPED_SECONDS_MAX
    assert installation.process.returncode == 0
    assert installation.said.rstrip().endswith("Stopped.")


@pytest.mark.drill
def test_after_kill_9_nothing_survives(ready: Installation):
    ready.start()
    deadline = time.monotonic() + 30
    while "celery" not in " ".join(ready.processes().values()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(3)  # the worker's own children

    ready.kill()

    assert ready.wait_until_nothing_runs(5) < 5


@pytest.mark.drill
@pytest.mark.parametrize(
    "part", ["bin/postgres", "valkey-server", "loyalty.server", "celery -A loyalty.celery worker", "beat"]
)
def test_what_dies_is_started_again(ready: Installation, part: str):
    ready.start()
    deadline = time.monotonic() + 60
    while not (found := [pid for pid, line in ready.processes().items() if part in line]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(2)

    os.kill(min(found), signal.SIGKILL)

    deadline = time.monotonic() + 60
    while "starting it again (try 1;" not in ready.said or ready.get("/readyz")[0] != 200:
        assert time.monotonic() < deadline, ready.said
        time.sleep(0.1)
    assert ready.interrupt() < STOPPED_SECONDS_MAX


@pytest.mark.drill
def test_a_worker_that_dies_again_and_again_never_stops_the_till(ready: Installation):
    """Nine quick deaths of the worker: six used to take the web and the database down for good."""
    ready.start()
    seen: set[int] = set()
    deadline = time.monotonic() + 240
    while len(seen) < 7:
        assert time.monotonic() < deadline, ready.said
        for pid, line in ready.processes().items():
            if "celery -A loyalty.celery worker" in line and pid not in seen:
                seen.add(pid)
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)

    assert ready.process.poll() is None, ready.said
    assert ready.get("/readyz")[0] == 200
    assert "worker has stopped; starting it again (try 3;" in ready.said
    assert 'loyalty_process_restarts_total{process="worker"}' in ready.get("/metrics")[1]
    assert ready.interrupt() < STOPPED_SECONDS_MAX


@pytest.mark.drill
def test_a_start_stopped_at_any_moment_leaves_nothing(ready: Installation):
    for seconds in (0.3, 1.0, 1.5, 2.0, 3.0, 4.5, 6.0, 8.0):
        with ready.output.open("w") as output:
            ready.process = subprocess.Popen(
                [sys.executable, str(CHECKOUT / "manage.py"), "up", "--data-dir", str(ready.data)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=clean_environment(),
                cwd="/",
                start_new_session=True,
            )
        time.sleep(seconds)
        number = signal.SIGKILL if seconds in {1.5, 3.0, 6.0} else signal.SIGINT
        # A terminal's Ctrl-C reaches the whole foreground group.
        os.killpg(ready.process.pid, number)
        ready.process.wait(timeout=10)
        ready.wait_until_nothing_runs(6)

    ready.start()
    assert ready.get("/readyz")[0] == 200
    assert ready.interrupt() < STOPPED_SECONDS_MAX


@pytest.mark.drill
def test_demo_fills_an_empty_installation_once_and_says_where_to_click(ready: Installation):
    said = ready.start(command="demo", seconds=400)
    assert ready.process.poll() is None, said
    for words in ("/console/", "/api/docs", "lk_test_", "curl"):
        assert words in ready.said
    assert ready.get("/readyz")[0] == 200
    first = (ready.data / "welcome.txt").read_text()
    ready.interrupt()

    started = time.monotonic()
    said = ready.start(command="demo", seconds=400)
    print(f"second start: {time.monotonic() - started:.1f} s")
    assert "eighteen months" not in said
    assert (ready.data / "welcome.txt").read_text() == first
    assert "lk_test_" in ready.said
    ready.interrupt()


@pytest.mark.drill
def test_a_demo_killed_while_it_was_filled_is_filled_again(ready: Installation):
    ready.process = None
    with ready.output.open("w") as output:
        ready.process = subprocess.Popen(
            [sys.executable, str(CHECKOUT / "manage.py"), "demo", "--data-dir", str(ready.data)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean_environment(),
            cwd="/",
            start_new_session=True,
        )
    deadline = time.monotonic() + 200
    while not (ready.data / "seeding").exists():
        assert time.monotonic() < deadline, ready.said
        time.sleep(0.05)
    time.sleep(4)
    ready.kill()
    assert (ready.data / "seeding").exists()

    ready.start(command="demo", seconds=400)

    assert not (ready.data / "seeding").exists()
    assert "lk_test_" in ready.said
    ready.interrupt()


# For who changes the code


@pytest.mark.drill
def test_code_and_templates_that_change_are_served(ready: Installation, tmp_path: Path):
    """In a copy of the checkout: a template, then Python, then Python that cannot run, then the same mended."""
    ready.checkout = tmp_path / "checkout"
    for folder in source_files._FOLDERS:
        shutil.copytree(CHECKOUT / folder, ready.checkout / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(CHECKOUT / "manage.py", ready.checkout)
    page, code = ready.checkout / "templates/errors/404.html", ready.checkout / "loyalty/server/process.py"
    ready.start("--reload")
    assert ready.get("/healthz") == (200, "ok\n")
    assert "The address may be" in ready.get("/nothing-here")[1]

    page.write_text(page.read_text().replace("The address may be", "Written while it ran: the address may be"))
    # A process that had not read the page before shows the new one at once; after the start all do.
    wait_for(lambda: "templates/errors/404.html changed; starting web, worker and beat again" in ready.said, ready)
    wait_for(lambda: "Written while it ran" in ready.get("/nothing-here")[1], ready)

    before = code.read_text()
    code.write_text(before.replace('b"ok\\n"', 'b"changed\\n"'))
    wait_for(lambda: ready.get("/healthz") == (200, "changed\n"), ready)

    code.write_text(before + "\n\nimport nothing_of_this_name\n")
    wait_for(lambda: "No module named 'nothing_of_this_name'" in ready.said, ready)
    assert ready.get("/healthz")[0] == 0
    code.write_text(before)
    wait_for(lambda: ready.get("/healthz") == (200, "ok\n"), ready)
    assert ready.interrupt() < STOPPED_SECONDS_MAX


def wait_for(is_so: Callable[[], bool], installation: Installation, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, installation.said
        time.sleep(0.1)


def test_a_change_is_named_once_and_when_it_is_over(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(source_files, "_LOOK_SECONDS", 0.0)
    for folder in source_files._FOLDERS:
        (tmp_path / folder).mkdir()
    code, page = tmp_path / "loyalty/home.py", tmp_path / "templates/home.html"
    code.write_text("1")
    files = SourceFiles(tmp_path)
    assert files.changed() == []

    page.write_text("two files")
    assert files.changed() == []
    code.write_text("in a row")
    assert files.changed() == []
    assert files.changed() == ["loyalty/home.py", "templates/home.html"]
    assert files.changed() == []

    (tmp_path / "loyalty/.home.py.swp").write_text("what an editor keeps")
    (tmp_path / "loyalty/home.pyc").write_text("what Python keeps")
    assert files.changed() + files.changed() == []
    code.unlink()
    assert files.changed() + files.changed() == ["loyalty/home.py"]


# Ports


def test_a_taken_port_is_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(StartError, match=f"^Port {port} is taken or not allowed: give another one with --port.$"),
            ports.held(port),
        ):
            pass


def test_all_ports_taken_is_one_sentence(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "PORTS", range(port, port + 1))
        with (
            pytest.raises(
                StartError, match=f"^The ports {port} to {port} are all taken: give a free one with --port.$"
            ),
            ports.held(),
        ):
            pass


def test_two_starts_at_the_same_time_choose_two_ports(monkeypatch):
    """Nobody listens yet: the web of each comes up long after the choice, and would share the other's port in silence."""
    monkeypatch.setattr(ports, "PORTS", range(18431, 18433))
    with ports.held() as first, ports.held() as second:
        assert (first, second) == (18431, 18432)
        with pytest.raises(StartError, match="are all taken"), ports.held():
            pass
    with ports.held() as again:
        assert again == 18431


# As root, and not


def test_as_somebody_else_than_root(tmp_path_factory: pytest.TempPathFactory):
    if os.geteuid() != 0 or not _can_run_as_nobody():
        pytest.skip("only root can start as somebody else, from a checkout that everybody may read")
    data = Path("/tmp") / f"loyalty-nobody-{os.getpid()}"
    data.mkdir()
    nobody = pwd.getpwnam("nobody").pw_uid
    os.chown(data, nobody, nobody)
    installation = Installation(data, python=_open_python(), user=nobody)
    try:
        said = installation.start(HOME=str(data))
        assert installation.process.poll() is None, said
        assert (data / "postgres").stat().st_uid == nobody
        assert (data / "postgres").stat().st_mode & 0o777 == 0o700
        assert (data / "run").stat().st_mode & 0o777 == 0o700
        assert installation.get("/readyz")[0] == 200
        assert installation.interrupt() < STOPPED_SECONDS_MAX
    finally:
        installation.clean_up()
        installation.output.unlink(missing_ok=True)


def _open_python() -> str:
    return os.path.realpath(sys.executable) if not _runs(sys.executable) else sys.executable


def _runs(python: str) -> bool:
    nobody = pwd.getpwnam("nobody").pw_uid
    try:
        done = subprocess.run(
            [python, "-c", "import django, granian"],
            user=nobody,
            group=nobody,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def _can_run_as_nobody() -> bool:
    return _runs(_open_python())


@pytest.mark.drill
def test_a_data_directory_that_postgres_cannot_reach_is_answered_with_one_it_can(tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("only root runs PostgreSQL as another account")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    tmp_path.chmod(0o700)
    installation = Installation(closed / "data")
    installation.output = tmp_path / "out"
    home = None
    try:
        installation.start()
        assert installation.get("/readyz")[0] == 200
        home = Path((closed / "data" / "home").read_text().strip())
        assert home.parent == Path("/var/lib")
        assert (home / "postgres" / "PG_VERSION").exists()
        assert installation.interrupt() < STOPPED_SECONDS_MAX
    finally:
        installation.clean_up()
        if home is not None:
            shutil.rmtree(home, ignore_errors=True)


def test_a_data_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    installation = Installation(tmp_path / "file" / "data")
    installation.output = tmp_path / "out"

    said = installation.start()

    assert installation.process.wait() == 1
    assert len(said.strip().splitlines()) == 1
    assert "give one that this account may write with --data-dir or DATA_DIR." in said
