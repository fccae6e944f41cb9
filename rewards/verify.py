"""Reconciliation: every account proved anew from its entries, lots and documents, and each fault named.

What must agree, account by account:

- entries: numbered 1, 2, 3 … to the account's `seq`; each `balance_after` the running sum; the chain of hashes whole;
- cached columns = sums of the entries = sums of the lots (active: balance; pending: pending; held: held);
- each lot: what it held at first and every allocation since give what is left of it and what is held of it;
- each entry: what it changed = what its allocations and the lots it made changed;
- open holds: together they hold exactly what the account holds;
- redemptions: captured and returned points = their entries; purchases: points earned and clawed back = their entries.

Set-based and by chunks of accounts; each chunk is one transaction and sees each account at one instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import connection

from merchants import audit, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from rewards.models.accounts import Account, Inspection
from rewards.points import chain

CHUNK = 500
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not agree: on which account (0 when it is nobody's), which check, and the figures."""

    account_id: int
    member: str
    check: str
    detail: str

    def __str__(self) -> str:
        return f"{self.member or 'no account'}: {self.check}: {self.detail}"


@dataclass(slots=True)
class Report:
    """What was looked at and what did not agree."""

    accounts: int = 0
    entries: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not self.faults

    def line(self, name: str) -> str:
        """One line for people."""
        counted = f"{self.accounts:,} accounts, {self.entries:,} entries"
        if self.agrees:
            return f"{name}: {counted}: all agree"
        return (
            f"{name}: {counted}: {len(self.faults):,} faults in {len({f.account_id for f in self.faults}):,} accounts"
        )


def verify(*, merchant: Merchant, chunk: int = CHUNK, after_chunk: Callable[[Report], None] | None = None) -> Report:
    """This function will reconcile a merchant's whole ledger and return every fault it found.

    It opens a `tenant()` per chunk itself, so that it neither holds a long transaction nor hinders a till; nothing is
    locked or changed.
    """
    report = Report()
    last: int | None = 0
    while last is not None:
        with tenancy.tenant(merchant):
            last = _check_next(merchant, last, chunk, report)
        if last is not None and after_chunk is not None:
            after_chunk(report)
    return report


def _check_next(merchant: Merchant, after: int, chunk: int, report: Report) -> int | None:
    """Reconcile the accounts that follow `after`, in the open tenant; return the last of them, None at the end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM rewards_account WHERE merchant_id = %s AND id > %s ORDER BY id LIMIT %s",
            [merchant.pk, after, chunk],
        )
        accounts = [row[0] for row in cursor.fetchall()]
        if not accounts:
            return None
        _check_chunk(cursor, merchant.pk, accounts, report)
    return int(accounts[-1])


def verify_members(*, merchant: Merchant, member_ids: Sequence[int]) -> Report:
    """This function will reconcile some members' accounts in the open tenant."""
    report = Report()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM rewards_account WHERE merchant_id = %s AND member_id = ANY(%s) ORDER BY id",
            [merchant.pk, list(member_ids)],
        )
        _check_chunk(cursor, merchant.pk, [row[0] for row in cursor.fetchall()], report)
    return report


def freeze(*, merchant: Merchant, report: Report, now: datetime) -> int:
    """This function will stop the accounts with faults from being spent from until somebody looked; it says how many.

    The tenant is open. They still earn. Each is audited.
    """
    faulty = sorted({fault.account_id for fault in report.faults if fault.account_id})
    people = {fault.account_id: fault.member for fault in report.faults}
    rows = Account.objects.filter(merchant=merchant, pk__in=faulty, frozen_at__isnull=True).order_by("pk")
    frozen = [account.pk for account in rows.select_for_update()]
    Account.objects.filter(merchant=merchant, pk__in=frozen).update(frozen_at=now)
    for account_id in frozen:
        checks = sorted({fault.check for fault in report.faults if fault.account_id == account_id})
        audit.record(
            merchant=merchant, action="account.frozen", actor=SYSTEM, now=now, subject=people[account_id],
            details={"checks": checks},
        )  # fmt: skip
    return len(frozen)


def inspect(*, merchant: Merchant, now: datetime, chunk: int = CHUNK) -> int:
    """This function will reconcile a merchant's ledger, freeze and log what does not agree, and say how many entries it saw.

    Each chunk is one transaction that freezes what it found and notes how far it came: killed anywhere, the next call
    goes on from there.  It opens its own tenants: call it outside of one, and one at a time for a merchant.
    """
    while True:
        inspection, report = tenancy.attempt(merchant, lambda: _inspect_next(merchant, chunk, now))
        if not report.agrees:
            _log.error("ledger_does_not_agree", merchant=merchant.pk, faults=len(report.faults))
        if inspection.finished_at is not None:
            return int(inspection.entries)


