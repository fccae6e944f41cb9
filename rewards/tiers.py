"""Tiers as they are held: dated periods, rated at each purchase and refund, and again when a window ends.

The arithmetic is in rewards/standing; this room reads the sums it needs, keeps the periods, and finds whom time has
made due.  A tier changes now, never before the fact that changed it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection
from msgspec import convert, json

from merchants import outbox, periods
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from merchants.outbox import Event
from rewards import standing, versions
from rewards.models.accounts import QualifyingGrant
from rewards.points import AccountState, Book
from rewards.standing import Held
from rewards.terms import Tiers
from rewards.versions import Version


@dataclass(frozen=True, slots=True)
class Sums:
    """What counts on one day, net of refunds, on each basis a programme may choose."""

    points: int = 0
    spend_minor: int = 0
    purchases: int = 0

    def plus(self, other: Sums) -> Sums:
        return Sums(self.points + other.points, self.spend_minor + other.spend_minor, self.purchases + other.purchases)

    def on(self, basis: str) -> int:
        if basis == "qualifying_points":
            return self.points
        return self.spend_minor if basis == "spend" else self.purchases


NOTHING = Sums()
Daily = Mapping[date, Sums]


@dataclass(frozen=True, slots=True)
class Period:
    """A tier held from one instant to another; None is until further notice."""

    tier: str
    held_from: datetime
    held_to: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """A move from one tier to another, to be written by `write`."""

    account_id: int
    before: str
    tier: str
    at: datetime
    reason: str
    value: int
    requalifies_at: datetime | None
    terms_version: int

    def event(self, member_public_id: str) -> Event:
        payload = {
            "member": member_public_id,
            "tier_before": self.before or None,
            "tier_after": self.tier,
            "reason": self.reason,
            "held_from": self.at,
            "requalifies_at": self.requalifies_at,
            "value": self.value,
        }
        return Event("tier.changed", payload, self.at)


def held_at(periods_held: Iterable[Period], account: AccountState, instant: datetime) -> str:
    """Return the tier held at an instant; the account's own when it has been held since before then.

    `periods_held` are those read for the account, oldest first; before the first of them the tier is none.
    """
    if account.tier_since is None or instant >= account.tier_since:
        return account.tier
    found = ""
    for period in periods_held:
        if period.held_from <= instant and (period.held_to is None or instant < period.held_to):
            found = period.tier
    return found


def window_first(version: Version, today: date, joined_on: date) -> date:
    """Return the first day that counts today."""
    assert version.terms.tiers is not None
    return standing.window_days(version.terms.tiers, today, joined_on=joined_on)[0]


def rate(
    account: AccountState,
    version: Version,
    daily: Daily,
    *,
    joined_on: date,
    changed_on: date | None,
    reread: Reread,
    now: datetime,
    zone: ZoneInfo,
    reason: str = "",
) -> Change | None:
    """Rate the account by the terms in force now, change its tier if need be, and return the change.

    `daily` holds at least the current window. `changed_on` is the day whose sums grew: a purchase inside the window
    that reaches nothing new needs no more. Anything else asks `reread` for the longer history first.
    """
    tiers = version.terms.tiers
    if tiers is None:
        return None
    today = periods.local_day(now, zone)
    first = window_first(version, today, joined_on)
    is_due = account.requalifies_at is not None and account.requalifies_at <= now
    known = account.tier in {level.code for level in tiers.levels}
    if (
        known
        and account.rated_version == version.number
        and not is_due
        and changed_on is not None
        and changed_on >= first
    ):
        value = sum(sums.on(tiers.basis) for day, sums in daily.items() if first <= day <= today)
        if standing.reached(tiers, value=value, held=account.tier) is None:
            return None
    held = convert(json.decode(account.standing), Held) if account.standing and known else None
    history = reread(account, _needed_since(tiers, held, today, joined_on))
    now_held = standing.review(tiers, _on(tiers, history), held=held, day=today, joined_on=joined_on)
    return _adopt(account, version, tiers, now_held, history, joined_on=joined_on, now=now, zone=zone, reason=reason)


class Reread:
    """Reads an account's daily sums from the purchases themselves, and adds what this batch has not written yet."""

    def __init__(self, merchant_id: int, unwritten: Mapping[int, Daily] | None = None) -> None:
        self.merchant_id = merchant_id
        self.unwritten = {} if unwritten is None else unwritten

    def __call__(self, account: AccountState, since: date) -> dict[date, Sums]:
        daily = read_daily(self.merchant_id, [account.member_id], since).get(account.member_id, {})
        for day, sums in self.unwritten.get(account.id, {}).items():
            daily[day] = daily.get(day, NOTHING).plus(sums)
        return daily


