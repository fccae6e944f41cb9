#!/usr/bin/env python3
"""Every command of the installation.

`demo`, `test`, `mutants`, `benchmark` and `release` set up everything they need on a bare machine first; every other subcommand is plain
Django.  This file and loyalty/launch/bootstrap.py use the standard library only, and no syntax newer than what lets
an old Python say that it is too old.
"""

import os
import sys

CHECKOUT = os.path.dirname(os.path.abspath(__file__))

#: Which lock a command needs; the others need none.
LOCKS = {"demo": "demo", "benchmark": "demo", "test": "dev", "mutants": "dev", "release": "dev"}
#: Commands that work on the checkout and need no settings, and the module each of them is.
MODULES = {"test": "pytest", "mutants": "tests.mutants", "release": "tests.releases"}
REAL_DATA = "complete-journey"


def main() -> None:
    """Run one command, with the packages it needs."""
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        sys.exit(
            f"This needs Python 3.11, 3.12 or 3.13, and this is {sys.version.split()[0]}: run it with another python3."
        )
    sys.path.insert(0, CHECKOUT)
    from loyalty import VERSION
    from loyalty.launch import bootstrap

    arguments = sys.argv[1:]
    command = arguments[0] if arguments else "help"
    if command in {"version", "--version"}:
        print(VERSION)
        return
    if command in LOCKS:
        locks = [LOCKS[command], *([REAL_DATA] if command == "demo" and REAL_DATA in " ".join(arguments) else [])]
        bootstrap.enter(CHECKOUT, locks, sys.argv)
    else:
        bootstrap.enter_without_install(CHECKOUT, sys.argv)
    if command in MODULES:
        os.chdir(CHECKOUT)
        os.execv(sys.executable, [sys.executable, "-m", MODULES[command], *arguments[1:]])  # noqa: S606 - itself

    from loyalty.launch import directories, environment

    if command in {"demo", "up"}:
        os.environ.update(directories.data_dir_asked_for(arguments))
    try:
        if command in {"demo", "up"} and environment.is_embedded(os.environ):
            directories.prepare(directories.data_dir())
        environment.fill(os.environ)
        if command not in {"demo", "up"}:
            environment.find_address(os.environ)
    except directories.StartError as error:
        sys.exit(str(error))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        said = str(error).strip().partition("\n")[0]
        if getattr(error.__cause__, "pgcode", None) or not said.startswith("connection to server"):
            raise
        if os.environ.get(environment.EMBEDDED):
            sys.exit(
                "PostgreSQL does not answer: start it with `python3 manage.py demo` (or `up`), and ask again beside it."
            )
        # libpq's own sentence: which server, which port, and whether it refuses the connection or the password.
        sys.exit(f"The database cannot be used: {said}. See the DATABASE_... variables in docs/operations.md.")


if __name__ == "__main__":
    main()
