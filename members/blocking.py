"""Blocking a membership: nothing is earned or spent by it until it is opened again; the points stay."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from members.models import Member
from members.registration import MemberErased
from merchants import audit, outbox
from merchants.actors import Actor
from merchants.errors import Invalid
from merchants.models.merchants import Merchant

State = Member.State


def block(*, merchant: Merchant, member: Member, reason: str, now: datetime, actor: Actor) -> Member:
    """Block a membership, with a reason for the record; blocking it again changes nothing.

    Locks the member.

    :raises Invalid: no reason was given.
    :raises MemberErased: the person asked to be forgotten, or was merged into somebody else.
    """
    if not reason.strip():
        raise Invalid(_("Say why, for whoever is asked about it later."), pointer="/reason")
    return _turn(merchant, member, State.BLOCKED, "member.blocked", reason, now=now, actor=actor)


def unblock(*, merchant: Merchant, member: Member, now: datetime, actor: Actor) -> Member:
    """Open a blocked membership again; opening an open one changes nothing. Locks the member.

    :raises MemberErased: the person asked to be forgotten, or was merged into somebody else.
    """
    return _turn(merchant, member, State.ACTIVE, "member.unblocked", "", now=now, actor=actor)


def _turn(
    merchant: Merchant, member: Member, state: str, action: str, reason: str, *, now: datetime, actor: Actor
) -> Member:
    member = Member.objects.select_for_update(of=("self",)).get(merchant=merchant, pk=member.pk)
    if member.state not in (State.ACTIVE, State.BLOCKED):
        raise MemberErased(_("This membership has ended."))
    if member.state == state:
        return member
    member.state, member.changed_at = state, max(member.changed_at, now)
    member.save(update_fields=["state", "changed_at"])
    # The reason may name people, so it goes where staff notes are, and not into the record that is kept for ever.
    audit.record(merchant=merchant, action=action, actor=actor, now=now, subject=member.public_id)
    if reason.strip():
        note = f"{now:%Y-%m-%d} {reason.strip()}"
        member.note = f"{member.note}\n{note}".strip()[-1000:]
        member.save(update_fields=["note"])
    outbox.record(
        merchant_id=merchant.pk,
        kind="member.updated",
        payload={"member": member.public_id, "changed": ["state"]},
        occurred_at=now,
        now=now,
    )
    return member