# What came by no purchase counts on a day of its own row; whoever reads adds the rows of a day up.
DAILY_SQL = """
    SELECT p.member_id, p.local_day AS day, sum(p.qualifying_points)::bigint AS points,
        sum(p.qualifying_minor)::bigint AS spend,
        count(*) FILTER (WHERE p.refunded_minor < p.total_minor OR p.total_minor = 0) AS purchases
    FROM rewards_purchase p
    WHERE p.merchant_id = %(merchant)s AND p.member_id = ANY(%(members)s) AND p.local_day >= %(since)s
    GROUP BY p.member_id, p.local_day
    UNION ALL
    SELECT g.member_id, g.local_day, g.points, 0, 0 FROM rewards_qualifyinggrant g
    WHERE g.merchant_id = %(merchant)s AND g.member_id = ANY(%(members)s) AND g.local_day >= %(since)s
"""


def read_daily(merchant_id: int, member_ids: Sequence[int], since: date) -> dict[int, dict[date, Sums]]:
    """Return what counts per member and day from a day on, net of refunds, straight from the purchases."""
    found: dict[int, dict[date, Sums]] = {}
    with connection.cursor() as cursor:
        cursor.execute(DAILY_SQL, {"merchant": merchant_id, "members": list(member_ids), "since": since})
        for member_id, day, points, spend, purchases in cursor.fetchall():
            days = found.setdefault(member_id, {})
            days[day] = days.get(day, NOTHING).plus(Sums(points, spend, purchases))
    return found


@dataclass(frozen=True, slots=True)
class Extra:
    """Points that count towards a member's tier on a day, by a document that is no purchase."""

    member_id: int
    day: date
    points: int
    document_kind: str
    document_id: int


def add(merchant_id: int, extras: Sequence[Extra]) -> None:
    """This function will write what counts besides the purchases."""
    if not extras:
        return
    QualifyingGrant.objects.bulk_create(
        QualifyingGrant(
            merchant_id=merchant_id, member_id=extra.member_id, local_day=extra.day, points=extra.points,
            document_kind=extra.document_kind, document_id=extra.document_id,
        )
        for extra in extras
    )  # fmt: skip


def drop(merchant_id: int, document_kind: str, document_id: int) -> bool:
    """This function will forget what a document let count, because it was undone; and say whether that was anything."""
    counted = QualifyingGrant.objects.filter(
        merchant_id=merchant_id, document_kind=document_kind, document_id=document_id
    )  # fmt: skip
    return counted.delete()[0] > 0


def _needed_since(tiers: Tiers, held: Held | None, today: date, joined_on: date) -> date:
    """Two windows before the tier was reached: the longest a review looks back."""
    first = standing.window_days(tiers, held.since if held else today, joined_on=joined_on)[0]
    for _window in range(2):
        first = standing.window_days(tiers, first - timedelta(days=1), joined_on=joined_on)[0]
    while held is not None and held.fallback is not None:
        held = held.fallback
        first = min(first, held.since - timedelta(days=800))
    return first


def _on(tiers: Tiers, daily: Daily) -> list[tuple[date, int]]:
    return [(day, sums.on(tiers.basis)) for day, sums in daily.items()]


def _adopt(
    account: AccountState,
    version: Version,
    tiers: Tiers,
    held: Held,
    history: Daily,
    *,
    joined_on: date,
    now: datetime,
    zone: ZoneInfo,
    reason: str,
) -> Change | None:
    today = periods.local_day(now, zone)
    due = held.until
    grace_end = held.since + timedelta(days=tiers.grace_days)
    if held.reviewed is not None and today < grace_end:
        # The window has ended short, and the days of grace run: look again when they are over.
        due = grace_end if due is None else min(due, grace_end)
    account.requalifies_at = None if due is None else periods.start_of_day(due, zone)
    account.standing = json.encode(held).decode()
    account.rated_version = version.number
    account.is_changed = True
    if held.level == account.tier:
        return None
    codes = [level.code for level in tiers.levels]
    before = account.tier
    rose = before not in codes or codes.index(held.level) > codes.index(before)
    first = standing.window_days(tiers, today, joined_on=joined_on)[0]
    change = Change(
        account_id=account.id,
        before=before,
        tier=held.level,
        at=now,
        reason=reason or (("entry" if not before else "upgrade") if rose else "downgrade"),
        value=sum(sums.on(tiers.basis) for day, sums in history.items() if first <= day <= today),
        requalifies_at=account.requalifies_at,
        terms_version=version.number,
    )
    account.tier, account.tier_since = held.level, now
    return change


