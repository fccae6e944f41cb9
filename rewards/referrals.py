"""Who brought whom: a referral is open until the referee's first purchase, qualified by it, undone by its refund."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from msgspec import json

from members.directory import FORWARDED_SQL
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards import earning
from rewards.points import AccountState, Book, Cause
from rewards.terms import Terms
from rewards.versions import Version


@dataclass(frozen=True, slots=True)
class OpenReferral:
    """A referral waiting for the referee's first purchase; accounts by id."""

    id: int
    public_id: str
    referrer_id: int
    referee_id: int
    #: Public ids of the two members, for the event.
    referrer: str
    referee: str
    created_at: datetime


#: The public ids of both members of the referral `r`, as two columns.
MEMBERS_SQL = ", ".join(
    "(SELECT m.public_id FROM rewards_account a JOIN members_member m ON m.merchant_id = a.merchant_id "
    f"AND m.id = a.member_id WHERE a.merchant_id = r.merchant_id AND a.id = r.{side}_id)"
    for side in ("referrer", "referee")
)
#: The accounts of both, as two columns: of whom they go on as, if they were merged since.
ACCOUNTS_SQL = ", ".join(
    "(SELECT f.id FROM rewards_account a JOIN members_member m ON m.merchant_id = a.merchant_id AND m.id = a.member_id "
    f"JOIN rewards_account f ON f.merchant_id = a.merchant_id AND f.member_id = {FORWARDED_SQL.format('m')} "
    f"WHERE a.merchant_id = r.merchant_id AND a.id = r.{side}_id)"
    for side in ("referrer", "referee")
)


@dataclass(slots=True)
class Settled:
    """What became of a referral in this transaction, to be written by `write`."""

    referral_id: int
    state: str
    purchase_id: int
    referrer_id: int
    referee_id: int
    referrer_points: int
    referee_points: int
    events: list[Event] = field(default_factory=list)


def paid_before(merchant_id: int, referrer_ids: Sequence[int]) -> dict[int, int]:
    """Return how many referrals have paid, by referrer account.  Ask after the referrers are locked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT referrer_id, count(*) FROM rewards_referral WHERE merchant_id = %s AND referrer_id = ANY(%s) "
            "AND state = 'qualified' GROUP BY 1",
            [merchant_id, list(referrer_ids)],
        )
        return dict(cursor.fetchall())


def qualify(
    book: Book,
    referral: OpenReferral,
    *,
    paid: int,
    version: Version,
    purchase_id: int,
    purchase_public_id: str,
    net_minor: int,
    occurred_at: datetime,
    zone: ZoneInfo,
) -> Settled | None:
    """Pay both sides for a first purchase, if it meets the terms; None leaves the referral open.

    The caller holds both accounts' locks. `paid` is how many referrals this referrer was paid for before. Who has left
    is paid nothing; whom they brought was promised it all the same.
    """
    promised = version.terms.referral
    if promised is None or _misses(promised_minimum(version.terms), net_minor):
        return None
    if promised.within_days is not None and occurred_at > referral.created_at + timedelta(days=promised.within_days):
        return None
    if referral.referrer_id == referral.referee_id:
        # Merged since: nobody refers themselves.
        return None
    referrer, referee = book.accounts[referral.referrer_id], book.accounts[referral.referee_id]
    to_referrer = promised.referrer_points or 0
    if referrer.closed_at is not None or (promised.max_referrals is not None and paid >= promised.max_referrals):
        to_referrer = 0
    to_referee = promised.referee_points or 0
    for account, points in ((referrer, to_referrer), (referee, to_referee)):
        if points:
            _award(book, account, referral, points, version=version, occurred_at=occurred_at, zone=zone)
    payload = {
        "referral": referral.public_id,
        "referrer": referral.referrer,
        "referee": referral.referee,
        "purchase": purchase_public_id,
        "referrer_points": to_referrer,
        "referee_points": to_referee,
    }
    return Settled(
        referral.id,
        "qualified",
        purchase_id,
        referrer.id,
        referee.id,
        to_referrer,
        to_referee,
        [Event("referral.qualified", payload, occurred_at)],
    )


def promised_minimum(promised: Terms) -> int | None:
    return promised.referral.minimum_amount_minor if promised.referral else None


def _misses(minimum: int | None, net_minor: int) -> bool:
    return net_minor <= 0 or (minimum is not None and net_minor < minimum)


def _award(
    book: Book,
    account: AccountState,
    referral: OpenReferral,
    points: int,
    *,
    version: Version,
    occurred_at: datetime,
    zone: ZoneInfo,
) -> None:
    promised = version.terms.referral
    if promised is None:
        return
    grant = earning.award(
        version.terms, points, at=occurred_at, zone=zone, rule="referral", tier=account.tier or None,
        pending=promised.pending, expiry=promised.expiry,
    )  # fmt: skip
    account.accrue(
        Cause(
            "referral",
            referral.id,
            occurred_at,
            rules=("referral",),
            terms_version=version.number,
            public_id=referral.public_id,
        ),
        points=grant.points,
        active_at=grant.active_at,
        expires_at=grant.expires_at,
        is_sliding=grant.sliding,
        now=book.now,
        actor=book.actor,
    )


@dataclass(frozen=True, slots=True)
class Qualified:
    """A referral that was paid, and may have to be undone."""

    id: int
    public_id: str
    referrer_id: int
    referee_id: int
    referrer: str
    referee: str
    referrer_points: int
    referee_points: int


def paid_by(merchant_id: int, purchase_id: int) -> Qualified | None:
    """Return the referral this purchase qualified, if it did and still does; merged members forward."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT r.id, r.public_id, {ACCOUNTS_SQL}, {MEMBERS_SQL}, r.referrer_points, r.referee_points "
            "FROM rewards_referral r WHERE r.merchant_id = %s AND r.purchase_id = %s AND r.state = 'qualified'",
            [merchant_id, purchase_id],
        )
        row = cursor.fetchone()
    return Qualified(*row) if row else None


