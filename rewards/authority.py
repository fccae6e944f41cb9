"""Who may spend a member's points: what names a member does not always spend.

- The moving code of their phone spends, once, within its minutes.
- The code that stands still in the portal only earns, unless the merchant says otherwise.
- A till may name the member otherwise (id, external_id, card, phone): at its word, within the merchant's limit a day.
- Staff have the member before them: a right of the role.  A member spends on their own phone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from django.db import connection
from django.utils.translation import gettext as _

from members import live_codes
from members.models import Member
from merchants import periods, permissions
from merchants.actors import Actor
from merchants.errors import Conflict, Forbidden, LoyaltyError
from merchants.models.merchants import Merchant
from merchants.permissions import Permission
from rewards.parties import MemberRef


class StaticCodeEarnsOnly(Forbidden):
    """The code in the portal stands still: anybody who ever saw it has it."""

    code: ClassVar[str] = "static_code_earns_only"


class TillLimitReached(Forbidden):
    """Tills have spent as much of this member today as their word is good for."""

    code: ClassVar[str] = "till_limit_reached"


class SpendingStopped(Conflict):
    """Member or staff have stopped spending for a while; earning goes on."""

    code: ClassVar[str] = "spending_stopped"


@dataclass(frozen=True, slots=True)
class Authority:
    """By what points may be spent: the moving code, to be noted as used when they are; or the till's word."""

    shown: live_codes.ScannedCode | None = None
    is_at_tills_word: bool = False


#: Of whoever spends nothing new, and of a hold that was made with an authority of its own.
NONE_NEEDED = Authority()


def check_not_stopped(is_stopped: bool, *, pointer: str = "/member") -> None:
    """:raises SpendingStopped: nothing is spent by this membership until member or staff allow it again."""
    if is_stopped:
        raise SpendingStopped(
            _("Spending is stopped for this membership. Points are collected as ever."), pointer=pointer
        )


def of(
    merchant: Merchant,
    ref: MemberRef,
    *,
    member_id: int,
    used_for: str,
    now: datetime,
    actor: Actor,
    pointer: str = "/member",
) -> Authority:
    """Look at how the member was named by who spends their points, under their account's lock.

    :raises LiveCodeExpired, LiveCodeUsed: a moving code that is old, or was spent with.
    :raises LiveCodeNeeded: none, from a till or a counter, where the merchant asks for one.
    :raises StaticCodeEarnsOnly: the code that stands still, where it only earns.
    """
    shown = live_codes.read(merchant=merchant, text=ref.code) if ref.code else None
    if shown is not None:
        live_codes.check_unused(merchant=merchant, member_id=member_id, shown=shown, used_for=used_for, now=now)
        return Authority(shown)
    may_at_sight = actor.kind != "staff" or permissions.may(actor.role, Permission.SPEND_AT_SIGHT)
    if not may_at_sight or (merchant.is_live_code_needed and actor.kind in {"key", "staff"}):
        raise live_codes.LiveCodeNeeded(
            _("Points are spent here with the moving code on the member's phone: scan that one."), pointer=pointer
        )
    if ref.code is not None and not merchant.may_static_code_spend:
        raise StaticCodeEarnsOnly(
            _("This code only collects points. To spend, scan the moving code on the member's phone."),
            pointer=f"{pointer}/code",
        )
    return Authority(is_at_tills_word=actor.kind == "key")


def check_limit(merchant: Merchant, *, spent: int, points: int) -> None:
    """Refuse what a till's word is not good for any more today.

    :raises TillLimitReached: `spent` today and `points` now are more than the merchant's limit; says what is left.
    """
    if spent + points > merchant.till_word_points_max:
        raise _limit_reached(merchant, spent)


def _limit_reached(merchant: Merchant, spent: int) -> TillLimitReached:
    return TillLimitReached(
        _("Tills may spend so many points of one member in a day only with the moving code on the phone: scan it."),
        pointer="/member", limit=merchant.till_word_points_max, left=max(0, merchant.till_word_points_max - spent),
    )  # fmt: skip


def spent_that_day(merchant: Merchant, *, member_id: int, at: datetime, now: datetime) -> int:
    """Sum what tills have spent of a member at their word on the merchant's day of `at`; what came back is left out.

    What is spent with a sale counts on the day it came, since a till may date its sales back; what is dated back by itself
    counts on its own day. What was spent of a membership that is merged into theirs counts as well.
    Ask under the account's lock.
    """
    day = periods.period_at("day", at, merchant.tzinfo)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH person AS (SELECT m.id FROM members_member m WHERE m.merchant_id = %(merchant)s AND m.id = %(member)s "
            "UNION ALL SELECT m.id FROM members_member m WHERE m.merchant_id = %(merchant)s "
            "AND m.merged_into_id = %(member)s) "
            "SELECT (SELECT coalesce(sum(r.points), 0) FROM rewards_redemption r WHERE r.merchant_id = %(merchant)s "
            "AND r.member_id IN (SELECT id FROM person) AND r.is_at_tills_word "
            "AND CASE WHEN r.purchase_id IS NULL THEN r.occurred_at ELSE r.recorded_at END >= %(start)s "
            "AND CASE WHEN r.purchase_id IS NULL THEN r.occurred_at ELSE r.recorded_at END < %(end)s "
            "AND (r.state = 'captured' OR (r.state = 'held' AND r.hold_expires_at > %(now)s))) "
            "+ (SELECT coalesce(sum(t.points), 0) FROM rewards_transfer t WHERE t.merchant_id = %(merchant)s "
            "AND t.giver_id IN (SELECT id FROM person) AND t.occurred_at >= %(start)s AND t.occurred_at < %(end)s "
            "AND t.is_at_tills_word AND t.refusal = '')",
            {"merchant": merchant.pk, "member": member_id, "start": day.start, "end": day.end, "now": now},
        )
        return int(cursor.fetchone()[0])


@dataclass(frozen=True, slots=True)
class Allowed:
    """What could be spent if it were asked for now: as many points as these (None: no limit), and why no more."""

    points_max: int | None = None
    refusal: LoyaltyError | None = None


ANYTHING = Allowed()


def allowed(merchant: Merchant, ref: MemberRef | None, *, member_id: int, now: datetime, actor: Actor) -> Allowed:
    """Say what `of`, the limit of a day and a stop of spending would allow, for what is only shown.

    Without a `ref` the member is known for sure, and only whether spending is stopped counts. Nothing is locked.
    """
    stopped = Member.objects.filter(merchant=merchant, pk=member_id, spending_stopped_at__isnull=False).exists()
    try:
        check_not_stopped(stopped)
        if ref is None:
            return ANYTHING
        found = of(merchant, ref, member_id=member_id, used_for="", now=now, actor=actor)
    except LoyaltyError as refusal:
        return Allowed(0, refusal)
    if not found.is_at_tills_word:
        return ANYTHING
    spent = spent_that_day(merchant, member_id=member_id, at=now, now=now)
    return Allowed(max(0, merchant.till_word_points_max - spent), _limit_reached(merchant, spent))
