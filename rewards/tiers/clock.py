"""Whom time has made due: their window has ended, or other terms are in force than those they were rated by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import connection

from merchants import outbox, periods
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from rewards import versions
from rewards.points import Book
from rewards.points.book import ACCOUNTS
from rewards.tiers.changing import hold_points, rate
from rewards.tiers.held import write
from rewards.tiers.sums import Reread


def due_accounts(merchant: Merchant, *, now: datetime, limit: int = 500) -> list[int]:
    """Return accounts whose window has ended, or that were last rated by other terms than those in force."""
    version = versions.timeline(merchant.pk).at(now)
    if version is None or version.terms.tiers is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"(SELECT a.id FROM {ACCOUNTS} WHERE a.merchant_id = %(m)s AND s.requalifies_at <= %(now)s LIMIT %(limit)s) "
            f"UNION (SELECT a.id FROM {ACCOUNTS} WHERE a.merchant_id = %(m)s AND s.rated_version < %(v)s "
            "AND a.closed_at IS NULL LIMIT %(limit)s) "
            f"UNION (SELECT a.id FROM {ACCOUNTS} WHERE a.merchant_id = %(m)s AND s.rated_version > %(v)s "
            "AND a.closed_at IS NULL LIMIT %(limit)s) "
            "LIMIT %(limit)s",
            {"m": merchant.pk, "now": now, "v": version.number, "limit": limit},
        )
        return [row[0] for row in cursor.fetchall()]


def requalify(merchant: Merchant, account_ids: Sequence[int], *, now: datetime) -> int:
    """Rate these accounts again by the terms in force and return how many changed tier.

    Locks them in id order. Asked again it changes nothing: the natural key of a rating is the window it judged.
    """
    version = versions.timeline(merchant.pk).at(now)
    if version is None or not account_ids:
        return 0
    book = Book.open(merchant.pk, account_ids=account_ids, now=now, actor=SYSTEM, for_spending=False)
    members = _people(merchant.pk, account_ids)
    changes, events = [], []
    for account in book.accounts.values():
        public_id, joined_at = members[account.id]
        joined_on = periods.local_day(joined_at, merchant.tzinfo)
        change = rate(
            account, version, {}, joined_on=joined_on, changed_on=None, reread=Reread(merchant.pk), now=now,
            zone=merchant.tzinfo,
        )  # fmt: skip
        hold_points(book, account, version, zone=merchant.tzinfo)
        membership = account.membership
        if membership.rated_version != version.number:
            membership.rated_version, membership.is_changed = version.number, True
        if change is not None:
            change = replace(change, reason=change.reason if change.reason != "upgrade" else "requalified")
            changes.append(change)
            events.append(change.event(public_id))
    write(merchant.pk, changes, now=now)
    outbox.record_many(merchant_id=merchant.pk, events=events, now=now)
    book.write()
    return len(changes)


def requalify_due(*, merchant: Merchant, now: datetime, limit: int = 500) -> int:
    """Rate again the accounts that time or new terms have made due; return how many were due."""
    account_ids = due_accounts(merchant, now=now, limit=limit)
    requalify(merchant, account_ids, now=now)
    return len(account_ids)


def _people(merchant_id: int, account_ids: Sequence[int]) -> dict[int, tuple[str, datetime]]:
    """State who has these accounts: public id, and when they joined."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id, m.public_id, m.joined_at FROM rewards_account a JOIN members_member m "
            "ON m.merchant_id = a.merchant_id AND m.id = a.member_id WHERE a.merchant_id = %s AND a.id = ANY(%s)",
            [merchant_id, list(account_ids)],
        )
        return {account_id: (public_id, joined_at) for account_id, public_id, joined_at in cursor.fetchall()}
