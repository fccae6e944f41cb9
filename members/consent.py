"""What members agreed to: append-only events with the very words, their version and language, and who asked.

The newest event of a purpose and channel counts.  Boxes are separate and unticked; only the terms are needed to join.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from django.db import connection
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from members.models import Consent, Member
from merchants.actors import Actor
from merchants.errors import Invalid
from merchants.models.merchants import Merchant

#: Changes whenever the meaning of a wording below changes; old events keep their own words.
WORDING_VERSION = "2025-11"

#: Countries whose law asks for a consent of its own for advertising between 21:00 and 08:00.
_NIGHT_APART = frozenset({"KR"})


class ConsentNeeded(Invalid):
    code: ClassVar[str] = "consent_needed"


@dataclass(frozen=True, slots=True)
class Wording:
    """One box: what it is for, what it says in the reader's language, and whether one can join without it."""

    purpose: str
    text: str
    is_required: bool
    version: str
    language: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a member stands on a purpose (and channel, or '' for all)."""

    purpose: str
    channel: str
    is_granted: bool
    at: datetime
    wording: str
    wording_version: str


def wordings(merchant: Merchant) -> list[Wording]:
    """This function will list the boxes to show when somebody joins, in the language that is active."""
    named = {"merchant": merchant.name}
    boxes = [
        ("terms", _("I agree to the membership terms and the privacy notice of %(merchant)s.") % named, True),
        ("marketing", _("%(merchant)s may send me offers and news. I can stop this at any time.") % named, False),
    ]
    if merchant.country in _NIGHT_APART:
        text = _("Offers and news may also reach me between 21:00 and 08:00.")
        boxes.append(("night_marketing", text, False))
    language = get_language() or merchant.language
    return [Wording(purpose, text, required, WORDING_VERSION, language) for purpose, text, required in boxes]


def refuse_without_required(*, merchant: Merchant, granted: Iterable[str]) -> None:
    """This function will raise `ConsentNeeded` unless every box one cannot join without is ticked."""
    ticked = set(granted)
    for wording in wordings(merchant):
        if wording.is_required and wording.purpose not in ticked:
            raise ConsentNeeded(_("To join, please agree to the terms."), pointer=f"/consents/{wording.purpose}")


def record_answers(
    *, merchant: Merchant, member: Member, granted: Iterable[str], source: str, now: datetime, actor: Actor,
    version: str = WORDING_VERSION,
) -> None:  # fmt: skip
    """This function will record each box as shown: ticked ones as granted, the others not at all (nobody said no).

    `version` is that of the words shown, where somebody agreed before ours were of the version they are of now.
    Purposes that no box of this merchant has are refused as `Invalid`.
    """
    ticked = set(granted)
    shown = {wording.purpose: replace(wording, version=version) for wording in wordings(merchant)}
    if ticked - shown.keys():
        raise Invalid(_("There is no such consent."), pointer="/consents")
    Consent.objects.bulk_create(
        _event(merchant, member, wording, "", True, source, now, actor)
        for purpose, wording in shown.items()
        if purpose in ticked
    )


def decide(
    *,
    merchant: Merchant,
    member: Member,
    purpose: str,
    is_granted: bool,
    source: str,
    now: datetime,
    actor: Actor,
    channel: str = "",
) -> None:
    """This function will record that a member grants or withdraws one consent; withdrawing is as easy as granting."""
    wording = next((wording for wording in wordings(merchant) if wording.purpose == purpose), None)
    if wording is None:
        raise Invalid(_("There is no such consent."), pointer="/purpose")
    _event(merchant, member, wording, channel, is_granted, source, now, actor).save(force_insert=True)


def standing(*, merchant: Merchant, member: Member, at: datetime | None = None) -> dict[tuple[str, str], Standing]:
    """This function will say how a member stands on each purpose and channel, now or as it was at `at`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (purpose, channel) purpose, channel, is_granted, at, wording, wording_version
            FROM members_consent
            WHERE merchant_id = %s AND member_id = %s AND (%s::timestamptz IS NULL OR at <= %s)
            ORDER BY purpose, channel, at DESC, id DESC
            """,
            [merchant.pk, member.pk, at, at],
        )
        return {(row[0], row[1]): Standing(*row) for row in cursor.fetchall()}


def is_granted(*, merchant: Merchant, member: Member, purpose: str, channel: str = "") -> bool:
    """This function will say whether a member agrees now; a later word on one channel beats the word on all."""
    said = standing(merchant=merchant, member=member)
    words = [said[key] for key in {(purpose, ""), (purpose, channel)} & said.keys()]
    return bool(words) and max(words, key=lambda word: word.at).is_granted


def _event(
    merchant: Merchant,
    member: Member,
    wording: Wording,
    channel: str,
    is_granted: bool,
    source: str,
    now: datetime,
    actor: Actor,
) -> Consent:
    return Consent(
        merchant=merchant,
        member=member,
        purpose=wording.purpose,
        channel=channel,
        is_granted=is_granted,
        wording=wording.text,
        wording_version=wording.version,
        language=wording.language,
        source=source,
        actor=str(actor),
        at=now,
    )
