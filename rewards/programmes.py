"""The programme as the merchant works on it: one draft, checked, published into immutable dated versions.

What a published version means is in rewards/terms (the document) and rewards/versions (which one was in force when).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from msgspec import json, structs

from merchants import audit, outbox, periods
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid, LoyaltyError, NotFound
from merchants.models.merchants import Merchant
from rewards import documents, earning, terms
from rewards.earning import Basket, BrokenPromise, Evaluation, ExampleOutcome, Facts
from rewards.models.programmes import ProgrammeDraft, TermsVersion
from rewards.terms import Advice, ShapeFault, Terms

#: A version may be announced this far ahead.
AHEAD_MAX = timedelta(days=366)


class InvalidProgramme(LoyaltyError):
    """The document cannot be meant; `faults` name every reason with its pointer."""

    code: ClassVar[str] = "invalid_programme"
    http: ClassVar[int] = 422

    def __init__(self, detail: str, faults: Sequence[ShapeFault]) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


class DraftMoved(Conflict):
    """Somebody saved the draft since it was read: look at theirs before saving over it."""

    code: ClassVar[str] = "draft_moved"


class NothingToPublish(Conflict):
    code: ClassVar[str] = "nothing_to_publish"


class VersionNotFound(NotFound):
    code: ClassVar[str] = "version_not_found"


@dataclass(frozen=True, slots=True)
class Draft:
    """The document being worked on.  `revision` goes back with the next save; `differs` from what is published last."""

    document: dict[str, Any]
    revision: int
    based_on: int | None
    differs: bool
    updated_at: datetime | None = None
    updated_by: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What there is to say about a document: faults forbid publishing, advice does not."""

    terms: Terms | None
    faults: tuple[ShapeFault, ...]
    advice: tuple[Advice, ...]


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """One version as it is listed."""

    number: int
    effective_from: datetime
    published_at: datetime
    published_by: str
    note: str
    rolled_back_to: int | None
    document: dict[str, Any]

    @classmethod
    def of(cls, row: TermsVersion) -> ListedVersion:
        return cls(
            row.number,
            row.effective_from,
            row.published_at,
            row.published_by,
            row.note,
            row.rolled_back_to,
            row.document,
        )


@dataclass(frozen=True, slots=True)
class Tried:
    """A basket tried on a document: what it would earn, and why in words."""

    evaluation: Evaluation
    words: tuple[str, ...]


# -- the draft --------------------------------------------------------------------------------------------------------


def draft(*, merchant: Merchant) -> Draft:
    """Return the draft; before the first save it is what is published, or the simplest template."""
    newest = _newest(merchant)
    row = ProgrammeDraft.objects.filter(merchant=merchant).first()
    if row is not None:
        differs = newest is None or _sha256(row.document) != newest.document_sha256
        return Draft(row.document, row.revision, row.based_on, differs, row.updated_at, row.updated_by)
    if newest is not None:
        return Draft(newest.document, 0, newest.number, False)
    return Draft(_started(merchant), 0, None, True)


def save_draft(
    *, merchant: Merchant, document: Mapping[str, Any], revision: int | None, now: datetime, actor: Actor
) -> Draft:
    """Replace the draft. `revision` is the one that was read; None saves over whatever is there.

    :raises InvalidProgramme: the document breaks its schema or its own rules; the old draft stands.
    :raises DraftMoved: somebody saved since; nothing changed.
    """
    checked = check(merchant=merchant, document=document, today=periods.local_day(now, merchant.tzinfo))
    if checked.terms is None:
        raise InvalidProgramme(_("The programme has errors. Nothing was saved."), checked.faults)
    row = ProgrammeDraft.objects.select_for_update().filter(merchant=merchant).first()
    held = row.revision if row else 0
    before: Mapping[str, Any] = row.document if row else {}
    if revision is not None and revision != held:
        raise DraftMoved(
            _("%(who)s changed the draft meanwhile. Load it again; your changes were not saved.")
            % {"who": row.updated_by if row else ""},
            revision=held,
        )
    newest = _newest(merchant)
    values = {
        "document": terms.document(checked.terms),
        "revision": held + 1,
        "updated_at": now,
        "updated_by": actor.label or str(actor),
    }
    if row is None:
        based_on = newest.number if newest else None
        ProgrammeDraft.objects.create(merchant=merchant, based_on=based_on, **values)
    else:
        ProgrammeDraft.objects.filter(pk=row.pk, merchant=merchant).update(**values)
    after: Mapping[str, Any] = values["document"]  # type: ignore[assignment]
    changed = [name for name in after if after[name] != before.get(name)]
    if changed:
        audit.record(
            merchant=merchant, action="programme.draft_saved", actor=actor, now=now, subject=str(held + 1),
            details={"parts": changed},
        )  # fmt: skip
    return draft(merchant=merchant)


