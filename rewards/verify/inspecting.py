"""Reconciliation: account by account, in chunks; each fault named, and faulty accounts frozen when asked."""

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
from rewards import versions
from rewards.models.accounts import Account, Inspection
from rewards.points import chain
from rewards.verify import ends, limits, sums

CHUNK = 500
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LedgerFault:
    """Something that does not agree: on which account (0 when it is nobody's), which check, and the figures."""

    account_id: int
    member: str
    check: str
    detail: str

    def __str__(self) -> str:
        return f"{self.member or 'no account'}: {self.check}: {self.detail}"


@dataclass(slots=True)
class LedgerReport:
    """What was looked at and what did not agree."""

    accounts: int = 0
    entries: int = 0
    faults: list[LedgerFault] = field(default_factory=list)

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


def verify(
    *, merchant: Merchant, chunk: int = CHUNK, after_chunk: Callable[[LedgerReport], None] | None = None
) -> LedgerReport:
    """Reconcile a merchant's whole ledger and return every fault it found.

    It opens a `tenant()` per chunk itself, so that it neither holds a long transaction nor hinders a till; nothing is
    locked or changed.
    """
    report = LedgerReport()
    last: int | None = 0
    while last is not None:
        with tenancy.tenant(merchant):
            last = _check_next(merchant, last, chunk, report)
        if last is not None and after_chunk is not None:
            after_chunk(report)
    report.faults += _limit_faults(merchant, chunk)
    return report


def _limit_faults(merchant: Merchant, chunk: int) -> list[LedgerFault]:
    """Name the counters that do not agree. No account is faulty for that: its points are another matter."""
    with tenancy.tenant(merchant):
        found = _stock_faults(merchant)
        if not limits.has_caps(versions.timeline(merchant.pk)):
            return found
    differences = _caps_that_differ(merchant, chunk)
    if differences:
        differences &= _caps_that_differ(merchant, chunk)
    if not differences:
        return found
    with tenancy.tenant(merchant):
        ids = [each.counter.scope_id for each in differences if each.counter.scope_id]
        names = dict(
            Account.objects.filter(merchant=merchant, member_id__in=ids).values_list("member_id", "member__public_id")
        )
    caps = [LedgerFault(0, names.get(each.counter.scope_id, ""), "cap", str(each)) for each in sorted(differences)]
    return found + caps


def _stock_faults(merchant: Merchant) -> list[LedgerFault]:
    return [LedgerFault(0, "", "stock", str(each)) for each in limits.stock_differences(merchant)]


def _caps_that_differ(merchant: Merchant, chunk: int) -> set[limits.LimitDifference]:
    """Look at every member's caps, in chunks, each in a tenant of its own, and then at those that all share."""
    shared, found, last = limits.CapUses(), set[limits.LimitDifference](), 0
    while True:
        with tenancy.tenant(merchant), connection.cursor() as cursor:
            accounts = _accounts_after(cursor, merchant, last, chunk)
            if not accounts:
                return found | limits.shared_differences(merchant, shared)
            found |= limits.member_differences(merchant, accounts, shared)
            last = accounts[-1]


def _check_next(merchant: Merchant, after: int, chunk: int, report: LedgerReport) -> int | None:
    """Reconcile the accounts that follow `after`, in the open tenant; return the last of them, None at the end."""
    with connection.cursor() as cursor:
        accounts = _accounts_after(cursor, merchant, after, chunk)
        if not accounts:
            return None
        _check_chunk(cursor, merchant, accounts, report)
    return accounts[-1]


def _accounts_after(cursor: Any, merchant: Merchant, after: int, chunk: int) -> list[int]:
    cursor.execute(
        "SELECT id FROM rewards_account WHERE merchant_id = %s AND id > %s ORDER BY id LIMIT %s",
        [merchant.pk, after, chunk],
    )
    return [row[0] for row in cursor.fetchall()]


def verify_members(*, merchant: Merchant, member_ids: Sequence[int]) -> LedgerReport:
    """Reconcile some members' accounts in the open tenant."""
    report = LedgerReport()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM rewards_account WHERE merchant_id = %s AND member_id = ANY(%s) ORDER BY id",
            [merchant.pk, list(member_ids)],
        )
        _check_chunk(cursor, merchant, [row[0] for row in cursor.fetchall()], report)
    return report


