"""The reader: what an account holds at an instant, computed exactly even when the sweep is late.

Nothing is locked or written. The account and its lots are read in one statement, time's own work (lots that became
active or lapsed, holds that ran out) is done in memory by the ledger writer's rules, and the answer is what the next
journey would find.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection
from msgspec import json

from merchants.database import statements
from merchants.models.merchants import Merchant
from rewards.models.documents import Document, moving_points
from rewards.points import AccountState, Cause, LotState
from rewards.points.book import ACCOUNT_COLUMNS, ACCOUNTS, account_of
from rewards.points.lots import spending_order
from rewards.terms.expiry import sliding_from_text

LEDGER_PAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class Expiring:
    """So many spendable points lapse at this instant, if nothing is spent before."""

    at: datetime
    points: int


@dataclass(frozen=True, slots=True)
class Balance:
    """All in the programme's smallest unit. `spendable` is what can be spent now; `held` is set aside beside it."""

    member_id: int
    spendable: int
    pending: int
    held: int
    debt: int
    tier: str
    tier_since: datetime | None
    requalifies_at: datetime | None
    is_frozen: bool
    seq: int
    purchases_count: int
    expiring: tuple[Expiring, ...]
    #: When the next pending points become spendable, and how many.
    activating: tuple[Expiring, ...]
    #: What the tier rests on, as the membership keeps it, for `tiers.of_member`.
    standing: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LotView:
    """Points earned together: how many there were, and what is left of them."""

    id: int
    amount: int
    remaining: int
    held: int
    state: str
    earned_at: datetime
    active_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class EntryView:
    """One ledger entry with its why: document, rules, terms version, place and hand."""

    seq: int
    kind: str
    balance_change: int
    held_change: int
    pending_change: int
    debt_change: int
    balance_after: int
    document_kind: str
    document_id: str | None
    external_id: str | None
    rules: Sequence[str]
    terms_version: int | None
    location: str | None
    actor: str
    reason: str
    occurred_at: datetime
    recorded_at: datetime


_OPEN_LOTS = """
    SELECT jsonb_agg(jsonb_build_array(l.id, l.amount, l.remaining, l.held, l.is_active, l.sliding, l.earned_at,
        l.active_at, l.expires_at, l.purchase_id)) FROM rewards_lot l
    WHERE l.merchant_id = a.merchant_id AND l.account_id = a.id AND l.remaining > 0
"""
# The lots an overdue hold pins: only asked of accounts that hold anything.
_OVERDUE_HOLDS = """
    CASE WHEN a.held > 0 THEN (
        SELECT jsonb_agg(jsonb_build_array(h.redemption, h.lot_id, h.n, h.at)) FROM (
            SELECT r.id AS redemption, x.lot_id, sum(x.held_change) AS n, r.hold_expires_at AS at
            FROM rewards_redemption r
            JOIN rewards_entry e ON e.merchant_id = r.merchant_id AND e.account_id = a.id
                AND e.document_kind = 'redemption' AND e.document_id = r.id
            JOIN rewards_allocation x ON x.merchant_id = e.merchant_id AND x.entry_id = e.id
            WHERE r.merchant_id = a.merchant_id AND r.member_id = s.member_id AND r.state = 'held'
                AND r.hold_expires_at <= %(now)s
            GROUP BY r.id, x.lot_id HAVING sum(x.held_change) > 0) AS h)
    END
"""
_SETTLED = (
    f"SELECT {ACCOUNT_COLUMNS}, ({_OPEN_LOTS}), {_OVERDUE_HOLDS} FROM {ACCOUNTS} "
    "WHERE a.merchant_id = %(merchant)s AND s.member_id = ANY(%(members)s)"
)
_TYPES = {"merchant": "bigint", "members": "bigint[]", "now": "timestamptz"}


def now(*, merchant: Merchant, member_ids: Sequence[int], now: datetime) -> dict[int, Balance]:
    """Read the balances of members, set-based, by internal id; one statement however many there are.

    Members without an account are left out. A merged member has an empty account: forward first.
    """
    return {
        account.member_id: _balance(account, now)
        for account in settled(merchant=merchant, member_ids=member_ids, now=now)
    }