def undo(
    book: Book,
    paid: Qualified,
    *,
    net_minor: int,
    version: Version | None,
    purchase_id: int,
    occurred_at: datetime,
    state: str = "undone",
) -> Settled | None:
    """Take both sides' points back when a refund leaves too little of the first purchase; None when enough is left.

    The referral is `open` again where the purchase was never theirs: their true first one may still qualify it.

    The caller holds both accounts' locks, with all their lots.
    """
    if version is not None and not _misses(promised_minimum(version.terms), net_minor):
        return None
    for account_id, points in ((paid.referrer_id, paid.referrer_points), (paid.referee_id, paid.referee_points)):
        if points:
            cause = Cause("referral", paid.id, occurred_at, rules=("referral",))
            account = book.accounts[account_id]
            # Points still pending, because returns were not over, are the referral's own and go first.
            own = book.lots_made_by(account, "referral", paid.id)
            account.claw_back(cause, points=points, purchase_id=None, own_lots=own, now=book.now, actor=book.actor)
    payload = {"referral": paid.public_id, "referrer": paid.referrer, "referee": paid.referee}
    return Settled(
        paid.id, state, purchase_id, paid.referrer_id, paid.referee_id, paid.referrer_points, paid.referee_points,
        [Event("referral.undone", payload, occurred_at)],
    )  # fmt: skip


def write(merchant_id: int, settled: Sequence[Settled], *, now: datetime) -> None:
    """Write what became of the referrals, in one statement."""
    if not settled:
        return
    rows: list[dict[str, Any]] = [
        {"id": s.referral_id, "s": s.state, "p": s.purchase_id, "rr": s.referrer_points, "re": s.referee_points}
        for s in settled
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE rewards_referral SET state = r.s, purchase_id = CASE WHEN r.s <> 'open' THEN r.p END,
                referrer_points = CASE WHEN r.s <> 'open' THEN r.rr ELSE 0 END,
                referee_points = CASE WHEN r.s <> 'open' THEN r.re ELSE 0 END,
                qualified_at = CASE r.s WHEN 'qualified' THEN %(now)s WHEN 'undone' THEN qualified_at END,
                undone_at = CASE WHEN r.s = 'undone' THEN %(now)s ELSE undone_at END
            FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id bigint, s text, p bigint, rr bigint, re bigint)
            WHERE rewards_referral.merchant_id = %(merchant)s AND rewards_referral.id = r.id
                AND rewards_referral.id = ANY(%(ids)s)
            """,
            {
                "merchant": merchant_id,
                "ids": [one.referral_id for one in settled],
                "rows": json.encode(rows).decode(),
                "now": now,
            },
        )


# -- for whoever shows them -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Brought:
    """Somebody a member brought: when they joined, `open`, `qualified` or `undone`, and the points that gave."""

    joined_at: datetime
    state: str
    points: int


def brought_by(*, merchant: Merchant, member_id: int, limit: int = 50) -> list[Brought]:
    """This function will list whom a member brought, newest first, without saying who they are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.created_at, r.state, CASE WHEN r.state = 'qualified' THEN r.referrer_points ELSE 0 END "
            "FROM rewards_account a JOIN rewards_referral r ON r.merchant_id = a.merchant_id AND r.referrer_id = a.id "
            "WHERE a.merchant_id = %s AND a.member_id = %s ORDER BY r.id DESC LIMIT %s",
            [merchant.pk, member_id, limit],
        )
        return [Brought(*row) for row in cursor.fetchall()]
