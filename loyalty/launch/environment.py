"""The variables of an embedded installation, filled in for whoever has set none.

`manage.py` calls `fill()` before the settings are read: with `DATABASE_URL` set, or in the image, it does nothing.
So `python3 manage.py ledger verify` in a second terminal finds the demo that runs in the first.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import MutableMapping
from pathlib import Path

from loyalty.launch import directories
from loyalty.launch.postgres import Postgres
from loyalty.launch.valkey import Valkey

#: Roles that our own connections use, by the variable that names them.
ROLE_VARIABLES = {
    "DATABASE_URL": "app_web",
    "DATABASE_OWNER_URL": "app_owner",
    "DATABASE_SYSTEM_URL": "app_system",
    "DATABASE_BACKUP_URL": "app_backup",
}


#: Which services are ours to start, as `fill()` found it: "postgres,valkey", or only one, or none.
EMBEDDED = "LOYALTY_STARTS"


def is_embedded(environment: MutableMapping[str, str]) -> bool:
    """Return whether the services are ours to start: nobody named others, and this is not the image."""
    return not environment.get("DATABASE_URL") and environment.get("LOYALTY_EMBEDDED", "1") != "0"


def service_urls(postgres: Postgres, valkey: Valkey | None) -> dict[str, str]:
    """Return the addresses of running embedded services."""
    urls = {variable: postgres.url(role) for variable, role in ROLE_VARIABLES.items()}
    return urls if valkey is None else {**urls, "REDIS_URL": valkey.url}


def fill(environment: MutableMapping[str, str]) -> None:
    """Add what an installation on this machine alone needs: addresses, a secret of its own, local hosts only."""
    if not is_embedded(environment):
        return
    data = directories.data_dir()
    here = directories.find(data)
    # libpq reads these behind everybody's back: PGPORT alone would send us to another socket.
    for name in [name for name in environment if name.startswith("PG") and name.isupper()]:
        del environment[name]
    environment[EMBEDDED] = "postgres" if environment.get("REDIS_URL") else "postgres,valkey"
    defaults = {
        **service_urls(Postgres(here), Valkey(here)),
        "DATA_DIR": str(data),
        "SECRET_KEY": _secret(data),
        "DEBUG": "0",
        "HTTPS": "0",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "STATIC_ROOT": str(data / "static"),
        "STATIC_FROM_SOURCE": "1",
        # Codes are read at /dev/outbox, from this machine only.
        "DEV_OUTBOX": "1",
        # Sign-in codes lie open on this machine anyway; a newcomer should see the dashboard before an authenticator.
        "CONSOLE_SECOND_FACTOR": "optional",
        # Who tries every sign-in of the demo from one machine is not guessing at anybody's code.
        "CODES_PER_IP_AND_HOUR": "1000",
        "CODES_PER_CONTACT_AND_DAY": "500",
    }
    for name, value in defaults.items():
        environment.setdefault(name, value)


def find_address(environment: MutableMapping[str, str]) -> None:
    """Set `PUBLIC_URL` to where the installation of this data directory runs now, for whoever is started beside it."""
    if not environment.get("PUBLIC_URL") and (url := _running_at(directories.find(directories.data_dir()).lock)):
        environment["PUBLIC_URL"] = url


def _running_at(lock: Path) -> str:
    """Return what the lock says, if it is held: whoever was killed left an address where nobody answers any more."""
    try:
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip().partition(" ")[2]
    except OSError:
        pass  # Nothing was ever started here, or by somebody else.
    return ""


def _secret(data: Path) -> str:
    """Return this installation's key, made at its first start; without a data directory, one for this run."""
    path = data / "secret-key"
    try:
        return path.read_text().strip()
    except OSError:
        secret = secrets.token_urlsafe(48)
    if data.is_dir() and os.access(data, os.W_OK):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"{secret}\n")
    return secret
