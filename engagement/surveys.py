"""What members say when asked how likely they are to recommend the merchant: 0 to 10, and a few words.

One answer per member in 90 days, so that nobody counts twice in a quarter; an answer about a purchase may always be
given, once per purchase.  Without a member an answer is kept too: it has nobody to ask again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from msgspec import Meta, Struct

from engagement.models import SurveyResponse
from members.models import Member
from merchants import ids, outbox, periods
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid, NotFound
from merchants.models.merchants import Merchant
from rewards import views

NpsClass = Literal["promoter", "passive", "detractor"]

REST_DAYS: Final = 90
DETRACTOR_MAX: Final = 6
PROMOTER_MIN: Final = 9
PAGE_MAX: Final = 200
_AHEAD_MAX: Final = timedelta(minutes=5)


class AnsweredAlready(Conflict):
    code: ClassVar[str] = "survey_answered_already"


class AnswerIdReused(Conflict):
    code: ClassVar[str] = "external_id_reused"


class AnswerInput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One answer as it is sent."""

    score: Annotated[int, Meta(ge=0, le=10, description="How likely to recommend: 0 not at all, 10 certainly.")]
    external_id: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+\Z")] | None = None
    member: Annotated[str, Meta(max_length=40, description="The member's id; may be left out.")] | None = None
    comment: Annotated[str, Meta(max_length=2000)] = ""
    channel: Annotated[str, Meta(max_length=30, description="Where it was asked.", examples=["receipt", "mail"])] = ""
    purchase: Annotated[str, Meta(max_length=40, description="The id of the purchase it is about.")] | None = None
    answered_at: Annotated[datetime, Meta(tz=True)] | None = None


@dataclass(frozen=True, slots=True)
class SurveyAnswer:
    """One answer as others see it; `is_replay` when it had been given before under the same id."""

    id: str
    external_id: str | None
    member: str | None
    score: int
    nps_class: NpsClass
    comment: str
    channel: str
    purchase: str | None
    answered_at: datetime
    followed_up_at: datetime | None
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class AnswerPage:
    answers: tuple[SurveyAnswer, ...]
    next: str | None


def nps_class(score: int) -> NpsClass:
    """Class a score by the usual bounds: 9-10 promoter, 7-8 passive, 0-6 detractor."""
    if score >= PROMOTER_MIN:
        return "promoter"
    return "detractor" if score <= DETRACTOR_MAX else "passive"


def record_response(*, merchant: Merchant, answer: AnswerInput, now: datetime, actor: Actor) -> SurveyAnswer:
    """Keep one answer and tell it to others (`survey.answered`).

    With `external_id` it is kept once for ever: the same again is a replay, another content `AnswerIdReused`.
    Locks the member's row, so that two answers at once are one.

    :raises AnsweredAlready: this member answered within 90 days, or already about this purchase.
    :raises NotFound: no such member or purchase.  :raises Invalid: a score beyond 0 to 10, another member's purchase,
        or a time to come.
    """
    check_words(answer.score, answer.comment, answer.channel)
    answered_at = answer.answered_at or now
    if answered_at > now + _AHEAD_MAX:
        raise Invalid(_("An answer cannot come from the future. Check the clock."), pointer="/answered_at")
    fingerprint = hashlib.sha256(msgspec.json.encode(msgspec.to_builtins(answer), order="sorted")).digest()
    member = _who_answers(merchant, answer)
    if replay := _replayed(merchant, answer.external_id, fingerprint):
        return replay
    if member is not None:
        _refuse_second_answer(merchant, member, answer, answered_at)
    row = SurveyResponse(
        merchant=merchant,
        public_id=ids.mint("srv"),
        external_id=answer.external_id,
        fingerprint=fingerprint,
        member=member,
        score=answer.score,
        comment=answer.comment.strip(),
        channel=answer.channel.strip(),
        purchase_id=answer.purchase or "",
        actor=str(actor),
        local_day=periods.local_day(answered_at, merchant.tzinfo),
        answered_at=answered_at,
        recorded_at=now,
    )
    # Without a member nobody holds a lock: of two sent at once the unique id lets one in, the other is its replay.
    with transaction.atomic():
        if not _inserted(row):
            recorded = _replayed(merchant, answer.external_id, fingerprint)
            assert recorded is not None
            return recorded
        outbox.record(
            merchant_id=merchant.pk,
            kind="survey.answered",
            payload=told(row),
            occurred_at=answered_at,
            now=now,
        )
    return shown(row)


def check_words(score: int, *texts: str) -> None:
    """:raises Invalid: a score beyond 0 to 10, or a text the database cannot keep."""
    if not 0 <= score <= 10:
        raise Invalid(_("A score is a whole number from 0 to 10."), pointer="/score")
    if any("\x00" in text for text in texts):
        raise Invalid(_("Text may not hold the character NUL."), pointer="/comment")


def told(row: SurveyResponse) -> dict[str, object]:
    """State of an answer what others are told: no words, only the score and what it is about."""
    return {
        "response": row.public_id,
        "member": row.member.public_id if row.member else None,
        "score": row.score,
        "channel": row.channel or None,
        "purchase": row.purchase_id or None,
        "nps_class": nps_class(row.score),
    }


