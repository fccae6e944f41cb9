"""A member's place on the ladder of tiers as it stands now, for whoever shows it: read, nothing is locked or rated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from msgspec import convert, json

from merchants import periods
from merchants.models.merchants import Merchant
from rewards import standing, tiers, versions
from rewards.models.accounts import Account
from rewards.standing import Held, Standing
from rewards.terms import Tiers

_THE_BEGINNING = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member stands, and the ladder they stand on."""

    standing: Standing
    tiers: Tiers


def of_member(*, merchant: Merchant, member_id: int, joined_at: datetime, now: datetime) -> Place | None:
    """This function will say which tier a member holds, what is missing to the next, and when it may be lost.

    By the terms in force at `now`; None without a programme, without tiers, or without an account.
    """
    version = versions.timeline(merchant.pk).at(now)
    ladder = version.terms.tiers if version else None
    account = Account.objects.filter(merchant=merchant, member_id=member_id).only("tier", "standing").first()
    if ladder is None or account is None:
        return None
    today, joined_on = periods.local_day(now, merchant.tzinfo), periods.local_day(joined_at, merchant.tzinfo)
    held = _held(account, ladder) or standing.start(ladder, joined_on=min(joined_on, today))
    sums = tiers.read_daily(merchant.pk, [member_id], _THE_BEGINNING).get(member_id, {})
    daily = [(day, each.on(ladder.basis)) for day, each in sums.items()]
    return Place(standing.standing(ladder, daily, held=held, day=today, joined_on=joined_on), ladder)


def _held(account: Account, ladder: Tiers) -> Held | None:
    """What the tier rests on; None when it was kept for a ladder with other levels, until it is rated anew."""
    kept = account.standing
    if not kept:
        return None
    held = convert(json.decode(kept) if isinstance(kept, str) else kept, Held, strict=False)
    codes = {level.code for level in ladder.levels}
    each: Held | None = held
    while each is not None:
        if each.level not in codes:
            return None
        each = each.fallback
    return held
