"""`manage.py mutants`: makes a seeded sample of small changes, has tests look for each, prints the score and the survivors."""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.mutations import Mutation, mutations

ROOT: Final = Path(__file__).resolve().parents[2]
#: What is mutated: packages, or single modules.  One that is not there yet is passed over.
PACKAGES: Final = (
    "rewards/points", "rewards/earning", "rewards/sales", "rewards/purchases", "rewards/mechanics", "rewards/redemptions",
    "rewards/referrals", "rewards/stamps", "rewards/tiers",
)  # fmt: skip
#: Not mutated, but what runs here is noted as well: it does what modules of the packages only say.
READERS: Final = ("rewards/verify",)
#: Which tests may notice it.
TESTS: Final = (
    "tests/rules/rewards", "tests/stories/test_api_*.py", "tests/stories/test_every_refusal.py",
    "tests/stories/test_what_spends.py",
)  # fmt: skip
LEFT_OUT: Final = frozenset({"tests/rules/rewards/test_ledger_machine.py"})
#: A mutant is tried by the quickest tests that run its statement, until together they take so long.
SECONDS_OF_TESTS: Final = 40.0
_IGNORED: Final = shutil.ignore_patterns(
    ".git", ".venv*", ".data", "__pycache__", ".hypothesis", ".*_cache", "node_modules"
)


