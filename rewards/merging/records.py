"""The purchases of a merge, and their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from rewards.models.corrections import Merge
from rewards.models.purchases import STANDS, Purchase
from rewards.parties import Party
from rewards.points import AccountState


def lock_purchases(merchant_id: int, member_ids: Sequence[int], *, also: Sequence[int] = ()) -> None:
    """Documents come before accounts: a refund that holds one of these purchases is let finish first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM rewards_purchase WHERE merchant_id = %s AND (member_id = ANY(%s) OR id = ANY(%s)) "
            "ORDER BY id FOR UPDATE",
            [merchant_id, list(member_ids), list(also)],
        )


def move(merchant_id: int, source: Party, target: Party) -> dict[str, Any]:
    """Let the source's purchases be the target's, numbered after those that were there; return what moved."""
    old, new = source.account, target.account
    shift = _highest(new)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_purchase SET member_id = %(to)s, ordinal = ordinal + %(shift)s, "
            "xid = pg_current_xact_id() WHERE merchant_id = %(m)s AND member_id = %(from)s RETURNING id",
            {"m": merchant_id, "from": source.id, "to": target.id, "shift": shift},
        )
        purchases = [row[0] for row in cursor.fetchall()]
    new.membership.free_ordinals = (
        *new.membership.free_ordinals,
        *(ordinal + shift for ordinal in old.membership.free_ordinals),
    )
    new.membership.purchases_count += old.membership.purchases_count
    old.membership.purchases_count, old.membership.free_ordinals = 0, ()
    old.membership.is_changed = new.membership.is_changed = True
    return {"purchases": purchases, "shift": shift}


def _highest(account: AccountState) -> int:
    """The highest number of a purchase that stands."""
    return account.membership.purchases_count + len(account.membership.free_ordinals)


def count_anew(merchant_id: int, *accounts: AccountState) -> None:
    """Count which purchases stand of each account, and which numbers below the highest are free."""
    for account in accounts:
        standing = Purchase.objects.filter(
            STANDS, merchant_id=merchant_id, member_id=account.member_id, state=Purchase.State.RECORDED
        )
        taken = {ordinal for ordinal in standing.values_list("ordinal", flat=True) if ordinal is not None}
        account.membership.purchases_count = len(taken)
        account.membership.free_ordinals = tuple(n for n in range(1, max(taken, default=0)) if n not in taken)
        account.membership.is_changed = True


def give_back(merchant_id: int, row: Merge, source: Party, target: Party) -> int:
    """Undo `move` as far as nobody changed it since; return how many purchases went back."""
    moved = row.moved
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_purchase SET member_id = %(to)s, ordinal = ordinal - %(shift)s, "
            "xid = pg_current_xact_id() WHERE merchant_id = %(m)s AND member_id = %(from)s "
            "AND id = ANY(%(purchases)s)",
            {
                "m": merchant_id, "from": target.id, "to": source.id, "shift": moved["shift"],
                "purchases": moved["purchases"],
            },
        )  # fmt: skip
        purchases: int = cursor.rowcount
    count_anew(merchant_id, source.account, target.account)
    return purchases