def _inspect_next(merchant: Merchant, chunk: int, now: datetime) -> tuple[Inspection, Report]:
    report = Report()
    inspection = Inspection.objects.select_for_update().filter(merchant=merchant).first()
    if inspection is None:
        inspection = Inspection(merchant=merchant, begun_at=now)
    elif inspection.finished_at is not None:
        inspection.begun_at, inspection.after_account, inspection.entries, inspection.finished_at = now, 0, 0, None
    last = _check_next(merchant, inspection.after_account, chunk, report)
    if not report.agrees:
        freeze(merchant=merchant, report=report, now=now)
    inspection.entries += report.entries
    if last is None:
        inspection.finished_at = now
    else:
        inspection.after_account = last
    inspection.save()
    return inspection, report


def thaw(*, merchant: Merchant, member_id: int) -> bool:
    """This function will let a frozen account be spent from again; it says whether it was frozen.

    The tenant is open. Whoever thaws has looked: verify names the account again if it still does not agree.
    """
    rows = Account.objects.filter(merchant=merchant, member_id=member_id, frozen_at__isnull=False)
    return bool(rows.update(frozen_at=None))


def _check_chunk(cursor: Any, merchant_id: int, accounts: Sequence[int], report: Report) -> None:
    values = {"merchant": merchant_id, "accounts": list(accounts)}
    cursor.execute(
        "SELECT a.id, m.public_id FROM rewards_account a JOIN members_member m ON m.merchant_id = a.merchant_id "
        "AND m.id = a.member_id WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s)",
        values,
    )
    people: dict[int, str] = dict(cursor.fetchall())
    # One statement: all its parts see one instant, whatever the tills do meanwhile.
    cursor.execute(_SUMS_AGREE, values)
    for check, account_id, detail in cursor.fetchall():
        report.faults.append(Fault(account_id, people.get(account_id, ""), check, detail))
    for fault in _chain_faults(cursor, values, people, report):
        report.faults.append(fault)
    report.accounts += len(accounts)


def _chain_faults(cursor: Any, values: Mapping[str, Any], people: Mapping[int, str], report: Report) -> Iterator[Fault]:
    """Walk the entries of each account in order: numbers, running balance, and the hash of each with the one before."""
    cursor.execute(_ENTRIES, values)
    seen: dict[int, tuple[int, bytes]] = {}
    heads: dict[int, tuple[int, bytes]] = {}
    balances: dict[int, int] = {}
    broken: set[int] = set()
    while rows := cursor.fetchmany(5_000):
        for account_id, seq, head, *entry in rows:
            heads[account_id] = seq, bytes(head)
            if entry[0] is None:
                continue
            report.entries += 1
            if account_id in broken:
                continue
            last, previous = seen.get(account_id, (0, b""))
            found = _entry_fault(account_id, entry, last + 1, balances.get(account_id, 0), previous)
            if found is not None:
                broken.add(account_id)
                yield Fault(account_id, people.get(account_id, ""), *found)
                continue
            seen[account_id], balances[account_id] = (entry[0], bytes(entry[16])), entry[6]
    for account_id, (last, head) in heads.items():
        found_seq, found_head = seen.get(account_id, (0, b""))
        if account_id in broken:
            continue
        if found_seq != last:
            detail = f"the account counts {last} entries and there are {found_seq}"
            yield Fault(account_id, people.get(account_id, ""), "seq", detail)
        elif found_head != head:
            yield Fault(account_id, people.get(account_id, ""), "chain", "the account does not end with its last entry")


def _entry_fault(
    account_id: int, entry: Sequence[Any], seq: int, balance: int, previous: bytes
) -> tuple[str, str] | None:
    found, kind, moved, held, pending, debt, after, document, document_id, rules, version, place, *rest = entry
    actor, reason, occurred_at, recorded_at, kept = rest
    if found != seq:
        return "seq", f"entry {seq} is missing: {found} follows {seq - 1}"
    if after != balance + moved:
        return "balance_after", f"entry {seq} says {after} and the sum is {balance + moved}"
    link = chain.link(
        previous, account_id=account_id, seq=seq, kind=kind, changes=(moved, held, pending, debt), balance_after=after,
        document=(document, document_id), rules=rules, terms_version=version, location_id=place, actor=actor,
        reason=reason, occurred_at=occurred_at, recorded_at=recorded_at,
    )  # fmt: skip
    if link != bytes(kept):
        return "chain", f"entry {seq} is not what was written: its hash does not fit"
    return None


_ENTRIES = """
    SELECT a.id, a.seq, a.chain, e.seq, e.kind, e.balance_change, e.held_change, e.pending_change, e.debt_change,
        e.balance_after, e.document_kind, e.document_id, e.rules, e.terms_version, e.location_id, e.actor, e.reason,
        e.occurred_at, e.recorded_at, e.hash
    FROM rewards_account a LEFT JOIN rewards_entry e ON e.merchant_id = a.merchant_id AND e.account_id = a.id
    WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) ORDER BY a.id, e.seq
"""
_SUMS = ("balance", "held", "pending", "debt")