def of_member(*, merchant: Merchant, member_id: int, now: datetime) -> Balance | None:
    """Read one member's balance; None when the member has no account."""
    accounts = settled(merchant=merchant, member_ids=[member_id], now=now)
    return _balance(accounts[0], now) if accounts else None


def of_account(account: AccountState, *, now: datetime) -> Balance:
    """State what an account under its lock holds, for the answer of the journey that holds it.

    `expiring` and `activating` tell only of lots the journey has read.
    """
    return _balance(account, now)


def lots(*, merchant: Merchant, member_id: int, now: datetime, is_open: bool = True, limit: int = 200) -> list[LotView]:
    """List a member's lots in the order they are spent; with `is_open=False` also those used up."""
    found = []
    accounts = settled(merchant=merchant, member_ids=[member_id], now=now)
    known = {lot.id: lot for account in accounts for lot in account.lots}
    for lot in sorted(known.values(), key=spending_order):
        if lot.remaining:
            found.append(_lot_view(lot, now))
    if not is_open and accounts:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, amount, 0, 0, is_active, sliding, earned_at, active_at, expires_at, purchase_id "
                "FROM rewards_lot WHERE merchant_id = %s AND account_id = %s AND (remaining = 0 OR id = ANY(%s)) "
                "ORDER BY id DESC LIMIT %s",
                [merchant.pk, accounts[0].id, [i for i, lot in known.items() if not lot.remaining], limit],
            )
            found += [_lot_view(_lot(row), now) for row in cursor.fetchall()]
    return found[:limit]


def ledger(
    *, merchant: Merchant, member_id: int, limit: int = 50, before_seq: int | None = None, only: str = ""
) -> list[EntryView]:
    """Page through a member's entries, newest first: those numbered below `before_seq`, if given.

    Documents are named by their public ids. `only` leaves those that were `earned`, `spent`, `expired` or `adjusted`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _ledger_query(),
            {
                "merchant": merchant.pk,
                "member": member_id,
                "before": before_seq if before_seq is not None else 2**62,
                "limit": max(1, min(limit, LEDGER_PAGE_MAX)),
                "only": only,
            },
        )
        return [EntryView(*row) for row in cursor.fetchall()]


# What an entry is to its member.
_SORT = """
    CASE WHEN e.kind = 'expire' THEN 'expired'
        WHEN e.document_kind IN ('adjustment', 'refund', 'merge') OR e.kind IN ('claw_back', 'settle', 'adjust')
            THEN 'adjusted'
        WHEN e.document_kind = 'redemption' OR e.kind = 'transfer_out' THEN 'spent'
        ELSE 'earned' END