def write(merchant_id: int, changes: Sequence[Change], *, now: datetime) -> None:
    """Close the periods that ended and open the new ones."""
    if not changes:
        return
    rows = []
    last = {change.account_id: change for change in changes}
    for change in changes:
        ends = None if last[change.account_id] is change else change.at
        rows.append(
            {"a": change.account_id, "t": change.tier, "f": change.at, "e": ends, "r": change.reason,
             "v": change.value, "n": change.terms_version}
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rewards_tierperiod SET held_to = %s WHERE merchant_id = %s AND account_id = ANY(%s) AND held_to IS NULL",
            [now, merchant_id, list(last)],
        )
        cursor.execute(
            """
            INSERT INTO rewards_tierperiod (merchant_id, account_id, tier, held_from, held_to, reason, value,
                terms_version, recorded_at)
            SELECT %(merchant)s, r.a, r.t, r.f, r.e, r.r, r.v, r.n, %(now)s
            FROM jsonb_to_recordset(%(rows)s::jsonb)
                AS r(a bigint, t text, f timestamptz, e timestamptz, r text, v bigint, n int)
            """,
            {"merchant": merchant_id, "rows": json.encode(rows).decode(), "now": now},
        )


# -- the clock ------------------------------------------------------------------------------------------------------


def due_accounts(merchant: Merchant, *, now: datetime, limit: int = 500) -> list[int]:
    """Return accounts whose window has ended, or that were last rated by other terms than those in force."""
    version = versions.timeline(merchant.pk).at(now)
    if version is None or version.terms.tiers is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "(SELECT id FROM rewards_account WHERE merchant_id = %(m)s AND requalifies_at <= %(now)s LIMIT %(limit)s) "
            "UNION (SELECT id FROM rewards_account WHERE merchant_id = %(m)s AND rated_version < %(v)s "
            "AND closed_at IS NULL LIMIT %(limit)s) "
            "UNION (SELECT id FROM rewards_account WHERE merchant_id = %(m)s AND rated_version > %(v)s "
            "AND closed_at IS NULL LIMIT %(limit)s) "
            "LIMIT %(limit)s",
            {"m": merchant.pk, "now": now, "v": version.number, "limit": limit},
        )
        return [row[0] for row in cursor.fetchall()]


def requalify(merchant: Merchant, account_ids: Sequence[int], *, now: datetime) -> int:
    """Rate these accounts again by the terms in force and return how many changed tier.

    Locks them in id order. Asked again it changes nothing: the natural key of a rating is the window it judged.
    """
    version = versions.timeline(merchant.pk).at(now)
    if version is None or not account_ids:
        return 0
    book = Book.open(merchant.pk, account_ids=account_ids, now=now, actor=SYSTEM, for_spending=False)
    members = people(merchant.pk, account_ids)
    changes, events = [], []
    for account in book.accounts.values():
        public_id, joined_at = members[account.id]
        joined_on = periods.local_day(joined_at, merchant.tzinfo)
        change = rate(
            account, version, {}, joined_on=joined_on, changed_on=None, reread=Reread(merchant.pk), now=now,
            zone=merchant.tzinfo,
        )  # fmt: skip
        if account.rated_version != version.number:
            account.rated_version, account.is_changed = version.number, True
        if change is not None:
            change = replace(change, reason=change.reason if change.reason != "upgrade" else "requalified")
            changes.append(change)
            events.append(change.event(public_id))
    write(merchant.pk, changes, now=now)
    outbox.record_many(merchant_id=merchant.pk, events=events, now=now)
    book.write()
    return len(changes)


def requalify_due(*, merchant: Merchant, now: datetime, limit: int = 500) -> int:
    """Rate again the accounts that time or new terms have made due; return how many were due."""
    account_ids = due_accounts(merchant, now=now, limit=limit)
    requalify(merchant, account_ids, now=now)
    return len(account_ids)


def people(merchant_id: int, account_ids: Sequence[int]) -> dict[int, tuple[str, datetime]]:
    """This function will say who has these accounts: public id, and when they joined."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id, m.public_id, m.joined_at FROM rewards_account a JOIN members_member m "
            "ON m.merchant_id = a.merchant_id AND m.id = a.member_id WHERE a.merchant_id = %s AND a.id = ANY(%s)",
            [merchant_id, list(account_ids)],
        )
        return {account_id: (public_id, joined_at) for account_id, public_id, joined_at in cursor.fetchall()}
