"""The draft at a glance, the templates to start from, and the document itself for those who like it as JSON."""

from __future__ import annotations

import json as plain_json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of, seat_required
from loyalty.console.actor_names import ActorNames
from loyalty.console.programme import trying
from loyalty.console.programme.differences import changes
from loyalty.console.programme.forms.part import fields_of
from loyalty.console.programme.items import LISTS
from loyalty.console.programme.shapes import Document, EditedDraft, edited_draft
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants import periods
from merchants.directory import Merchant
from merchants.errors import LoyaltyError
from merchants.permissions import Permission
from rewards import earning, programmes, terms
from rewards.earning import ExampleOutcome, together
from rewards.earning import stamps as earned_stamps
from rewards.programmes import DraftMoved, InvalidProgramme, ListedVersion
from rewards.terms import Terms, TermsWording
from rewards.terms.editing.document import PAGES
from rewards.terms.editing.vocabulary import editor_of, edits_of
from rewards.terms.wording import Description

#: As many meetings of rules are told.
_MEETINGS = 6
#: The parts this page has a place for; any other is a line of the rest, under its own title.
_PLACED = ("points", "earning", "expiry", "tiers", "rewards", "stamps", "welcome", "referral")


@require_GET
@seat_required(Permission.VIEW_PROGRAMME)
def overview(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the draft in words, with the simulator beside it."""
    edited = edited_draft(request)
    speaker = TermsWording(edited.terms, edited.language, for_staff=True, places=edited.places)
    said = speaker.described()
    facts = {each.key: each for name in ("points", "earning") for each in said[name].facts}
    newest = newest_of(edited.merchant)
    may_edit = screens.may_do(request, Permission.EDIT_PROGRAMME)
    return screens.show(
        request,
        "console/programme/overview.html",
        {
            "edited": edited,
            "said": said,
            "counting": formats.side_by_side([*facts["rounding"].lines, *facts["stacking"].lines]),
            "rest": list(_rest(request, edited, said, facts)),
            "who": ActorNames(edited.merchant)[edited.draft.updated_by],
            "tabs": tabs(request, "programme"),
            "newest": newest,
            "change_count": len(changes(speaker_of(edited, newest), speaker)) if edited.draft.differs else 0,
            "lists": [_listed(request, word, edited, speaker) for word, items in LISTS.items() if items.empty],
            "levels": [
                {
                    "name": described.title,
                    "from": described.says,
                    "factor": level.multiplier,
                    "benefits": [edited.said(benefit) for benefit in level.benefits],
                }
                for level, described in zip(
                    edited.terms.tiers.levels if edited.terms.tiers else (),
                    said["tiers"].parts if "tiers" in said else (),
                    strict=True,
                )
            ],
            "advice": _advice(request, edited),
            "may_edit": may_edit,
            "is_untouched": newest is None and edited.draft.revision == 0,
            "templates": templates_for(edited.merchant, edited.language) if may_edit else [],
            **trying.simulator(request, edited),
        },
    )


@require_POST
@seat_required(Permission.EDIT_PROGRAMME)
def start_from(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Put a template in the place of the draft."""
    merchant = merchant_of(request)
    chosen = next((t for t in templates_for(merchant, "en") if t["code"] == request.POST.get("template")), None)
    if chosen is None:
        notes.error(request, _("There is no such template."))
        return screens.to(request, "programme")
    try:
        with transaction.atomic():
            programmes.save_draft(
                merchant=merchant, document=chosen["document"], revision=_revision(request), now=now_of(request),
                actor=actor_of(request),
            )  # fmt: skip
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "programme")
    then = "programme_review" if request.POST.get("then") == "review" else "programme"
    return screens.to(request, then, said=_("The template is your draft now. Nothing is live before you publish it."))