"""


@cache
def _ledger_query() -> str:
    """Join each entry with the document that moved the points, of whatever kind that is."""
    kinds = {str(model._meta.model_name): model for model in moving_points()}
    public_ids = ", ".join(f"d_{kind}.public_id" for kind in kinds)
    external_ids = ", ".join(f"d_{kind}.external_id" for kind, model in kinds.items() if issubclass(model, Document))
    joins = " ".join(
        f"LEFT JOIN {model._meta.db_table} d_{kind} ON d_{kind}.merchant_id = e.merchant_id "
        f"AND d_{kind}.id = e.document_id AND e.document_kind = '{kind}'"
        for kind, model in kinds.items()
    )
    return f"""
        SELECT e.seq, e.kind, e.balance_change, e.held_change, e.pending_change, e.debt_change, e.balance_after,
            e.document_kind, coalesce({public_ids}), coalesce({external_ids}), e.rules, e.terms_version, l.code, e.actor,
            e.reason, e.occurred_at, e.recorded_at
        FROM rewards_membership s
        JOIN rewards_entry e ON e.merchant_id = s.merchant_id AND e.account_id = s.account_id AND e.seq < %(before)s
        LEFT JOIN merchants_location l ON l.merchant_id = e.merchant_id AND l.id = e.location_id
        {joins}
        WHERE s.merchant_id = %(merchant)s AND s.member_id = %(member)s AND (%(only)s = '' OR %(only)s = {_SORT})
        ORDER BY e.seq DESC LIMIT %(limit)s
    """


def settled(*, merchant: Merchant, member_ids: Sequence[int], now: datetime) -> list[AccountState]:
    """Read accounts with their open lots as time has made them by now; in memory only."""
    with connection.cursor() as cursor:
        statements.execute(cursor, _SETTLED, {"merchant": merchant.pk, "members": list(member_ids), "now": now}, _TYPES)
        rows = cursor.fetchall()
    found = []
    for row in rows:
        account = account_of(row)
        account.lots = [_lot(_from_json(lot)) for lot in _decoded(row[-2])]
        account.has_all_lots = True
        account.settle_time(now=now, actor="system:clock")
        _release_overdue(account, _decoded(row[-1]), now)
        found.append(account)
    return found


def _release_overdue(account: AccountState, pins: Iterable[Sequence[Any]], now: datetime) -> None:
    lots_by_id = {lot.id: lot for lot in account.lots}
    holds: dict[tuple[str, int], list[tuple[LotState, int]]] = {}
    for redemption, lot_id, points, at in pins:
        holds.setdefault((at, redemption), []).append((lots_by_id[lot_id], int(points)))
    for (at, redemption), pinned in sorted(holds.items(), key=lambda item: item[0]):
        points = sum(n for _lot, n in pinned)
        cause = Cause("redemption", redemption, datetime.fromisoformat(at))
        account.release(cause, pins=pinned, points=points, now=now, actor="system:clock")


def _decoded(value: Any) -> list[Any]:
    return (json.decode(value) if isinstance(value, str) else value) or []


def _from_json(row: Sequence[Any]) -> Sequence[Any]:
    instants = [datetime.fromisoformat(text) if text is not None else None for text in row[6:9]]
    return [*row[:6], *instants, row[9]]


def _lot(row: Sequence[Any]) -> LotState:
    identity, amount, remaining, held, is_active, slides, earned_at, active_at, expires_at, purchase_id = row
    return LotState(
        amount=amount, remaining=remaining, held=held, is_active=is_active,
        sliding=sliding_from_text(slides), earned_at=earned_at, active_at=active_at, expires_at=expires_at, purchase_id=purchase_id, id=identity,
    )  # fmt: skip


def _lot_view(lot: LotState, now: datetime) -> LotView:
    if lot.remaining:
        state = "active" if lot.is_active else "pending"
    else:
        state = "lapsed" if lot.expires_at is not None and lot.expires_at <= now else "used"
    assert lot.id is not None
    return LotView(lot.id, lot.amount, lot.remaining, lot.held, state, lot.earned_at, lot.active_at, lot.expires_at)


def _balance(account: AccountState, now: datetime) -> Balance:
    expiring: dict[datetime, int] = {}
    activating: dict[datetime, int] = {}
    for lot in account.lots:
        if lot.is_active and lot.free and lot.expires_at is not None and lot.expires_at > now:
            expiring[lot.expires_at] = expiring.get(lot.expires_at, 0) + lot.free
        if not lot.is_active and lot.remaining:
            activating[lot.active_at] = activating.get(lot.active_at, 0) + lot.remaining
    return Balance(
        member_id=account.member_id,
        spendable=account.spendable,
        pending=account.pending,
        held=account.held,
        debt=account.debt,
        tier=account.membership.tier,
        tier_since=account.membership.tier_since,
        requalifies_at=account.membership.requalifies_at,
        is_frozen=account.frozen_at is not None,
        seq=account.seq,
        purchases_count=account.membership.purchases_count,
        expiring=_dated(expiring),
        activating=_dated(activating),
        standing=account.membership.standing,
    )


def _dated(sums: Mapping[datetime, int]) -> tuple[Expiring, ...]:
    return tuple(Expiring(at, points) for at, points in sorted(sums.items()))
