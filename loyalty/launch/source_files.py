"""The files an installation runs from, and whether one has changed: by a stat of each, which takes some milliseconds."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from loyalty.launch.directories import CHECKOUT

_FOLDERS: Final = (
    "analytics", "engagement", "locale", "loyalty", "members", "merchants", "rewards", "static", "templates",
)  # fmt: skip
#: What an editor writes beside a file has other endings.
_ENDINGS: Final = (".py", ".html", ".txt", ".xml", ".json", ".mo", ".css", ".js", ".svg", ".png", ".webp", ".woff2")
_LOOK_SECONDS: Final = 0.5

Stamps = dict[str, tuple[int, int]]


def fingerprint() -> str:
    """Return what changes when any Python file of the product does: far cheaper than asking Django."""
    digest = hashlib.sha256()
    for path in sorted(CHECKOUT.glob("[a-z]*/**/*.py")):
        found = path.stat()
        digest.update(f"{path.relative_to(CHECKOUT)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


class SourceFiles:
    """The code, templates, translations and static files below `root`, as they were when last asked about."""

    def __init__(self, root: Path = CHECKOUT) -> None:
        self._root = root
        self._used = self._last = self._stamps()
        self._looked_at = time.monotonic()

    def changed(self) -> list[str]:
        """List what has changed, come or gone since this last named something, once it changes no more.

        Looks at most every half a second, and answers after two looks that saw the same: a change of branch writes
        many files.
        """
        if time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return []
        before, self._last = self._last, self._stamps()
        self._looked_at = time.monotonic()
        if self._last != before:
            return []
        used, self._used = self._used, self._last
        return sorted(name for name in used.keys() | self._last.keys() if used.get(name) != self._last.get(name))

    def _stamps(self) -> Stamps:
        found: Stamps = {}
        for folder in _FOLDERS:
            for entry in _files(self._root / folder):
                # What is being replaced just now is seen at the next look.
                with contextlib.suppress(FileNotFoundError):
                    stat = entry.stat()
                    found[os.path.relpath(entry.path, self._root)] = (stat.st_size, stat.st_mtime_ns)
        return found


def _files(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            elif entry.name.endswith(_ENDINGS) and not entry.name.startswith("."):
                yield entry
