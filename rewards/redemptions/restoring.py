"""Giving spent points back: to the very lots they came from, with their old expiry.

When only a part comes back, it is the part that was taken last: the lots that live longest.  That is how the account
would stand had so many fewer been spent, because the soonest to expire are always spent first.

A member who was merged meanwhile is given the points on the account they were merged into, as new lots with the old
expiry: the account that was left is frozen, and no entry ever changes account.
"""

from __future__ import annotations

from datetime import datetime

from merchants import money
from rewards.models.accounts import POINTS, Account
from rewards.models.redemptions import Redemption
from rewards.points import AccountState, Book, Cause, LotState
from rewards.points.lots import spending_order
from rewards.redemptions.folding import Spendings

State = Redemption.State


def restore(
    spendings: Spendings, book: Book, account: AccountState, *, purchase_id: int, refunded_minor: int,
    total_minor: int, occurred_at: datetime, is_gone: bool, reason: str = "",
) -> int:  # fmt: skip
    """Give back points spent on a purchase, now that so much of it is refunded, all refunds together.

    `refunded_minor` of `total_minor` is the share given back so far, this refund included: of S points spent, S x share
    rounded down are back, split over the purchase's redemptions by largest remainder, never more than was captured.
    The account (of the buyer, merged members forwarded) is locked and its lots are all read; `spendings` has read the
    purchase's redemptions, and writes what becomes of them and of the stock. Rewards of the member's own come back once all
    of the purchase has (`is_gone`). Returns the points given back.
    """
    rows = [row for row in spendings.rows.values() if row.purchase_id == purchase_id and row.state == State.CAPTURED]
    rows.sort(key=lambda row: row.id)
    if is_gone:
        for row in (each for each in rows if each.own_reward_id is not None):
            give_back(spendings, book, account, row, points=0, occurred_at=occurred_at, reason=reason)
    rows = [row for row in rows if row.own_reward_id is None]
    spent = sum(row.points_captured for row in rows)
    back_before = sum(row.points_returned for row in rows)
    is_whole = refunded_minor >= total_minor
    wanted = (spent if is_whole else spent * refunded_minor // total_minor) - back_before
    if wanted <= 0:
        return 0
    shares = money.split(wanted, [row.points_captured - row.points_returned for row in rows])
    for row, points in zip(rows, shares, strict=True):
        if points:
            give_back(spendings, book, account, row, points=points, occurred_at=occurred_at, reason=reason)
    return wanted


def give_back(
    spendings: Spendings, book: Book, account: AccountState, row: Redemption, *, points: int, occurred_at: datetime,
    reason: str = "",
) -> int:  # fmt: skip
    """Return captured points of one redemption; what comes back whole is in stock again. Returns what stayed.

    Points whose lot has lapsed meanwhile come back and lapse again at once.
    """
    stayed = 0
    if row.own_reward_id is not None:
        spendings.give_own_back(row, account, member=book.public_ids[account.member_id], at=occurred_at)
    else:
        stayed = _give_points_back(book, account, row, points, occurred_at, reason)
    row.points_returned += points
    spendings.changed[row.id] = row
    if row.points_returned == row.points_captured:
        row.state = State.REVERSED
        row.ended_at = book.now
        spendings.forget(row)
    return stayed


def _give_points_back(
    book: Book, account: AccountState, row: Redemption, points: int, occurred_at: datetime, reason: str
) -> int:
    cause = Cause(
        "redemption", row.id, occurred_at, rules=(row.reward,) if row.reward else (),
        terms_version=row.terms_version, location_id=row.location_id, reason=reason,
    )  # fmt: skip
    takes, is_own = _outstanding(book, account, row)
    if is_own:
        return account.give_back(cause, takes=takes, points=points, now=book.now, actor=book.actor)
    return _give_anew(book, account, cause, takes, points)


def _give_anew(book: Book, account: AccountState, cause: Cause, takes: list[tuple[LotState, int]], points: int) -> int:
    stayed = 0
    for lot, there in takes:
        n = min(points, there)
        if not n:
            break
        points -= n
        new = account.accrue(
            cause, points=n, active_at=min(lot.active_at, book.now), expires_at=lot.expires_at,
            sliding=lot.sliding, purchase_id=lot.purchase_id, earned_at=lot.earned_at, kind="reverse",
            now=book.now, actor=book.actor,
        )  # fmt: skip
        stayed += 0 if new.expires_at is not None and new.expires_at <= book.now else n
    return stayed


def _outstanding(book: Book, account: AccountState, row: Redemption) -> tuple[list[tuple[LotState, int]], bool]:
    """What the redemption took and did not give back yet, taken last first; and whether it is this account's own."""
    here = [
        (lot, -remaining)
        for entry in account.written
        if (entry.cause.document_kind, entry.cause.document_id) == ("redemption", row.id) and entry.kind != "expire"
        for lot, remaining, _held in entry.allocations
    ]
    is_own = row.member_id == account.member_id
    source = account.id if is_own else _account_of(book.merchant_id, row.member_id)
    moved = book.moved_by([source], "redemption", [row.id]).get(row.id, {})
    taken = {lot: -remaining for lot, (remaining, _held) in moved.items() if remaining}
    lots = book.read_spent_lots(account, taken) if is_own else book.read_lots_of(source, taken)
    left: dict[int, tuple[LotState, int]] = {}
    for lot, n in [*((lots[lot_id], n) for lot_id, n in taken.items()), *here]:
        left[id(lot)] = (lot, left.get(id(lot), (lot, 0))[1] + n)
    order = sorted((pair for pair in left.values() if pair[1] > 0), key=lambda pair: spending_order(pair[0]))
    outstanding = list(reversed(order))
    # What came back on another account since a merge has no trace on these lots.
    skip = sum(n for _lot, n in outstanding) - (row.points_captured - row.points_returned)
    found = []
    for lot, n in outstanding:
        gone = min(n, skip)
        skip -= gone
        if n > gone:
            found.append((lot, n - gone))
    return found, is_own


def _account_of(merchant_id: int, member_id: int) -> int:
    return Account.objects.values_list("id", flat=True).get(merchant_id=merchant_id, member_id=member_id, unit=POINTS)