def answers(
    *,
    merchant: Merchant,
    member: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> AnswerPage:
    """List answers in the order they were recorded, newest first, at most 200 a page."""
    limit = max(1, min(limit, PAGE_MAX))
    rows = SurveyResponse.objects.filter(merchant=merchant).select_related("member").order_by("-id")
    if member is not None:
        rows = rows.filter(member__public_id=member)
    if after is not None:
        rows = rows.filter(pk__lt=SurveyResponse.objects.filter(merchant=merchant, public_id=after).values("pk")[:1])
    found = list(rows[: limit + 1])
    page = tuple(shown(row) for row in found[:limit])
    return AnswerPage(page, page[-1].id if len(found) > limit else None)


def follow_up(*, merchant: Merchant, answer_id: str, now: datetime, actor: Actor) -> SurveyAnswer:
    """Note that somebody took care of an answer; a second time changes nothing.

    :raises NotFound: no such answer.
    """
    mine = SurveyResponse.objects.filter(merchant=merchant, public_id=answer_id)
    mine.filter(followed_up_at__isnull=True).update(followed_up_at=now, followed_up_by=str(actor))
    row = mine.select_related("member").first()
    if row is None:
        raise NotFound(_("There is no such answer."))
    return shown(row)


def _who_answers(merchant: Merchant, answer: AnswerInput) -> Member | None:
    """The member named, or the one whose purchase it is about, locked; a guest's purchase names nobody."""
    named = _locked(merchant, public_id=answer.member) if answer.member is not None else None
    if answer.member is not None and named is None:
        raise NotFound(_("There is no such member."), pointer="/member")
    if answer.purchase is None:
        return named
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT member_id FROM {views.PURCHASES} WHERE merchant_id = %s AND public_id = %s",
            [merchant.pk, answer.purchase],
        )
        found = cursor.fetchone()
    if found is None:
        raise NotFound(_("There is no such purchase."), pointer="/purchase")
    buyer = _locked(merchant, pk=found[0]) if found[0] is not None else None
    if named is not None and buyer is not None and buyer != named:
        raise Invalid(_("This purchase is another member's."), pointer="/purchase")
    return named or buyer


def _locked(merchant: Merchant, **who: str | int) -> Member | None:
    members = Member.objects.select_for_update(no_key=True).filter(merchant=merchant)
    found = members.filter(**who).first()
    if found is not None and found.merged_into_id is not None:
        found = members.filter(pk=found.merged_into_id).first()
    return None if found is None or found.state == Member.State.ERASED else found


def _replayed(merchant: Merchant, external_id: str | None, fingerprint: bytes) -> SurveyAnswer | None:
    if external_id is None:
        return None
    row = SurveyResponse.objects.filter(merchant=merchant, external_id=external_id).select_related("member").first()
    if row is None:
        return None
    if bytes(row.fingerprint) != fingerprint:
        raise AnswerIdReused(
            _("This external_id was used for another answer. Use a new one for a new answer."), pointer="/external_id"
        )
    return shown(row, is_replay=True)


def _refuse_second_answer(merchant: Merchant, member: Member, answer: AnswerInput, answered_at: datetime) -> None:
    same_person = Q(member=member) | Q(member__merged_into=member)
    earlier = SurveyResponse.objects.filter(same_person, merchant=merchant)
    if answer.purchase:
        if earlier.filter(purchase_id=answer.purchase).exists():
            raise AnsweredAlready(_("This purchase has been answered about already."), pointer="/purchase")
        return
    rest = timedelta(days=REST_DAYS)
    # To both sides: an answer that arrives late must not stand beside a newer one.
    near = earlier.filter(answered_at__gt=answered_at - rest, answered_at__lt=answered_at + rest)
    if near.exists():
        raise AnsweredAlready(
            _("This member answered within the last %(days)d days. Ask again later, or about a purchase.")
            % {"days": REST_DAYS}
        )


def _inserted(row: SurveyResponse) -> bool:
    """Insert unless the external id is there; the row gets its key.  One in flight with the same id is waited for."""
    fields = [f for f in SurveyResponse._meta.concrete_fields if not f.primary_key]
    columns = ", ".join(f'"{f.column}"' for f in fields)
    values = [f.get_db_prep_save(getattr(row, f.attname), connection) for f in fields]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO engagement_surveyresponse ({columns}) VALUES ({', '.join(['%s'] * len(fields))}) "
            "ON CONFLICT (merchant_id, external_id) DO NOTHING RETURNING id",
            values,
        )
        made = cursor.fetchone()
    if made:
        row.pk = made[0]
    return made is not None


def shown(row: SurveyResponse, *, is_replay: bool = False) -> SurveyAnswer:
    """Show one answer as others see it."""
    return SurveyAnswer(
        id=row.public_id,
        external_id=row.external_id,
        member=row.member.public_id if row.member else None,
        score=row.score,
        nps_class=nps_class(row.score),
        comment=row.comment,
        channel=row.channel,
        purchase=row.purchase_id or None,
        answered_at=row.answered_at,
        followed_up_at=row.followed_up_at,
        is_replay=is_replay,
    )
