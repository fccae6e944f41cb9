"""What keeps a member's points safe: a new code in the place of one that others have, and spending stopped for a while.

Earning goes on while spending is stopped.  This is the member's own or the staff's wish, and another thing than an
account that reconciliation has frozen, or a membership that the merchant has blocked.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.utils.translation import gettext as _

from members import claims, contact_changes, own_codes
from members.codes import Proof
from members.models import Member
from merchants import limits
from merchants.actors import Actor
from merchants.errors import Forbidden
from merchants.limits import Limit
from merchants.models.merchants import Merchant
from rewards import parties
from rewards.points import Book

#: Every code that was replaced is kept, for links that friends have.
CODES_A_DAY = Limit("member-code", 10, 86_400)


class ProofNeeded(Forbidden):
    """A member allows spending again only with a fresh code sent to a contact of theirs."""

    code: ClassVar[str] = "fresh_code_needed"


def replace_code(*, merchant: Merchant, member: Member, now: datetime, actor: Actor) -> Member:
    """Give the member a new code; the old one and its moving codes name nobody from now on, at no entry point.

    Locks the account, so that whoever is spending with the old one has finished before; then the members.

    :raises parties.MemberNotFound: the member was erased or merged meanwhile.
    :raises limits.TooMany: the member has taken so many today; staff may go on.
    """
    if actor.kind == "member":
        limits.take(limits=[CODES_A_DAY], subject=member.public_id, now=now)
    return _replace(merchant, member, now=now, actor=actor)


def replace_named_code(
    *, merchant: Merchant, member: Member, code: str, now: datetime, actor: Actor
) -> tuple[Member, bool]:
    """Give the member a new code in the place of the one that is named, and say whether that is new.

    A code of theirs that was replaced before is answered by the member as they stand: whoever asks again, having heard no
    answer, replaces nothing twice. Locks the account, then the members.

    :raises CodeNotFound: the member has no such code, and had none.
    :raises parties.MemberNotFound: the member was erased or merged meanwhile.
    """
    _lock(merchant, member, now=now, actor=actor)
    if own_codes.is_replaced(merchant=merchant, member=member, text=code):
        return Member.objects.get(merchant=merchant, pk=member.pk), False
    return own_codes.replace(merchant=merchant, member=member, now=now, actor=actor), True


def sign_out_everywhere(*, merchant: Merchant, member: Member, now: datetime, actor: Actor) -> None:
    """End the member's portal sessions on every device, and the codes that a phone without a connection still holds.

    Locks the account, then the members.
    """
    _replace(merchant, member, now=now, actor=actor)
    claims.end_sessions(merchant=merchant, member=member, now=now)


def stop_spending(*, merchant: Merchant, member: Member, now: datetime, actor: Actor) -> bool:
    """Let nothing be spent until it is allowed again, and say whether that is new; earning goes on.

    Holds stay, and are neither captured nor lost to anything but their time. Locks the account, then the member.

    :raises parties.MemberNotFound: the member was erased or merged meanwhile.
    """
    _lock(merchant, member, now=now, actor=actor)
    stopped = Member.objects.filter(merchant=merchant, pk=member.pk, spending_stopped_at__isnull=True)
    if not stopped.update(spending_stopped_at=now):
        return False
    own_codes.note(merchant, member, "member.spending_stopped", "spending_stopped", now=now, actor=actor)
    return True


def allow_spending(
    *, merchant: Merchant, member: Member, proof: Proof | None = None, now: datetime, actor: Actor
) -> bool:
    """Let points be spent again, and say whether that is new; a member needs a fresh `proof`, staff need none.

    Locks the account, then the member.

    :raises ProofNeeded: the member's proof is none, too old, or not of a contact of theirs.
    :raises parties.MemberNotFound: the member was erased or merged meanwhile.
    """
    _lock(merchant, member, now=now, actor=actor)
    if actor.kind == "member" and not _is_theirs(merchant, member, proof, now=now):
        raise ProofNeeded(_("Please confirm with a new code that it is you."))
    stopped = Member.objects.filter(merchant=merchant, pk=member.pk, spending_stopped_at__isnull=False)
    if not stopped.update(spending_stopped_at=None):
        return False
    own_codes.note(merchant, member, "member.spending_allowed", "spending_stopped", now=now, actor=actor)
    return True


def _replace(merchant: Merchant, member: Member, *, now: datetime, actor: Actor) -> Member:
    _lock(merchant, member, now=now, actor=actor)
    return own_codes.replace(merchant=merchant, member=member, now=now, actor=actor)


def _lock(merchant: Merchant, member: Member, *, now: datetime, actor: Actor) -> None:
    """Lock the account of this very member: whoever was merged meanwhile is somebody else's to keep safe."""
    party = parties.lock_ids(Book(merchant.pk, now=now, actor=actor), [member.pk]).get(member.pk)
    if parties.present(party).id != member.pk:
        raise parties.MemberNotFound(_("There is no such member."))


def _is_theirs(merchant: Merchant, member: Member, proof: Proof | None, *, now: datetime) -> bool:
    if proof is None or proof.purpose != "step_up":
        return False
    trusted = contact_changes.trusted(merchant=merchant, member=member, now=now)
    return proof.contact in trusted and contact_changes.is_fresh(merchant, proof, now)
