"""Makes `.venv` from a hashed lock, once, and goes on inside it; standard library only.

A mark in the environment holds the SHA-256 of each lock it was made from: the next start skips the work, and
another lock brings the environment to itself.  `LOYALTY_VENV` names another place.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_BYTES_NEEDED = {"demo": 700_000_000, "dev": 1_200_000_000, "complete-journey": 500_000_000}
_MARK = "loyalty-locks.json"


class CannotSetUp(Exception):
    """Why the packages cannot be installed, as one sentence that says what to do."""


def enter(checkout: str, locks: Sequence[str], argv: Sequence[str]) -> None:
    """Continue this command in an environment that holds the locks; return at once when we are already in it."""
    try:
        venv = _ready(Path(checkout), locks)
    except CannotSetUp as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped; the next start goes on from here.")
    _go_on(venv, argv)


def enter_without_install(checkout: str, argv: Sequence[str]) -> None:
    """Continue in the environment if there is one and this Python has no Django; never installs anything."""
    if importlib.util.find_spec("django") is not None:
        return
    venv = _place(Path(checkout))
    if not _python(venv).exists():
        sys.exit(
            "Django is not installed for this Python: `python3 manage.py demo` sets everything up, "
            "or install requirements/base.txt."
        )
    _go_on(venv, argv)


def _go_on(venv: Path, argv: Sequence[str]) -> None:
    _keep_compiled(venv)
    if Path(sys.prefix).resolve() == venv.resolve():
        return
    python = str(_python(venv))
    sys.stdout.flush()
    os.execv(python, [python, *argv])  # noqa: S606 - this command, in its environment


def _keep_compiled(venv: Path) -> None:
    """Let the processes that we start keep what they compile inside of the environment, where nothing may be written
    elsewhere: each of them would else compile two thousand modules anew, which takes longer than all it does then."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ["PYTHONPYCACHEPREFIX"] = str(venv / "pycache")


def _place(checkout: Path) -> Path:
    return Path(os.environ.get("LOYALTY_VENV") or checkout / ".venv").absolute()


def _python(venv: Path) -> Path:
    return venv / "bin" / "python"


def _ready(checkout: Path, locks: Sequence[str]) -> Path:
    if os.name != "posix":
        raise CannotSetUp("This runs on Linux and macOS; on Windows, start it inside WSL.")
    venv = _place(checkout)
    if _missing(venv, checkout, locks):
        with _alone(venv):
            for lock in _missing(venv, checkout, locks):
                _install(venv, checkout, lock)
    return venv


def _missing(venv: Path, checkout: Path, locks: Sequence[str]) -> list[str]:
    if not _python(venv).exists():
        return list(locks)
    held = _marks(venv)
    return [lock for lock in locks if held.get(lock) != _fingerprint(checkout, lock)]


def _marks(venv: Path) -> dict[str, str]:
    try:
        marks = json.loads((venv / _MARK).read_text())
    except (OSError, ValueError):
        return {}
    return marks if isinstance(marks, dict) else {}


def _lock_file(checkout: Path, lock: str) -> Path:
    return checkout / "requirements" / f"{lock}.txt"


def _fingerprint(checkout: Path, lock: str) -> str:
    version = f"{sys.version_info[0]}.{sys.version_info[1]} "
    return hashlib.sha256(version.encode() + _lock_file(checkout, lock).read_bytes()).hexdigest()


@contextlib.contextmanager
def _alone(venv: Path) -> Iterator[None]:
    """Let only one set-up at a time work on the environment."""
    try:
        venv.mkdir(parents=True, exist_ok=True)
        lock = (venv / "loyalty-setup.lock").open("w")
    except OSError as error:
        raise CannotSetUp(_why_not_written(error, venv)) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Another start is setting up the packages; waiting for it …", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _why_not_written(error: OSError, venv: Path) -> str:
    if error.errno == errno.ENOSPC:
        return f"The disk of {venv.parent} is full: free some space, or set LOYALTY_VENV to a directory elsewhere."
    return (
        f"{venv} cannot be written ({error.strerror}): "
        "set LOYALTY_VENV, and DATA_DIR, to directories that this account may write."
    )


def _install(venv: Path, checkout: Path, lock: str) -> None:
    started = time.monotonic()
    print(f"Setting up the packages of requirements/{lock}.txt in {venv} (only this once) …", flush=True)
    _check_disk_space(venv, lock)
    is_new = _make(venv)
    _pip(venv, _halves(_lock_file(checkout, lock).read_text()) if is_new else [_lock_file(checkout, lock).read_text()])
    _remember(venv, checkout, lock)
    print(f"… done in {time.monotonic() - started:.0f} s.", flush=True)


