"""The records of a merge: purchases, what they used of caps, referrals, and the tier that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from members.models import Member
from merchants import outbox, periods
from merchants.models.merchants import Merchant
from rewards import tiers, versions
from rewards.models.corrections import Merge
from rewards.points import AccountState, Book


def lock_purchases(merchant_id: int, member_ids: Sequence[int], *, also: Sequence[int] = ()) -> None:
    """Documents come before accounts: a refund that holds one of these purchases is let finish first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM rewards_purchase WHERE merchant_id = %s AND (member_id = ANY(%s) OR id = ANY(%s)) "
            "ORDER BY id FOR UPDATE",
            [merchant_id, list(member_ids), list(also)],
        )


def move(
    merchant_id: int, leaving: Member, staying: Member, old: AccountState, new: AccountState, *, now: datetime
) -> dict[str, Any]:
    """Purchases, what they used of caps, and referrals count for the target from now on."""
    values: dict[str, Any] = {
        "m": merchant_id,
        "from": leaving.pk,
        "to": staying.pk,
        "old": old.id,
        "new": new.id,
        "at": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_purchase SET member_id = %(to)s, xid = pg_current_xact_id() "
            "WHERE merchant_id = %(m)s AND member_id = %(from)s RETURNING id",
            values,
        )
        purchases = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "INSERT INTO rewards_capbucket (merchant_id, account_id, key, points) SELECT merchant_id, %(new)s, key, points "
            "FROM rewards_capbucket WHERE merchant_id = %(m)s AND account_id = %(old)s ON CONFLICT (merchant_id, account_id, "
            "key) DO UPDATE SET points = rewards_capbucket.points + excluded.points",
            values,
        )
        # Nobody refers themselves: between the two of them nothing is owed any more.
        cursor.execute(
            "UPDATE rewards_referral SET state = 'undone', undone_at = %(at)s WHERE merchant_id = %(m)s AND state = 'open' "
            "AND ((referrer_id = %(old)s AND referee_id = %(new)s) OR (referrer_id = %(new)s AND referee_id = %(old)s))",
            values,
        )
        cursor.execute(
            "UPDATE rewards_referral SET referrer_id = %(new)s WHERE merchant_id = %(m)s AND referrer_id = %(old)s "
            "AND referee_id <> %(new)s RETURNING id",
            values,
        )
        brought = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "UPDATE rewards_referral r SET referee_id = %(new)s WHERE r.merchant_id = %(m)s AND r.referee_id = %(old)s "
            "AND r.referrer_id <> %(new)s AND NOT EXISTS (SELECT FROM rewards_referral o WHERE o.merchant_id = %(m)s "
            "AND o.referee_id = %(new)s) RETURNING r.id",
            values,
        )
        came = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "UPDATE rewards_qualifyinggrant SET member_id = %(to)s WHERE merchant_id = %(m)s AND member_id = %(from)s "
            "RETURNING id",
            values,
        )
        qualifying = [row[0] for row in cursor.fetchall()]
    return {"purchases": purchases, "brought": brought, "came": came, "qualifying": qualifying}


def give_back(
    merchant_id: int, row: Merge, returning: Member, staying: Member, old: AccountState, new: AccountState
) -> int:
    """Undo `move` as far as nobody changed it since; return how many purchases went back."""
    moved = row.moved
    values: dict[str, Any] = {
        "m": merchant_id, "from": staying.pk, "to": returning.pk, "old": old.id, "new": new.id,
        "purchases": moved["purchases"], "brought": moved["brought"], "came": moved["came"],
        "qualifying": moved["qualifying"],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_purchase SET member_id = %(to)s, xid = pg_current_xact_id() WHERE merchant_id = %(m)s "
            "AND member_id = %(from)s AND id = ANY(%(purchases)s)",
            values,
        )
        purchases: int = cursor.rowcount
        cursor.execute(
            "UPDATE rewards_qualifyinggrant SET member_id = %(to)s WHERE merchant_id = %(m)s "
            "AND member_id = %(from)s AND id = ANY(%(qualifying)s)",
            values,
        )
        cursor.execute(
            "UPDATE rewards_capbucket t SET points = greatest(0, t.points - s.points) FROM rewards_capbucket s "
            "WHERE t.merchant_id = %(m)s AND t.account_id = %(new)s AND s.merchant_id = %(m)s "
            "AND s.account_id = %(old)s AND s.key = t.key",
            values,
        )
        cursor.execute(
            "UPDATE rewards_referral SET referrer_id = %(old)s WHERE merchant_id = %(m)s AND referrer_id = %(new)s "
            "AND id = ANY(%(brought)s)",
            values,
        )
        cursor.execute(
            "UPDATE rewards_referral SET referee_id = %(old)s WHERE merchant_id = %(m)s AND referee_id = %(new)s "
            "AND id = ANY(%(came)s)",
            values,
        )
    return purchases


def rate(merchant: Merchant, book: Book, members: Sequence[Member]) -> None:
    """Rate the tiers by the purchases each has now; their rows are written already."""
    version = versions.timeline(merchant.pk).at(book.now)
    if version is None or version.terms.tiers is None:
        return
    changes = []
    for member in members:
        change = tiers.rate(
            book.of_member(member.pk), version, {}, joined_on=periods.local_day(member.joined_at, merchant.tzinfo),
            changed_on=None, reread=tiers.Reread(merchant.pk), now=book.now, zone=merchant.tzinfo, reason="merge",
        )  # fmt: skip
        if change is not None:
            changes.append(change)
            event = change.event(member.public_id)
            outbox.record_many(merchant_id=merchant.pk, events=[event], now=book.now)
    tiers.write(merchant.pk, changes, now=book.now)
