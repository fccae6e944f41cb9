"""Starts one PostgreSQL and one Valkey for the whole run, before pytest-django reads the settings, and ends them.

Loaded by `addopts = "-p tests.plugin"`: a conftest would be too late.  Durability is off, the data ends with the run.
The whole suite is shared out to processes, each with services of its own: what the numbers may take in ends at the
oldest transaction of the whole PostgreSQL, and that must not be another test's.  Whoever names a file or a test gets one
process, in which `-s` and `--pdb` work.

The whole suite sees each screen in one of its looks (width, scheme, language), which the run's dice choose, and so it is
with the values of a test marked `one_a_run`; `--drills` tries all of them, and so does whoever names a file.
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
from typing import Any

import hypothesis
import pytest

from loyalty.launch import directories, environment
from loyalty.launch.postgres import Postgres
from loyalty.launch.processes import is_alive
from loyalty.launch.valkey import Valkey

_PREFIX = "loyalty-test-"
#: Set by who starts the services for many runs (tests/mutants): their database is `empty`, or its schema is `ready`.
GIVEN_SERVICES = "LOYALTY_TEST_SERVICES"
#: Tests wait as long as they compute (for browsers, for processes to start): two processes a core keep it busy.
PROCESSES_A_CORE, PROCESSES_MAX = 2, 4
#: Stories of tests/journeys: so many are recorded, and so many of them are played in each run.
JOURNEYS_RECORDED, JOURNEYS_A_RUN = 64, 32
#: What a look at a screen is made of; everything else a test is given names the screen.
_LOOK = frozenset({"width", "scheme", "language"})
#: The files that take longest, longest first: begun last they would leave the other processes with nothing to do.
LONGEST = (
    "project/test_contract.py",
    "rules/rewards/test_ledger_machine.py",
    "project/test_crash_drill.py",
    "project/test_server.py",
    "project/test_backup.py",
    "project/test_plans.py",
    "project/test_canary.py",
    "project/test_start_supervisor.py",
    "browser/test_console.py",
    "browser/test_sign_in_pages.py",
    "browser/test_styleguide.py",
    "browser/test_asking.py",
    "rules/rewards/test_earning.py",
    "project/test_start_bootstrap.py",
    "races/test_sales_races.py",
    "project/test_authorisation.py",
    "project/test_security.py",
    "races/test_ledger_races.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("loyalty", "the long drills of the loyalty platform")
    group.addoption("--drills", action="store_true", help="run the long drills too: starts, crashes, whole data sets")
    group.addoption(
        "--crash-seconds",
        type=float,
        default=40.0,
        metavar="N",
        help="how long the crash drill kills processes under load (default: 40)",
    )
    group.addoption(
        "--drill-seed",
        type=int,
        default=None,
        metavar="N",
        help="seed of the drills' dice, as printed by a run that failed (default: a new one each time)",
    )
    group.addoption(
        "--journey-seeds",
        metavar="A-B",
        help="the stories tests/journeys plays, records or writes out (default: see there)",
    )
    group.addoption("--journeys-to", metavar="FOLDER", help="where tests/journeys/dump.py writes whole stories")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    asked = metafunc.config.option
    if "journey_seed" in metafunc.fixturenames:
        metafunc.parametrize("journey_seed", _seeds(asked.journey_seeds or f"0-{JOURNEYS_RECORDED - 1}"))
    if "recorded_seed" in metafunc.fixturenames:
        most = JOURNEYS_RECORDED if asked.drills else JOURNEYS_A_RUN
        metafunc.parametrize("recorded_seed", _seeds(asked.journey_seeds or f"0-{most - 1}"))


def _seeds(text: str) -> range:
    first, _dash, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


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
    processes = min(len(os.sched_getaffinity(0)) * PROCESSES_A_CORE, PROCESSES_MAX)
    asked.one_look = is_whole and not asked.drills
    if is_whole and not is_alone and asked.numprocesses is None and processes > 1:
        asked.numprocesses, asked.dist, asked.loadscopereorder = processes, "loadfile", False
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "drill: a long drill, run only with --drills")
    config.addinivalue_line("markers", "one_a_run: of its values one is tried, by the run's dice; all with --drills")
    # Thrown once and handed to every process of the run: one number repeats all of it.
    if config.option.drill_seed is None:
        handed_on = getattr(config, "workerinput", {})
        config.option.drill_seed = handed_on.get("drill_seed", random.SystemRandom().randrange(10**6))
    # How often a law is tried; each run tries others, and prints what breaks one.
    hypothesis.settings.register_profile("run", max_examples=50, deadline=None)
    hypothesis.settings.register_profile("drills", max_examples=500, deadline=None)
    hypothesis.settings.load_profile("drills" if config.option.drills else "run")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["drill_seed"] = node.config.option.drill_seed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.write_line(f"The dice of this run: --drill-seed {config.option.drill_seed}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST)}
    tests = Path(__file__).parent
    items.sort(key=lambda item: order.get(os.path.relpath(item.path, tests), len(order)))
    if getattr(config.option, "one_look", False):
        _keep_one_look(config, items)
    if config.getoption("--drills"):
        return
    for item in items:
        if item.get_closest_marker("drill"):
            item.add_marker(pytest.mark.skip(reason="a long drill: run with --drills"))


def _keep_one_look(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of each screen's looks, and of the values of a test marked so, keep the one that the run's dice choose."""
    looks: dict[str, list[pytest.Item]] = {}
    for item in items:
        given = dict(getattr(getattr(item, "callspec", None), "params", {}))
        test = f"{item.path.name}/{getattr(item, 'originalname', item.name)}"
        if item.get_closest_marker("one_a_run"):
            looks.setdefault(test, []).append(item)
        elif item.path.parent.name == "browser" and _LOOK & given.keys():
            screen = sorted((name, repr(value)) for name, value in given.items() if name not in _LOOK)
            looks.setdefault(f"{test}/{screen}", []).append(item)
    left: set[pytest.Item] = set()
    # By their places: a name may hold an object's address, which differs between the processes of a run.
    for place, found in enumerate(looks.values()):
        kept = random.Random(f"{config.option.drill_seed}/{place}").choice(found)
        left.update(item for item in found if item is not kept)
    config.hook.pytest_deselected(items=list(left))
    items[:] = [item for item in items if item not in left]


# A wrapper runs before every plain hook, whatever their order: pytest-django's reads the settings.
@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    asked = early_config.known_args_namespace
    if getattr(asked, "help", False) or getattr(asked, "version", False):
        _announce({name: f"postgresql://{role}@/none" for name, role in environment.ROLE_VARIABLES.items()})
        os.environ["REDIS_URL"] = "unix:///nowhere.sock"
    elif GIVEN_SERVICES not in os.environ:
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
    here = directories.prepare(data)
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
    here = directories.find(data)
    for directory in (here.sockets, here.home, data):
        shutil.rmtree(directory, ignore_errors=True)


def _remove_what_killed_runs_left() -> None:
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not is_alive(int(pid)) and left.stat().st_uid == os.getuid():
            _remove(left)