_ENTRY_SUMS = f"""
    SELECT a.id, concat_ws(', ', {
    ", ".join(
        f"CASE WHEN a.{name} <> coalesce(e.{name}, 0) THEN '{name} is ' || a.{name} || ' and its entries come to ' "
        f"|| coalesce(e.{name}, 0) END"
        for name in _SUMS
    )
})
    FROM rewards_account a LEFT JOIN (
        SELECT account_id, {", ".join(f"sum({name}_change) AS {name}" for name in _SUMS)} FROM rewards_entry
        WHERE merchant_id = %(merchant)s AND account_id = ANY(%(accounts)s) GROUP BY 1
    ) AS e ON e.account_id = a.id
    WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s)
        AND ({" OR ".join(f"a.{name} <> coalesce(e.{name}, 0)" for name in _SUMS)})
"""

_LOT_SUMS = """
    SELECT a.id, 'balance ' || a.balance || ', pending ' || a.pending || ', held ' || a.held || '; its lots come to '
        || coalesce(l.balance, 0) || ', ' || coalesce(l.pending, 0) || ', ' || coalesce(l.held, 0)
    FROM rewards_account a LEFT JOIN (
        SELECT account_id, sum(remaining) FILTER (WHERE is_active) AS balance,
            sum(remaining) FILTER (WHERE NOT is_active) AS pending, sum(held) AS held FROM rewards_lot
        WHERE merchant_id = %(merchant)s AND account_id = ANY(%(accounts)s) GROUP BY 1
    ) AS l ON l.account_id = a.id
    WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s)
        AND (a.balance, a.pending, a.held) <> (coalesce(l.balance, 0), coalesce(l.pending, 0), coalesce(l.held, 0))
"""

_LOT_HISTORY = """
    SELECT l.account_id, 'lot ' || l.id || ' has ' || l.remaining || ' left, ' || l.held || ' held; its history says '
        || l.amount + coalesce(x.remaining, 0) || ', ' || coalesce(x.held, 0)
    FROM rewards_lot l LEFT JOIN (
        SELECT x.lot_id, sum(x.remaining_change) AS remaining, sum(x.held_change) AS held
        FROM rewards_lot l JOIN rewards_allocation x ON x.merchant_id = l.merchant_id AND x.lot_id = l.id
        WHERE l.merchant_id = %(merchant)s AND l.account_id = ANY(%(accounts)s) GROUP BY 1
    ) AS x ON x.lot_id = l.id
    WHERE l.merchant_id = %(merchant)s AND l.account_id = ANY(%(accounts)s)
        AND (l.remaining, l.held) <> (l.amount + coalesce(x.remaining, 0), coalesce(x.held, 0))
"""

_ENTRY_PARTS = """
    SELECT e.account_id, 'entry ' || e.seq || ' (' || e.kind || ') moved ' || e.balance_change + e.pending_change || ' and '
        || e.held_change || ' held; its lots say ' || coalesce(x.remaining, 0) + coalesce(l.amount, 0) || ' and '
        || coalesce(x.held, 0)
    FROM rewards_entry e
    LEFT JOIN (
        SELECT x.entry_id, sum(x.remaining_change) AS remaining, sum(x.held_change) AS held,
            bool_and(l.account_id = e.account_id) AS is_own
        FROM rewards_entry e JOIN rewards_allocation x ON x.merchant_id = e.merchant_id AND x.entry_id = e.id
        JOIN rewards_lot l ON l.merchant_id = x.merchant_id AND l.id = x.lot_id
        WHERE e.merchant_id = %(merchant)s AND e.account_id = ANY(%(accounts)s) GROUP BY 1
    ) AS x ON x.entry_id = e.id
    LEFT JOIN (
        SELECT entry_id, sum(amount) AS amount FROM rewards_lot
        WHERE merchant_id = %(merchant)s AND account_id = ANY(%(accounts)s) GROUP BY 1
    ) AS l ON l.entry_id = e.id
    WHERE e.merchant_id = %(merchant)s AND e.account_id = ANY(%(accounts)s)
        AND (e.balance_change + e.pending_change <> coalesce(x.remaining, 0) + coalesce(l.amount, 0)
            OR e.held_change <> coalesce(x.held, 0) OR NOT coalesce(x.is_own, true))
"""

