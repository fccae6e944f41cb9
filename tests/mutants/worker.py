"""One process with a copy of the checkout and services of its own; it reads what to try and says what came of it.

Each try is a fork, which imports the code anew: what a mutant does to its process ends with it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

# Imported once, before the forks: what needs no settings and is never mutated.
import django.contrib.postgres.fields
import django.db.models
import django.test
import hypothesis.strategies
import msgspec
import psycopg2.extensions
import pytest

from tests import plugin
from tests.mutants import selection

PRELOADED = (django, hypothesis, msgspec, psycopg2)
FILES = "tests/rules/rewards"


def main() -> None:
    root = os.getcwd()
    plugin._start()
    ends = plugin._ends[:]
    plugin._ends.clear()  # a fork must not end what is not its own
    try:
        os.environ[plugin.GIVEN_SERVICES] = "empty"
        _say({"ready": _in_a_fork(_collected, seconds=600)})
        os.environ[plugin.GIVEN_SERVICES] = "ready"
        for line in sys.stdin:
            asked = json.loads(line)
            if asked["path"] is None:
                _say(_in_a_fork(partial(_looked_at, root, asked["files"], asked["watched"]), seconds=3600))
            else:
                _say(_tried(root, asked))
    finally:
        while ends:
            ends.pop()()


def _say(what: Any) -> None:
    print(json.dumps(what), flush=True)


def _arguments(files: list[str]) -> list[str]:
    # Modules that were imported before the fork are not rewritten: their assertions are not what is looked for.
    ignored = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
    return [
        *files,
        *ignored,
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--drill-seed",
        "0",
        "--hypothesis-seed=0",
    ]


def _collected() -> dict[str, Any]:
    """Run a few tests, for which the schema is made."""
    code = pytest.main(_arguments([f"{FILES}/test_points.py", "-k", "debt"]))
    return {"code": int(code)}


def _looked_at(root: str, files: list[str], watched: list[str]) -> dict[str, Any]:
    run = selection.Run(root, watched=watched)
    code = pytest.main(_arguments(files), plugins=[run])
    return {"code": int(code), "failed": run.failed, "seconds": run.seconds, "lines": run.lines}


def _tried(root: str, asked: dict[str, Any]) -> dict[str, Any]:
    path = Path(root, asked["path"])
    original, times = path.read_bytes(), path.stat()
    path.write_text(asked["source"])
    files = sorted({test.partition("::")[0] for test in asked["tests"]})
    try:
        return _in_a_fork(partial(_run, root, files, asked["tests"]), seconds=asked["seconds"])
    finally:
        path.write_bytes(original)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # what was compiled from it is good again


def _run(root: str, files: list[str], tests: list[str]) -> dict[str, Any]:
    sys.dont_write_bytecode = True
    run = selection.Run(root, tests)
    code = pytest.main(_arguments(files), plugins=[run])
    return {"code": int(code), "failed": run.failed}


def _in_a_fork(work: Callable[[], dict[str, Any]], *, seconds: float) -> dict[str, Any]:
    """Return what `work` returned; after so many seconds, that it is too slow."""
    begun = time.monotonic()
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        os.setsid()
        log = os.open("mutants.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        try:
            with os.fdopen(writes, "w") as out:
                json.dump(work(), out)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    os.close(writes)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    with os.fdopen(reads) as answer:
        text = answer.read()
    signal.setitimer(signal.ITIMER_REAL, 0)
    os.waitpid(child, 0)
    found: dict[str, Any] = json.loads(text) if text else {"code": None, "failed": []}
    return {**found, "took": time.monotonic() - begun}


if __name__ == "__main__":
    main()