def discard_draft(*, merchant: Merchant, now: datetime, actor: Actor) -> Draft:
    """Go back to what was published last.

    :raises NothingToPublish: nothing was ever published, so there is nothing to go back to.
    """
    newest = _newest(merchant)
    if newest is None:
        raise NothingToPublish(_("Publish a programme first: there is no version to go back to yet."))
    saved = save_draft(merchant=merchant, document=newest.document, revision=None, now=now, actor=actor)
    ProgrammeDraft.objects.filter(merchant=merchant).update(based_on=newest.number)
    return saved


def check(*, merchant: Merchant, document: Mapping[str, Any], today: date) -> Checked:
    """State everything there is to say about a document, without saving it."""
    try:
        promised = terms.parse(dict(document))
    except terms.InvalidTerms as error:
        return Checked(None, error.errors, ())
    if promised.currency != merchant.currency:
        sentence = _("This merchant sells in %(currency)s.") % {"currency": merchant.currency}
        return Checked(None, (ShapeFault("/currency", "wrong_currency", sentence),), ())
    return Checked(promised, (), terms.warnings(promised, today=today))


# -- publishing -------------------------------------------------------------------------------------------------------


def publish(
    *, merchant: Merchant, now: datetime, actor: Actor, effective_from: datetime | None = None, note: str = ""
) -> ListedVersion:
    """Publish the draft as the next version, in force from `effective_from` (None: from now).

    The first version of a merchant may begin in the past, so that older sales can be brought in; no other may.

    :raises InvalidProgramme: the document, or one of the worked examples it carries, is wrong, or points would get
        other decimals than members hold them in.
    :raises NothingToPublish: the draft says what is published already.
    """
    ProgrammeDraft.objects.select_for_update().filter(merchant=merchant).first()
    worked_on = draft(merchant=merchant)
    newest = _newest(merchant)
    if not worked_on.differs:
        raise NothingToPublish(_("The draft says exactly what is published already."))
    promised = _fit_to_publish(merchant, worked_on.document, newest, now=now)
    starts = _start(merchant, effective_from, newest, now=now)
    row = _write(merchant, terms.document(promised), newest, starts, now=now, actor=actor, note=note, back_to=None)
    ProgrammeDraft.objects.filter(merchant=merchant).update(based_on=row.number)
    return ListedVersion.of(row)


def roll_back(*, merchant: Merchant, number: int, now: datetime, actor: Actor, note: str = "") -> ListedVersion:
    """Publish an earlier version again, as a new one from now on; the draft becomes it too.

    :raises VersionNotFound: there is no such version.
    :raises NothingToPublish: it is the newest one anyway.
    """
    earlier = TermsVersion.objects.filter(merchant=merchant, number=number).first()
    if earlier is None:
        raise VersionNotFound(_("There is no version %(number)d.") % {"number": number})
    newest = _newest(merchant)
    assert newest is not None
    if newest.document_sha256 == earlier.document_sha256:
        raise NothingToPublish(_("Version %(number)d says exactly what is published now.") % {"number": number})
    promised = _fit_to_publish(merchant, earlier.document, newest, now=now)
    row = _write(merchant, terms.document(promised), newest, now, now=now, actor=actor, note=note, back_to=number)
    save_draft(merchant=merchant, document=row.document, revision=None, now=now, actor=actor)
    ProgrammeDraft.objects.filter(merchant=merchant).update(based_on=row.number)
    return ListedVersion.of(row)


def published(*, merchant: Merchant, before: int | None = None, limit: int = 50) -> list[ListedVersion]:
    """List versions, newest first."""
    rows = TermsVersion.objects.filter(merchant=merchant)
    if before is not None:
        rows = rows.filter(number__lt=before)
    return [ListedVersion.of(row) for row in rows.order_by("-number")[: min(limit, 200)]]


def _newest(merchant: Merchant) -> TermsVersion | None:
    return TermsVersion.objects.filter(merchant=merchant).order_by("-number").first()


