"""Rating an account by what counts: the arithmetic is in `rating`; a tier changes now, never before the fact that
changed it was recorded."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import convert, json

from merchants import periods
from rewards.points import AccountState, Book
from rewards.terms import Tiers
from rewards.tiers import rating
from rewards.tiers.held import TierChange
from rewards.tiers.rating import Held
from rewards.tiers.sums import Daily, Reread
from rewards.versions import Version


def window_first(version: Version, today: date, joined_on: date) -> date:
    """Return the first day that counts today."""
    assert version.terms.tiers is not None
    return rating.window_days(version.terms.tiers, today, joined_on=joined_on)[0]


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
) -> TierChange | None:
    """Rate the account by the terms in force now, change its tier if need be, and return the change.

    `daily` holds at least the current window. `changed_on` is the day whose sums grew: a purchase inside the window
    that reaches nothing new needs no more. Anything else asks `reread` for the longer history first.
    """
    tiers = version.terms.tiers
    if tiers is None:
        return None
    membership = account.membership
    today = periods.local_day(now, zone)
    first = window_first(version, today, joined_on)
    is_due = membership.requalifies_at is not None and membership.requalifies_at <= now
    known = membership.tier in {level.code for level in tiers.levels}
    if (
        known
        and membership.rated_version == version.number
        and not is_due
        and changed_on is not None
        and changed_on >= first
    ):
        value = sum(sums.on(tiers.basis) for day, sums in daily.items() if first <= day <= today)
        if rating.reached(tiers, value=value, held=membership.tier) is None:
            return None
    held = convert(json.decode(membership.standing), Held) if membership.standing and known else None
    history = reread(account, _needed_since(tiers, held, today, joined_on))
    now_held = rating.review(tiers, _on(tiers, history), held=held, day=today, joined_on=joined_on)
    return _store_rating(
        account, version, tiers, now_held, history, joined_on=joined_on, now=now, zone=zone, reason=reason
    )


def _needed_since(tiers: Tiers, held: Held | None, today: date, joined_on: date) -> date:
    """Two windows before the tier was reached: the longest a review looks back."""
    first = rating.window_days(tiers, held.since if held else today, joined_on=joined_on)[0]
    for _window in range(2):
        first = rating.window_days(tiers, first - timedelta(days=1), joined_on=joined_on)[0]
    while held is not None and held.fallback is not None:
        held = held.fallback
        first = min(first, held.since - timedelta(days=800))
    return first


def _on(tiers: Tiers, daily: Daily) -> list[tuple[date, int]]:
    return [(day, sums.on(tiers.basis)) for day, sums in daily.items()]


def _store_rating(
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
) -> TierChange | None:
    membership = account.membership
    today = periods.local_day(now, zone)
    due = held.until
    grace_end = held.since + timedelta(days=tiers.grace_days)
    if held.reviewed is not None and today < grace_end:
        # The window has ended short, and the days of grace run: look again when they are over.
        due = grace_end if due is None else min(due, grace_end)
    membership.requalifies_at = None if due is None else periods.start_of_day(due, zone)
    membership.standing = json.encode(held).decode()
    membership.rated_version = version.number
    membership.is_changed = True
    if held.level == membership.tier:
        return None
    codes = [level.code for level in tiers.levels]
    before = membership.tier
    rose = before not in codes or codes.index(held.level) > codes.index(before)
    first = rating.window_days(tiers, today, joined_on=joined_on)[0]
    # Whoever waited for the account may have looked at the clock before the change that came first.
    at = now if membership.tier_since is None else max(now, membership.tier_since)
    change = TierChange(
        member_id=account.member_id,
        before=before,
        tier=held.level,
        at=at,
        reason=reason or (("entry" if not before else "upgrade") if rose else "downgrade"),
        value=sum(sums.on(tiers.basis) for day, sums in history.items() if first <= day <= today),
        requalifies_at=membership.requalifies_at,
        terms_version=version.number,
    )
    membership.tier, membership.tier_since = held.level, at
    return change


def hold_points(book: Book, account: AccountState, version: Version | None, *, zone: ZoneInfo) -> None:
    """Lengthen all points held on a tier whose expiry holds for them, by the terms in force now.

    Called after an activity, a rating, and whenever points came that were not earned by a purchase.
    """
    levels = version.terms.tiers.levels if version is not None and version.terms.tiers is not None else ()
    expiry = next((x.expiry for x in levels if x.code == account.membership.tier and x.expiry_for == "held"), None)
    if expiry is not None:
        book.load_remaining_lots(account)
        account.hold_on_tier(expiry=expiry, now=book.now, zone=zone)
