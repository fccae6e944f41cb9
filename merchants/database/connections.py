"""Connections to PostgreSQL on which a transaction costs no round trip to begin.

Measured: of the seven round trips of a sale two said nothing but BEGIN and whose data it is about, and each wakes two
processes.  Here both travel with the first statement that has something to ask; a transaction that asks nothing is
never begun.  The driver itself stays in autocommit, and what ends a transaction is sent as it is written.

Whether a transaction has begun is never remembered here but asked of libpq, which knows it from the server's last
answer: an exception between two lines (a worker's time limit) cannot make the two disagree.
"""

from __future__ import annotations

from typing import Any, Final

from psycopg2 import InterfaceError, InternalError, OperationalError, extensions

_BEGIN: Final = "BEGIN; "
_BEGUN: Final = frozenset(
    {
        extensions.TRANSACTION_STATUS_ACTIVE,
        extensions.TRANSACTION_STATUS_INTRANS,
        extensions.TRANSACTION_STATUS_INERROR,
    }
)


class LostBeforeBegun(OperationalError):
    """The server was gone when a transaction began: nothing of it can have been committed, and it may be run again."""


class Connection(extensions.connection):
    """A driver's connection as Django uses it: out of autocommit there is always a transaction, begun when needed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # As a driver's connection begins; Django says what it wants.
        self._is_manual = True
        self._opening = _BEGIN
        self.set_session(autocommit=True)

    @property
    def has_begun(self) -> bool:
        """Return whether the server is inside a transaction, without asking it."""
        return self.get_transaction_status() in _BEGUN

    @property
    def autocommit(self) -> bool:
        return not self._is_manual

    @autocommit.setter
    def autocommit(self, wanted: bool) -> None:
        if self.has_begun:
            raise InternalError("a transaction that has begun is committed or rolled back first")
        self._is_manual = not wanted
        self._opening = _BEGIN

    def open_with(self, sql: str) -> None:
        """Let a statement without placeholders travel with the first one of the transaction.

        :raises InternalError: it has begun already, or there is none.
        """
        if not self._is_manual or self.has_begun:
            raise InternalError("nothing travels with a transaction that has begun")
        self._opening += f"{sql}; "

    def opening(self) -> str:
        """Return what the next statement has to take along: nothing, once the transaction has begun."""
        return self._opening if self._is_manual and not self.has_begun else ""

    def commit(self) -> None:
        """Make durable what was written.

        :raises InternalError: a statement had failed, so that nothing of it can stand.
        """
        if self._end("COMMIT") == "ROLLBACK":
            raise InternalError("the transaction had failed, and was rolled back")

    def rollback(self) -> None:
        self._end("ROLLBACK")

    def _end(self, how: str) -> str:
        if self.closed:
            raise InterfaceError("connection already closed")
        done = ""
        if self.get_transaction_status() != extensions.TRANSACTION_STATUS_IDLE:
            # Begun, or nobody knows: then the driver says that the server is gone, and not that all is well.
            with self.cursor() as cursor:
                cursor.execute(how)
                done = cursor.statusmessage or ""
        self._opening = _BEGIN
        return done


class Cursor(extensions.cursor):
    """A cursor whose first statement of a transaction takes along what opens it."""

    connection: Connection

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - the driver's name
        if opening := self.connection.opening():
            if isinstance(query, str):
                query = opening + query
            else:
                self._send(opening)
        try:
            super().execute(query, vars)
        except OperationalError as error:
            if opening and self.connection.closed:
                raise LostBeforeBegun(str(error)) from error
            raise

    def executemany(self, query: Any, vars_list: Any) -> None:
        self._begin()
        super().executemany(query, vars_list)

    def callproc(self, procname: Any, parameters: Any = None) -> Any:
        self._begin()
        return super().callproc(procname, parameters)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        self._begin()
        super().copy_expert(sql, file, size)

    def copy_from(self, *_args: Any, **_options: Any) -> None:
        """Refuse: in C it would run before the transaction is open.  Use `copy_expert`."""
        raise NotImplementedError("use copy_expert, which opens the transaction first")

    def copy_to(self, *_args: Any, **_options: Any) -> None:
        """Refuse: in C it would run before the transaction is open.  Use `copy_expert`."""
        raise NotImplementedError("use copy_expert, which opens the transaction first")

    def _begin(self) -> None:
        if opening := self.connection.opening():
            self._send(opening)

    def _send(self, opening: str) -> None:
        with self.connection.cursor() as first:
            extensions.cursor.execute(first, opening)
