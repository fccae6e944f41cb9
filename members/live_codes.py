"""The moving code on a member's phone: it says who, and that the phone is here now, not a picture of it.

A code is signed for one minute.  The phone gets an hour of them at once, so that it works without a net for a while.
To find a member any till takes it for a minute and a half; to spend points with it, for five minutes and one document.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from members.models import Member, UsedLiveCode
from merchants import ids, scanned
from merchants.errors import Conflict, Forbidden, LoyaltyError
from merchants.models.merchants import Merchant

#: The scanner's and the phone's clocks may differ, and a queue takes its time.
FIND_WITHIN = timedelta(seconds=90)
SPEND_WITHIN = timedelta(minutes=5)
_AHEAD = timedelta(seconds=60)
DAYS_KEPT = 2
LENGTH_MAX = 40

_FORM = re.compile(rf"LIVE-([{ids.SIGNS}]{{8}})-([{ids.SIGNS}]{{6}})-([{ids.SIGNS}]{{10}})")


class LiveCodeExpired(LoyaltyError):
    """A picture of a code, or a phone whose clock is wrong."""

    code: ClassVar[str] = "live_code_expired"
    http: ClassVar[int] = 410


class LiveCodeUsed(Conflict):
    """Points were spent with this very code before, for something else."""

    code: ClassVar[str] = "live_code_used"


class LiveCodeNeeded(Forbidden):
    """This merchant gives nothing for points on a card number alone."""

    code: ClassVar[str] = "live_code_needed"


@dataclass(frozen=True, slots=True)
class ScannedCode:
    """A code of ours that somebody held before the scanner; whether it is fresh is another question."""

    member_code: str
    minute: int

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.minute * 60, UTC)


def series(*, merchant: Merchant, member: Member, now: datetime, count: int) -> list[tuple[datetime, str]]:
    """Make the codes of this minute and the next ones, each with the moment it begins."""
    first = int(now.timestamp()) // 60
    return [
        (datetime.fromtimestamp(minute * 60, UTC), _written(merchant, member.code, minute))
        for minute in range(first, first + count)
    ]


def read(*, merchant: Merchant, text: str) -> ScannedCode | None:
    """Read a scanned code; None if it is none of ours.  It may be old: ask `check`."""
    found = _FORM.fullmatch(scanned.plain(text).upper())
    if found is None:
        return None
    minute = _number(found[2])
    right = _seal(merchant, found[1], minute)
    return ScannedCode(found[1], minute) if hmac.compare_digest(right, found[3]) else None


def check(shown: ScannedCode, *, within: timedelta, now: datetime) -> None:
    """Refuse a code whose time is over, or has not come.

    :raises LiveCodeExpired: it was not shown just now.
    """
    if not shown.at - _AHEAD <= now < shown.at + timedelta(minutes=1) + within:
        raise LiveCodeExpired(
            _("This code is not of now: it may be a picture. Ask for the one that moves on the phone."),
            pointer="/member/code",
        )


def check_unused(*, merchant: Merchant, member_id: int, shown: ScannedCode, used_for: str, now: datetime) -> None:
    """Refuse a code that points may not be spent with; the caller holds the member's account lock.

    :raises LiveCodeExpired: it is older than five minutes.
    :raises LiveCodeUsed: another document spent with it.
    """
    check(shown, within=SPEND_WITHIN, now=now)
    # A code of a membership that was merged into theirs is used up as well.
    theirs = Q(member_id=member_id) | Q(member__merged_into=member_id)
    used = UsedLiveCode.objects.filter(theirs, merchant=merchant, minute=shown.minute)
    if used.exclude(used_for=used_for).exists():
        raise LiveCodeUsed(_("This code was used already. Scan the new one on the phone."), pointer="/member/code")


def use(*, merchant: Merchant, member_id: int, shown: ScannedCode, used_for: str, now: datetime) -> None:
    """Note that points were spent with a code, in the transaction that spends them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO members_usedlivecode (merchant_id, member_id, minute, used_for, used_at) "
            "VALUES (%s, %s, %s, %s, %s) ON CONFLICT (merchant_id, member_id, minute) DO NOTHING",
            [merchant.pk, member_id, shown.minute, used_for, now],
        )


def prune(*, merchant: Merchant, now: datetime) -> int:
    """Forget used codes that are long over and return how many."""
    return UsedLiveCode.objects.filter(merchant=merchant, used_at__lt=now - timedelta(days=DAYS_KEPT)).delete()[0]


def _written(merchant: Merchant, member_code: str, minute: int) -> str:
    return f"LIVE-{member_code}-{_signs(minute, 6)}-{_seal(merchant, member_code, minute)}"


def _seal(merchant: Merchant, member_code: str, minute: int) -> str:
    message = f"live code\n{merchant.pk}\n{member_code}\n{minute}"
    digest = hmac.new(settings.SECRET_KEY.encode(), message.encode(), hashlib.sha256).digest()
    return _signs(int.from_bytes(digest[:16]), 10)


def _signs(number: int, length: int) -> str:
    base, found = len(ids.SIGNS), ""
    for _place in range(length):
        number, value = divmod(number, base)
        found = ids.SIGNS[value] + found
    return found


def _number(signs: str) -> int:
    number = 0
    for sign in signs:
        number = number * len(ids.SIGNS) + ids.SIGNS.index(sign)
    return number
