"""What members agreed to: append-only events with the very words, their version and language, and who asked.

The newest event of a purpose and channel counts.  Boxes are separate and unticked: one for the terms and one for the
privacy notice, both needed to join, and one for each further purpose and channel, none of them needed.  What was read
before agreeing is a document with a version (`terms:4`, `privacy:2`), and the event names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from django.db import connection
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from members import changes, privacy
from members.models import Consent, Member
from merchants import outbox, privacy_notices
from merchants.actors import Actor
from merchants.errors import Invalid
from merchants.models.merchants import Merchant

#: Changes whenever the meaning of a wording below changes; old events keep their own words.
WORDING_VERSION = "2026-11"

#: Countries whose law asks for a consent of its own for advertising between 21:00 and 08:00.
_NIGHT_APART = frozenset({"KR"})

#: Every consent there is, as forms and the API name it, with its purpose and channel, in the order of the boxes.
CODES: Mapping[str, tuple[str, str]] = {
    "terms": ("terms", ""),
    "privacy": ("privacy", ""),
    "marketing_email": ("marketing", "email"),
    "marketing_sms": ("marketing", "sms"),
    "marketing_push": ("marketing", "push"),
    "night_marketing": ("night_marketing", ""),
    "profiling": ("profiling", ""),
}
_CODE_OF = {meant: code for code, meant in CODES.items()}
#: Not a consent: the member was told of a new version of the notice and has seen it.
INFORMED = "privacy_informed"


def code_of(purpose: str, channel: str) -> str:
    """Return how forms and the API name a consent; the purpose where they name none so."""
    return _CODE_OF.get((purpose, channel), purpose)


class ConsentNeeded(Invalid):
    code: ClassVar[str] = "consent_needed"


@dataclass(frozen=True, slots=True)
class Wording:
    """One box: what it is for, what it says in the reader's language, and whether one can join without it.

    `lead` is the question that several boxes share; what is kept of a tick is `text`: question and answer.  `link` are
    the words in the label that lead to the document (`terms`, `privacy`) the box is about.
    """

    code: str
    label: str
    is_required: bool
    version: str
    language: str
    lead: str = ""
    link: str = ""
    help: str = ""

    @property
    def purpose(self) -> str:
        return CODES[self.code][0]

    @property
    def channel(self) -> str:
        return CODES[self.code][1]

    @property
    def text(self) -> str:
        return f"{self.lead}{'' if self.language.startswith('zh') else ' '}{self.label}".strip()


@dataclass(frozen=True, slots=True)
class ConsentState:
    """How a member stands on one consent: yes or no, since when, to which words, about which document."""

    purpose: str
    channel: str
    is_granted: bool
    at: datetime
    wording: str
    wording_version: str
    document: str

    @property
    def code(self) -> str:
        return code_of(self.purpose, self.channel)


@dataclass(frozen=True, slots=True)
class PastConsent:
    """One event of a member's consents, as it was written down."""

    code: str
    is_granted: bool
    at: datetime
    wording: str
    wording_version: str
    document: str
    language: str
    source: str
    actor: str


def wordings(merchant: Merchant) -> list[Wording]:
    """List the boxes to show when somebody joins, in the language that is active."""
    named = {"merchant": merchant.name}
    language = get_language() or merchant.language
    terms, notice = _("membership terms"), _("privacy notice")
    offers = _("May %(merchant)s send you offers and news? You can stop this at any time.") % named

    def box(code: str, label: str, *, required: bool = False, **more: str) -> Wording:
        return Wording(code, label, required, WORDING_VERSION, language, **more)

    boxes = [
        box("terms", _("I agree to the %(terms)s of %(merchant)s.") % {**named, "terms": terms},
            required=True, link=terms),
        box("privacy", _("I agree that my data is collected and used as the %(notice)s says.") % {"notice": notice},
            required=True, link=notice,
            help=_("Phone or e-mail, purchases and points, to run the programme, until you leave. "
                   "You may say no, but then you cannot join.")),
        box("marketing_email", _("Yes, by e-mail"), lead=offers),
        box("marketing_sms", _("Yes, by text message"), lead=offers),
        box("marketing_push", _("Yes, by notification on my phone"), lead=offers),
    ]  # fmt: skip
    if merchant.country in _NIGHT_APART:
        boxes.append(box("night_marketing", _("Yes, also between 21:00 and 08:00"), lead=offers))
    boxes.append(box("profiling", _("%(merchant)s may look at my purchases to choose offers that suit me.") % named))
    return boxes


