"""Whether somebody signs in to a membership, and whether a contact that is proved may be somebody else's by now.

Telephone numbers and addresses are given out again. Whoever proves one has shown that it reaches them, not that they are
the person the merchant knows: so a contact nobody signed in with lately asks "is this you?" first.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

from members.models import Member
from merchants.contacts import Contact

#: So long after the last sign-in a contact may belong to somebody else.
DORMANT_AFTER: Final = timedelta(days=365)

ClaimState = Literal["unclaimed", "claimed", "dormant"]


def is_claimed(member: Member) -> bool:
    """State whether somebody has signed in to the membership as its owner."""
    return member.user_id is not None or member.email_proved_at is not None or member.phone_proved_at is not None


def of(member: Member, *, now: datetime) -> ClaimState:
    """Return whether somebody signs in to the membership: nobody ever, somebody, or nobody for a year."""
    if not is_claimed(member):
        return "unclaimed"
    proved = [at for at in (member.email_proved_at, member.phone_proved_at) if at is not None]
    return "claimed" if any(now - at < DORMANT_AFTER for at in proved) else "dormant"


def may_be_somebody_else(member: Member, contact: Contact, *, now: datetime) -> bool:
    """State whether a contact of the member may have become somebody else's since it was last proved, if it ever was."""
    proved_at: datetime | None = getattr(member, f"{contact.kind}_proved_at")
    return proved_at is None or now - proved_at >= DORMANT_AFTER