def _fit_to_publish(
    merchant: Merchant, document: Mapping[str, Any], newest: TermsVersion | None, *, now: datetime
) -> Terms:
    checked = check(merchant=merchant, document=document, today=periods.local_day(now, merchant.tzinfo))
    if checked.terms is None:
        raise InvalidProgramme(_("The programme has errors. Nothing was published."), checked.faults)
    _refuse_other_decimals(checked.terms, newest)
    faults = [
        _broken_promise(outcome, each)
        for outcome in earning.check_examples(checked.terms)
        for each in outcome.differences
    ]
    if faults:
        raise InvalidProgramme(_("A worked example does not come out. Nothing was published."), faults)
    return checked.terms


def _broken_promise(outcome: ExampleOutcome, each: BrokenPromise) -> ShapeFault:
    figures = {
        "name": terms.text(outcome.example.name, get_language() or "en"),
        "what": each.name,
        "points": each.found,
        "found": each.found,
        "expected": each.expected,
    }
    if each.name == "points":
        detail = _("The example “%(name)s” earns %(points)d points, not %(expected)d.")
    else:
        detail = _("The example “%(name)s” earns %(found)d of “%(what)s”, not %(expected)d.")
    return ShapeFault(each.pointer, "example_failed", detail % figures)


def _refuse_other_decimals(promised: Terms, newest: TermsVersion | None) -> None:
    """Balances are kept in the smallest unit: with other decimals, everybody's points would be worth something else."""
    held = newest.document["points"].get("decimals", 0) if newest and "points" in newest.document else 0
    if newest is not None and promised.points.decimals != held:
        sentence = _(
            "Points have %(held)d decimals since the first version, and members hold points counted that way: set the "
            "decimals back to %(held)d."
        ) % {"held": held}
        fault = ShapeFault("/points/decimals", "decimals_fixed", sentence)
        raise InvalidProgramme(_("The decimals of points cannot change any more. Nothing was published."), (fault,))


def _start(merchant: Merchant, asked: datetime | None, newest: TermsVersion | None, *, now: datetime) -> datetime:
    if asked is None:
        return now
    if asked > now + AHEAD_MAX:
        raise Invalid(_("A programme may be announced a year ahead at most."), pointer="/effective_from")
    if asked < now and newest is not None:
        raise Invalid(
            _("Only a merchant's first version may begin in the past: sales already evaluated never change."),
            pointer="/effective_from",
        )
    return asked


def _write(
    merchant: Merchant, document: dict[str, Any], newest: TermsVersion | None, starts: datetime, *, now: datetime,
    actor: Actor, note: str, back_to: int | None,
) -> TermsVersion:  # fmt: skip
    with documents.retry_on_duplicate(ending="terms_version_number_unique"):
        row = TermsVersion.objects.create(
            merchant=merchant,
            number=(newest.number if newest else 0) + 1,
            document=document,
            document_sha256=_sha256(document),
            effective_from=starts,
            published_at=now,
            published_by=actor.label or str(actor),
            note=note[:500],
            rolled_back_to=back_to,
        )
    audit.record(
        merchant=merchant, action="programme.published", actor=actor, now=now, subject=str(row.number),
        details={"effective_from": starts.isoformat(), "rolled_back_to": back_to},
    )  # fmt: skip
    payload = {"version": row.number, "effective_from": starts, "rolled_back_to": back_to}
    outbox.record(merchant_id=merchant.pk, kind="programme.published", payload=payload, occurred_at=now, now=now)
    return row


def _sha256(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.encode(document, order="sorted")).hexdigest()


def _started(merchant: Merchant) -> dict[str, Any]:
    document = terms.templates(merchant.currency)["simple"]
    document["name"] = merchant.name
    document.pop("examples", None)
    return terms.document(terms.parse(document))


# -- trying -----------------------------------------------------------------------------------------------------------


def simulate(
    *, merchant: Merchant, document: Mapping[str, Any] | None, basket: Basket, facts: Facts, language: str,
    location_zone: ZoneInfo | None = None,
) -> Tried:  # fmt: skip
    """Try a basket on a document (None: the draft) and say what it would earn, and why.

    :raises InvalidProgramme: the document has errors.
    """
    tried = draft(merchant=merchant).document if document is None else document
    checked = check(merchant=merchant, document=tried, today=periods.local_day(basket.occurred_at, merchant.tzinfo))
    if checked.terms is None:
        raise InvalidProgramme(_("The programme has errors."), checked.faults)
    if not facts.more:
        facts = structs.replace(facts, more=earning.nothing_yet())
    found = earning.evaluate(checked.terms, basket, facts, zone=merchant.tzinfo, location_zone=location_zone)
    return Tried(found, tuple(earning.words(found.trace, checked.terms, language)))