def groups(boxes: Iterable[Wording]) -> list[tuple[str, list[Wording]]]:
    """Put boxes that answer one question together, in their order; a box of its own has no question."""
    found: list[tuple[str, list[Wording]]] = []
    for each in boxes:
        if found and each.lead and found[-1][0] == each.lead:
            found[-1][1].append(each)
        else:
            found.append((each.lead, [each]))
    return found


def refuse_without_required(*, merchant: Merchant, granted: Iterable[str]) -> None:
    """Raise `ConsentNeeded` unless every box one cannot join without is ticked."""
    ticked = set(granted)
    for wording in wordings(merchant):
        if wording.is_required and wording.code not in ticked:
            raise ConsentNeeded(
                _("To join, please agree to the terms and to the privacy notice."), pointer=f"/consents/{wording.code}"
            )


def check(*, merchant: Merchant, granted: Iterable[str]) -> None:
    """Raise `Invalid` for a consent that no box of this merchant has."""
    known = {wording.code for wording in wordings(merchant)}
    for place, code in enumerate(granted):
        if code not in known:
            raise Invalid(_("There is no such consent."), pointer=f"/consents/{place}")


def record_answers(
    *, merchant: Merchant, member: Member, granted: Sequence[str], documents: Mapping[str, str], source: str,
    now: datetime, actor: Actor, version: str = WORDING_VERSION,
) -> None:  # fmt: skip
    """Record each box as shown: ticked ones as granted, the others not at all (nobody said no).

    `documents` names what was shown for `terms` and `privacy`; `version` is that of the words, where somebody agreed
    before ours were of the version they are of now.  What stands so already is not said again.  Locks the member.

    :raises Invalid: a consent that no box of this merchant has.
    """
    check(merchant=merchant, granted=granted)
    said = standing(merchant=merchant, member=member)
    events = []
    for wording in wordings(merchant):
        known = said.get(wording.code)
        document = documents.get(wording.code, "")
        if wording.code not in granted or (known and known.is_granted and known.document == document):
            continue
        event = _event(merchant, member, replace(wording, version=version), True, document, source, now, actor)
        events.append(event)
    _write(merchant, member, events, now)


def decide(
    *, merchant: Merchant, member: Member, code: str, is_granted: bool, source: str, now: datetime, actor: Actor
) -> None:  # fmt: skip
    """Record that a member grants or withdraws one consent; withdrawing is as easy as granting.

    The same answer again writes nothing.  Locks the member.

    :raises Invalid: no box of this merchant has it, or it is one that only leaving the programme withdraws.
    """
    wording = next((wording for wording in wordings(merchant) if wording.code == code), None)
    if wording is None:
        raise Invalid(_("There is no such consent."), pointer="/consent")
    if wording.is_required:
        raise Invalid(_("This one ends by leaving the programme."), pointer="/consent")
    locked = Member.objects.select_for_update(of=("self",), no_key=True).get(merchant=merchant, pk=member.pk)
    known = standing(merchant=merchant, member=locked).get(code)
    if (known.is_granted if known else None) == is_granted:
        return
    _write(merchant, locked, [_event(merchant, locked, wording, is_granted, "", source, now, actor)], now)


def note_informed(*, merchant: Merchant, member: Member, document: str, now: datetime, actor: Actor) -> None:
    """Record that a member has seen a new version of the notice that asks for no new consent."""
    Consent.objects.create(
        merchant=merchant, member=member, purpose=INFORMED, channel="", is_granted=True,
        wording=_("I have seen the changed privacy notice."), wording_version=WORDING_VERSION, document=document,
        language=get_language() or merchant.language, source="portal", actor=str(actor), at=now,
    )  # fmt: skip


