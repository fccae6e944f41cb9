"""Connections to PostgreSQL on which a transaction costs no round trip to begin.

Measured: of the seven round trips of a sale two said nothing but BEGIN and whose data it is about, and each wakes two
processes.  Here both travel with the first statement that has something to ask; a transaction that asks nothing is
never begun.  The driver itself stays in autocommit, and what ends a transaction is sent as it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from psycopg2 import InterfaceError, InternalError, extensions

_BEGIN: Final = "BEGIN; "


class Connection(extensions.connection):
    """A driver's connection as Django uses it: out of autocommit there is always a transaction, begun when needed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_manual = False
        #: What opens the transaction and has not been sent; empty in autocommit, and once it has begun.
        self._unsent = ""
        self.set_session(autocommit=True)

    @property
    def autocommit(self) -> bool:
        return not self._is_manual

    @autocommit.setter
    def autocommit(self, wanted: bool) -> None:
        if self._is_manual and not self._unsent:
            raise InternalError("a transaction that has begun is committed or rolled back first")
        self._is_manual = not wanted
        self._unsent = "" if wanted else _BEGIN

    def open_with(self, sql: str) -> None:
        """This method will let statements without placeholders travel with the first one of the transaction.

        :raises InternalError: it has begun already, or there is none.
        """
        if not self._unsent:
            raise InternalError("nothing travels with a transaction that has begun")
        self._unsent += f"{sql}; "

    @contextmanager
    def sending(self) -> Iterator[str]:
        """This method will give what the next statement has to take along, and take it back when it never left."""
        unsent, self._unsent = self._unsent, ""
        try:
            yield unsent
        except Exception:
            # Such as a value the driver has no word for: what came next would stand alone, in nobody's transaction.
            if unsent and not self.closed and self.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE:
                self._unsent = unsent
            raise

    def commit(self) -> None:
        """This method will make durable what was written.

        :raises InternalError: a statement had failed, so that nothing of it can stand.
        """
        if self._end("COMMIT") == "ROLLBACK":
            raise InternalError("the transaction had failed, and was rolled back")

    def rollback(self) -> None:
        self._end("ROLLBACK")

    def _end(self, how: str) -> str:
        if self.closed:
            raise InterfaceError("connection already closed")
        if not self._is_manual:
            return ""
        has_begun, self._unsent = not self._unsent, _BEGIN
        if not has_begun:
            return ""
        with self.cursor() as cursor:
            extensions.cursor.execute(cursor, how)
            return cursor.statusmessage or ""


class Cursor(extensions.cursor):
    """A cursor whose first statement of a transaction takes along what opens it."""

    connection: Connection

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - the driver's name
        with self.connection.sending() as unsent:
            if unsent:
                query = self._joined(unsent, query)
            super().execute(query, vars)

    def executemany(self, query: Any, vars_list: Any) -> None:
        self._begin()
        super().executemany(query, vars_list)

    def callproc(self, procname: Any, parameters: Any = None) -> Any:
        self._begin()
        return super().callproc(procname, parameters)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        self._begin()
        super().copy_expert(sql, file, size)

    def _joined(self, unsent: str, query: Any) -> Any:
        if isinstance(query, str):
            return unsent + query
        self._send(unsent)
        return query

    def _begin(self) -> None:
        with self.connection.sending() as unsent:
            if unsent:
                self._send(unsent)

    def _send(self, unsent: str) -> None:
        with self.connection.cursor() as first:
            extensions.cursor.execute(first, unsent)