@dataclass
class Baseline:
    """What the tests do with the code as it is: seconds of CPU each takes, and the lines it runs of each file."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    #: Which files import one.
    importers: dict[str, set[str]] = field(default_factory=dict)

    def tests_of(self, mutation: Mutation) -> tuple[list[str], float]:
        """Return the tests that run the statement, the quickest first, and the seconds they take together.

        A module may have nothing that runs, only texts and limits: then those that run whoever imports it.
        """
        first, last = mutation.statement
        running = [
            test
            for test, files in self.lines.items()
            if (ran := files.get(mutation.path)) and (not last or any(first <= line <= last for line in ran))
        ]
        seen, nearest = set(), {mutation.path}
        while nearest and not running and not last:
            seen |= nearest
            nearest = {one for path in nearest for one in self.importers.get(path, ())} - seen
            running = [test for test, files in self.lines.items() if not nearest.isdisjoint(files)]
        chosen, total = [], 0.0
        for test in sorted(running, key=lambda test: (self.seconds[test], test)):
            if chosen and total + self.seconds[test] > SECONDS_OF_TESTS:
                break
            chosen.append(test)
            total += self.seconds[test]
        return chosen, total


class Worker:
    """A process with a copy of the checkout (tests/mutants/worker.py)."""

    def __init__(self, place: Path) -> None:
        shutil.copytree(ROOT, place, ignore=_IGNORED)
        self.log = place / "mutants.log"
        # `python -m` puts the directory first, so that the copy is what is imported.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.worker"], cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        )  # fmt: skip

    def wait_ready(self) -> None:
        if self._read()["ready"]["code"] != 0:
            raise SystemExit(f"The tests cannot be run:\n{self.log.read_text()[-4000:]}")

    def ask(self, what: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._read()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("A worker has ended too early.")
        found: dict[str, Any] = json.loads(line)
        return found


def look(workers: list[Worker]) -> Baseline:
    """Run all tests once, unchanged; what they run is kept for the next time, as long as the code is the same."""
    files = sorted({str(path.relative_to(ROOT)) for pattern in TESTS for path in _files(pattern)} - LEFT_OUT)
    kept = Path(tempfile.gettempdir()) / f"loyalty-mutants-{os.getuid()}-{_digest()}.json"
    answers = []
    if kept.is_file():
        answers = json.loads(kept.read_text())
    else:
        shares = [files[number :: len(workers)] for number in range(len(workers))]
        answers = _together(
            workers, [{"path": None, "files": share, "watched": PACKAGES + READERS} for share in shares]
        )
        for worker, answer in zip(workers, answers, strict=True):
            if answer["code"] != 0:
                raise SystemExit(
                    f"Without a mutant the tests fail: {answer['failed']}\n{worker.log.read_text()[-3000:]}"
                )
        kept.write_text(json.dumps(answers))
    baseline = Baseline(importers=importers())
    for answer in answers:
        baseline.seconds |= answer["seconds"]
        baseline.lines |= answer["lines"]
    return baseline


def importers() -> dict[str, set[str]]:
    """Return which files of the packages, and of those that read them, import a file."""
    found: dict[str, set[str]] = {}
    for place in (*PACKAGES, *READERS):
        for path in sorted((ROOT / place).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.ImportFrom) or not node.module:
                    continue
                for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                    for file in (f"{name.replace('.', '/')}.py", f"{name.replace('.', '/')}/__init__.py"):
                        found.setdefault(file, set()).add(str(path.relative_to(ROOT)))
    return found


def _files(pattern: str) -> list[Path]:
    return list((ROOT / pattern).glob("test_*.py") if (ROOT / pattern).is_dir() else ROOT.glob(pattern))


def _digest() -> str:
    """Everything in Python decides what a test runs."""
    names = subprocess.run(
        ["find", ".", "-name", "*.py", "-not", "-path", "./.*"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in sorted(names))).hexdigest()[:16]


def _together(workers: list[Worker], asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = [{} for _worker in workers]

    def ask(number: int) -> None:
        answers[number] = workers[number].ask(asked[number])

    threads = [threading.Thread(target=ask, args=[number]) for number in range(len(workers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def candidates(only: str) -> list[Mutation]:
    """Return every change of the packages, or of those files whose path begins with `only`."""
    found: list[Mutation] = []
    for package in PACKAGES:
        place = ROOT / package
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]:
            name = str(path.relative_to(ROOT))
            if path.is_file() and name.startswith(only):
                found += mutations(name, path.read_text())
    return found


def try_all(workers: list[Worker], sample: list[Mutation], baseline: Baseline) -> tuple[list[Mutation], list[Mutation]]:
    """Return which were noticed, and which were not; each is told as it is decided."""
    waiting: queue.SimpleQueue[Mutation] = queue.SimpleQueue()
    for mutation in sample:
        waiting.put(mutation)
    survivors: list[Mutation] = []
    noticed: list[Mutation] = []

    def work(worker: Worker) -> None:
        while True:
            try:
                mutation = waiting.get_nowait()
            except queue.Empty:
                return
            tests, seconds = baseline.tests_of(mutation)
            source = mutation.apply((ROOT / mutation.path).read_text())
            said = "no test runs it"
            if tests:
                asked = {"path": mutation.path, "source": source, "tests": tests, "seconds": 60 + 10 * seconds}
                answer = worker.ask(asked)
                said = "survives" if answer["code"] == 0 else f"noticed by {_by(answer)}"
                said += f" ({answer['took']:.0f} s)"
            (noticed if said.startswith("noticed") else survivors).append(mutation)
            print(f"{said}: {mutation}", flush=True)

    threads = [threading.Thread(target=work, args=[worker]) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return noticed, survivors


def scores(noticed: list[Mutation], survivors: list[Mutation]) -> list[str]:
    """Return a line for each package of which something was changed: how much of that was noticed."""
    found = []
    for package in PACKAGES:
        seen, unseen = (
            sum(one.path.startswith((f"{package}/", f"{package}.py")) for one in these)
            for these in (noticed, survivors)
        )
        if seen + unseen:
            found.append(f"{package}: {100 * seen // (seen + unseen)} % ({seen} of {seen + unseen})")
    return found


def _by(answer: dict[str, Any]) -> str:
    if answer["code"] is None:
        return "its time"
    return answer["failed"][0].rpartition("/")[2] if answer["failed"] else "the import"


def main() -> None:
    parser = argparse.ArgumentParser(prog="manage.py mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=40, metavar="N", help="so many changes (default: 40; 0 for all)")
    parser.add_argument("--seed", type=int, default=None, metavar="S", help="repeats a sample (default: a new one)")
    parser.add_argument("--only", default="", metavar="PATH", help="of one package or file, such as rewards/points")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: the cores)"
    )
    parser.add_argument("--bar", type=int, default=90, metavar="PERCENT", help="fail below it (default: 90)")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the workers are ended as well
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10**6)
    every = candidates(asked.only)
    known = [one for one in every if (one.path, one.within, one.what) in EQUIVALENT]
    if len(known) < len(EQUIVALENT) and not asked.only:
        raise SystemExit("tests/mutants/equivalent.py names a change that cannot be made any more.")
    every = [one for one in every if one not in known]
    sample = random.Random(seed).sample(every, min(asked.sample or len(every), len(every)))
    print(
        f"{len(sample)} of {len(every)} changes; {len(known)} more are known to change nothing; --seed {seed}",
        flush=True,
    )
    home = Path(tempfile.mkdtemp(prefix="loyalty-mutants-"))
    workers = [Worker(home / str(number)) for number in range(max(1, asked.jobs))]
    try:
        for worker in workers:
            worker.wait_ready()
        baseline = look(workers)
        print(f"{len(baseline.seconds)} tests, {sum(baseline.seconds.values()):.0f} s", flush=True)
        noticed, survivors = try_all(workers, sample, baseline)
    finally:
        for worker in workers:
            worker.end()
        shutil.rmtree(home, ignore_errors=True)
    print("\nSurvivors:" if survivors else "\nNone survived.")
    for mutation in sorted(survivors, key=str):
        print(f"  {mutation}")
    print("\nNoticed:")
    for line in scores(noticed, survivors):
        print(f"  {line}")
    score = len(noticed) / len(sample) if sample else 1.0
    print(f"ratio mutants_noticed {score:.2f} ({len(noticed)} of {len(sample)}, --seed {seed})")
    if score * 100 < asked.bar:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
