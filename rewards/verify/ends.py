"""Whether each lot ends when it was promised to, or later: no end is ever moved earlier (R15).

What a document says of its lots is compared with the lots it made:

- a purchase and a claim by their frozen receipt, an adjustment by its own column, exactly;
- a lot that a merge brought by the one it left behind, exactly, while the merge is in force;
- any other lot whose end activity moves, by the rule it keeps and the day it was earned. The merchant may have moved to
  another zone since, so a fault of less than 26 hours is not seen there.

Not proved: the first end of points given for joining, by a referral, by a transfer, by a reward that came back under another
membership, or by the undoing of a receipt below zero, where no activity moves it. No document keeps it, and the terms alone
cannot tell it without the tier of that moment.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from rewards.terms.expiry import expires_at, sliding_from_text

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_ZONES_APART: Final = timedelta(hours=26)
#: Which lots are promised alike: of one document, as many points, spendable from one instant, for one account.
_Key = tuple[int, int, int, datetime]

_LOTS = """
    SELECT l.account_id, l.id, l.amount, l.active_at, l.expires_at, l.sliding, l.earned_at, e.document_kind, e.document_id,
        e.seq
    FROM rewards_lot l JOIN rewards_entry e ON e.merchant_id = l.merchant_id AND e.id = l.entry_id
    WHERE l.merchant_id = %(merchant)s AND l.account_id = ANY(%(accounts)s) ORDER BY l.account_id, l.id
"""
_RECEIPTS = """
    SELECT p.id, NULL, p.receipt->'lots' FROM rewards_purchase p WHERE p.merchant_id = %(merchant)s AND p.id = ANY(%(ids)s)
    UNION ALL SELECT c.purchase_id, s.account_id, c.receipt->'lots' FROM rewards_claim c
        JOIN rewards_membership s ON s.merchant_id = c.merchant_id AND s.member_id = c.member_id
        WHERE c.merchant_id = %(merchant)s AND c.purchase_id = ANY(%(ids)s)
"""
_ADJUSTMENTS = """
    SELECT a.id, a.expires_at FROM rewards_adjustment a WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(ids)s)
"""
# What was left behind has no points any more, and its end stands still until the merge is undone.
_LEFT_BEHIND = """
    SELECT s.account_id, (x.pair->>1)::bigint, l.expires_at
    FROM rewards_membership s JOIN rewards_merge m ON m.merchant_id = s.merchant_id AND m.target_id = s.member_id
        AND m.unmerged_at IS NULL
    CROSS JOIN LATERAL jsonb_array_elements(m.moved->'lots') AS x(pair)
    JOIN rewards_lot l ON l.merchant_id = m.merchant_id AND l.id = (x.pair->>0)::bigint
    WHERE s.merchant_id = %(merchant)s AND s.account_id = ANY(%(accounts)s)
"""


class _Lot(NamedTuple):
    account_id: int
    id: int
    amount: int
    active_at: datetime
    expires_at: datetime | None
    sliding: str
    earned_at: datetime
    document_kind: str
    document_id: int
    seq: int

    @property
    def end(self) -> datetime:
        return self.expires_at or _NEVER


def faults(cursor: Any, *, merchant_id: int, accounts: Sequence[int], zone: ZoneInfo) -> Iterator[tuple[int, str]]:
    """Yield the account and a sentence for each lot of these accounts that ends too early.

    Lots are read before what was promised of them: what comes meanwhile only lengthens them.
    """
    values: dict[str, Any] = {"merchant": merchant_id, "accounts": list(accounts)}
    cursor.execute(_LOTS, values)
    lots = [_Lot(*row) for row in cursor.fetchall()]
    promised = [
        *_of_purchases(cursor, values, [lot for lot in lots if lot.document_kind == "purchase"]),
        *_of_adjustments(cursor, values, [lot for lot in lots if lot.document_kind == "adjustment"]),
        *_of_merges(cursor, values, lots),
        *_of_rules(lots, zone),
    ]
    for lot, end in promised:
        if lot.end < end:
            kept, told = (each if each < _NEVER else None for each in (lot.end, end))
            yield lot.account_id, f"lot {lot.id} ends {_said(kept)} and was promised until {_said(told)}"


def _said(end: datetime | None) -> str:
    return "never" if end is None else end.astimezone(UTC).isoformat()


def _of_purchases(cursor: Any, values: dict[str, Any], lots: Sequence[_Lot]) -> Iterator[tuple[_Lot, datetime]]:
    """Put lots of one purchase that are otherwise alike beside their promises, the soonest to end first: if each was kept,
    then each is kept in that order."""
    if not lots:
        return
    made: dict[_Key, list[_Lot]] = defaultdict(list)
    of: dict[int, set[int]] = defaultdict(set)
    for lot in lots:
        made[lot.document_id, lot.account_id, lot.amount, lot.active_at].append(lot)
        of[lot.document_id].add(lot.account_id)
    told: dict[_Key, list[datetime]] = defaultdict(list)
    cursor.execute(_RECEIPTS, {**values, "ids": list(of)})
    for purchase, claimed_by, receipt in cursor.fetchall():
        for each in json.loads(receipt) if isinstance(receipt, str) else receipt or ():
            for account in of[purchase] if claimed_by is None else {claimed_by}:
                key = purchase, account, each["points"], datetime.fromisoformat(each["active_at"])
                told[key].append(datetime.fromisoformat(each["expires_at"]) if each["expires_at"] else _NEVER)
    for key, found in made.items():
        yield from zip(sorted(found, key=lambda lot: lot.end), sorted(told[key]), strict=False)


def _of_adjustments(cursor: Any, values: dict[str, Any], lots: Sequence[_Lot]) -> Iterator[tuple[_Lot, datetime]]:
    if lots:
        cursor.execute(_ADJUSTMENTS, {**values, "ids": [lot.document_id for lot in lots]})
        ends: dict[int, datetime | None] = dict(cursor.fetchall())
        yield from ((lot, ends[lot.document_id] or _NEVER) for lot in lots if lot.document_id in ends)


def _of_merges(cursor: Any, values: dict[str, Any], lots: Sequence[_Lot]) -> Iterator[tuple[_Lot, datetime]]:
    brought = {(lot.account_id, lot.seq): lot for lot in lots if lot.document_kind == "merge"}
    if brought:
        cursor.execute(_LEFT_BEHIND, values)
        for account, seq, end in cursor.fetchall():
            if (account, seq) in brought:
                yield brought[account, seq], end or _NEVER


def _of_rules(lots: Sequence[_Lot], zone: ZoneInfo) -> Iterator[tuple[_Lot, datetime]]:
    for lot in lots:
        rule = sliding_from_text(lot.sliding)
        end = expires_at(rule, lot.earned_at, zone) if rule is not None else None
        if end is not None:
            yield lot, end - _ZONES_APART
