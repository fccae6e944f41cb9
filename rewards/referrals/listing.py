"""Referrals for whoever shows them, and the refusal of one by staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from members.models import Member
from merchants import audit
from merchants.actors import Actor
from merchants.errors import Conflict
from merchants.models.merchants import Merchant
from rewards.models.referrals import Referral
from rewards.points import Book


class NotWaiting(Conflict):
    """Only a referral that waits for the first purchase can be refused."""

    code: ClassVar[str] = "referral_not_waiting"


@dataclass(frozen=True, slots=True)
class Referee:
    """Somebody a member brought: when they joined, `open`, `qualified` or `undone`, and the points that gave."""

    joined_at: datetime
    state: str
    points: int


def referees_of(*, merchant: Merchant, member_id: int, limit: int = 50) -> list[Referee]:
    """List whom a member brought, newest first, without saying who they are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.created_at, r.state, CASE WHEN r.state = 'qualified' THEN r.referrer_points ELSE 0 END "
            "FROM rewards_referral r WHERE r.merchant_id = %s AND r.referrer_id = %s ORDER BY r.id DESC LIMIT %s",
            [merchant.pk, member_id, limit],
        )
        return [Referee(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class BroughtBy:
    """Who brought a member, what has become of it, and why staff should look (`same_mailbox`, `same_device`, or "")."""

    referrer: str
    referrer_name: str
    state: str
    doubt: str
    at: datetime


def of_referee(*, merchant: Merchant, member_id: int) -> BroughtBy | None:
    """Say who brought a member, for staff; None for nobody."""
    row = Referral.objects.select_related("referrer").filter(merchant=merchant, referee_id=member_id).first()
    if row is None:
        return None
    by = row.referrer
    return BroughtBy(by.public_id, by.name, row.state, row.doubt, row.created_at)


def refuse(*, merchant: Merchant, member: Member, now: datetime, actor: Actor) -> None:
    """Pay nobody for bringing this member; what was paid already stays. Locks the referee's account.

    :raises NotWaiting: nobody brought them, or it has been paid, undone or refused before.
    """
    Book(merchant.pk, now=now, actor=actor).lock(member_ids=[member.pk])
    rows = Referral.objects.filter(merchant=merchant, referee=member, state=Referral.State.OPEN)
    if not rows.update(state=Referral.State.REFUSED):
        raise NotWaiting(_("This referral is not waiting any more."))
    audit.record(merchant=merchant, action="referral.refused", actor=actor, now=now, subject=member.public_id)


def personal_data(merchant: Merchant, member_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Collect whom these memberships brought, and by whom they came, newest first; other people are not named."""
    rows = Referral.objects.filter(Q(referrer_id__in=member_ids) | Q(referee_id__in=member_ids), merchant=merchant)
    return [
        {"role": "referrer" if row.referrer_id in member_ids else "referee", "state": row.state,
         "points": row.referrer_points if row.referrer_id in member_ids else row.referee_points,
         "at": row.created_at, "qualified_at": row.qualified_at, "undone_at": row.undone_at,
         "doubt": "" if row.referrer_id in member_ids else row.doubt}
        for row in rows.order_by("-pk")
    ]  # fmt: skip
