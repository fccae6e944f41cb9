"""What was answered, for somebody to read: survey answers of members and guests, narrowed down, newest day first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, Literal

from django.db.models import Count, Q, QuerySet

from engagement.models import SurveyResponse
from engagement.surveys import DETRACTOR_MAX, PROMOTER_MIN, NpsClass, nps_class
from members.models import Member
from merchants import periods
from merchants.models.merchants import Merchant

#: An unhappy answer is news for so long.
NEWS_DAYS: Final = 30
_SCORES: Final = {
    "promoter": (PROMOTER_MIN, 10), "passive": (DETRACTOR_MAX + 1, PROMOTER_MIN - 1), "detractor": (0, DETRACTOR_MAX),
}  # fmt: skip
#: Where a page ended: the day and the key of its last answer.
Place = tuple[date, int]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which answers: of a class, with words, of members or of guests, from a day on.

    `waiting` are detractors nobody took care of.
    """

    nps_class: Literal["", "promoter", "passive", "detractor"] = ""
    whose: Literal["", "member", "guest"] = ""
    care: Literal["", "waiting", "noted"] = ""
    has_comment: bool = False
    since: date | None = None


@dataclass(frozen=True, slots=True)
class ListedAnswer:
    """One answer. `member` is the public id of who gave it, empty for a guest and for whom we have forgotten."""

    id: str
    score: int
    nps_class: NpsClass
    comment: str
    channel: str
    purchase: str
    member: str
    name: str
    is_guest: bool
    answered_at: datetime
    followed_up_at: datetime | None
    followed_up_by: str
    place: Place

    @property
    def is_waiting(self) -> bool:
        return self.nps_class == "detractor" and self.followed_up_at is None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many answers there are of each class."""

    promoter: int
    passive: int
    detractor: int

    @property
    def total(self) -> int:
        return self.promoter + self.passive + self.detractor


def newest(*, merchant: Merchant, narrowed: Narrowed, limit: int, after: Place | None = None) -> Sequence[ListedAnswer]:
    """List answers of the newest day first, those after a place; one statement."""
    rows = _narrow(merchant, narrowed).select_related("member__merged_into")
    if after is not None:
        day, key = after
        rows = rows.filter(Q(local_day__lt=day) | Q(local_day=day, pk__lt=key))
    return [_listed(row) for row in rows.order_by("-local_day", "-pk")[:limit]]


def counts(*, merchant: Merchant, narrowed: Narrowed) -> Counts:
    """Count the answers of each class among those that fit otherwise; one statement."""
    found = _narrow(merchant, replace(narrowed, nps_class="")).aggregate(
        **{name: Count("pk", filter=Q(score__gte=low, score__lte=high)) for name, (low, high) in _SCORES.items()}
    )
    return Counts(**found)


def guests_waiting(*, merchant: Merchant, now: datetime) -> int:
    """Count unhappy guests of the last 30 days whose answer nobody took care of."""
    since = last_days(merchant=merchant, days=NEWS_DAYS, now=now)
    return _narrow(merchant, Narrowed(whose="guest", care="waiting", since=since)).count()


def last_days(*, merchant: Merchant, days: int, now: datetime) -> date:
    """State which day the last so many days, today included, begin with."""
    return periods.local_day(now, merchant.tzinfo) - timedelta(days=days - 1)


def _narrow(merchant: Merchant, narrowed: Narrowed) -> QuerySet[SurveyResponse]:
    rows = SurveyResponse.objects.filter(merchant=merchant)
    if narrowed.nps_class:
        low, high = _SCORES[narrowed.nps_class]
        rows = rows.filter(score__gte=low, score__lte=high)
    if narrowed.has_comment:
        rows = rows.exclude(comment="")
    if narrowed.whose:
        rows = rows.filter(member__isnull=narrowed.whose == "guest")
    if narrowed.since is not None:
        rows = rows.filter(local_day__gte=narrowed.since)
    if narrowed.care == "waiting":
        rows = rows.filter(score__lte=DETRACTOR_MAX)
    if narrowed.care:
        rows = rows.filter(followed_up_at__isnull=narrowed.care == "waiting")
    return rows


def _listed(row: SurveyResponse) -> ListedAnswer:
    member = row.member.merged_into or row.member if row.member else None
    known = member if member is not None and member.state != Member.State.ERASED else None
    return ListedAnswer(
        id=row.public_id, score=row.score, nps_class=nps_class(row.score), comment=row.comment, channel=row.channel,
        purchase=row.purchase_id, member=known.public_id if known else "",
        name=(known.name or known.code) if known else "", is_guest=member is None, answered_at=row.answered_at,
        followed_up_at=row.followed_up_at, followed_up_by=row.followed_up_by, place=(row.local_day, row.pk),
    )  # fmt: skip
