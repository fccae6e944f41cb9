"""Starts one PostgreSQL and one Valkey for the whole run, before pytest-django reads the settings, and ends them.

Loaded by `addopts = "-p tests.plugin"`: a conftest would be too late.  Durability is off, the data ends with the run.
The whole suite is shared out to processes, one a core up to four, each with services of its own: what the numbers may
take in ends at the oldest transaction of the whole PostgreSQL, and that must not be another test's.  Whoever names a
file or a test gets one process, in which `-s` and `--pdb` work.
"""

from __future__ import annotations

import atexit
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from loyalty.launch import environment, places
from loyalty.launch.postgres import Postgres
from loyalty.launch.processes import is_alive
from loyalty.launch.valkey import Valkey

_PREFIX = "loyalty-test-"
PROCESSES_MAX = 4
#: The files that take longest, longest first: begun last they would leave the other processes with nothing to do.
LONGEST = (
    "browser/test_console.py",
    "house/test_contract.py",
    "house/test_start_supervisor.py",
    "house/test_crash_drill.py",
    "house/test_authorisation.py",
    "browser/test_styleguide.py",
    "rules/rewards/test_ledger_machine.py",
    "browser/test_portal.py",
    "browser/test_counter.py",
    "house/test_security.py",
    "races/test_ledger_races.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("loyalty", "the long drills of the loyalty platform")
    group.addoption("--drills", action="store_true", help="run the long drills too: starts, crashes, whole data sets")
    group.addoption(
        "--crash-seconds",
        type=float,
        default=60.0,
        metavar="N",
        help="how long the crash drill kills processes under load (default: 60)",
    )
    group.addoption(
        "--drill-seed",
        type=int,
        default=None,
        metavar="N",
        help="seed of the drills' dice, as printed by a run that failed (default: a new one each time)",
    )


# A wrapper runs before xdist's own hook, which reads what is set here.
@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Iterator[object]:
    """Share the whole suite out, unless somebody chose a part of it or wants to look at it closely."""
    asked = config.option
    is_whole = config.args_source is not config.ArgsSource.ARGS and not (asked.keyword or asked.markexpr or asked.lf)
    # One of the processes it is shared out to hands nothing on.
    is_alone = (
        "PYTEST_XDIST_WORKER" in os.environ
        or asked.usepdb
        or asked.capture == "no"
        or asked.collectonly
        or asked.setupplan
    )
    processes = min(len(os.sched_getaffinity(0)), PROCESSES_MAX)
    if is_whole and not is_alone and asked.numprocesses is None and processes > 1:
        asked.numprocesses, asked.dist, asked.loadscopereorder = processes, "loadfile", False
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "drill: a long drill, run only with --drills")
    # Thrown once, before xdist hands the options to its processes: one number repeats the whole run.
    if config.option.drill_seed is None:
        config.option.drill_seed = random.SystemRandom().randrange(10**6)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.write_line(f"The dice of this run: --drill-seed {config.option.drill_seed}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST)}
    tests = Path(__file__).parent
    items.sort(key=lambda item: order.get(os.path.relpath(item.path, tests), len(order)))
    if config.getoption("--drills"):
        return
    for item in items:
        if item.get_closest_marker("drill"):
            item.add_marker(pytest.mark.skip(reason="a long drill: run with --drills"))


# A wrapper runs before every plain hook, whatever their order: pytest-django's reads the settings.
@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    asked = early_config.known_args_namespace
    if getattr(asked, "help", False) or getattr(asked, "version", False):
        _announce({name: f"postgresql://{role}@/none" for name, role in environment.ROLE_VARIABLES.items()})
        os.environ["REDIS_URL"] = "unix:///nowhere.sock"
    else:
        _start()
    return (yield)


# A process of a shared-out suite does not reach `atexit` when its controller is in a hurry.
def pytest_unconfigure() -> None:
    while _ends:
        _ends.pop()()


#: What has to be ended when the run ends.
_ends: list[Callable[[], None]] = []
atexit.register(pytest_unconfigure)


def _start() -> None:
    _remove_what_killed_runs_left()
    data = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    data.chmod(0o711)
    here = places.prepare(data)
    postgres = Postgres(here, durable=False)
    valkey = Valkey(here, durable=False)
    _ends.append(partial(_stop, data, postgres, valkey))
    valkey.launch()
    postgres.start()
    valkey.wait_ready()
    _announce(environment.service_urls(postgres, valkey))
    os.environ["DATABASE_SUPER_URL"] = postgres.url("postgres")
    os.environ["DATA_DIR"] = str(data)
    os.environ["STATIC_ROOT"] = str(data / "static")


def _announce(urls: dict[str, str]) -> None:
    """Set what the settings read; nothing from the developer's own shell may decide a test."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    os.environ.update(urls)
    os.environ.update(
        DEBUG="1",
        HTTPS="0",
        SECRET_KEY="only-for-tests",
        ALLOWED_HOSTS="testserver,localhost,127.0.0.1,[::1]",
        EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
        DATABASE_MAY_FORGET="1",
        MESSAGES_AT_ONCE="inline",
    )


def _stop(data: Path, postgres: Postgres, valkey: Valkey) -> None:
    for child in (valkey.child, postgres.child):
        if child is not None:
            child.ask_to_stop()
    for child in (valkey.child, postgres.child):
        if child is not None:
            child.wait_or_kill(time.monotonic() + 5)
    _remove(data)


def _remove(data: Path) -> None:
    here = places.find(data)
    for directory in (here.sockets, here.home, data):
        shutil.rmtree(directory, ignore_errors=True)


def _remove_what_killed_runs_left() -> None:
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not is_alive(int(pid)) and left.stat().st_uid == os.getuid():
            _remove(left)
