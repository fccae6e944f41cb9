"""The cast and the stage: every test runs as the web role on a real PostgreSQL, started by tests/plugin.py."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connections


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker):
    """The whole cluster is ours and ends with the run, so the database is migrated in place and never flushed."""
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        connections["owner"].close()
