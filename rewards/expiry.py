"""The sweep: settles what time has done to lots that nobody has touched since.

It only tidies.  Every journey settles its accounts under their lock before anything else, so a sweep that is late,
killed half-way or run twice never lets a lapsed point be spent; it lets balances be read without asking the clock.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from merchants import due, outbox
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from rewards import lapses
from rewards.points import Book

CHUNK = 200

# Held points pin their lot: it stays until the hold is captured or released, and is no work for the sweep.
_DUE = """
    SELECT account_id FROM rewards_lot
    WHERE merchant_id = %(merchant)s AND remaining > 0 AND expires_at <= %(now)s AND held < remaining
    UNION
    SELECT account_id FROM rewards_lot
    WHERE merchant_id = %(merchant)s AND remaining > 0 AND NOT is_active AND active_at <= %(now)s
    ORDER BY 1 LIMIT %(limit)s
"""
_MERCHANTS = """
    SELECT DISTINCT merchant_id FROM rewards_lot WHERE remaining > 0 AND expires_at <= %(now)s AND held < remaining
    UNION
    SELECT DISTINCT merchant_id FROM rewards_lot WHERE remaining > 0 AND NOT is_active AND active_at <= %(now)s
    ORDER BY 1
"""
_HOLDS = """
    SELECT DISTINCT merchant_id FROM rewards_redemption WHERE state = 'held' AND hold_expires_at <= %(now)s ORDER BY 1
"""
_PEOPLE = """
    SELECT a.id, m.public_id FROM rewards_account a
    JOIN members_member m ON m.merchant_id = a.merchant_id AND m.id = a.member_id
    WHERE a.merchant_id = %s AND a.id = ANY(%s)
"""


def settle_due(*, merchant: Merchant, now: datetime, limit: int = CHUNK) -> int:
    """This function will expire lots that have ended and activate those whose day has come, `limit` accounts at most.

    The tenant is open.  Locks the accounts in id order and looks at their lots again under the lock, so two sweeps, or
    a sweep and a sale, write nothing twice: the natural key is the lot.  Returns how many accounts were due; call it
    again in a new transaction until that is 0.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"merchant": merchant.pk, "now": now, "limit": limit})
        account_ids = [row[0] for row in cursor.fetchall()]
        if not account_ids:
            return 0
        cursor.execute(_PEOPLE, [merchant.pk, account_ids])
        people: dict[int, str] = dict(cursor.fetchall())
    book = Book.open(merchant.pk, account_ids=account_ids, now=now, actor=SYSTEM, for_spending=False)
    outbox.record_many(merchant_id=merchant.pk, events=lapses.events(book.accounts.values(), people), now=now)
    book.write()
    return len(account_ids)


def merchants_due(now: datetime) -> list[int]:
    """This function will return the ids of merchants with lots to expire or to activate."""
    return due.ask(_MERCHANTS, {"now": now})


def merchants_with_holds_due(now: datetime) -> list[int]:
    """This function will return the ids of merchants with a hold whose time is over (`redemptions.expire_holds`)."""
    return due.ask(_HOLDS, {"now": now})
