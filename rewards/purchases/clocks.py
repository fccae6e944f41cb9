"""When a sale happened, by our clock: what a till's clock is off is taken off, and what cannot be true is said.

A till that sends its clock along (`sent_at`) tells by it how far it is off, and its sales are moved by so much.  A time
that lies too far back or ahead all the same is refused, or kept and marked where the key says so: a sale lost because a
battery was empty is lost for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from merchants.errors import LoyaltyError
from merchants.models.merchants import Merchant
from rewards.dating import YEARS
from rewards.dating import OutsideTheWindow as OutsideTheWindow
from rewards.purchases.inputs import Timed
from rewards.sales.sources import SaleSource

#: So long a call may be on its way: no clock is called wrong for that.
TRAVEL = timedelta(seconds=30)
#: Further ahead than this nobody waits: the clock is wrong, or the sale is a mistake.
WAITING_MAX = timedelta(days=2)


class TooEarly(LoyaltyError):
    """The till's clock is ahead of ours: the same call is taken once ours has come as far."""

    code: ClassVar[str] = "occurred_at_too_early"
    http: ClassVar[int] = 425

    def __init__(self, detail: str, *, seconds: int) -> None:
        super().__init__(detail, pointer="/occurred_at", retry_after_seconds=seconds)
        self.headers = {"Retry-After": str(seconds)}


@dataclass(frozen=True, slots=True)
class SaleTime:
    """When something happened. With an `error` nothing may be recorded; the instant is ours then."""

    occurred_at: datetime
    #: How far the till's clock is ahead of ours (below zero: behind), which was taken off.
    off: timedelta = timedelta(0)
    #: The till's time cannot be true; the instant is when it came.
    is_unknown: bool = False
    error: LoyaltyError | None = None

    def told(self, sent: Timed) -> dict[str, Any]:
        """Return what a receipt says of a time that is not the one sent."""
        if not self.off and not self.is_unknown:
            return {}
        seconds = round(self.off.total_seconds())
        return {"occurred_at_sent": sent.occurred_at, "clock_off_seconds": seconds, "is_time_unknown": self.is_unknown}


def moment_of(merchant: Merchant, sent: Timed, *, now: datetime, source: SaleSource) -> SaleTime:
    """Read a document's time by our clock. Never raises: a replay is answered before its time is judged."""
    at, off = sent.occurred_at, timedelta(0)
    if sent.sent_at is not None and sent.sent_at.year in YEARS and at.year in YEARS:
        ahead = sent.sent_at - now
        if abs(ahead) > TRAVEL:
            at, off = at - ahead, ahead
    error = _fault(merchant, at, now=now, may_backfill=source.may_backfill)
    if error is None:
        return SaleTime(at, off)
    if source.accepts_unknown_time:
        return SaleTime(now, off, is_unknown=True)
    return SaleTime(now, off, error=error)


def _fault(merchant: Merchant, at: datetime, *, now: datetime, may_backfill: bool) -> LoyaltyError | None:
    if at.year not in YEARS:
        return OutsideTheWindow(_("occurred_at cannot be meant."), pointer="/occurred_at")
    latest = now + timedelta(minutes=merchant.occurred_at_minutes_ahead_max)
    if at > now + WAITING_MAX:
        return OutsideTheWindow(_("occurred_at lies in the future: check the till's clock."), pointer="/occurred_at")
    if at > latest:
        seconds = -((latest - at) // timedelta(seconds=1))
        return TooEarly(
            _("occurred_at lies in the future: send the same again later, or send the till's clock as sent_at."),
            seconds=seconds,
        )
    if not may_backfill and at < now - timedelta(days=merchant.occurred_at_days_back_max):
        return OutsideTheWindow(
            _("occurred_at lies more than %(days)d days back; a key with purchases:backfill may send it.")
            % {"days": merchant.occurred_at_days_back_max},
            pointer="/occurred_at",
        )
    return None
