"""A member leaves for good: holds are given back, what is left of the points lapses by an entry, the person is forgotten.

The account stays under a name that says nothing: a late refund lands on it, and the totals of the merchant stay whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from members import erasure, leaving
from members.models import Member
from merchants.actors import Actor
from merchants.models.merchants import Merchant
from rewards.mechanics import MECHANICS
from rewards.models.corrections import Merge
from rewards.points import Cause
from rewards.sales.batch import Batch


@dataclass(frozen=True, slots=True)
class Left:
    """What lapsed when the member left; 0 when they had left before."""

    points_lapsed: int
    is_gone: bool = True


def leave(*, merchant: Merchant, member: Member, now: datetime, actor: Actor, if_due: bool = False) -> Left:
    """Let a member's points lapse and then forget the person, in one transaction.

    A debt stays on the account and is asked of nobody. Locks the account, then the members. A second time changes
    nothing; `if_due` changes nothing for a member who did not ask to leave, or took it back.

    :raises erasure.StillMember: the member was merged into another one: that one leaves.
    """
    points = 0
    if member.state not in {Member.State.ERASED, Member.State.MERGED}:
        batch = Batch(merchant, MECHANICS, now=now, actor=actor)
        key = ("id", member.public_id)
        batch.people.lock([key])
        if if_due and not leaving.lock_if_due(merchant=merchant, member=member, now=now):
            return Left(0, is_gone=False)
        batch.read()
        found = batch.people.by_key[key]
        account = found.account
        batch.leave(found)
        cause = Cause("member", found.id, now, reason="erased", public_id=found.public_id)
        points = account.forfeit(cause, now=now, actor=batch.book.actor)
        account.closed_at, account.is_changed = now, True
        account.membership.requalifies_at, account.membership.is_changed = None, True
        batch.write(batch.writing())
    erasure.erase(merchant=merchant, member=member, now=now, actor=actor)
    _forget_moved(merchant, member)
    return Left(points)


def _forget_moved(merchant: Merchant, member: Member) -> None:
    """Take contacts and card numbers out of what merges moved: with the person gone no merge of theirs is undone."""
    theirs = Q(source=member) | Q(target=member) | Q(source__merged_into=member)
    for row in Merge.objects.select_for_update(of=("self",)).filter(theirs, merchant=merchant).order_by("pk"):
        row.moved = {**row.moved, "contacts": {}, "cards": []}
        row.save(update_fields=["moved"])
