"""The numbers are tested on committed data: the refresh asks which transactions have ended."""

from __future__ import annotations

import pytest


@pytest.fixture
def committed(django_db_setup, django_db_blocker):
    """Real transactions on the session's database, never flushed: every test trades under a merchant of its own."""
    with django_db_blocker.unblock():
        yield