def _halves(lock: str) -> list[str]:
    """Return the lock in two parts of about the same work: no package of one has a file of the other's."""
    packages = [block for block in re.split(r"\n(?=\S)", lock) if "==" in block]
    if (os.cpu_count() or 1) < 2 or len(packages) < 2:
        return [lock]
    return ["\n".join(packages[start::2]) for start in (0, 1)]


def _pip(venv: Path, parts: Sequence[str]) -> None:
    """Install the parts side by side; pip itself uses one processor only.

    :raises CannotSetUp: one of them could not be installed.
    """
    clean = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME"}}
    command = [str(_python(venv)), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    running = []
    with tempfile.TemporaryDirectory() as folder:
        for number, part in enumerate(parts):
            asked = Path(folder) / f"{number}.txt"
            asked.write_text(part)
            options = ["--no-compile", "--no-deps", "--require-hashes", "-r", str(asked)]
            running.append(subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True, env=clean))
        complaints = [(pip.communicate()[1], pip.returncode) for pip in running]
    for output, code in complaints:
        if code:
            raise CannotSetUp(_why_not_installed(output, venv))


def _check_disk_space(venv: Path, lock: str) -> None:
    needed, free = _BYTES_NEEDED.get(lock, 0), shutil.disk_usage(venv).free
    if free < needed:
        raise CannotSetUp(
            f"The packages need about {needed / 1e9:.1f} GB and {venv.parent} has {free / 1e9:.1f} GB left: "
            "free some space, or set LOYALTY_VENV to a directory elsewhere."
        )


def _make(venv: Path) -> bool:
    """Make the environment, or repair one that was left half made; return False for one that works and is kept."""
    probe = f"import pip, sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    with contextlib.suppress(OSError):
        if subprocess.run([_python(venv), "-c", probe], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return False
    if any(importlib.util.find_spec(name) is None for name in ("venv", "ensurepip")):
        raise CannotSetUp(
            "Python's own venv module is missing: install it (Debian and Ubuntu: `apt-get install python3-venv`) "
            "and start again."
        )
    # --clear would also take the lock we hold; the old interpreter's files are what must go.
    for left in ("bin", "lib", "lib64", "include", "pyvenv.cfg", _MARK):
        path = venv / left
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "venv", str(venv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return True
    if "ensurepip" in done.stdout:
        raise CannotSetUp(
            "Python's own venv module is incomplete: install it (Debian and Ubuntu: `apt-get install python3-venv`) "
            "and start again."
        )
    raise CannotSetUp(_why_not_installed(done.stdout, venv))


def _why_not_installed(output: str, venv: Path) -> str:
    if "No space left on device" in output:
        return f"The disk of {venv.parent} is full: free some space, or set LOYALTY_VENV to a directory elsewhere."
    if "Permission denied" in output or "Read-only file system" in output:
        return _why_not_written(PermissionError(errno.EACCES, "Permission denied"), venv)
    if "HASHES" in output or ("hashes" in output and "do not match" in output):
        return "A downloaded package is not the one the lock names, so nothing was installed:\n" + _end(output)
    return (
        "The packages could not be installed; check this machine's way to its package index and start again. "
        "pip said:\n" + _end(output)
    )


def _end(output: str) -> str:
    # An index's address may carry a password.
    return re.sub(r"://[^@/\s]*@", "://…@", "\n".join(output.strip().splitlines()[-6:]))


def _remember(venv: Path, checkout: Path, lock: str) -> None:
    """Mark this lock, and every smaller one that is wholly part of it, as installed."""
    packages = _packages(checkout, lock)
    marks = _marks(venv)
    for path in (checkout / "requirements").glob("*.txt"):
        if path.stem == lock or _packages(checkout, path.stem) <= packages:
            marks[path.stem] = _fingerprint(checkout, path.stem)
    new = venv / f"{_MARK}.new"
    new.write_text(json.dumps(marks, indent=1, sort_keys=True))
    new.replace(venv / _MARK)


def _packages(checkout: Path, lock: str) -> set[str]:
    lines = _lock_file(checkout, lock).read_text().splitlines()
    return {line.rstrip("\\ ") for line in lines if "==" in line}
