"""Plays one seed's story with the code of this checkout and of another, and shows where they first differ.

    python3 -m tests.journeys.compare 17 HEAD~3          # a commit of this repository
    python3 -m tests.journeys.compare 17 ../before       # or another checkout

Both sides play the stories of this checkout; each reads its own tables (`tables.py` is not taken along), since those may
have changed.  `--keep FOLDER` keeps both stories, whole, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_HERE = Path("tests/journeys")
#: Of the side that is played: it says what the tables of that code mean.
_OWN = "tables.py"
_WIDTH = 100


def main() -> int:
    """Compare, print the first differences, and return 1 when there are any."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.journeys.compare", description="Compare a story, old and new."
    )
    parser.add_argument("seed", type=int)
    parser.add_argument("other", help="a commit of this repository, or the folder of another checkout")
    parser.add_argument("--keep", type=Path, help="a folder in which both stories are kept")
    parser.add_argument("--most", type=int, default=20, help="how many differing values are shown")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="journeys-") as name:
        work = Path(name)
        with _checkout(asked.other, work / "checkout") as other:
            before, after = (
                _played(where, asked.seed, work / side) for where, side in ((other, "old"), (_ROOT, "new"))
            )
        if asked.keep is not None:
            asked.keep.mkdir(parents=True, exist_ok=True)
            for side in ("old", "new"):
                shutil.copy(work / side / f"{asked.seed}.json", asked.keep / f"{asked.seed}-{side}.json")
    return _show(before, after, asked.most)


@contextmanager
def _checkout(other: str, place: Path) -> Iterator[Path]:
    """Lay out the other code where the stories can be put beside it; nothing of a given checkout is changed."""
    if Path(other).is_dir():
        left_out = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "node_modules")
        shutil.copytree(other, place, ignore=left_out, symlinks=True)
        yield place
        return
    _git("worktree", "add", "--detach", "--quiet", str(place), other)
    try:
        yield place
    finally:
        _git("worktree", "remove", "--force", str(place))


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(_ROOT), *arguments], check=True)


def _played(where: Path, seed: int, folder: Path) -> list[dict[str, Any]]:
    folder.mkdir()
    if where != _ROOT:
        (where / _HERE).mkdir(exist_ok=True)
        for module in (_ROOT / _HERE).glob("*.py"):
            if module.name != _OWN or not (where / _HERE / _OWN).exists():
                shutil.copy(module, where / _HERE / module.name)
        shutil.copy(_ROOT / "tests/plugin.py", where / "tests/plugin.py")
    command = [sys.executable, "-m", "pytest", "-q", str(_HERE / "dump.py"), "-p", "no:cacheprovider",
               "--journey-seeds", str(seed), "--journeys-to", str(folder)]  # fmt: skip
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False, env=dict(os.environ))
    if done.returncode:
        sys.exit(f"The story could not be played in {where}:\n{done.stdout}\n{done.stderr}")
    steps: list[dict[str, Any]] = json.loads((folder / f"{seed}.json").read_text())
    return steps


def _show(before: list[dict[str, Any]], after: list[dict[str, Any]], most: int) -> int:
    for number, (old, new) in enumerate(zip(before, after, strict=True), start=1):
        found = list(_differences(old, new, ""))
        if found:
            print(f"They first differ in step {number}, {new['name']}. It asked:")
            for call in new["calls"]:
                print(f"  {call['asked'][0]} {json.dumps(call['asked'][1], ensure_ascii=False)}")
            for place, one, other in found[:most]:
                print(f"\n{place}\n  old  {_short(one)}\n  new  {_short(other)}")
            if len(found) > most:
                print(f"\n… and {len(found) - most} more in this step.")
            return 1
    print(f"Both are the same in all {len(after)} steps.")
    return 0


_ABSENT = "(not there)"


def _differences(old: Any, new: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the path and both values of what differs, down to single values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(each for each in new if each not in old)]:
            yield from _differences(old.get(name, _ABSENT), new.get(name, _ABSENT), f"{place}/{name}")
    elif isinstance(old, list) and isinstance(new, list):
        for position in range(max(len(old), len(new))):
            one, other = (each[position] if position < len(each) else _ABSENT for each in (old, new))
            yield from _differences(one, other, f"{place}/{position}")
    elif old != new:
        yield place, old, new


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 4 * _WIDTH else f"{text[: 4 * _WIDTH]} …"


if __name__ == "__main__":
    sys.exit(main())
