"""A transaction begins with its first statement, whatever kind that is, and never without saying whose data it is."""

from __future__ import annotations

import io

import psycopg2
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.utils import InternalError, ProgrammingError
from psycopg2 import extensions, sql

from merchants import ids, tenancy
from merchants.database.connections import Connection, Cursor
from merchants.models.merchants import Location
from tests import people, postgres_admin

IDLE, BEGUN = extensions.TRANSACTION_STATUS_IDLE, extensions.TRANSACTION_STATUS_INTRANS

NOBODY = "no tenant: open merchants.tenancy.tenant()"

pytestmark = pytest.mark.usefixtures("committed")


def state() -> int:
    connection.ensure_connection()
    return connection.connection.info.transaction_status


def ask(text: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchone()[0]


def whose() -> object:
    return ask("SELECT current_setting('app.merchant_id', true)")


@pytest.fixture
def cafe(committed):
    return people.open_shop("connected")


def opens(cafe, code):
    return Location.objects.create(merchant=cafe, public_id=ids.mint("loc"), code=code, name=code)


def codes(cafe):
    with tenancy.tenant(cafe):
        return sorted(Location.objects.values_list("code", flat=True))


def test_begin_and_the_merchant_travel_with_the_first_statement_and_end_with_the_last(cafe):
    with tenancy.tenant(cafe):
        assert state() == IDLE
        assert whose() == str(cafe.pk)
        assert state() == BEGUN
    assert (state(), whose()) == (IDLE, NOBODY)


def test_a_transaction_that_asks_nothing_is_never_begun(cafe):
    with tenancy.tenant(cafe):
        pass
    assert (state(), whose()) == (IDLE, NOBODY)
    with pytest.raises(ZeroDivisionError), tenancy.tenant(cafe):
        raise ZeroDivisionError
    assert (state(), whose()) == (IDLE, NOBODY)


def test_what_is_written_stands_or_falls_with_all_of_it(cafe):
    with tenancy.tenant(cafe):
        opens(cafe, "harbour")
    with pytest.raises(ZeroDivisionError), tenancy.tenant(cafe):
        opens(cafe, "station")
        raise ZeroDivisionError
    assert codes(cafe) == ["harbour", "main"]


def test_a_savepoint_may_come_first(cafe):
    with tenancy.tenant(cafe):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            opens(cafe, "station")
            raise ZeroDivisionError
        opens(cafe, "harbour")
    assert codes(cafe) == ["harbour", "main"]


FIRST = {
    "many at once": lambda cursor: cursor.executemany("SELECT set_config('test.seen', %s, false)", [["a"], ["b"]]),
    "a function": lambda cursor: cursor.callproc("now"),
    "a copy": lambda cursor: cursor.copy_expert("COPY (SELECT 1) TO STDOUT", io.StringIO()),
    "a composed text": lambda cursor: cursor.execute(sql.SQL("SELECT {}").format(sql.Literal(7))),
    "bytes": lambda cursor: cursor.execute(b"SELECT 7"),
}


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_every_kind_of_first_statement_begins_it(cafe, first):
    with tenancy.tenant(cafe):
        with connection.cursor() as cursor:
            first(cursor.cursor)
        assert (state(), whose()) == (BEGUN, str(cafe.pk))
    assert state() == IDLE


def test_a_named_cursor_is_refused_and_the_next_statement_is_inside(cafe):
    """They are switched off in the settings: behind a pooler nobody would find them again."""
    with tenancy.tenant(cafe):
        with connection.connection.cursor("rows") as cursor, pytest.raises(psycopg2.ProgrammingError, match="named"):
            cursor.execute("SELECT 7")
        assert (state(), whose()) == (IDLE, str(cafe.pk))
    assert state() == IDLE


def test_what_the_driver_cannot_say_leaves_the_next_statement_inside(cafe):
    with tenancy.tenant(cafe):
        with connection.cursor() as cursor, pytest.raises(ProgrammingError, match="can't adapt"):
            cursor.execute("SELECT %s", [object()])
        assert state() == IDLE
        assert (whose(), state()) == (str(cafe.pk), BEGUN)


def test_a_first_statement_that_fails_is_rolled_back_and_the_next_transaction_is_whole(cafe):
    with tenancy.tenant(cafe):
        opens(cafe, "harbour")
    with pytest.raises(IntegrityError), tenancy.tenant(cafe):
        opens(cafe, "harbour")
    assert state() == IDLE
    assert codes(cafe) == ["harbour", "main"]


def test_a_failed_transaction_is_never_reported_as_committed(cafe):
    """Django asks nobody before it commits when the failure was caught inside; PostgreSQL answers ROLLBACK, quietly."""
    with pytest.raises(InternalError, match="was rolled back"), tenancy.tenant(cafe):
        opens(cafe, "harbour")
        with pytest.raises(ProgrammingError):
            ask("SELECT nonsense")
    assert (state(), codes(cafe)) == (IDLE, ["main"])


def test_nothing_can_be_said_first_when_something_was_said(cafe):
    with tenancy.tenant(cafe):
        whose()
        with pytest.raises(psycopg2.InternalError, match="has begun"):
            connection.connection.open_with("SET LOCAL app.merchant_id = '1'")
    with pytest.raises(psycopg2.InternalError, match="has begun"):
        connection.connection.open_with("SET LOCAL app.merchant_id = '1'")


def test_autocommit_cannot_be_switched_on_in_the_middle(cafe):
    with tenancy.tenant(cafe):
        whose()
        with pytest.raises(psycopg2.InternalError, match="committed or rolled back first"):
            connection.connection.autocommit = True


class TimeIsUp(BaseException):
    """What a worker's time limit throws: between any two lines."""


@pytest.mark.parametrize(("when", "stands"), [("before", ["main"]), ("after", ["harbour", "main"])])
def test_a_time_limit_around_the_commit_leaves_the_connection_whole(cafe, monkeypatch, when, stands):
    send = Cursor.execute

    def interrupted(self, query, values=None):
        if query != "COMMIT":
            return send(self, query, values)
        monkeypatch.undo()
        if when == "after":
            send(self, query)
        raise TimeIsUp

    monkeypatch.setattr(Cursor, "execute", interrupted)
    # Before it was sent, the driver refuses to go on with what is open; whoever comes next gets another connection.
    with pytest.raises(TimeIsUp if when == "after" else InternalError), tenancy.tenant(cafe):
        opens(cafe, "harbour")
    connection.close_if_unusable_or_obsolete()
    assert (state(), whose(), codes(cafe)) == (IDLE, NOBODY, stands)


def test_a_server_that_goes_away_is_an_error_and_the_next_transaction_finds_it_again(cafe):
    with pytest.raises(OperationalError), tenancy.tenant(cafe):
        opens(cafe, "harbour")
        postgres_admin.end_backend(ask("SELECT pg_backend_pid()"))
        opens(cafe, "station")
    assert codes(cafe) == ["main"]


def test_a_server_that_goes_away_before_the_commit_is_an_error(cafe):
    with pytest.raises(OperationalError), tenancy.tenant(cafe):
        opens(cafe, "harbour")
        postgres_admin.end_backend(ask("SELECT pg_backend_pid()"))
    connection.close()
    assert codes(cafe) == ["main"]


def test_a_commit_on_a_line_of_which_nobody_knows_is_never_called_done(cafe, monkeypatch):
    """The driver may have lost sight of the server: then it is asked, and its silence is an error."""
    with pytest.raises(OperationalError), tenancy.tenant(cafe):
        opens(cafe, "harbour")
        postgres_admin.end_backend(ask("SELECT pg_backend_pid()"))
        unknown = extensions.TRANSACTION_STATUS_UNKNOWN
        monkeypatch.setattr(Connection, "get_transaction_status", lambda _line: unknown, raising=False)
    monkeypatch.undo()
    connection.close()
    assert codes(cafe) == ["main"]


@pytest.mark.parametrize("verb", ["copy_from", "copy_to"])
def test_what_would_run_before_the_transaction_is_refused(cafe, verb):
    with tenancy.tenant(cafe):
        with connection.cursor() as cursor, pytest.raises(NotImplementedError):
            getattr(cursor.cursor, verb)(io.StringIO("1\n"), "merchants_location")
        assert (state(), whose()) == (IDLE, str(cafe.pk))