def standing(*, merchant: Merchant, member: Member, at: datetime | None = None) -> dict[str, ConsentState]:
    """State how a member stands on each consent that was ever answered, now or as it was at `at`."""
    return standing_of(merchant=merchant, member_ids=[member.pk], at=at).get(member.pk, {})


def standing_of(
    *, merchant: Merchant, member_ids: Sequence[int], at: datetime | None = None
) -> dict[int, dict[str, ConsentState]]:
    """State how many members stand, in one statement; who never said anything is absent."""
    found: dict[int, dict[str, ConsentState]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (member_id, purpose, channel)
                   member_id, purpose, channel, is_granted, at, wording, wording_version, document
            FROM members_consent
            WHERE merchant_id = %s AND member_id = ANY(%s) AND (%s::timestamptz IS NULL OR at <= %s)
            ORDER BY member_id, purpose, channel, at DESC, id DESC
            """,
            [merchant.pk, list(member_ids), at, at],
        )
        for member_id, *row in cursor.fetchall():
            each = ConsentState(*row)
            found.setdefault(member_id, {})[each.code] = each
    order = [*CODES, INFORMED]
    return {
        member_id: dict(sorted(said.items(), key=lambda item: order.index(item[0]) if item[0] in order else 99))
        for member_id, said in found.items()
    }


def history(*, merchant: Merchant, member: Member) -> list[PastConsent]:
    """List everything a member ever answered, newest first, with what those merged into them had answered."""
    people = [member.pk, *Member.objects.filter(merchant=merchant, merged_into=member).values_list("pk", flat=True)]
    rows = Consent.objects.filter(merchant=merchant, member_id__in=people).order_by("-at", "-id")
    return [
        PastConsent(
            _CODE_OF.get((row.purpose, row.channel), row.purpose), row.is_granted, row.at, row.wording,
            row.wording_version, row.document, row.language, row.source, row.actor,
        )
        for row in rows
    ]  # fmt: skip


def is_granted(*, merchant: Merchant, member: Member, code: str) -> bool:
    """State whether a member agrees now; silence is no."""
    said = standing(merchant=merchant, member=member).get(code)
    return said is not None and said.is_granted


def pending_notice(*, merchant: Merchant, member: Member) -> str:
    """Say what a member still has to hear about the notice in force: `ask`, `tell`, or nothing (empty).

    Who never agreed to a notice is asked.  Who agreed to an older one is asked when a version since then says so, and
    told otherwise, once.
    """
    said = standing(merchant=merchant, member=member)
    agreed = said.get("privacy")
    if agreed is None or not agreed.is_granted or not said.get("terms"):
        return "ask"
    current = privacy_notices.newest(merchant)
    seen = privacy.number_of(agreed.document)
    if current is None or current.number <= seen:
        return ""
    if privacy_notices.asks_again_since(merchant, seen):
        return "ask"
    told = said.get(INFORMED)
    return "" if told and privacy.number_of(told.document) >= current.number else "tell"


def _event(
    merchant: Merchant, member: Member, wording: Wording, is_granted: bool, document: str, source: str, now: datetime,
    actor: Actor,
) -> Consent:  # fmt: skip
    return Consent(
        merchant=merchant,
        member=member,
        purpose=wording.purpose,
        channel=wording.channel,
        is_granted=is_granted,
        wording=wording.text,
        wording_version=wording.version,
        document=document,
        language=wording.language,
        source=source,
        actor=str(actor),
        at=now,
    )


def _write(merchant: Merchant, member: Member, events: Sequence[Consent], now: datetime) -> None:
    """Write events and tell of each: whoever sends the offers must hear of a withdrawal."""
    if not events:
        return
    Consent.objects.bulk_create(events)
    changes.touch(merchant_id=merchant.pk, member_ids=[member.pk], now=now)
    told = [outbox.Event("consent.changed", _payload(member, each), each.at) for each in events]
    outbox.record_many(merchant_id=merchant.pk, events=told, now=now)


def _payload(member: Member, event: Consent) -> dict[str, Any]:
    return {
        "member": member.public_id,
        "consent": _CODE_OF[event.purpose, event.channel],
        "is_granted": event.is_granted,
        "document": event.document or None,
        "wording_version": event.wording_version,
        "source": event.source,
        "at": event.at,
    }
