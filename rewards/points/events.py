"""What others are told of the entries a book writes: points that became active, that lapsed, that came by no purchase.

The book itself tells, as it writes: no journey can forget it, and none tells the same thing twice.  What a purchase
earned is told by `purchase.recorded` (or `purchase.claimed`), so its accruals are left out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from merchants.outbox import Event
from rewards.points.lots import EntryState
from rewards.points.state import AccountState

_TOLD: Final = {"activate": "points.activated", "expire": "points.expired", "accrue": "points.accrued"}


def entries_to_tell(accounts: Iterable[AccountState], *, is_silent: bool) -> list[tuple[AccountState, EntryState]]:
    """Pick the unwritten entries others are told of.

    A silent book (a backfill's) tells only what time did to lots that were there before it: that is news to everybody.
    """
    return [
        (account, entry)
        for account in accounts
        for entry in account.written
        if entry.kind in _TOLD
        and not (entry.kind == "accrue" and entry.cause.document_kind == "purchase")
        and not (is_silent and entry.cause.document_kind != "lot")
    ]


def events(told: Sequence[tuple[AccountState, EntryState]], public_ids: Mapping[int, str]) -> list[Event]:
    """Describe entries for the outbox; `public_ids` names the members by their internal ids."""
    pending = {account.id: dict(_pending_after(account)) for account, _entry in told}
    return [
        Event(
            _TOLD[entry.kind],
            {
                "member": public_ids[account.member_id],
                "points": _points(entry),
                "balance": entry.balance_after,
                "pending": pending[account.id][entry.seq],
                "seq": entry.seq,
                "document": {"kind": entry.cause.document_kind, "id": entry.cause.public_id or None},
                **_dates(account, entry),
            },
            entry.cause.occurred_at,
        )
        for account, entry in told
    ]


def _points(entry: EntryState) -> int:
    balance, _held, pending, _debt = entry.changes
    return balance if entry.kind == "activate" else abs(balance) + abs(pending)


def _pending_after(account: AccountState) -> Iterator[tuple[int, int]]:
    pending = account.pending - sum(entry.changes[2] for entry in account.written)
    for entry in account.written:
        pending += entry.changes[2]
        yield entry.seq, pending


def _dates(account: AccountState, entry: EntryState) -> dict[str, Any]:
    if entry.kind != "accrue":
        return {}
    (lot,) = (lot for lot in account.lots if lot.entry_seq == entry.seq)
    return {"active_at": lot.active_at, "expires_at": lot.expires_at}
