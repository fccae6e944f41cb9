"""What others are told about time's own work on an account: points that became active, points that lapsed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from merchants.outbox import Event
from rewards.points import AccountState

_TOLD = {"activate": "points.activated", "expire": "points.expired"}


def events(accounts: Iterable[AccountState], public_ids: Mapping[int, str]) -> list[Event]:
    """This function will describe, for the outbox, what opening these accounts settled and `write()` has yet to write.

    `public_ids` names the member of each account by the account's id.  Call it before `Book.write()`.
    """
    return [
        Event(
            _TOLD[entry.kind],
            {
                "member": public_ids[account.id],
                "points": abs(entry.changes[0] or entry.changes[2]),
                "balance": entry.balance_after,
                "seq": entry.seq,
            },
            entry.cause.occurred_at,
        )
        for account in accounts
        for entry in account.written
        if entry.kind in _TOLD
    ]
