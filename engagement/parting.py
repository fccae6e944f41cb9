"""A member leaves for good, and their own words go with them: they may name them as well as a name does."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from engagement.models import MissingPoints, SurveyResponse
from members import directory
from members.models import Member
from merchants.actors import Actor
from merchants.models.merchants import Merchant
from rewards import leaving
from rewards.leaving import Left


def leave(*, merchant: Merchant, member: Member, now: datetime, actor: Actor) -> Left:
    """This function will let a member's points lapse and forget the person: what `rewards.leaving` does, and their words.

    Scores stay, for the numbers; comments on them go, and what staff wrote to the member.  A second time changes nothing.

    :raises StillMember: the member was merged into another one: that one leaves.
    """
    left = leaving.leave(merchant=merchant, member=member, now=now, actor=actor)
    theirs = Q(member=member) | Q(member__merged_into=member)
    SurveyResponse.objects.filter(theirs, merchant=merchant).exclude(comment="").update(comment="")
    MissingPoints.objects.filter(theirs, merchant=merchant).exclude(reason="").update(reason="")
    return left


def leave_by_id(*, merchant: Merchant, member: str, now: datetime, actor: Actor) -> None:
    """This function will do the same for the very member with this public id: a merged one's successor is not meant.

    :raises MemberNotFound: nobody ever had this id.  :raises StillMember: as `leave`.
    """
    leave(merchant=merchant, member=directory.by_id(merchant=merchant, public_id=member), now=now, actor=actor)