_HOLDS = """
    SELECT a.id, 'held is ' || a.held || ' and its open holds come to ' || coalesce(h.points, 0)
    FROM rewards_account a LEFT JOIN (
        SELECT r.member_id, sum(r.points) AS points FROM rewards_redemption r JOIN rewards_account a
            ON a.merchant_id = r.merchant_id AND a.member_id = r.member_id
        WHERE r.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) AND r.state = 'held' GROUP BY 1
    ) AS h ON h.member_id = a.member_id
    WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) AND a.held <> coalesce(h.points, 0)
"""

# Entries are found by their account; what a merge carried to another account is found there.
_MOVED_BY_DOCUMENT = """
    SELECT e.document_id, {sums} FROM rewards_entry e
    WHERE e.merchant_id = %(merchant)s AND e.document_kind = '{kind}' AND e.account_id IN (
        SELECT id FROM rewards_account WHERE merchant_id = %(merchant)s AND id = ANY(%(accounts)s)
        UNION SELECT o.id FROM rewards_account a JOIN rewards_merge g ON g.merchant_id = a.merchant_id
            AND (g.source_id = a.member_id OR g.target_id = a.member_id)
        JOIN rewards_account o ON o.merchant_id = a.merchant_id AND o.member_id IN (g.source_id, g.target_id)
        WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s))
    GROUP BY 1
"""

_SPENT = """
    sum(-e.balance_change) FILTER (WHERE e.kind IN ('redeem', 'capture')) AS captured,
    sum(e.balance_change) FILTER (WHERE e.kind = 'reverse') AS returned
"""
_REDEMPTIONS = f"""
    WITH moved AS ({_MOVED_BY_DOCUMENT.format(kind="redemption", sums=_SPENT)})
    SELECT a.id, r.public_id || ' captured ' || r.points_captured || ', returned ' || r.points_returned
        || '; its entries say ' || coalesce(e.captured, 0) || ', ' || coalesce(e.returned, 0)
    FROM rewards_redemption r
    JOIN rewards_account a ON a.merchant_id = r.merchant_id AND a.member_id = r.member_id
    LEFT JOIN moved e ON e.document_id = r.id
    WHERE r.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s)
        AND (r.points_captured, r.points_returned) <> (coalesce(e.captured, 0), coalesce(e.returned, 0))
"""

_EARNED = "sum(e.balance_change + e.pending_change) FILTER (WHERE e.kind = 'accrue') AS earned"
_PURCHASES = f"""
    WITH moved AS ({_MOVED_BY_DOCUMENT.format(kind="purchase", sums=_EARNED)})
    SELECT a.id, p.public_id || ' earned ' || p.points_earned || ' and its entries say ' || coalesce(e.earned, 0)
    FROM rewards_purchase p JOIN rewards_account a ON a.merchant_id = p.merchant_id AND a.member_id = p.member_id
    LEFT JOIN moved e ON e.document_id = p.id
    WHERE p.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) AND p.state = 'recorded'
        AND p.points_earned <> coalesce(e.earned, 0)
"""

_TAKEN = "sum(e.debt_change - e.balance_change - e.pending_change) FILTER (WHERE e.kind = 'claw_back') AS taken"
_REFUNDS = f"""
    WITH moved AS ({_MOVED_BY_DOCUMENT.format(kind="refund", sums=_TAKEN)})
    SELECT a.id, p.public_id || ' clawed back ' || p.points_clawed_back || '; its refunds say ' || coalesce(r.clawed, 0)
        || ' and their entries ' || coalesce(r.taken, 0)
    FROM rewards_purchase p JOIN rewards_account a ON a.merchant_id = p.merchant_id AND a.member_id = p.member_id
    LEFT JOIN (
        SELECT r.purchase_id, sum(r.points_clawed_back) AS clawed, sum(coalesce(e.taken, 0)) AS taken
        FROM rewards_account a
        JOIN rewards_purchase p ON p.merchant_id = a.merchant_id AND p.member_id = a.member_id
        JOIN rewards_refund r ON r.merchant_id = p.merchant_id AND r.purchase_id = p.id AND r.is_applied
        LEFT JOIN moved e ON e.document_id = r.id
        WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) GROUP BY 1
    ) AS r ON r.purchase_id = p.id
    WHERE p.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s) AND p.state = 'recorded'
        AND (p.points_clawed_back <> coalesce(r.clawed, 0) OR p.points_clawed_back <> coalesce(r.taken, 0))
"""

_CHECKS = {
    "entries": _ENTRY_SUMS,
    "lots": _LOT_SUMS,
    "lot": _LOT_HISTORY,
    "entry": _ENTRY_PARTS,
    "holds": _HOLDS,
    "redemption": _REDEMPTIONS,
    "purchase": _PURCHASES,
    "refund": _REFUNDS,
}

_SUMS_AGREE = " UNION ALL ".join(
    f"SELECT '{check}', f.account_id, f.detail FROM ({query}) AS f(account_id, detail)"
    for check, query in _CHECKS.items()
)
