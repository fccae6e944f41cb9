"""Where a member stands among the tiers now, for whoever shows it: read, nothing is locked or rated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from msgspec import convert, json

from merchants import periods
from merchants.models.merchants import Merchant
from rewards import versions
from rewards.balances import Balance
from rewards.models.accounts import Membership
from rewards.terms import Tiers
from rewards.tiers import rating
from rewards.tiers.rating import Held, TierOutlook
from rewards.tiers.sums import read_daily
from rewards.versions import Timeline


@dataclass(frozen=True, slots=True)
class TierProgress:
    """Where a member stands, and the tiers they stand on."""

    standing: TierOutlook
    tiers: Tiers


def of_member(
    *,
    merchant: Merchant,
    member_id: int,
    joined_at: datetime,
    now: datetime,
    timeline: Timeline | None = None,
    balance: Balance | None = None,
) -> TierProgress | None:
    """State which tier a member holds, what is missing to the next, and when it may be lost.

    By the terms in force at `now`; `timeline` and `balance` are not read again where they are given. None without a programme, without tiers, or without a membership.
    """
    version = (timeline or versions.timeline(merchant.pk)).at(now)
    promised = version.terms.tiers if version else None
    membership: Membership | Balance | None = balance
    if membership is None:
        rows = Membership.objects.filter(merchant=merchant, member_id=member_id)
        membership = rows.only("tier", "standing").first()
    if promised is None or membership is None:
        return None
    today, joined_on = periods.local_day(now, merchant.tzinfo), periods.local_day(joined_at, merchant.tzinfo)
    held = _held(membership, promised) or rating.start(promised, joined_on=min(joined_on, today))
    sums = read_daily(merchant.pk, [member_id], date.min).get(member_id, {})
    daily = [(day, each.on(promised.basis)) for day, each in sums.items()]
    return TierProgress(rating.standing(promised, daily, held=held, day=today, joined_on=joined_on), promised)


def _held(membership: Membership | Balance, tiers: Tiers) -> Held | None:
    """What the tier rests on; None when it was kept for tiers with other levels, until it is rated anew."""
    kept = membership.standing
    if not kept:
        return None
    held = convert(json.decode(kept) if isinstance(kept, str) else kept, Held, strict=False)
    codes = {level.code for level in tiers.levels}
    each: Held | None = held
    while each is not None:
        if each.level not in codes:
            return None
        each = each.fallback
    return held
