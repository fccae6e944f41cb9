"""One question after a purchase, asked by a link: signed, without sign-in, answered once, changed within a day."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from engagement import surveys
from engagement.models import SurveyResponse
from engagement.surveys import AnsweredAlready, AnswerInput, SurveyAnswer
from merchants import outbox
from merchants.actors import Actor
from merchants.models.merchants import Merchant
from rewards.purchases import finding
from rewards.purchases.finding import PurchaseView

#: Who is asked later has forgotten how it was.
LINK_DAYS = 30
CHANGE_WITHIN = timedelta(hours=24)
_SEAL_SIGNS = 16


@dataclass(frozen=True, slots=True)
class Question:
    """What a link asks about; the answer given so far, and until when it may be changed (None: not any more)."""

    purchase: PurchaseView
    answer: SurveyAnswer | None
    change_until: datetime | None


def token(*, merchant: Merchant, purchase: str) -> str:
    """Make the part of an address that lets somebody answer about a purchase (its public id)."""
    return f"{purchase.removeprefix('pur_')}-{_seal(merchant, purchase, settings.SECRET_KEY)}"


def find(*, merchant: Merchant, text: str, now: datetime) -> Question | None:
    """State what a link asks about; None for one that is not ours, or of a purchase too long ago."""
    body, _dash, seal = text.partition("-")
    purchase = f"pur_{body}"
    # A link printed before the key was changed is good while the old key is kept.
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if not any(hmac.compare_digest(_seal(merchant, purchase, key).encode(), seal.encode()) for key in keys):
        return None
    found = finding.find(merchant=merchant, public_id=purchase)
    if found is None or now - found.occurred_at > timedelta(days=LINK_DAYS):
        return None
    return about(merchant=merchant, purchase=found, now=now)


def about(*, merchant: Merchant, purchase: PurchaseView, now: datetime) -> Question:
    """State what was answered about a purchase, by whichever way."""
    rows = SurveyResponse.objects.filter(merchant=merchant, purchase_id=purchase.public_id).select_related("member")
    row = rows.order_by("pk").first()
    if row is None:
        return Question(purchase, None, None)
    is_ours = row.external_id == _name(purchase.public_id)
    until = row.answered_at + CHANGE_WITHIN if is_ours and now < row.answered_at + CHANGE_WITHIN else None
    return Question(purchase, surveys.shown(row), until)


def answer(
    *, merchant: Merchant, purchase: str, score: int, comment: str, channel: str, now: datetime, actor: Actor
) -> SurveyAnswer:
    """Keep the one answer about a purchase, or change it within a day of the first.

    The same again changes nothing.  Locks the answer; for a first one what `surveys.record_response` locks.

    :raises AnsweredAlready: it was answered in another way, or more than a day ago.
    :raises NotFound, Invalid: no such purchase, a score beyond 0 to 10.
    """
    rows = SurveyResponse.objects.select_for_update(of=("self",)).select_related("member")
    row = rows.filter(merchant=merchant, external_id=_name(purchase)).first()
    comment = comment.strip()
    if row is None:
        first = AnswerInput(
            score=score, external_id=_name(purchase), comment=comment, channel=channel, purchase=purchase
        )
        try:
            return surveys.record_response(merchant=merchant, answer=first, now=now, actor=actor)
        except surveys.AnswerIdReused:
            raise AnsweredAlready(_("This purchase has been answered about already."), pointer="/purchase") from None
    if (row.score, row.comment) == (score, comment):
        return surveys.shown(row, is_replay=True)
    if now >= row.answered_at + CHANGE_WITHIN:
        raise AnsweredAlready(_("This purchase has been answered about already."), pointer="/purchase")
    surveys.check_words(score, comment)
    row.score, row.comment = score, comment
    # Whoever took care of the first answer has not seen this one.
    row.followed_up_at, row.followed_up_by = None, ""
    row.save(update_fields=["score", "comment", "followed_up_at", "followed_up_by"])
    outbox.record(
        merchant_id=merchant.pk, kind="survey.answered", payload=surveys.told(row), occurred_at=row.answered_at, now=now
    )
    return surveys.shown(row)


def _name(purchase: str) -> str:
    return f"asked:{purchase}"


def _seal(merchant: Merchant, purchase: str, key: str) -> str:
    message = f"survey link\n{merchant.pk}\n{purchase}"
    digest = hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:_SEAL_SIGNS]
