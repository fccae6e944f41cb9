"""Documents that are dated back: an import of redemptions, corrections and transfers of before.

The entry is written now, behind all there are, with the business time of then. It takes points that could be spent then
and at every instant since: `Book.spendable_since` says how many of each lot. Decision record 33.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from django.utils.translation import gettext as _
from msgspec import Meta

from merchants.errors import Invalid
from merchants.models.merchants import Merchant

#: At the edges of the calendar an instant has no day in some zones; a backfill may ask for any year but those.
YEARS = range(1900, 2201)
#: What a document may say of when it happened.
OccurredAt = Annotated[
    Annotated[datetime, Meta(tz=True)] | None,
    Meta(
        description="When it happened, of what is brought over from another system; now, when left out. Takes points that "
        "could be spent at every instant since. Needs the scope `purchases:backfill`."
    ),
]


class OutsideTheWindow(Invalid):
    """It is too long ago, or too far in the future, for this key."""

    code: ClassVar[str] = "occurred_at_out_of_bounds"


def moment_of(merchant: Merchant, occurred_at: datetime | None, *, now: datetime) -> datetime:
    """Return the business time of a document: now, or the time of before that it is dated back to.

    :raises OutsideTheWindow: it lies in the future, beyond what clocks differ by, or at an edge of the calendar.
    """
    if occurred_at is None:
        return now
    if occurred_at.year not in YEARS:
        raise OutsideTheWindow(_("occurred_at cannot be meant."), pointer="/occurred_at")
    if occurred_at > now + timedelta(minutes=merchant.occurred_at_minutes_ahead_max):
        raise OutsideTheWindow(
            _("occurred_at lies in the future: check the till's clock."), pointer="/occurred_at"
        )  # fmt: skip
    return min(occurred_at, now)
