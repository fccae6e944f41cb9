"""The points of a merge: every lot travels with its expiry, a debt too, and what is still there travels back."""

from __future__ import annotations

from django.utils.translation import gettext as _

from rewards.models.corrections import Merge
from rewards.points import AccountFrozen, AccountState, Book, Cause
from rewards.points.lots import spending_order
from rewards.terms import later


def move(book: Book, cause: Cause, old: AccountState, new: AccountState) -> list[list[int]]:
    """Move every lot and the debt; return pairs of a lot left and the number of the entry that made the new one."""
    moved = []
    parts = [(lot, lot.remaining) for lot in sorted(old.lots, key=spending_order) if lot.remaining]
    debt = old.debt
    if parts or debt:
        new.check_maximum(sum(points for _lot, points in parts))
        old.hand_over(cause, parts=parts, debt=debt, now=book.now, actor=book.actor)
    for lot, points in parts:
        made = new.accrue(
            cause,
            points=points,
            active_at=lot.active_at,
            expires_at=lot.expires_at,
            sliding=lot.sliding,
            purchase_id=lot.purchase_id,
            earned_at=lot.earned_at,
            kind="transfer_in",
            now=book.now,
            actor=book.actor,
        ).entry_seq
        assert lot.id is not None
        assert made is not None
        moved.append([lot.id, made])
    if debt:
        new.owe(cause, points=debt, now=book.now, actor=book.actor)

    return moved


def give_back(book: Book, cause: Cause, row: Merge, old: AccountState, new: AccountState) -> tuple[int, int]:
    """Give the merge's lots back what is still free of them, and what is left of the debt; return both figures.

    The points go back to the very lots they had left, so that an earlier merge can be undone after this one.
    """
    left = {seq: lot_id for lot_id, seq in row.moved["lots"]}
    made = book.lots_made_at(new, left)
    free = {seq: (lot, lot.free) for seq, lot in made.items() if lot.free}
    debt = min(row.debt, new.debt)
    if not free and not debt:
        return 0, 0
    new.hand_over(cause, parts=list(free.values()), debt=debt, now=book.now, actor=book.actor)
    own = book.read_spent_lots(old, [left[seq] for seq in free])
    parts = []
    for seq, (lot, points) in free.items():
        before = own[left[seq]]
        # Time and activity went on while the points were away.
        before.is_active = lot.is_active
        before.lengthen(later(before.expires_at, lot.expires_at))
        parts.append((before, points))
    if parts:
        old.take_back(
            cause, parts=sorted(parts, key=lambda part: spending_order(part[0])), now=book.now, actor=book.actor
        )
    if debt:
        old.owe(cause, points=debt, now=book.now, actor=book.actor)
    return sum(points for _lot, points in parts), debt


def check_not_frozen(*accounts: AccountState) -> None:
    if any(account.frozen_at is not None for account in accounts):
        raise AccountFrozen(_("One of the accounts is being checked. Nothing was moved."))
