"""The negative controls: ways to build this system wrongly.  A drill that stays green with one of them proves nothing.

Loaded instead of `loyalty.wsgi` and `loyalty.celery` by a stack with a weakness; the product has no such switches.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from loyalty.celery import app as app
from loyalty.server.rsgi import application as application
from merchants import outbox, tenancy
from merchants.database.statements import Writing
from merchants.webhooks import delivering
from rewards.points import Book

#: How wide the window is that a well-built system does not have.
WINDOW_SECONDS: Final = 0.15

_ROW_LOCK = re.compile(r"\s+FOR (NO KEY )?UPDATE( OF \w+)?")


def no_account_lock() -> None:
    """Accounts are read without a lock (and without the constraint that would turn a lost update into an error)."""
    execute = CursorWrapper.execute

    def unlocked(self: CursorWrapper, sql: Any, params: Any = None) -> Any:
        if isinstance(sql, str) and "rewards_account" in sql:
            sql = _ROW_LOCK.sub("", sql)
        return execute(self, sql, params)

    CursorWrapper.execute = unlocked  # type: ignore[method-assign]


def document_in_its_own_transaction() -> None:
    """The row that makes a call exactly-once is committed before what the call does."""
    write = Book.write

    def apart(self: Book) -> None:
        connection.connection.commit()
        time.sleep(WINDOW_SECONDS)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.merchant_id', %s, true)", [str(self.merchant_id)])
        write(self)

    Book.write = apart  # type: ignore[method-assign]


def events_after_the_commit() -> None:
    """The fact is committed first and told afterwards."""
    add_to = outbox.add_to

    def later(merchant_id: int, events: Any) -> None:
        time.sleep(WINDOW_SECONDS)
        with tenancy.tenant(merchant_id):
            apart = Writing(merchant_id=merchant_id, actor="", now=datetime.now(UTC))
            add_to(apart, events)
            apart.run()

    def told_later(writing: Any, events: Any) -> list[str]:
        if events:
            transaction.on_commit(partial(later, writing._values["merchant"], list(events)))
        return [""] * len(events)

    outbox.add_to = told_later


def marked_before_it_is_sent() -> None:
    """A delivery is written down as made when it is taken up."""
    claim, send = delivering.claim, delivering.send

    def marked(*, merchant_id: int, **rest: Any) -> Any:
        parcels = claim(merchant_id=merchant_id, **rest)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE merchants_webhookdelivery SET state = 'delivered' WHERE merchant_id = %s AND id = ANY(%s)",
                [merchant_id, [parcel.delivery for parcel in parcels]],
            )
        return parcels

    def taking_its_time(parcel: Any, **rest: Any) -> Any:
        time.sleep(WINDOW_SECONDS)
        return send(parcel, **rest)

    delivering.claim, delivering.send = marked, taking_its_time


WEAKNESSES: Final[dict[str, Callable[[], None]]] = {
    "no_account_lock": no_account_lock,
    "document_in_its_own_transaction": document_in_its_own_transaction,
    "events_after_the_commit": events_after_the_commit,
    "marked_before_it_is_sent": marked_before_it_is_sent,
    "commits_that_do_not_wait": lambda: None,  # the server's own settings do that
}

if weakness := os.environ.get("DRILL_WEAKNESS"):
    WEAKNESSES[weakness]()