def freeze(*, merchant: Merchant, report: LedgerReport, now: datetime) -> int:
    """Stop the accounts with faults from being spent from until somebody looked; it says how many.

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
    """Reconcile a merchant's ledger, freeze and log what does not agree, and say how many entries it saw.

    Each chunk is one transaction that freezes what it found and notes how far it came: killed anywhere, the next call
    goes on from there.  It opens its own tenants: call it outside of one, and one at a time for a merchant.
    """
    while True:
        inspection, report = tenancy.attempt(merchant, lambda: _inspect_next(merchant, chunk, now))
        if not report.agrees:
            _log.error("ledger_does_not_agree", merchant=merchant.pk, faults=len(report.faults))
        if inspection.finished_at is not None:
            return int(inspection.entries)


def _inspect_next(merchant: Merchant, chunk: int, now: datetime) -> tuple[Inspection, LedgerReport]:
    report = LedgerReport()
    inspection = Inspection.objects.select_for_update().filter(merchant=merchant).first()
    if inspection is None:
        inspection = Inspection(merchant=merchant, begun_at=now)
    elif inspection.finished_at is not None:
        inspection.begun_at, inspection.finished_at = now, None
        inspection.after_account = inspection.entries = inspection.faults = 0
    last = _check_next(merchant, inspection.after_account, chunk, report)
    if last is None:
        report.faults += _stock_faults(merchant)
    if not report.agrees:
        freeze(merchant=merchant, report=report, now=now)
    inspection.entries += report.entries
    inspection.faults += len(report.faults)
    if last is None:
        inspection.finished_at = now
    else:
        inspection.after_account = last
    inspection.save()
    return inspection, report


def _check_chunk(cursor: Any, merchant: Merchant, accounts: Sequence[int], report: LedgerReport) -> None:
    values: dict[str, Any] = {"merchant": merchant.pk, "accounts": list(accounts)}
    cursor.execute(
        "SELECT a.id, m.public_id FROM rewards_account a JOIN members_member m ON m.merchant_id = a.merchant_id "
        "AND m.id = a.member_id WHERE a.merchant_id = %(merchant)s AND a.id = ANY(%(accounts)s)",
        values,
    )
    people: dict[int, str] = dict(cursor.fetchall())
    for check, account_id, detail in _sums_that_differ(cursor, values):
        report.faults.append(LedgerFault(account_id, people.get(account_id, ""), check, detail))
    for account_id, detail in ends.faults(cursor, merchant_id=merchant.pk, accounts=accounts, zone=merchant.tzinfo):
        report.faults.append(LedgerFault(account_id, people.get(account_id, ""), "end", detail))
    for fault in _chain_faults(cursor, values, people, report):
        report.faults.append(fault)
    report.accounts += len(accounts)


def _sums_that_differ(cursor: Any, values: dict[str, Any]) -> list[tuple[str, int, str]]:
    """One statement: all its parts see one instant, whatever the tills do meanwhile; but who was merged with whom is
    read before it.  Merges only ever add to that, so that a fault counts when it is the same afterwards."""
    family = _family(cursor, values)
    while True:
        values["family"], values["relatives"] = [row[0] for row in family], [row[1] for row in family]
        cursor.execute(sums.SUMS_AGREE, values)
        found: list[tuple[str, int, str]] = cursor.fetchall()
        before, family = family, _family(cursor, values) if found else family
        if family == before:
            return found


def _family(cursor: Any, values: Mapping[str, Any]) -> list[tuple[int, int]]:
    cursor.execute(sums.FAMILY, values)
    rows: list[tuple[int, int]] = cursor.fetchall()
    return rows


def _chain_faults(
    cursor: Any, values: Mapping[str, Any], people: Mapping[int, str], report: LedgerReport
) -> Iterator[LedgerFault]:
    """Walk the entries of each account in order: numbers, running balance, and the hash of each with the one before."""
    cursor.execute(sums.ENTRIES, values)
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
                yield LedgerFault(account_id, people.get(account_id, ""), *found)
                continue
            seen[account_id], balances[account_id] = (entry[0], bytes(entry[16])), entry[6]
    for account_id, (last, head) in heads.items():
        found_seq, found_head = seen.get(account_id, (0, b""))
        if account_id in broken:
            continue
        if found_seq != last:
            detail = f"the account counts {last} entries and there are {found_seq}"
            yield LedgerFault(account_id, people.get(account_id, ""), "seq", detail)
        elif found_head != head:
            yield LedgerFault(
                account_id, people.get(account_id, ""), "chain", "the account does not end with its last entry"
            )


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
