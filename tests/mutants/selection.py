"""A pytest plugin for one run inside a worker: notes the lines each test runs, or runs chosen tests until one fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

import hypothesis
import pytest
from hypothesis import Phase


class Run:
    """`chosen`: which tests to run, in this order; None for all that leave the database as they found it.

    `lines` has, by test and file, the lines that the test ran of the files in the directories `watched`.
    """

    def __init__(self, root: str, chosen: list[str] | None = None, watched: Sequence[str] = ()) -> None:
        self._root = f"{root}/"
        self._watched = tuple(f"{root}/{directory}" for directory in watched)
        self._chosen = chosen
        self.lines: dict[str, dict[str, list[int]]] = {}
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        # The same values each time, few of them, and the first that breaks is enough.
        hypothesis.settings.register_profile(
            "mutants", max_examples=15, deadline=None, derandomize=True, database=None,
            phases=[Phase.explicit, Phase.generate],
        )  # fmt: skip
        hypothesis.settings.load_profile("mutants")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [item for item in items if not _leaves_rows(item)]
        if self._chosen is not None:
            order = {name: place for place, name in enumerate(self._chosen)}
            kept = sorted((item for item in kept if item.nodeid in order), key=lambda item: order[item.nodeid])
        items[:] = kept

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        seen: set[tuple[str, int]] = set()

        def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
            return run if frame.f_code.co_filename.startswith(self._watched) else None

        def run(frame: FrameType, _event: str, _argument: Any) -> Any:
            seen.add((frame.f_code.co_filename, frame.f_lineno))
            return run

        begun = time.process_time()
        if self._watched:
            sys.settrace(enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self.seconds[item.nodeid] = time.process_time() - begun
            found = self.lines[item.nodeid] = {}
            for path, line in sorted(seen):
                found.setdefault(path.removeprefix(self._root), []).append(line)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


def _leaves_rows(item: pytest.Item) -> bool:
    """Return whether a test commits: all mutants of a worker meet in one database."""
    marker = item.get_closest_marker("django_db")
    return "committed" in getattr(item, "fixturenames", ()) or (
        marker is not None and bool(marker.kwargs.get("transaction"))
    )
