"""Who brought whom: open until the referee's first purchase, qualified by it, undone or open again by its refund."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

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
    #: The purchase that had qualified it was wholly refunded: the next one may, whatever else was bought.
    is_reopened: bool = False


@dataclass(slots=True)
class SettledReferral:
    """What became of a referral in this transaction, to be written by `write`."""

    referral_id: int
    state: str
    purchase_id: int
    referrer_id: int
    referee_id: int
    referrer_points: int
    referee_points: int
    events: list[Event] = field(default_factory=list)


def qualify(
    book: Book,
    referral: OpenReferral,
    *,
    paid: int | None,
    version: Version,
    purchase_id: int,
    purchase_public_id: str,
    net_minor: int,
    occurred_at: datetime,
    zone: ZoneInfo,
) -> SettledReferral | None:
    """Pay both sides for a first purchase, if it meets the terms; None leaves the referral open.

    The caller holds both accounts' locks. `paid` is how many referrals this referrer was paid for before; None where
    they are paid for none (`not_paid`). Whom they brought was promised it all the same.
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
    is_enough = paid is None or (promised.max_referrals is not None and paid >= promised.max_referrals)
    if referrer.closed_at is not None or is_enough:
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
    return SettledReferral(
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
        version.terms, points, at=occurred_at, zone=zone, rule="referral", tier=account.membership.tier or None,
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
        sliding=grant.sliding,
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


def undo(
    book: Book,
    paid: Qualified,
    *,
    net_minor: int,
    version: Version | None,
    purchase_id: int,
    occurred_at: datetime,
    state: str = "undone",
) -> SettledReferral | None:
    """Take both sides' points back when a refund leaves too little of the first purchase; None when enough is left.

    The referral is `open` again where nothing is left of the purchase, or it was never theirs: the next may qualify it.

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
    payload = {
        "referral": paid.public_id, "referrer": paid.referrer, "referee": paid.referee,
        "referrer_points": paid.referrer_points, "referee_points": paid.referee_points,
    }  # fmt: skip
    return SettledReferral(
        paid.id, state, purchase_id, paid.referrer_id, paid.referee_id, paid.referrer_points, paid.referee_points,
        [Event("referral.undone", payload, occurred_at)],
    )  # fmt: skip
