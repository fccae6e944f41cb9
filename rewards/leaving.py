"""A member leaves for good: holds are given back, what is left of the points lapses by an entry, the person is forgotten.

The account stays under a name that says nothing: a late refund lands on it, and the totals of the merchant stay whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from members import erasure
from members.models import Member
from merchants.actors import Actor
from merchants.models.merchants import Merchant
from rewards import parties, redemptions
from rewards.points import Book, Cause


@dataclass(frozen=True, slots=True)
class Left:
    """What lapsed when the member left; 0 when they had left before."""

    points_lapsed: int


def leave(*, merchant: Merchant, member: Member, now: datetime, actor: Actor) -> Left:
    """This function will let a member's points lapse and then forget the person, in one transaction.

    A debt stays on the account and is asked of nobody. Locks the account, then the members. A second time changes
    nothing.

    :raises erasure.StillMember: the member was merged into another one: that one leaves.
    """
    points = 0
    if member.state not in {Member.State.ERASED, Member.State.MERGED}:
        book = Book(merchant.pk, now=now, actor=actor)
        party = parties.lock_ids(book, [member.pk])[member.pk]
        book.read_lots(everything=True)
        account = party.account
        spendings = redemptions.release_all(
            merchant=merchant, book=book, account=account, member_public_id=party.public_id
        )
        cause = Cause("member", party.id, now, reason="erased", public_id=party.public_id)
        points = account.forfeit(cause, now=now, actor=book.actor)
        account.closed_at, account.requalifies_at, account.is_changed = now, None, True
        spendings.write(book)
        book.write()
    erasure.erase(merchant=merchant, member=member, now=now, actor=actor)
    return Left(points)
