"""Where an installation keeps its things: one data directory, and short directories for sockets.

`.data/` in the checkout, or `DATA_DIR`.  PostgreSQL refuses to run as root; then its files belong to another
account, and where that account cannot reach the data directory they live in a directory of their own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: A unix socket's path must fit in `sun_path`: 104 bytes on macOS, 108 on Linux, with its final zero.
SOCKET_PATH_BYTES_MAX = 100
_LONGEST_SOCKET = ".s.PGSQL.5432.lock"

CHECKOUT = Path(__file__).resolve().parent.parent.parent


class StartError(Exception):
    """Why the installation cannot start, as one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class SystemAccount:
    """The operating system's account a service runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Places:
    """The directories of one installation; `account` is set only when we are root."""

    data: Path
    home: Path
    sockets: Path
    account: SystemAccount | None

    @property
    def cluster(self) -> Path:
        return self.home / "postgres"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def restarts(self) -> Path:
        """What the supervisor had to start again since it began: counts by name, as JSON."""
        return self.data / "restarts.json"

    @property
    def lock(self) -> Path:
        return self.data / "up.lock"


def data_dir() -> Path:
    """Return the data directory the environment names, or `.data/` in the checkout."""
    return Path(os.environ.get("DATA_DIR") or CHECKOUT / ".data").absolute()


def data_dir_asked_for(arguments: Sequence[str]) -> dict[str, str]:
    """Return `DATA_DIR` as `--data-dir` on the command line names it: it is needed before Django reads the rest."""
    for position, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--data-dir":
            value = value if equals else "".join(arguments[position + 1 : position + 2])
            return {"DATA_DIR": str(Path(value).absolute())} if value else {}
    return {}


def find(data: Path) -> Places:
    """Return where the installation of this data directory is, or would be; changes nothing."""
    account = _account(data) if os.geteuid() == 0 else None
    home = data
    if (data / "home").is_file():
        home = Path((data / "home").read_text().strip())
    return Places(data=data, home=home, sockets=_sockets(home), account=account)


def prepare(data: Path) -> Places:
    """Make the directories and return where they are.

    :raises StartError: a directory cannot be made, or is not ours.
    """
    try:
        data.mkdir(mode=0o711, parents=True, exist_ok=True)
        (data / "static").mkdir(exist_ok=True)
        for name in ("logs", "mail"):
            (data / name).mkdir(mode=0o700, exist_ok=True)
            (data / name).chmod(0o700)
        _check_writable(data)
        places = find(data)
        if places.account and not _can_enter(data, places.account):
            home = Path("/var/lib") / f"loyalty-{_mark(data)}"
            home.mkdir(mode=0o711, exist_ok=True)
            (data / "home").write_text(f"{home}\n")
            places = find(data)
        own_directory(places.sockets, places.account)
    except OSError as error:
        raise StartError(_sentence(error, data)) from None
    return places


def _sentence(error: OSError, data: Path) -> str:
    where = error.filename or data
    return (
        f"The data directory cannot be used ({where}: {error.strerror}): "
        "give one that this account may write with --data-dir or DATA_DIR."
    )


def _check_writable(data: Path) -> None:
    with tempfile.TemporaryFile(dir=data):
        pass


def _mark(data: Path) -> str:
    return hashlib.sha256(os.fsencode(data)).hexdigest()[:10]


def _sockets(home: Path) -> Path:
    inside = home / "run"
    if len(os.fsencode(inside / _LONGEST_SOCKET)) <= SOCKET_PATH_BYTES_MAX:
        return inside
    return Path(tempfile.gettempdir()) / f"loyalty-{os.getuid()}-{_mark(home)}"


def own_directory(path: Path, account: SystemAccount | None = None) -> None:
    """Make a directory that nobody else can open: trust authentication is as safe as the way to the socket."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    ours = {os.geteuid()} | ({account.uid} if account else set())
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
        raise StartError(f"{path} belongs to somebody else: remove it, or set TMPDIR to a directory of your own.")
    path.chmod(0o700)
    if account:
        os.chown(path, account.uid, account.gid)


def _account(data: Path) -> SystemAccount:
    """Return who runs PostgreSQL for root: the owner of the files if there are some, else `postgres` or `nobody`."""
    home = Path((data / "home").read_text().strip()) if (data / "home").is_file() else data
    cluster = home / "postgres"
    if cluster.is_dir() and (uid := cluster.stat().st_uid) != 0:
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            return SystemAccount(str(uid), uid, cluster.stat().st_gid)
        return SystemAccount(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return SystemAccount(name, entry.pw_uid, entry.pw_gid)
    raise StartError(
        "PostgreSQL does not run as root and this machine has neither an account `postgres` nor `nobody`: "
        "start as another user, or set DATABASE_URL."
    )


def _can_enter(path: Path, account: SystemAccount) -> bool:
    """Ask the operating system itself, as that account: permission bits are not the whole truth."""
    shell = shutil.which("sh") or "/bin/sh"
    done = subprocess.run(
        [shell, "-c", 'cd "$0"', str(path)],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode == 0
