"""The sweep: settles what time has done to lots that nobody has touched since, and announces what it will do soon.

It only tidies.  Every journey settles its accounts under their lock before anything else, so a sweep that is late,
killed half-way or run twice never lets a lapsed point be spent; it lets balances be read without asking the clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from merchants import due, outbox, periods
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards.mechanics import MECHANICS
from rewards.models.accounts import ExpiryNotice
from rewards.points import Book
from rewards.sales.batch import Batch, Mechanic

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
# The unique key decides between two sweeps at once; whoever loses tells nothing.
_ENDING = """
    WITH ending AS (
        SELECT l.account_id, (l.expires_at AT TIME ZONE %(zone)s)::date AS day, min(l.expires_at) AS expires_at,
            sum(l.remaining - l.held)::bigint AS points
        FROM rewards_lot l
        WHERE l.merchant_id = %(merchant)s AND l.remaining > l.held AND l.expires_at > %(now)s
            AND l.expires_at <= %(horizon)s
            AND NOT EXISTS (
                SELECT FROM rewards_expirynotice n WHERE n.merchant_id = %(merchant)s AND n.account_id = l.account_id
                    AND n.day = (l.expires_at AT TIME ZONE %(zone)s)::date
            )
        GROUP BY 1, 2 ORDER BY 3, 1 LIMIT %(limit)s
    ), told AS (
        INSERT INTO rewards_expirynotice (merchant_id, account_id, day, told_at)
        SELECT %(merchant)s, account_id, day, %(now)s FROM ending ORDER BY account_id, day
        ON CONFLICT DO NOTHING RETURNING account_id, day
    )
    SELECT m.public_id, e.points, e.expires_at, a.balance
    FROM ending e JOIN told USING (account_id, day)
    JOIN rewards_account a ON a.merchant_id = %(merchant)s AND a.id = e.account_id
    JOIN members_member m ON m.merchant_id = %(merchant)s AND m.id = a.member_id
    ORDER BY e.expires_at, a.id
"""


def settle_due(*, merchant: Merchant, now: datetime, limit: int = CHUNK) -> int:
    """Expire lots that have ended and activate those whose day has come, `limit` accounts at most.

    The tenant is open.  Locks the accounts in id order and looks at their lots again under the lock, so two sweeps, or
    a sweep and a sale, write nothing twice: the natural key is the lot.  Returns how many accounts were due; call it
    again in a new transaction until that is 0.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"merchant": merchant.pk, "now": now, "limit": limit})
        account_ids = [row[0] for row in cursor.fetchall()]
    if not account_ids:
        return 0
    book = Book.open(merchant.pk, account_ids=account_ids, now=now, actor=SYSTEM, for_spending=False)
    book.write()
    return len(account_ids)


def settle_members_due(mechanic: Mechanic, *, merchant: Merchant, now: datetime, limit: int = CHUNK) -> int:
    """Do what time has done to what a mechanic keeps of members, `limit` of them at most.

    The tenant is open. Locks the members' accounts in id order and looks again under the lock. Returns how many members
    were due; call it again in a new transaction until that is 0.
    """
    assert mechanic.ends is not None
    with connection.cursor() as cursor:
        cursor.execute(mechanic.ends.members, {"merchant": merchant.pk, "now": now, "limit": limit})
        member_ids = [row[0] for row in cursor.fetchall()]
    if not member_ids:
        return 0
    batch = Batch(merchant, MECHANICS, now=now, actor=SYSTEM)
    people = batch.people.lock_members(member_ids)
    batch.read()
    for member in people.values():
        batch.settle_time(member)
    batch.write(batch.writing())
    return len(member_ids)


def announce(*, merchant: Merchant, now: datetime, limit: int = 1000) -> int:
    """Report others, once for a member and a day, which points end within `expiry_notice_days`.

    The tenant is open; nothing is locked, since a notice decides nothing.  Points of an account that end on one local
    day are one notice, made when the first of them comes near; points held are left out.  Returns how many notices were
    made, `limit` at most; call it again in a new transaction until that is 0.
    """
    horizon = now + timedelta(days=merchant.expiry_notice_days)
    with connection.cursor() as cursor:
        cursor.execute(
            _ENDING,
            {"merchant": merchant.pk, "zone": merchant.zone, "now": now, "horizon": horizon, "limit": limit},
        )
        found = cursor.fetchall()
    events = [
        Event("points.expiring", {"member": member, "points": points, "expires_at": ends, "balance": balance}, now)
        for member, points, ends, balance in found
    ]
    outbox.record_many(merchant_id=merchant.pk, events=events, now=now)
    return len(events)


def forget_notices(*, merchant: Merchant, now: datetime, limit: int = 1000) -> int:
    """Remove notices of days that are over, `limit` at most, and return how many."""
    today = periods.local_day(now, merchant.tzinfo)
    old = ExpiryNotice.objects.filter(merchant=merchant, day__lt=today).order_by("day")[:limit]
    return ExpiryNotice.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]


def merchants_due(now: datetime) -> list[int]:
    """Return the ids of merchants with lots to expire or to activate."""
    return due.ask(_MERCHANTS, {"now": now})


def merchants_with_holds_due(now: datetime) -> list[int]:
    """Return the ids of merchants with a hold whose time is over (`redemptions.expire_holds`)."""
    return due.ask(_HOLDS, {"now": now})


def merchants_with_members_due(mechanic: Mechanic, now: datetime) -> list[int]:
    """Return the ids of merchants with members due for a mechanic (`settle_members_due`)."""
    assert mechanic.ends is not None
    return due.ask(mechanic.ends.merchants, {"now": now})