@require_POST
@seat_required(Permission.EDIT_PROGRAMME)
def discard(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Go back to what was published last."""
    try:
        with transaction.atomic():
            programmes.discard_draft(merchant=merchant_of(request), now=now_of(request), actor=actor_of(request))
    except LoyaltyError as refusal:
        notes.error(request, refusal.detail)
        return screens.to(request, "programme")
    return screens.to(request, "programme", said=_("The draft is what is published again."))


@require_http_methods(["GET", "POST"])
@seat_required(Permission.EDIT_PROGRAMME)
def source(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Edit the document as JSON; every fault is named at its place."""
    edited = edited_draft(request)
    page: dict[str, Any] = {
        "edited": edited,
        "tabs": tabs(request, "programme_source"),
        "text": _pretty(edited.document),
        "revision": edited.draft.revision,
        "faults": (),
    }
    if request.method == "GET":
        return screens.show(request, "console/programme/source.html", page)
    page["text"] = text = request.POST.get("document", "")
    try:
        document = plain_json.loads(text)
        if not isinstance(document, dict):
            raise ValueError("not an object")
        with transaction.atomic():
            programmes.save_draft(
                merchant=edited.merchant, document=document, revision=_revision(request), now=now_of(request),
                actor=actor_of(request),
            )  # fmt: skip
    except InvalidProgramme as refusal:
        page["faults"], page["refusal"] = refusal.faults, refusal.detail
    except DraftMoved as refusal:
        page["refusal"], page["moved"] = refusal.detail, True
    except (ValueError, RecursionError) as error:
        page["refusal"] = _("This is not JSON: %(why)s") % {"why": str(error)[:200]}
    else:
        return screens.to(request, "programme", said=_("The draft is saved."))
    page["revision"] = request.POST.get("revision", edited.draft.revision)
    return screens.show(request, "console/programme/source.html", page, status=422)


# -- shared by the programme's pages ----------------------------------------------------------------------------------


def tabs(request: HttpRequest, current: str) -> list[dict[str, Any]]:
    slug = merchant_of(request).slug
    items = [("programme", _("Draft")), ("programme_versions", _("Versions"))]
    if screens.may_do(request, Permission.EDIT_PROGRAMME):
        items.append(("programme_source", _("As JSON")))
    return [
        {"label": label, "href": reverse(f"console:{name}", args=[slug]), "is_current": name == current}
        for name, label in items
    ]


def newest_of(merchant: Merchant) -> ListedVersion | None:
    return next(iter(programmes.published(merchant=merchant, limit=1)), None)


def speaker_of(edited: EditedDraft, version: ListedVersion | None) -> TermsWording | None:
    return (
        TermsWording(terms.parse(version.document), edited.language, for_staff=True, places=edited.places)
        if version
        else None
    )


def templates_for(merchant: Merchant, language: str) -> list[dict[str, Any]]:
    """Return the templates in the merchant's currency, the simplest first."""
    found = []
    titles = {"simple": _("The simplest: one rule"), "cafe-stamps": _("Café: points and stamps")}
    for code, document in sorted(terms.templates(merchant.currency).items(), key=lambda each: each[0] != "simple"):
        if code == "simple":
            document["name"] = merchant.name
        promised = terms.parse(document)
        speaker = TermsWording(promised, language, for_staff=True)
        found.append(
            {
                "code": code,
                # Some are called by what they are: the merchant's own name, or a club's, tells nobody.
                "name": titles.get(code) or speaker.text(promised.name),
                "document": document,
                "facts": [
                    _("%(name)s: %(value)s") % {"name": speaker.text(rule.name), "value": rule.figure(speaker)}
                    for rule in promised.earning.rules[:4]
                ]
                + [
                    _("%(name)s: %(value)s") % {"name": card.title, "value": card.says}
                    for card in (each.describe(speaker) for each in promised.stamps)
                ],
                "examples": [
                    {"name": speaker.text(outcome.example.name), "earns": _earned(outcome, promised, speaker)}
                    for outcome in earning.check_examples(promised)[:3]
                ],
                "expiry": speaker.sentence(promised.expiry.describe(speaker).says) if promised.earning.rules else "",
                "tiers": [speaker.text(level.name) for level in (promised.tiers.levels if promised.tiers else ())],
                "rewards": len(promised.rewards),
            }
        )
    return found


def _earned(outcome: ExampleOutcome, promised: Terms, speaker: TermsWording) -> str:
    """Say what a worked example earns: points where the programme has any, and stamps."""
    stamps = sum(each.stamps for each in earned_stamps.by_card(outcome.evaluation.outcomes).values())
    said = [speaker.points(outcome.points)] if promised.earning.rules else []
    if stamps:
        said.append(ngettext("%(count)d stamp", "%(count)d stamps", stamps) % {"count": stamps})
    return formats.side_by_side(said)


def _rest(
    request: HttpRequest, edited: EditedDraft, said: Mapping[str, Description], facts: Mapping[str, Description]
) -> Iterator[dict[str, Any]]:
    """Yield what has no section of its own in a sentence each, with the page that changes it."""
    part_url = screens.url(request, "programme_part")

    def row(title: str, phrases: Iterable[str], pointer: str) -> dict[str, Any]:
        href = f"{part_url}?part={page_named(pointer)}"
        return {"title": title, "phrases": [phrase for phrase in phrases if phrase], "href": href}

    yield row(said["expiry"].title, said["expiry"].all, "/expiry")
    for key, fact in facts.items():
        if key not in {"called", "rounding", "stacking"}:
            yield row(fact.title, fact.all, "/points")
    yield row(_("For joining"), said["welcome"].all if "welcome" in said else (), "/welcome")
    yield row(_("For bringing a friend"), said["referral"].lines if "referral" in said else (), "/referral")
    for name in dict.fromkeys([*_optional(edited), *(name for name in said if name not in _PLACED)]):
        part = said.get(name, Description(title=str(edits_of(Terms)[name].label)))
        yield row(part.title, [*part.all, *(each.title for each in part.parts)], f"/{name}")
    count = len(edited.terms.rewards)
    rewards = ngettext("%(count)s reward", "%(count)s rewards", count) % {"count": count}
    yield {"title": _("Rewards"), "phrases": [rewards], "href": screens.url(request, "rewards")}


def _optional(edited: EditedDraft) -> list[str]:
    """List the parts of the rest that have a line even while there is nothing to say, so that they can be begun."""
    places = [name for page in PAGES.values() for name in fields_of(page)]
    return [name for name in edited.document if name in places and name not in (*_PLACED, "name", "payable_kinds")]


def _advice(request: HttpRequest, edited: EditedDraft) -> list[dict[str, str]]:
    """What deserves a second look, each with the page on which it can be changed."""
    today = now_of(request).astimezone(edited.merchant.tzinfo).date()
    found = programmes.check(merchant=edited.merchant, document=edited.document, today=today).advice
    may_edit = screens.may_do(request, Permission.EDIT_PROGRAMME)
    return [
        {"detail": each.detail, "href": _page_of(request, edited, each.pointer) if may_edit else ""} for each in found
    ]


def _page_of(request: HttpRequest, edited: EditedDraft, pointer: str) -> str:
    """The page that edits what a pointer into the document points at."""
    for items in LISTS.values():
        parts = items.parts(edited.terms)
        place = f"{pointer}/".removeprefix(f"{items.pointer}/").partition("/")[0]
        if not f"{pointer}/".startswith(f"{items.pointer}/"):
            continue
        if place.isdecimal() and int(place) < len(parts):
            return f"{screens.url(request, items.edit_url)}?code={quote(str(getattr(parts[int(place)], 'code', '')))}"
        return screens.url(request, items.edit_url if items.empty else items.back)
    return f"{screens.url(request, 'programme_part')}?part={page_named(pointer)}"


def page_named(pointer: str) -> str:
    """Return the name of the page on which a place of the document is edited."""
    for name, page in PAGES.items():
        places = [f"/{place.replace('.', '/')}/" for place in fields_of(page)]
        if any(f"{pointer}/".startswith(place) for place in places):
            return name
    return "points"


def _meetings(request: HttpRequest, edited: EditedDraft, speaker: TermsWording) -> list[str]:
    """Say which rules meet in one purchase, and what happens then."""
    today = periods.local_day(now_of(request), edited.merchant.tzinfo)
    met = together.meetings(edited.terms, today)
    return [together.said(meeting, edited.terms, speaker) for meeting in met[:_MEETINGS]]


def _listed(request: HttpRequest, word: str, edited: EditedDraft, speaker: TermsWording) -> dict[str, Any]:
    """One list of the document: each item in a sentence whose tokens lead to where it is changed."""
    items = LISTS[word]
    parts = items.parts(edited.terms)
    rows = []
    for place, part in enumerate(parts):
        described, editor = part.describe(speaker), editor_of(type(part))
        tokens = [
            {"says": phrase, "opens": next((group.key for group in editor.groups if name in group.says), "")}
            for name, phrase in part.clauses(speaker)
        ]
        rows.append({
            "code": getattr(part, "code", ""), "name": described.title, "figure": described.says, "tokens": tokens,
            "is_first": place == 0, "is_last": place == len(parts) - 1,
        })  # fmt: skip
    return {
        "of": items, "key": word, "rows": rows, "meetings": _meetings(request, edited, speaker) if word == "rule" else [], "edit": screens.url(request, items.edit_url),
        "change": screens.url(request, items.change_url),
    }  # fmt: skip


def _revision(request: HttpRequest) -> int | None:
    """The revision the page was drawn from; a form without one may not save over anything."""
    text = request.POST.get("revision", "")
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _pretty(document: Document) -> str:
    return plain_json.dumps(document, ensure_ascii=False, indent=2)
