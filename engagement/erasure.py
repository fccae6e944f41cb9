"""A member leaves for good, and their own words go with them: they may name them as well as a name does."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from engagement.models import MissingPoints, SurveyResponse
from members import directory, leaving
from members.models import Member
from merchants.actors import SYSTEM, Actor
from merchants.models.merchants import Merchant
from rewards import erasure
from rewards.erasure import Left


def leave(*, merchant: Merchant, member: Member, now: datetime, actor: Actor, if_due: bool = False) -> Left:
    """Let a member's points lapse and forget the person: what `rewards.erasure` does, and their words.

    Scores stay, for the numbers; comments on them go, and what staff wrote to the member.  A second time changes nothing,
    and with `if_due` nothing changes for a member who stays.

    :raises StillMember: the member was merged into another one: that one leaves.
    """
    left = erasure.leave(merchant=merchant, member=member, now=now, actor=actor, if_due=if_due)
    if not left.is_gone:
        return left
    theirs = Q(member=member) | Q(member__merged_into=member)
    SurveyResponse.objects.filter(theirs, merchant=merchant).exclude(comment="").update(comment="")
    MissingPoints.objects.filter(theirs, merchant=merchant).exclude(reason="").update(reason="")
    return left


def leave_by_id(*, merchant: Merchant, member: str, now: datetime, actor: Actor) -> None:
    """Do the same for the very member with this public id: a merged one's successor is not meant.

    :raises MemberNotFound: nobody ever had this id.  :raises StillMember: as `leave`.
    """
    leave(merchant=merchant, member=directory.by_id(merchant=merchant, public_id=member), now=now, actor=actor)


def leave_due(*, merchant: Merchant, now: datetime) -> int:
    """Erase the member whose days to take it back ended first, and return how many were looked at: 1, or 0 when none is.

    One in each transaction: killed at any moment, the next run goes on where this one was.
    """
    member = leaving.next_due(merchant=merchant, now=now)
    if member is None:
        return 0
    leave(merchant=merchant, member=member, now=now, actor=SYSTEM, if_due=True)
    return 1
