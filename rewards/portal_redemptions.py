"""A member takes a reward on their own phone: the same hold as a till's, with a fresh code where much is at stake.

A till that sees the member, or a cashier with a PIN, is another matter and asks for nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from django.db.models import Sum
from django.utils.translation import gettext as _

from members import contact_changes
from members.codes import Proof
from members.models import Member
from merchants.actors import Actor
from merchants.contacts import Contact
from merchants.errors import Forbidden
from merchants.models.merchants import Merchant
from rewards import redemptions, versions
from rewards.documents import DocumentOutcome
from rewards.models.redemptions import Redemption
from rewards.redemptions.inputs import RedemptionRequest

State = Redemption.State
#: What is spent within so many hours counts together: twice half of much is much.
_TOGETHER = timedelta(hours=24)


class FreshCodeNeeded(Forbidden):
    """More is to be spent than a signed-in phone alone may: a code to the member's own contact has to come back."""

    code: ClassVar[str] = "fresh_code_needed"


@dataclass(frozen=True, slots=True)
class CodeRequirement:
    """Why a fresh code is needed, and to which contacts it may go."""

    why: Literal["much", "contact_changed"]
    contacts: tuple[Contact, ...]
    #: Until when a change of contact is the reason.
    until: datetime | None = None


def take(
    *, merchant: Merchant, member: Member, asked: RedemptionRequest, proof: Proof | None, now: datetime, actor: Actor
) -> DocumentOutcome:
    """Set the points of a reward aside for the member, as `redemptions.hold` does.

    Locks the member first, so that two phones of one person cannot each stay below the limit; then what a hold locks.

    :raises FreshCodeNeeded: `guard` says why and where the code goes; `proof` was none, or not from there.
    """
    locked = Member.objects.select_for_update(of=("self",), no_key=True).get(merchant=merchant, pk=member.pk)
    found = code_requirement(merchant=merchant, member=locked, asked=asked, now=now)
    if found is not None and not _is_shown(merchant, found, proof, now):
        raise FreshCodeNeeded(_("Please confirm with a new code that it is you."))
    return redemptions.hold(merchant=merchant, asked=asked, now=now, actor=actor)


def code_requirement(
    *, merchant: Merchant, member: Member, asked: RedemptionRequest, now: datetime
) -> CodeRequirement | None:
    """State whether taking this asks for a fresh code: more than the merchant's limit in 24 hours, or
    a contact that changed lately.  None when it does not; what was taken before under the same id needs none."""
    mine = Redemption.objects.filter(merchant=merchant, member=member)
    if mine.filter(external_id=asked.external_id).exists():
        return None
    contacts = tuple(contact_changes.trusted(merchant=merchant, member=member, now=now))
    until = contact_changes.cool_off_until(merchant=merchant, member=member, now=now)
    if until is not None:
        return CodeRequirement("contact_changed", contacts, until)
    lately = mine.filter(
        state__in=[State.HELD, State.CAPTURED], actor=f"member:{member.public_id}", occurred_at__gt=now - _TOGETHER
    )
    spent = lately.aggregate(points=Sum("points", default=0))["points"]
    is_much = spent + _price(merchant, asked, now) > merchant.step_up_points_above
    return CodeRequirement("much", contacts) if is_much else None


def _is_shown(merchant: Merchant, found: CodeRequirement, proof: Proof | None, now: datetime) -> bool:
    if proof is None or proof.purpose != "redeem":
        return False
    return proof.contact in found.contacts and contact_changes.is_fresh(merchant, proof, now)


def _price(merchant: Merchant, asked: RedemptionRequest, now: datetime) -> int:
    """What it takes by the terms in force; a reward nobody knows takes nothing and is refused by the hold."""
    if asked.points is not None:
        return asked.points
    version = versions.timeline(merchant.pk).at(now)
    rewards = version.terms.rewards if version else ()
    return next((reward.price_points for reward in rewards if reward.code == asked.reward), 0)
